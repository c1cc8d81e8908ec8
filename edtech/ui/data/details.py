"""Part of the Data page: one data set, what it amounts to and what can be learned from it."""

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
    "visits": "It serves models of which course is taken out of those seen.",
    "labels": "It serves models of who enrolls, completes or leaves.",
    "ratings": "It serves models of how good teachers are.",
}
"""What kinds of data set other than demand panels are for."""


def dataset_details(dataset: Dataset) -> None:
    """Show one data set: figures, prices and demand, what can be learned from it, and where it comes from."""
    st.subheader(escape(dataset.name))
    created = f"Digest {dataset.digest[:12]}, created {dataset.created:%Y-%m-%d %H:%M} UTC."
    sentence = origin(dataset)
    st.caption(f"{sentence[:1].upper()}{sentence[1:]}. {FAMILIES.get(dataset.kind, '')} {created}")
    key_figures(dataset)
    if dataset.kind in ("market", "panel"):
        _prices(dataset)
    *checks, verdict = dataset_cache.checks(dataset.id)
    st.subheader(verdict.title)
    show_check(verdict)
    show_checks(checks)
    downloads.health_downloads(dataset)


def _prices(dataset: Dataset) -> None:
    """Draw price against demand, one small chart for each segment; on a narrow screen they stand below each other."""
    sentence = panel_labels(dataset)
    panels, note = charts.price_demand(
        dataset_cache.by_unit(dataset.id), price_title=sentence.price_axis, quantity_title=sentence.quantity_axis
    )
    st.markdown("**Dear and cheap units differ in more than their price: these slopes are no price effects**")
    if note:
        st.caption(note)
    for start in range(0, len(panels), 3):
        for column, (segment, chart) in zip(st.columns(3), panels[start : start + 3], strict=False):
            column.text(segment)
            column.altair_chart(chart, alt=f"Mean price against mean quantity of each unit: {segment}")
