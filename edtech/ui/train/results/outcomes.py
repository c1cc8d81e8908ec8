"""What a training of a family of labels found."""

import streamlit as st

from edtech.charts import classification, models
from edtech.ml.outcomes.description import sentence
from edtech.ml.outcomes.plots import curve_titles, x_title
from edtech.ml.outcomes.result import LabelResult
from edtech.ui.train.results.parts import show_metrics
from edtech.ui.widgets import escape

RESULT_METRICS = (
    *("roc_auc", "pr_auc", "base_rate", "log_loss", "brier", "calibration_error", "calibration_slope"),
    *("calibration_intercept", "concordance", "concordance_uno", "integrated_brier", "profit_chosen", "profit_all"),
    *(
        "probability_error",
        "probability_correlation",
        "calibration_error_truth",
        "decision_value_tokens",
        "decision_value_reach",
        "fit_seconds",
    ),
)
TABS = {
    "calibration": "Calibration",
    "roc": "ROC",
    "precision_recall": "Precision and recall",
    "gain": "Lift",
    "profit": "Profit",
    "survival": "Survival",
}


def show(result: LabelResult) -> None:
    """Show the finding, its figures, how probabilities compare with what came, and what moves them."""
    st.markdown(f"**{escape(sentence(result))}**")
    for note in result.notes:
        st.info(escape(note), icon=":material/info:")
    show_metrics(result.metrics, RESULT_METRICS)
    _curves(result)
    _likeliest(result)
    _moves(result)


def _curves(result: LabelResult) -> None:
    titles = curve_titles(result)
    there = [name for name in TABS if name in result.tables and len(result.tables[name])]
    *curves, last = st.tabs([*(TABS[name] for name in there), "Confusion"])
    for name, tab in zip(there, curves, strict=True):
        chart = classification.curve(result.tables[name], kind=name, title=titles[name], x_title=x_title(result, name))
        tab.altair_chart(chart, alt=titles[name])
        with tab.expander("The numbers"):
            st.dataframe(result.tables[name], hide_index=True)
    last.altair_chart(
        classification.confusion_matrix(result.tables["confusion"], title=titles["confusion"]), alt=titles["confusion"]
    )
    last.caption(escape(f"Called yes: {result.threshold_words}."))


def _likeliest(result: LabelResult) -> None:
    if "at_horizon" in result.tables:
        st.subheader("Who is likely to leave")
        unit = "days" if result.meanings else "of the file's own unit"
        told = f"Of those seen last, the probability to have left within {result.horizon:g} {unit}, highest first."
        st.caption(escape(told))
        st.dataframe(
            result.tables["at_horizon"],
            hide_index=True,
            lazy=True,
            column_config={
                "subject": "Learner",
                "probability": st.column_config.NumberColumn("Probability", format="percent"),
            },
        )


def _moves(result: LabelResult) -> None:
    st.subheader("What moves it")
    top = result.importance["feature"].iloc[0]
    title = f"Predictions lean most on {top}; that is no effect"
    st.altair_chart(
        models.importance(result.importance, title=title, unit="rise of log loss when shuffled"),
        alt=f"Permutation importance; predictions lean most on {top}",
    )
    if len(result.odds):
        what = f"the {result.odds['note'].iloc[0]}" if result.algorithm == "cox" else "the odds"
        title = f"What each column multiplies {what} by, everything else equal"
        st.altair_chart(classification.odds(result.odds, title=title), alt=title)
        st.caption("Numbers per standard deviation, words against the commonest value. Associations, not effects.")
    with st.expander("All columns"):
        st.dataframe(result.importance, hide_index=True)
