"""Part of the Data page: how a data set looks before any model, each figure from one aggregate query."""

from functools import partial

import streamlit as st

from edtech.charts import explore as charts
from edtech.data import Dataset
from edtech.data import explore as aggregates
from edtech.reports import table_csv
from edtech.tables.market import MARKET_TABLES, column_dictionary
from edtech.ui import resources
from edtech.ui.widgets import plain


def show(dataset: Dataset) -> None:
    """Show distributions, season, retention and token flows, the dictionary of columns and downloads."""
    _distribution(dataset)
    if dataset.kind == "market":
        _market(dataset)
    _tables(dataset)


def _distribution(dataset: Dataset) -> None:
    st.subheader("How values are spread")
    tables = resources.explorable(dataset.id)
    left, right = st.columns(2)
    table = left.selectbox("Table", list(tables), list(tables).index(dataset.main_table), key="explore.table",
                           help="A table of the data set.")  # fmt: skip
    columns = tables[table]
    start = columns.index(dataset.roles.price) if dataset.roles.price in columns else 0
    column = right.selectbox("Column", columns, start, key=f"explore.column.{table}", help="A column of the table.")
    frame = aggregates.distribution(dataset, table, column)
    if frame.empty:
        st.info("This column has no values.", icon=":material/info:")
        return
    title = f"{frame['rows'].sum():,} values of {column}"
    st.altair_chart(charts.distribution(frame, title=title, x_title=column), alt=title)


def _market(dataset: Dataset) -> None:
    st.subheader("Season and retention")
    season = aggregates.seasonality(dataset)
    busiest = season["week"].to_numpy()[season["enrollments"].argmax()]
    title = f"Busiest in week {busiest} of the year"
    st.altair_chart(charts.seasonality(season, title=title), alt=title)
    retention = aggregates.cohort_retention(dataset)
    later = retention[retention["months"] == 1]
    share = later["active"].sum() / max(later["learners"].sum(), 1)
    title = f"{share:.0%} of the learners take a course in the month after they joined"
    st.altair_chart(charts.retention(retention, title=title), alt=title)
    st.subheader("Flows of tokens")
    title = "Tokens issued, spent and burned each day"
    st.plotly_chart(charts.token_flows(aggregates.token_flows(dataset), title=title), key="explore.flows", alt=title)


def _csv(dataset: Dataset, name: str) -> bytes:
    return table_csv(dataset.table(name))


def _tables(dataset: Dataset) -> None:
    st.subheader("Tables")
    for name, rows in dataset.tables.items():
        with st.expander(f"{name}: {rows:,} rows"):
            if name in MARKET_TABLES and dataset.kind == "market":
                for column, meaning in column_dictionary(name).items():
                    st.markdown(f"`{column}`: {plain(meaning)}")
            st.download_button(
                "Download (CSV)", partial(_csv, dataset, name), f"{name}.csv", "text/csv",
                key=f"explore.download.{name}", on_click="ignore", icon=":material/download:",
            )  # fmt: skip
