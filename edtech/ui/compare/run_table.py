"""The table of runs on the Compare page: experiments, search, filters, columns and selection."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pandas as pd
import streamlit as st

from edtech.errors import TrackingError
from edtech.tables.formatting import format_names, pluralize
from edtech.tracking.run_query import MAX_ROWS, RunQuery, RunTable, columns_with_prefix, search_runs
from edtech.ui import run_tables, state, url_state
from edtech.ui.cache import run_cache
from edtech.ui.widgets import error_panel, escape

MAX_RUNS = 50
INITIAL_COLUMNS = 8
MAX_NAMED = 5
FIXED_COLUMNS = ("name", "started", "status", "experiment")
MAX_OFFERED = 200
SELECTED_RUNS = "compare.runs"
COLUMN_NAMES: Mapping[str, str] = {"tags.model_type": "family", "tags.dataset_name": "data set"}
KIND = {"metrics": "metric", "params": "parameter", "tags": "tag"}


def select_experiments(current: str) -> pd.DataFrame:
    """Show the choice of experiments, and return all their runs, including runs of other tools."""
    stamp = run_cache.store_stamp()
    names = run_cache.experiments(stamp)
    selection = url_state.multiselect(
        "Experiments",
        names,
        [current] if current in names else [],
        key="compare.experiments",
        follows=True,
        help="Any experiment of this store, including runs of other tools.",
    )
    return run_cache.all_runs(tuple(selection), stamp)


def filter_runs(runs: pd.DataFrame) -> RunTable:
    """Show search and filters, and return the matching runs; invalid conditions show an error and are ignored."""
    left, right = st.columns(2)
    search = url_state.text_input(
        "Search", key="compare.search", max_chars=200, container=left, help="Part of a name, parameter, tag or id."
    )
    where = url_state.text_input(
        "Conditions",
        key="compare.where",
        max_chars=500,
        container=right,
        placeholder="rmse < 2 and seed = 7",
        help="A metric, parameter or tag; one of < <= > >= = != ~ (contains); a value. Join conditions with `and`.",
    )
    with st.expander("More filters"):
        query = _more_filters(runs, search, where)
    try:
        return search_runs(runs, query)
    except TrackingError as error:
        error_panel(error)
        return search_runs(runs, replace(query, where=""))


def _more_filters(runs: pd.DataFrame, search: str, where: str) -> RunQuery:
    left, right = st.columns(2)
    every = "All if none is selected."
    with left:
        families = url_state.multiselect(
            "Family",
            _values(runs, "tags.model_type"),
            key="compare.family",
            help=every,
            format_func=run_tables.family_title,
        )
        since = url_state.date_input("Started after", key="compare.since")
        orders = ["started", "name", "duration_seconds", *columns_with_prefix(runs, "metrics.", "params.")]
        titles = column_titles(orders)
        order = url_state.selectbox("Order by", orders, "started", key="compare.order", format_func=titles.__getitem__)
        failed = url_state.toggle("Show failed", key="compare.failed")
    with right:
        names = _values(runs, "tags.dataset_name")
        datasets = url_state.multiselect("Data set", names, key="compare.dataset", help=every)
        until = url_state.date_input("Started before", key="compare.until", help="Includes this day.")
        upward = url_state.toggle("Smallest first", key="compare.upward")
        running = url_state.toggle("Show running", True, key="compare.running")
    return RunQuery(search, where, tuple(families), tuple(datasets), since, until, failed, running, order, not upward)


def _values(runs: pd.DataFrame, column: str) -> list[str]:
    return sorted(runs[column].dropna().unique()) if column in runs else []


def column_titles(names: Iterable[str]) -> dict[str, str]:
    """Return the title of each column, with its kind (metric, parameter, tag) if two names are equal."""
    titles = {name: COLUMN_NAMES.get(name, name.partition(".")[2] if _kind(name) else name) for name in names}
    counts = Counter([*titles.values(), *(name for name in FIXED_COLUMNS if name not in titles)])
    return {
        name: f"{title} ({_kind(name)})" if counts[title] > 1 and _kind(name) else title
        for name, title in titles.items()
    }


def _kind(name: str) -> str:
    return KIND.get(name.partition(".")[0], "") if "." in name else ""


def show_table(table: RunTable) -> None:
    """Show the number of matching runs and a table of the first with checkboxes, varying columns first."""
    first = table.runs.head(MAX_ROWS)
    more = f"; the first {MAX_ROWS:,} are shown" if len(table.runs) > MAX_ROWS else ""
    match = "match" if table.total != 1 else "matches"
    st.caption(f"{len(table.runs):,} of {pluralize(table.total, 'run')} {match}{more}. Columns that differ come first.")
    frame = run_tables.titled(first)[[*FIXED_COLUMNS, *(columns := _columns(table))]].assign(
        started=first["started"].dt.tz_convert(None)
    )
    picked = st.dataframe(
        frame.rename(columns=column_titles(columns)),
        hide_index=True,
        key=f"compare.table.{len(first)}",
        height=300,
        selection_mode="multi-row",
        on_select="rerun",
    )
    selected = [first["run_id"].iloc[position] for position in picked["selection"]["rows"] if position < len(first)]
    action = f"Compare {pluralize(len(selected), 'selected run')}" if selected else "Select runs to compare"
    st.button(
        action,
        disabled=not selected,
        on_click=_select,
        args=(selected,),
        key="compare.lay",
        icon=":material/compare_arrows:",
    )


def _columns(table: RunTable) -> list[str]:
    """Show the choice of columns; the default is the first varying columns of all runs."""
    key = "compare.columns"
    wanted = [*state.value(key, []), *url_state.requested_values(key)]
    offered = list(
        dict.fromkeys([*table.columns[:MAX_OFFERED], *(column for column in wanted if column in table.columns)])
    )
    titles = column_titles(offered)
    return url_state.multiselect(
        "Columns",
        offered,
        table.columns[:INITIAL_COLUMNS],
        key=key,
        follows=True,
        format_func=lambda name: titles.get(name, name),
        help="Columns of the table.",
    )


def _select(run_ids: list[str]) -> None:
    state.set_value(SELECTED_RUNS, run_ids[:MAX_RUNS])


def selected_runs(table: RunTable, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the compared runs: those of the address, else the newest trainings on the same data.

    Runs that no longer match the filters stay selected, with a caption.
    """
    rows = runs.drop_duplicates("run_id").set_index("run_id", drop=False)
    start = _newest(table.runs)
    wanted = [
        *state.value(SELECTED_RUNS, []),
        *url_state.requested_values(SELECTED_RUNS),
        *start,
        *table.runs["run_id"].head(100),
    ]
    available = [run_id for run_id in dict.fromkeys(wanted) if run_id in rows.index]
    names = run_tables.run_labels(rows.loc[available])
    selection = url_state.multiselect(
        "Compared runs",
        available,
        start,
        key=SELECTED_RUNS,
        max_selections=MAX_RUNS,
        format_func=lambda name: names.get(name, name),
        help=f"At most {MAX_RUNS} runs. The selection stays while you search.",
    )
    matching = set(table.runs["run_id"])
    hidden = [names[run_id] for run_id in selection if run_id not in matching]
    if hidden:
        st.caption(
            f"{pluralize(len(hidden), 'run')} compared but hidden by the filters above:  "
            f"{escape(format_names(hidden, MAX_NAMED))}. Remove them here, or change the filters."
        )
    return rows.loc[selection].reset_index(drop=True)


def _newest(runs: pd.DataFrame) -> list[str]:
    """Return the newest trainings with the same family and data set; if all differ, the newest training.

    Without trainings, return other finished runs: those of other tools first, then scenarios, which have no metrics.
    """
    finished = runs[runs["status"] == "FINISHED"]
    kinds = (finished["kind"] == "training", finished["kind"] != "scenario", finished["kind"] == "scenario")
    done = next((finished[kind] for kind in kinds if kind.any()), finished)
    groups = done.reindex(columns=["tags.dataset_digest", "tags.model_type"]).astype(object).fillna("")
    if len(done):
        first = groups[groups.duplicated(keep=False)].head(1) if groups.duplicated().any() else groups.head(1)
        done = done[(groups == first.iloc[0]).all(axis=1)]
    return [str(run_id) for run_id in done["run_id"].head(6)]
