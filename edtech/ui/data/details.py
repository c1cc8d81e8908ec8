"""The summary of a data set: key figures, prices and demand, and checks."""

import streamlit as st

from edtech.charts import explore as charts
from edtech.data import Dataset
from edtech.data.summary import panel_labels
from edtech.ui.cache import dataset_cache
from edtech.ui.findings import show_check, show_checks
from edtech.ui.overview.sections import key_figures, origin
from edtech.ui.reports import downloads
from edtech.ui.widgets import escape

FAMILIES = {
    "visits": "It can train models of the choice among offered courses.",
    "labels": "It can train models of enrollment, completion or churn.",
    "ratings": "It can train models of teacher quality.",
}
"""The models that a data set without prices and quantities can train."""


def dataset_details(dataset: Dataset) -> None:
    """Show a data set: origin, key figures, prices against demand, and checks."""
    st.subheader(escape(dataset.name))
    created = f"Digest {dataset.digest[:12]}, created {dataset.created:%Y-%m-%d %H:%M} UTC."
    source = origin(dataset)
    st.caption(f"{source[:1].upper()}{source[1:]}. {FAMILIES.get(dataset.kind, '')} {created}")
    key_figures(dataset)
    if dataset.kind in ("market", "panel"):
        _prices(dataset)
    *checks, verdict = dataset_cache.checks(dataset.id)
    st.subheader(verdict.title)
    show_check(verdict)
    show_checks(checks)
    downloads.health_downloads(dataset)


def _prices(dataset: Dataset) -> None:
    """Draw price against demand in one small chart per segment."""
    labels = panel_labels(dataset)
    panels, note = charts.price_demand(
        dataset_cache.by_unit(dataset.id), price_title=labels.price_axis, quantity_title=labels.quantity_axis
    )
    st.markdown("**Expensive and cheap units differ in more than price, so these slopes are not price effects**")
    if note:
        st.caption(note)
    for start in range(0, len(panels), 3):
        for column, (segment, chart) in zip(st.columns(3), panels[start : start + 3], strict=False):
            column.text(segment)
            column.altair_chart(chart, alt=f"Mean price against mean quantity of each unit: {segment}")
