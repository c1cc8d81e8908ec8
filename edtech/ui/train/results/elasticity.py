"""Results of `token_elasticity`."""

import streamlit as st

from edtech.charts import pricing
from edtech.ml.elasticity.description import describe, finding, naive_warning
from edtech.ml.elasticity.result import ElasticityResult
from edtech.ui.train.results.default import importance_chart, importance_title, show_errors, show_metrics
from edtech.ui.widgets import escape, page_link

RESULT_METRICS = ("rmse", "mae", "r2", "segment_elasticity", "first_stage_f", "fit_seconds")


def show(result: ElasticityResult) -> None:
    """Show the finding with its condition, the naive estimate as a warning, metrics and charts."""
    st.markdown(f"**{escape(describe(result))}**")
    if not result.may_recommend:
        why = "with this identification" if result.bias_check is None else "from a biased estimate"
        st.warning(
            f"No price is recommended {why}. The Pricing page shows which data would allow it.", icon=":material/block:"
        )
    st.warning(escape(naive_warning(result)), icon=":material/warning:")
    for note in (result.elasticity.note, *result.notes):
        if note:
            st.info(escape(note), icon=":material/info:")
    show_metrics(result.metrics, RESULT_METRICS)
    st.caption(f"Errors are measured on {result.split}.")
    _show_charts(result)
    page_link("pricing", "Run a what-if", ":material/sell:")


def _show_charts(result: ElasticityResult) -> None:
    st.altair_chart(
        pricing.elasticity_by_segment(result.elasticity_by_segment, naive=result.naive.estimate, title=finding(result)),
        alt=f"Elasticity by segment. {finding(result)}",
    )
    if not result.evaluation.empty:
        show_errors(result, "mae", f"{result.roles.quantity} / row")
        chart = importance_chart(result, "increase of Poisson deviance when shuffled")
        st.altair_chart(chart, alt=importance_title(result))
