"""What a training of `token_elasticity` found."""

import streamlit as st

from edtech.charts import models, pricing
from edtech.ml.elasticity.description import finding, sentence, warning
from edtech.ml.elasticity.result import ElasticityResult
from edtech.ui.train.results.parts import show_metrics
from edtech.ui.widgets import escape, page_link

RESULT_METRICS = ("rmse", "mae", "r2", "segment_elasticity", "first_stage_f", "fit_seconds")
UNIT = "pieces / row"


def show(result: ElasticityResult) -> None:
    """Show the finding, its condition, the warning that the naive estimate is, figures and plots."""
    st.markdown(f"**{escape(sentence(result))}**")
    if not result.may_recommend:
        why = "on this ground" if result.biased is None else "from a biased estimate"
        st.warning(f"No price is recommended {why}; the Pricing page says what would tell.", icon=":material/block:")
    st.warning(escape(warning(result)), icon=":material/warning:")
    for note in (result.elasticity.note, *result.notes):
        if note:
            st.info(escape(note), icon=":material/info:")
    show_metrics(result.metrics, RESULT_METRICS)
    st.caption(f"Errors are measured on {result.split}.")
    _plots(result)
    page_link("pricing", "Run a what-if", ":material/sell:")


def _plots(result: ElasticityResult) -> None:
    st.altair_chart(
        pricing.elasticity_by_segment(result.elasticity_by_segment, naive=result.naive.estimate, title=finding(result)),
        alt=f"Elasticity by segment. {finding(result)}",
    )
    if result.evaluation.empty:
        return
    left, right = st.columns(2)
    title = f"Rows held back: off by {result.metrics['mae']:.2f} on average"
    left.altair_chart(models.actual_vs_predicted(result.evaluation, title=title, unit=UNIT), alt=title)
    right.altair_chart(models.residuals(result.evaluation, title="What the model missed", unit=UNIT), alt="Residuals")
    top = result.importance["feature"].iloc[0]
    st.altair_chart(
        models.importance(
            result.importance,
            title=f"Predictions lean most on {top}; that is no effect and no elasticity",
            unit="rise of Poisson deviance when shuffled",
        ),
        alt=f"Permutation importance; predictions lean most on {top}",
    )
