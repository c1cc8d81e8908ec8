"""What the results of all families show alike, and the view of a family that has none of its own."""

from collections.abc import Mapping

import altair as alt
import streamlit as st

from edtech.charts import models
from edtech.metrics import METRICS, metric
from edtech.ml.base import FitResult
from edtech.ml.families import get_family
from edtech.reports.comparison import axis_title
from edtech.ui.widgets import escape, format_number

UNIT = "units of the target"


def show(result: FitResult) -> None:
    """Show the summary, all metrics, held-out errors, feature importance and the family's tables."""
    st.markdown(escape(get_family(result.family).summary(result)))
    show_metrics(result.metrics, (*(name for name in METRICS if name in result.metrics), *result.metrics))
    if not result.evaluation.empty:
        show_errors(result, next((name for name in ("mae", "rmse") if name in result.metrics), None), UNIT)
    if not result.importance.empty:
        st.altair_chart(importance_chart(result, "increase of the error when shuffled"), alt=importance_title(result))
    for name, table in result.tables.items():
        with st.expander(escape(name)):
            st.dataframe(table, hide_index=True)


def show_metrics(metrics: Mapping[str, float], names: tuple[str, ...], columns: int = 3) -> None:
    """Show the named metrics that exist as rows of tiles."""
    present = [name for name in dict.fromkeys(names) if name in metrics]
    for start in range(0, len(present), columns):
        for column, name in zip(st.columns(columns), present[start : start + columns], strict=False):
            info = metric(name)
            title = axis_title(info)  # a unit after the number would be cut off
            column.metric(title, format_number(metrics[name]), help=info.help, border=True)


def show_errors(result: FitResult, error: str | None, unit: str) -> None:
    """Show actual against predicted values of held-out rows, and the residuals; `error` is the title's metric."""
    title = "Actual and predicted" if error is None else f"Held-out error: {error_text(result, error)}"
    left, right = st.columns(2)
    left.altair_chart(models.actual_vs_predicted(result.evaluation, title=title, unit=unit), alt=title)
    right.altair_chart(models.residuals(result.evaluation, title="Residuals", unit=unit), alt="Residuals")


def error_text(result: FitResult, error: str) -> str:
    """Return the name and value of an error metric."""
    return f"{metric(error).title} {result.metrics[error]:.2f}"


def importance_title(result: FitResult) -> str:
    """Return the finding of the permutation importance."""
    return f"Most important feature: {result.importance['feature'].iloc[0]} (not causal)"


def importance_chart(result: FitResult, unit: str) -> alt.LayerChart:
    """Return the permutation importance of each feature, in `unit`."""
    return models.importance(result.importance, title=importance_title(result), unit=unit)
