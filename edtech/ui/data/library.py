"""The library of data sets: rename, delete, restore, trace and compare them."""

import pandas as pd
import streamlit as st

from edtech.data import Dataset
from edtech.reports import table_csv
from edtech.tables.formatting import pluralize
from edtech.ui.cache import dataset_cache, services
from edtech.ui.overview.sections import origin
from edtech.ui.state import notify
from edtech.ui.widgets import escape, show_errors

KIND_NAMES = {"market": "generated market", "panel": "demand panel", "labels": "labeled rows"}


def stored_list() -> None:
    """Show all data sets with their actions."""
    catalogue = services.catalogue()
    stored, deleted = catalogue.list(), catalogue.list(deleted=True)
    if not stored and not deleted:
        st.info("No data set is stored yet. Generate a market or upload a file.", icon=":material/database:")
    for dataset in stored:
        _stored(dataset)
    if len(stored) > 1:
        _difference(stored)
    if deleted:
        st.subheader("Deleted")
        st.caption("Restore these data sets, or delete their files permanently.")
    for dataset in deleted:
        _deleted(dataset)


def _stored(dataset: Dataset) -> None:
    with st.container(border=True):
        period = f", {dataset.period[0]} to {dataset.period[1]}" if dataset.period else ""
        st.text(
            f"{dataset.name}: {pluralize(dataset.rows, 'row')}, {KIND_NAMES.get(dataset.kind, dataset.kind)}{period}"
        )
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        name = left.text_input("Name", dataset.name, key=f"rename.{dataset.id}", max_chars=200)
        with show_errors():
            if name != dataset.name:
                services.catalogue().rename(dataset.id, name)
                st.rerun()
            if right.button("Delete", key=f"delete.{dataset.id}", icon=":material/delete:"):
                services.catalogue().delete(dataset.id)
                notify(f"{dataset.name} is deleted. You can restore it below.")
                st.rerun()
            with st.expander("Lineage"):
                _lineage(dataset)


def _lineage(dataset: Dataset) -> None:
    for step in services.catalogue().lineage(dataset.id):
        status = " (deleted)" if step.deleted is not None else ""
        st.markdown(f"**{escape(step.name)}**{status}: {origin(step)}. Created {step.created:%Y-%m-%d %H:%M} UTC.")
        st.caption(f"Id {step.id}, digest {step.digest}")
        params = step.source.get("params")
        if isinstance(params, dict):
            st.json(params, expanded=False)
        if "sha256" in step.source:
            st.caption(f"File of {step.source.get('bytes'):,} bytes, SHA-256 {step.source['sha256']}")


def _deleted(dataset: Dataset) -> None:
    with st.container(border=True), st.container(horizontal=True, vertical_alignment="center"):
        st.text(f"Deleted: {dataset.name} ({pluralize(dataset.rows, 'row')})")
        if st.button("Restore", key=f"restore.{dataset.id}", icon=":material/undo:"):
            services.catalogue().restore(dataset.id)
            st.rerun()
        with st.popover("Delete permanently", icon=":material/delete_forever:"), show_errors():
            st.text(f"You cannot restore the files of {dataset.name}.")
            if st.button("Delete files", key=f"purge.{dataset.id}", type="primary"):
                services.catalogue().purge(dataset.id)
                notify(f"{dataset.name} is deleted permanently.")
                st.rerun()


def _difference(stored: list[Dataset]) -> None:
    """Compare two data sets by tables, columns, rows and distributions."""
    st.subheader("Compare data sets")
    names = {dataset.id: f"{dataset.name} ({dataset.created:%d %b %H:%M:%S})" for dataset in stored}
    left, right = st.columns(2)
    ids = list(names)
    same_kind = next(
        (position for position, dataset in enumerate(stored) if position and dataset.kind == stored[0].kind), 1
    )
    before = left.selectbox(
        "From",
        ids,
        same_kind,
        format_func=names.__getitem__,
        key="difference.before",
        help="The first data set.",
    )
    after = right.selectbox(
        "To",
        ids,
        0,
        format_func=names.__getitem__,
        key="difference.after",
        help="The data set to compare with the first.",
    )
    if not st.toggle("Compare", key="difference.show", help="Reads both data sets. Large data sets take some seconds."):
        return
    with show_errors():
        result = dataset_cache.differences(before, after)
        for line in result.lines():
            st.text(line)
        table = result.table()
        if table.empty:
            return
        st.caption(
            "Columns of both data sets, largest difference first (0 = same distribution, 1 = no overlap). "
            "Distance: Kolmogorov-Smirnov for numbers and dates, total variation for text."
        )
        st.dataframe(_readable(table), hide_index=True, key="difference.table")
        st.download_button(
            "Download differences (CSV)",
            table_csv(table),
            "difference.csv",
            "text/csv",
            key="difference.download",
            on_click="ignore",
            icon=":material/download:",
        )


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with means and SDs as text, because those of dates are dates."""
    mixed = [name for name in map(str, table) if name.startswith(("mean", "sd"))]
    return table.assign(**{name: [_short(value) for value in table[name]] for name in mixed})


def _short(value: object) -> str:
    return f"{value:,.4g}" if isinstance(value, float) and value == value else str(value or "")[:19]
