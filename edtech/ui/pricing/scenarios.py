"""Saved scenarios: compare them with each other and with plans of runs, open, rerun, copy, delete and restore them."""

from typing import Any

import pandas as pd
import streamlit as st

from edtech.charts import pricing as charts
from edtech.data import Dataset
from edtech.pricing import WhatIfAnswer, WhatIfQuestion, answer_question
from edtech.pricing.scenarios import (
    best_scenario_title,
    compare_scenarios,
    copy_of_scenario,
    distinct_names,
    is_saved,
    read_scenario,
    scenario_items,
    scenario_table,
)
from edtech.tables.formatting import format_change
from edtech.ui import run_tables, state
from edtech.ui.cache import answer_cache, dataset_cache, run_cache, services
from edtech.ui.pricing.saved_inputs import widget_values
from edtech.ui.state import Key, choose, notify
from edtech.ui.widgets import escape, show_errors

MAX_COMPARED = 8
_CHANGES = {
    "change": "Token revenue",
    "low": "from (95%)",
    "high": "to (95%)",
    "enrollments": "Enrollments",
    "teacher_earnings": "Teacher earnings",
    "platform_commission": "Commission",
    "tokens_burned": "Burned",
}
_TRUST = st.column_config.TextColumn(
    "Trust",
    help="Computed from the checks. Supported: all passed and substitution is modeled. Needs review: something was not "
    "tested or did not pass, or most of the gain comes from prices on a bound. Extrapolates: beyond observed prices. "
    "Refused: the price effect is not identified. Not graded: saved by an earlier version.",
)
COMPARISON_COLUMNS: dict[str, Any] = {
    "name": "Name",
    "what": "What",
    "trust": _TRUST,
    "today": st.column_config.NumberColumn("Today (tokens)", format="%.0f", help="Token revenue in a typical period."),
    "planned": st.column_config.NumberColumn(
        "Forecast (tokens)", format="%.0f", help="Token revenue in a typical period."
    ),
} | {
    name: st.column_config.NumberColumn(title, help="Relative change from today; 'new' without a value today.")
    for name, title in _CHANGES.items()
}
SCENARIO_COLUMNS = {
    "Name": st.column_config.TextColumn(pinned=True, width=180),
    "Trust": _TRUST,
    "Tokens per period": st.column_config.NumberColumn(
        format="localized", help="Token revenue at the scenario's prices."
    ),
    "Saved (UTC)": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm"),
}


def show(displayed: WhatIfAnswer, experiment: str, dataset: Dataset) -> None:
    """Show the form that saves the what-if, and the saved scenarios of this data set or of all."""
    st.subheader("Scenarios")
    every = run_cache.scenario_table(experiment)
    own = run_tables.runs_on_dataset(every, dataset.digest)
    _save(displayed, own, experiment, dataset)
    st.caption(escape(f"Saved on {dataset.name}: {len(own):,}. Saved on other data sets: {len(every) - len(own):,}."))
    others = len(every) > len(own) and st.toggle(
        "Show scenarios of other data sets", key="scenarios.all", help="Each row names its data set."
    )
    runs = every if others else own
    if runs.empty:
        st.caption("No scenario is saved yet. Run a what-if above and save it to compare it with others.")
    else:
        st.dataframe(scenario_table(runs), hide_index=True, key="scenarios.table", column_config=SCENARIO_COLUMNS)
        st.caption("Changes from today in a typical period, with 95% intervals.")
        _show_actions(runs, displayed, experiment, dataset)
    _restore(experiment, dataset, bool(others))
    _show_comparison(own, displayed.scenario.run_id, experiment, dataset)


def _show_comparison(saved: pd.DataFrame, run_id: str, experiment: str, dataset: Dataset) -> None:
    """Compare saved scenarios with the plans of runs."""
    st.subheader("Comparison")
    trained = run_cache.demand_runs(experiment, dataset.digest)
    what_ifs, plans = distinct_names(saved, "name"), distinct_names(trained, "tags.algorithm")
    names = what_ifs | {item: f"plan of {name}" for item, name in plans.items()}
    selection = st.multiselect(
        "Scenarios and plans of runs",
        list(names),
        [*list(what_ifs)[:3], run_id],
        format_func=names.__getitem__,
        key=f"scenarios.beside.{dataset.id}.{len(saved)}",
        max_selections=MAX_COMPARED,
        help="Saved scenarios of this data set, and the plan of each run with default guardrails.",
    )
    if not selection:
        st.caption("Choose scenarios or plans to compare their expected effects.")
        return
    recommended = {names[key]: answer_cache.plan(key, experiment, dataset.id) for key in selection if key in plans}
    labelled = saved.assign(name=saved["run_id"].map(what_ifs))
    table = compare_scenarios(labelled[saved["run_id"].isin(selection)], recommended)
    estimated = table.dropna(subset=["change"])
    if len(estimated):
        title = best_scenario_title(table)
        st.altair_chart(charts.effect_bars(estimated, title=title), alt=title, key="scenarios.bars")
    formatted = table.style.format(format_change, subset=list(_CHANGES))  # type: ignore[arg-type]  # the stubs ask for any object
    st.dataframe(formatted, hide_index=True, key="scenarios.beside.table", column_config=COMPARISON_COLUMNS)
    st.caption(
        "Changes from today in a typical period. The bars show token revenue with its 95% interval. "
        "A refused plan has no figures."
    )


