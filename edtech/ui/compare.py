"""Parts of the Compare page: the table of runs, what is chosen of it, and the runs side by side."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from edtech.metrics import METRICS, Metric
from edtech.reports.comparison import BAD, GOOD, KINDS, metric_table, param_table
from edtech.tracking import Comparison, compare_runs
from edtech.tracking.dictionary import Said, dictionary
from edtech.tracking.table import MOST_ROWS, RunQuery, RunTable, columns_of, search_runs
from edtech.ui import resources
from edtech.ui.widgets import errors_shown, plain

MOST = 50
TELLING = 8
HEAD = ("name", "started", "status", "experiment")
CHOSEN = "compare.runs"
WORDS: Mapping[str, str] = {"tags.model_type": "family", "tags.dataset_name": "data set"}
COLORS = {GOOD: "background-color: rgba(0, 158, 115, .22)", BAD: "background-color: rgba(213, 94, 0, .22)"}


def runs_of(current: str) -> pd.DataFrame:
    """Let the user choose experiments, and return all their runs, whoever wrote them."""
    names = resources.experiments()
    chosen = st.multiselect(
        "Experiments", names, [current] if current in names else [], key=f"compare.experiments.{current}",
        help="Runs of others are shown too: any experiment of this store.",
    )  # fmt: skip
    return resources.all_runs(tuple(chosen))


def ask(runs: pd.DataFrame) -> RunTable:
    """Show search and filters, which live in the address of the page, and return the runs that match."""
    left, right = st.columns(2)
    search = left.text_input("Search", key="compare.search", bind="query-params", max_chars=200,
                             help="Part of a name, parameter, tag or id.")  # fmt: skip
    where = right.text_input(
        "Conditions", key="compare.where", bind="query-params", max_chars=500, placeholder="rmse < 2 and seed = 7",
        help="A metric, parameter or tag, one of < <= > >= = != ~ (holds), a value; joined by and.",
    )  # fmt: skip
    with st.expander("More filters, order"):
        query = _more(runs, search or "", where or "")
    return search_runs(runs, query)


def _more(runs: pd.DataFrame, search: str, where: str) -> RunQuery:
    columns = st.columns(2)
    families = columns[0].multiselect("Family", _values(runs, "tags.model_type"), key="compare.family",
                                      bind="query-params", help="All where none is chosen.")  # fmt: skip
    datasets = columns[1].multiselect("Data set", _values(runs, "tags.dataset_name"), key="compare.dataset",
                                      bind="query-params", help="All where none is chosen.")  # fmt: skip
    since = columns[0].date_input("Started from", None, key="compare.since", bind="query-params")
    until = columns[1].date_input("until", None, key="compare.until", bind="query-params", help="This day counts.")
    orders = ["started", "name", "duration_seconds", *columns_of(runs, "metrics.", "params.")]
    order = columns[0].selectbox("Order by", orders, key="compare.order", bind="query-params", format_func=column_words)
    upward = columns[1].toggle("Smallest first", key="compare.upward", bind="query-params")
    failed = columns[0].toggle("Show failed", key="compare.failed", bind="query-params")
    running = columns[1].toggle("Show running", True, key="compare.running", bind="query-params")
    return RunQuery(search, where, tuple(families), tuple(datasets), since, until, failed, running, order, not upward)


def _values(runs: pd.DataFrame, column: str) -> list[str]:
    return sorted(runs[column].dropna().unique()) if column in runs else []


def column_words(name: str) -> str:
    """Return a column's name as it is read: without what kind of thing it is."""
    return WORDS.get(name, name.partition(".")[2] if name.startswith(("metrics.", "params.", "tags.")) else name)


def show_found(found: RunTable) -> None:
    """Show how many runs match and a table of the first, columns that differ first, with boxes to tick."""
    shown = found.runs.head(MOST_ROWS)
    more = f"; the first {MOST_ROWS:,} are shown" if len(found.runs) > MOST_ROWS else ""
    st.caption(f"{len(found.runs):,} of {found.total:,} runs match{more}. Columns that differ between them come first.")
    columns = st.multiselect(
        "Columns", found.columns[:200], list(found.columns[:TELLING]), key=f"compare.columns.{len(found.columns)}",
        format_func=column_words, help="What the table shows of each run.",
    )  # fmt: skip
    utc = shown["started"].dt.tz_convert(None)
    table = shown[[*HEAD, *columns]].assign(started=utc).rename(columns=column_words)
    picked = st.dataframe(
        table.loc[:, ~table.columns.duplicated()], hide_index=True, key=f"compare.table.{len(shown)}", height=300,
        selection_mode="multi-row", on_select="rerun",
    )  # fmt: skip
    ticked = [shown["run_id"].iloc[place] for place in picked["selection"]["rows"] if place < len(shown)]
    st.button(f"Lay the {len(ticked)} ticked runs side by side", disabled=not ticked, on_click=_choose, args=(ticked,),
              key="compare.lay", icon=":material/compare_arrows:")  # fmt: skip


