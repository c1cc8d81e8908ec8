"""Exploration of a data set; each chart takes one aggregate query."""

from functools import partial

import streamlit as st

from edtech.charts import explore as charts
from edtech.data import Dataset
from edtech.data.explore import busiest_week, outcome_column
from edtech.reports.export import csv_bytes, parquet_bytes
from edtech.tables.formatting import pluralize
from edtech.ui.cache import dataset_cache


def show(dataset: Dataset) -> None:
    """Show distributions, the outcome by column, charts of a generated market, and tables with downloads."""
    _distribution(dataset)
    if dataset.kind not in ("market", "panel"):
        _outcome(dataset)
    if dataset.kind == "market":
        _market(dataset)
    _tables(dataset)


def _distribution(dataset: Dataset) -> None:
    st.subheader("Distribution")
    tables = dataset_cache.explorable(dataset.id)
    left, right = st.columns(2)
    table = left.selectbox(
        "Table",
        list(tables),
        list(tables).index(dataset.main_table),
        key="explore.table",
        help="A table of the data set.",
    )
    columns = tables[table]
    first = getattr(dataset.mapping, "price", None) or outcome_column(dataset)
    column = right.selectbox(
        "Column",
        columns,
        columns.index(first) if first in columns else 0,
        key=f"explore.column.{table}",
        help="A column of the table.",
    )
    frame = dataset_cache.distribution(dataset.id, table, column)
    if frame.empty:
        st.info("This column has no values.", icon=":material/info:")
        return
    title = f"{pluralize(int(frame['rows'].sum()), 'value')} of {column}"
    st.altair_chart(charts.distribution(frame, title=title, x_title=column), alt=title)


def _outcome(dataset: Dataset) -> None:
    """Draw the mean outcome by another column."""
    value, roles = outcome_column(dataset), dataset.mapping
    y_title, start = {
        "visits": ("Share of views with a purchase", getattr(roles, "price", None)),
        "labels": ("Share with positive outcome", next(iter(getattr(roles, "features", ())), None)),
        "ratings": ("Mean rating", getattr(roles, "teacher", None)),
    }[dataset.kind]
    st.subheader("Outcome by column")
    columns = [name for name in dataset_cache.explorable(dataset.id)[dataset.main_table] if name != value]
    if not columns:
        return
    by = st.selectbox(
        "By",
        columns,
        columns.index(start) if start in columns else 0,
        key="explore.by",
        help="Differences between rows are not causal effects.",
    )
    frame = dataset_cache.mean_by(dataset.id, value, by)
    if frame.empty:
        st.info("No row has both values. Choose another column.", icon=":material/info:")
        return
    title = f"Mean from {frame['mean'].min():.3g} to {frame['mean'].max():.3g} by {by}"
    st.altair_chart(charts.mean_by(frame, title=title, x_title=by, y_title=y_title), alt=title)


def _market(dataset: Dataset) -> None:
    season, retention, flows = dataset_cache.market_figures(dataset.id)
    st.subheader("Seasonality and retention")
    title = f"Enrollments peak in week {busiest_week(season)} of the year"
    st.altair_chart(charts.seasonality(season, title=title), alt=title)
    later = retention[retention["months"] == 1]
    share = later["active"].sum() / max(later["learners"].sum(), 1)
    title = f"{share:.0%} of learners take a course in the month after joining"
    st.altair_chart(charts.retention(retention, title=title), alt=title)
    st.subheader("Token flows")
    title = "Tokens issued, spent and burned each day"
    st.plotly_chart(
        charts.token_flows(flows, title=title), key="explore.flows", alt=title, config={"displayModeBar": False}
    )


def _tables(dataset: Dataset) -> None:
    """Show the columns of a table with their meaning, and its downloads."""
    st.subheader("Data dictionary")
    name = st.selectbox(
        "Table",
        list(dataset.tables),
        list(dataset.tables).index(dataset.main_table),
        key="explore.dictionary",
        format_func=lambda stored: f"{stored} ({pluralize(dataset.tables[stored], 'row')})",
        help="The table to describe and download.",
    )
    st.dataframe(
        dataset_cache.dictionary(dataset.id, name),
        hide_index=True,
        key="explore.columns",
        column_config={"missing": st.column_config.NumberColumn("missing", format="percent")},
    )
    with st.container(horizontal=True):
        for title, form, mime, data in (
            ("Download (CSV)", "csv", "text/csv", csv_bytes),
            ("Download (Parquet)", "parquet", "application/octet-stream", parquet_bytes),
        ):
            st.download_button(
                title,
                partial(data, dataset, name),
                f"{name}.{form}",
                mime,
                key=f"explore.download.{form}",
                on_click="ignore",
                icon=":material/download:",
            )