def _save(displayed: WhatIfAnswer, own: pd.DataFrame, experiment: str, dataset: Dataset) -> None:
    with st.form("scenarios.save", border=True):
        name = st.text_input("Name", max_chars=200, key="scenarios.name", placeholder="Cut programming by 10%")
        note = st.text_area("Note", max_chars=2_000, key="scenarios.note", height=68)
        submitted = st.form_submit_button("Save scenario", icon=":material/bookmark_add:")
    if not submitted:
        return
    if not name.strip():
        st.error("The scenario has no name. Enter one above.", icon=":material/error:")
        return
    scenario = displayed.scenario.model_copy(update={"name": name.strip(), "note": note})
    tracker = services.tracker(experiment)
    if is_saved(tracker.runs, own, scenario):  # Enter in a field saves, as the button does
        st.info(f"{escape(scenario.name)} is already saved with these inputs.", icon=":material/bookmark:")
        return
    tracker.log(scenario_items(scenario, displayed.outcome, dataset.name, dataset.digest))
    _reload(f"{scenario.name} is saved.")


def _show_actions(runs: pd.DataFrame, displayed: WhatIfAnswer, experiment: str, dataset: Dataset) -> None:
    about = runs["tags.dataset_name"] + ": " if runs["tags.dataset_digest"].nunique() > 1 else ""
    labels = run_tables.run_labels(runs.assign(name=about + runs["name"]))
    run_id = st.selectbox(
        "Scenario",
        list(labels),
        format_func=labels.__getitem__,
        key="scenarios.chosen",
        help="The buttons below apply to this scenario.",
    )
    opening, again, copy, delete = st.columns(4)
    if opening.button(
        "Open",
        key="scenarios.open",
        icon=":material/file_open:",
        help="Loads its run, changes and rates into the form above.",
    ):
        _open(run_id, experiment)
    if again.button(
        "Rerun on this data set",
        key="scenarios.again",
        icon=":material/refresh:",
        help="Same changes, with the selected run and data set.",
    ):
        _rerun(run_id, displayed, experiment, dataset)
    if copy.button(
        "Duplicate",
        key="scenarios.copy",
        icon=":material/content_copy:",
        help="Saves a copy with the same figures.",
    ):
        with show_errors():
            tracker = services.tracker(experiment)
            tracker.log(items := copy_of_scenario(tracker.runs, run_id))
            _reload(f"{items.name} is saved.")
    if delete.button("Delete", key="scenarios.delete", icon=":material/delete:"):
        services.tracker(experiment).runs.delete(run_id)
        _reload("The scenario is deleted. You can restore it below.")


def _open(run_id: str, experiment: str) -> None:
    """Load a saved scenario into the form with the next rerun."""
    with show_errors():
        scenario = read_scenario(services.tracker(experiment).runs, run_id)
        dataset = dataset_cache.dataset(scenario.dataset_id)
        model = answer_cache.pricing_model(scenario.run_id, experiment, dataset.id)
        state.set_value(Key.LOADED_SCENARIO, widget_values(scenario, dataset, model.response, model.attributes))
        choose(Key.DATASET, dataset.id)
        choose(Key.PRICING_RUN, scenario.run_id)
        notify(f"{scenario.name} is loaded into the form below.")
        st.rerun()


def _rerun(run_id: str, displayed: WhatIfAnswer, experiment: str, dataset: Dataset) -> None:
    """Rerun a saved scenario with the selected run and data set, and save the result."""
    with show_errors():
        tracker = services.tracker(experiment)
        saved, selected_run = read_scenario(tracker.runs, run_id), displayed.scenario.run_id
        scenario = saved.model_copy(
            update={"run_id": selected_run, "dataset_id": dataset.id, "name": f"{saved.name[:190]} (again)"}
        )
        outcome = answer_question(WhatIfQuestion(scenario), displayed.model).outcome
        tracker.log(scenario_items(scenario, outcome, dataset.name, dataset.digest))
        _reload(f"Rerun: token revenue {format_change(outcome.token_revenue.change)}.")


def _restore(experiment: str, dataset: Dataset, others: bool) -> None:
    deleted = run_cache.deleted_scenarios(experiment)
    listed = deleted if others else run_tables.runs_on_dataset(deleted, dataset.digest)
    about = listed.reindex(columns=["tags.dataset_name"])["tags.dataset_name"]
    for run_id, name, of in zip(listed["run_id"], listed["name"], about, strict=True):
        st.text(f"Deleted: {name} (data set {of})")
        if st.button("Restore", key=f"scenarios.restore.{run_id}", icon=":material/undo:"):
            services.tracker(experiment).runs.restore(run_id)
            _reload("The scenario is restored.")


def _reload(text: str) -> None:
    run_cache.scenario_table.clear()
    run_cache.deleted_scenarios.clear()
    notify(text)
    st.rerun()