def _choose(run_ids: list[str]) -> None:
    st.session_state[CHOSEN] = run_ids[:MOST]
    st.query_params["runs"] = ",".join(run_ids[:MOST])


def chosen_runs(found: RunTable, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs side by side: those of the address, else the newest finished ones on the same data."""
    asked = [one for one in st.query_params.get("runs", "").split(",") if one]
    start = asked or _newest(found.runs)
    known = list(dict.fromkeys([*st.session_state.get(CHOSEN, start), *found.runs["run_id"].head(100)]))
    rows = runs.drop_duplicates("run_id").set_index("run_id", drop=False)
    known = [one for one in known if one in rows.index]
    names = resources.run_labels(rows.loc[known])
    if CHOSEN in st.session_state:
        st.session_state[CHOSEN] = [one for one in st.session_state[CHOSEN] if one in names]
    else:
        st.session_state[CHOSEN] = [one for one in start if one in names]
    chosen = st.multiselect(
        "Runs side by side", known, max_selections=MOST, format_func=names.__getitem__, key=CHOSEN,
        help=f"At most {MOST}; kept while you search for more.",
    )  # fmt: skip
    st.query_params["runs"] = ",".join(chosen)
    return rows.loc[chosen].reset_index(drop=True)


def _newest(runs: pd.DataFrame) -> list[str]:
    """Return the newest finished runs of one question on the same data; where no two are alike, the newest."""
    done = runs[runs["status"] == "FINISHED"]
    alike = done.reindex(columns=["tags.dataset_digest", "tags.model_type"]).fillna("")
    if len(done):
        first = alike[alike.duplicated(keep=False)].head(1) if alike.duplicated().any() else alike.head(1)
        done = done[(alike == first.iloc[0]).all(axis=1)]
    return [str(one) for one in done["run_id"].head(6)]


def settle(runs: pd.DataFrame) -> Comparison:
    """Ask for the baseline and whether to rank runs on different data, and compare."""
    if len(runs) == 1:
        st.info("Choose a second run above to compare this one with.", icon=":material/compare_arrows:")
    names = dict(zip(runs["run_id"], runs["name"], strict=True))
    baseline = st.selectbox(
        "Baseline", list(names), index=len(names) - 1, format_func=names.__getitem__, key="compare.baseline",
        help="Differences in brackets are against this run.",
    )  # fmt: skip
    meanings = dictionary(runs, resources.metric_memory().said())
    found = compare_runs(runs, meanings, baseline)
    if found.same_data:
        return found
    st.warning(plain(found.warning), icon=":material/warning:")
    ranked = st.toggle("Rank them all the same", key="compare.rank", bind="query-params",
                       help="Errors on different data do not compare.")  # fmt: skip
    return compare_runs(runs, meanings, baseline, rank_across_data=ranked) if ranked else found


def show_tables(comparison: Comparison) -> None:
    """Show parameters that differ and the metrics by kind."""
    every = st.toggle("Also what is the same in all", key="compare.every", bind="query-params",
                      help="All parameters, not only those that differ.")  # fmt: skip
    st.subheader("Parameters" if every else "Parameters that differ")
    params = param_table(comparison, every)
    if params.empty:
        st.caption("None.")
    else:
        st.dataframe(params, hide_index=True, key="compare.params", height="content")
    for kind, title in KINDS:
        table = metric_table(comparison, kind)
        if table.empty:
            continue
        st.subheader(title)
        st.caption("★ best by each metric's direction; in brackets the difference to the baseline, ✓ better, ✗ worse.")
        st.dataframe(_colored(table), hide_index=True, key=f"compare.{kind}", height="content",
                     column_config={"metric": st.column_config.Column(pinned=True)})  # fmt: skip
    _meanings(comparison)


def _colored(table: pd.DataFrame) -> Styler:
    return table.style.map(lambda text: next((color for sign, color in COLORS.items() if f"{sign})" in str(text)), ""))


def _meanings(comparison: Comparison) -> None:
    known = [comparison.dictionary[name] for name in comparison.metrics.index]
    with st.expander("What the metrics mean"):
        for one in known:
            st.markdown(f"**{plain(one.title)}**: {plain(one.help)}")
    foreign = [one for one in known if one.name not in METRICS]
    if foreign:
        with st.expander(f"{len(foreign)} metrics of others: say which way is better"), errors_shown():
            _say(foreign)


def _say(foreign: list[Metric]) -> None:
    names = {one.name: one for one in foreign}
    name = st.selectbox("Metric", list(names), key="compare.say.name", help="Guesses go by the name and the values.")
    one = names[name]
    st.text(f"Now: {one.direction}, unit {one.unit or 'none'}. {one.help}")
    left, right = st.columns(2)
    ways = ("higher", "lower", "zero", "none")
    direction = left.selectbox("Better is", ways, ways.index(one.direction), key=f"compare.say.direction.{name}")
    unit = right.text_input("Unit", one.unit, max_chars=60, key=f"compare.say.unit.{name}")
    if st.button("Remember", key="compare.say.keep", icon=":material/save:"):
        resources.metric_memory().say(name, Said(direction=direction, unit=unit))
        st.rerun()
