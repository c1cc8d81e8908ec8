"""The table of runs on the Compare page: experiments, search and filters, columns, and which runs are chosen."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pandas as pd
import streamlit as st

from edtech.errors import TrackingError
from edtech.tables.values import listed
from edtech.tables.words import counted
from edtech.tracking.run_query import MOST_ROWS, RunQuery, RunTable, columns_of, search_runs
from edtech.ui import run_tables, state, url_state
from edtech.ui.cache import run_cache
from edtech.ui.widgets import error_panel, escape

MOST = 50
TELLING = 8
TOLD = 5
HEAD = ("name", "started", "status", "experiment")
OFFERED = 200
CHOSEN = "compare.runs"
WORDS: Mapping[str, str] = {"tags.model_type": "family", "tags.dataset_name": "data set"}
KIND = {"metrics": "metric", "params": "parameter", "tags": "tag"}


def runs_of(current: str) -> pd.DataFrame:
    """Let the user choose experiments, and return all their runs, whoever wrote them."""
    stamp = run_cache.store_stamp()
    names = run_cache.experiments(stamp)
    chosen = url_state.multiselect(
        "Experiments",
        names,
        [current] if current in names else [],
        key="compare.experiments",
        follows=True,
        help="Runs of others are shown too: any experiment of this store.",
    )
    return run_cache.all_runs(tuple(chosen), stamp)


def ask(runs: pd.DataFrame) -> RunTable:
    """Show search and filters and return the runs that match; conditions that cannot be read are told and left out."""
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
        help="A metric, parameter or tag, one of < <= > >= = != ~ (holds), a value; joined by and.",
    )
    with st.expander("More filters, order"):
        query = _more(runs, search, where)
    try:
        return search_runs(runs, query)
    except TrackingError as error:
        error_panel(error)
        return search_runs(runs, replace(query, where=""))


def _more(runs: pd.DataFrame, search: str, where: str) -> RunQuery:
    left, right = st.columns(2)
    every = "All where none is chosen."
    with left:
        families = url_state.multiselect(
            "Family",
            _values(runs, "tags.model_type"),
            key="compare.family",
            help=every,
            format_func=run_tables.family_title,
        )
        since = url_state.date_input("Started from", key="compare.since")
        orders = ["started", "name", "duration_seconds", *columns_of(runs, "metrics.", "params.")]
        titles = column_titles(orders)
        order = url_state.selectbox("Order by", orders, "started", key="compare.order", format_func=titles.__getitem__)
        failed = url_state.toggle("Show failed", key="compare.failed")
    with right:
        names = _values(runs, "tags.dataset_name")
        datasets = url_state.multiselect("Data set", names, key="compare.dataset", help=every)
        until = url_state.date_input("until", key="compare.until", help="This day counts.")
        upward = url_state.toggle("Smallest first", key="compare.upward")
        running = url_state.toggle("Show running", True, key="compare.running")
    return RunQuery(search, where, tuple(families), tuple(datasets), since, until, failed, running, order, not upward)


def _values(runs: pd.DataFrame, column: str) -> list[str]:
    return sorted(runs[column].dropna().unique()) if column in runs else []


def column_titles(names: Iterable[str]) -> dict[str, str]:
    """Return how each column is read: without what kind of thing it is, unless two would be called the same."""
    words = {name: WORDS.get(name, name.partition(".")[2] if _kind(name) else name) for name in names}
    often = Counter([*words.values(), *(name for name in HEAD if name not in words)])
    return {
        name: f"{word} ({_kind(name)})" if often[word] > 1 and _kind(name) else word for name, word in words.items()
    }


def _kind(name: str) -> str:
    return KIND.get(name.partition(".")[0], "") if "." in name else ""


def show_found(found: RunTable) -> None:
    """Show how many runs match and a table of the first, columns that differ first, with boxes to tick."""
    shown = found.runs.head(MOST_ROWS)
    more = f"; the first {MOST_ROWS:,} are shown" if len(found.runs) > MOST_ROWS else ""
    match = "match" if found.total != 1 else "matches"
    st.caption(f"{len(found.runs):,} of {counted(found.total, 'run')} {match}{more}. Columns that differ come first.")
    table = run_tables.titled(shown)[[*HEAD, *(columns := _columns(found))]].assign(
        started=shown["started"].dt.tz_convert(None)
    )
    picked = st.dataframe(
        table.rename(columns=column_titles(columns)),
        hide_index=True,
        key=f"compare.table.{len(shown)}",
        height=300,
        selection_mode="multi-row",
        on_select="rerun",
    )
    ticked = [shown["run_id"].iloc[place] for place in picked["selection"]["rows"] if place < len(shown)]
    doing = f"Lay the {counted(len(ticked), 'ticked run')} side by side" if ticked else "Tick runs to lay side by side"
    st.button(
        doing,
        disabled=not ticked,
        on_click=_choose,
        args=(ticked,),
        key="compare.lay",
        icon=":material/compare_arrows:",
    )


def _columns(found: RunTable) -> list[str]:
    """Let the user choose columns; at first those that differ, whatever is searched for."""
    key = "compare.columns"
    wanted = [*state.value(key, []), *url_state.requested_values(key)]
    offered = list(dict.fromkeys([*found.columns[:OFFERED], *(one for one in wanted if one in found.columns)]))
    titles = column_titles(offered)
    return url_state.multiselect(
        "Columns",
        offered,
        found.columns[:TELLING],
        key=key,
        follows=True,
        format_func=lambda name: titles.get(name, name),
        help="What the table shows of each run.",
    )


def _choose(run_ids: list[str]) -> None:
    state.set_value(CHOSEN, run_ids[:MOST])


def chosen_runs(found: RunTable, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs side by side: those of the address, else the newest trainings on the same data.

    Those that no longer match the filters stay, with a word.
    """
    rows = runs.drop_duplicates("run_id").set_index("run_id", drop=False)
    start = _newest(found.runs)
    wanted = [
        *state.value(CHOSEN, []),
        *url_state.requested_values(CHOSEN),
        *start,
        *found.runs["run_id"].head(100),
    ]
    known = [one for one in dict.fromkeys(wanted) if one in rows.index]
    names = run_tables.run_labels(rows.loc[known])
    chosen = url_state.multiselect(
        "Runs side by side",
        known,
        start,
        key=CHOSEN,
        max_selections=MOST,
        format_func=lambda one: names.get(one, one),
        help=f"At most {MOST}; kept while you search for more.",
    )
    matching = set(found.runs["run_id"])
    hidden = [names[one] for one in chosen if one not in matching]
    if hidden:
        st.caption(
            f"{counted(len(hidden), 'run')} side by side that the filters above leave out of the table: "
            f"{escape(listed(hidden, TOLD))}. Take them out here, or change the filters."
        )
    return rows.loc[chosen].reset_index(drop=True)


def _newest(runs: pd.DataFrame) -> list[str]:
    """Return the newest trainings of one question on the same data; where no two are alike, the newest.

    Where there is none, other finished runs: those of others first, then scenarios, which hold no metrics.
    """
    finished = runs[runs["status"] == "FINISHED"]
    kinds = (finished["kind"] == "training", finished["kind"] != "scenario", finished["kind"] == "scenario")
    done = next((finished[kind] for kind in kinds if kind.any()), finished)
    alike = done.reindex(columns=["tags.dataset_digest", "tags.model_type"]).astype(object).fillna("")
    if len(done):
        first = alike[alike.duplicated(keep=False)].head(1) if alike.duplicated().any() else alike.head(1)
        done = done[(alike == first.iloc[0]).all(axis=1)]
    return [str(one) for one in done["run_id"].head(6)]
