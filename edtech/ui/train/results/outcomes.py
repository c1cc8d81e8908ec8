"""Results of the families that predict an outcome: enrollment, completion, churn."""

import streamlit as st

from edtech.charts import classification
from edtech.ml.outcomes.description import describe
from edtech.ml.outcomes.plots import curve_titles, x_title
from edtech.ml.outcomes.result import OutcomeResult
from edtech.ui.train.results.default import importance_chart, importance_title, show_metrics
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


def show(result: OutcomeResult) -> None:
    """Show the finding, metrics, curves of the probabilities, and the most important columns."""
    st.markdown(f"**{escape(describe(result))}**")
    for note in result.notes:
        st.info(escape(note), icon=":material/info:")
    show_metrics(result.metrics, RESULT_METRICS)
    _show_curves(result)
    _show_at_risk(result)
    _show_importance(result)


def _show_curves(result: OutcomeResult) -> None:
    titles = curve_titles(result)
    present = [name for name in TABS if name in result.tables and len(result.tables[name])]
    *curves, last = st.tabs([*(TABS[name] for name in present), "Confusion"])
    for name, tab in zip(present, curves, strict=True):
        chart = classification.curve(result.tables[name], kind=name, title=titles[name], x_title=x_title(result, name))
        tab.altair_chart(chart, alt=titles[name])
        with tab.expander("Data table"):
            st.dataframe(result.tables[name], hide_index=True)
    last.altair_chart(
        classification.confusion_matrix(result.tables["confusion"], title=titles["confusion"]), alt=titles["confusion"]
    )
    last.caption(escape(f"Threshold for a yes: {result.threshold_rule}."))


def _show_at_risk(result: OutcomeResult) -> None:
    if "at_horizon" in result.tables:
        st.subheader("At risk of leaving")
        unit = "days" if result.meanings else "units of the file's time"
        text = f"Probability of leaving within {result.horizon:g} {unit}, the highest first, for those last observed."
        st.caption(escape(text))
        st.dataframe(
            result.tables["at_horizon"],
            hide_index=True,
            lazy=True,
            column_config={
                "subject": "Learner",
                "probability": st.column_config.NumberColumn("Probability", format="percent"),
            },
        )


def _show_importance(result: OutcomeResult) -> None:
    st.subheader("Feature importance")
    st.altair_chart(importance_chart(result, "increase of log loss when shuffled"), alt=importance_title(result))
    if len(result.odds):
        ratio = f"Ratios of the {result.odds['note'].iloc[0]}" if result.algorithm == "cox" else "Odds ratios"
        title = f"{ratio}, all other columns equal"
        st.altair_chart(classification.odds(result.odds, title=title), alt=title)
        st.caption(
            "Numbers: per standard deviation. Categories: relative to the most frequent one. Associations, not effects."
        )
    with st.expander("All columns"):
        st.dataframe(result.importance, hide_index=True)
