"""Part of the Pricing page: what-ifs that are saved, side by side with each other and with the plans of runs, opened,
asked again, copied, deleted and restored.
"""

from typing import Any

import pandas as pd
import streamlit as st

from edtech.charts import pricing as charts
from edtech.data import Dataset
from edtech.pricing.saved import (
    beside,
    best_words,
    copied,
    is_saved,
    read_scenario,
    scenario_items,
    scenarios_side_by_side,
    short_names,
)
from edtech.pricing.scenario import answer
from edtech.tables.values import percent
from edtech.ui import resources, runtable
from edtech.ui.opening import answers
from edtech.ui.pricing import Asked
from edtech.ui.state import Key, choose, notify
from edtech.ui.widgets import errors_shown, plain

MOST_BESIDE = 8
_CHANGES = {
    "change": "Token revenue", "low": "from (95 %)", "high": "to (95 %)", "enrollments": "Enrollments",
    "teacher_earnings": "Teacher earnings", "platform_commission": "Commission", "tokens_burned": "Burned",
}  # fmt: skip
_TRUST = st.column_config.TextColumn(
    "Trust",
    help="Computed from the checks. Supported: all passed and substitution is modeled. Needs review: something was not "
    "tested or did not pass, or most of the gain comes from prices on a bound. Extrapolates: beyond observed prices. "
    "Refused: the price effect is not identified. Not graded: saved by an earlier version.",
)
BESIDE: dict[str, Any] = {
    "name": "Name", "what": "What", "trust": _TRUST,
    "today": st.column_config.NumberColumn("Today (tokens)", format="%.0f", help="Token revenue in a typical period."),
    "planned": st.column_config.NumberColumn("Then (tokens)", format="%.0f", help="Token revenue in a typical period."),
} | {
    name: st.column_config.NumberColumn(title, help="Relative change against today; new where there was nothing.")
    for name, title in _CHANGES.items()
}  # fmt: skip
SAVED = {
    "Name": st.column_config.TextColumn(pinned=True, width=180),
    "Trust": _TRUST,
    "Tokens per period": st.column_config.NumberColumn(format="localized", help="Token revenue at the asked prices."),
    "Saved (UTC)": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm"),
}


def show(asked: Asked, experiment: str, dataset: Dataset) -> None:
    """Save what is asked, and show what was saved about the data set, or about all where that is asked for."""
    st.subheader("Scenarios")
    every = resources.scenario_table(experiment)
    own = runtable.of_dataset(every, dataset.digest)
    _save(asked, own, experiment, dataset)
    st.caption(plain(f"Saved about {dataset.name}: {len(own):,}; about other data sets: {len(every) - len(own):,}."))
    others = len(every) > len(own) and st.toggle(
        "Also those of other data sets", key="scenarios.all", help="Each then says which data set it is about."
    )
    runs = every if others else own
    if runs.empty:
        st.caption("None is saved here yet. Ask a what-if above and save it to compare it with others.")
    else:
        st.dataframe(scenarios_side_by_side(runs), hide_index=True, key="scenarios.table", column_config=SAVED)
        st.caption("Changes against today's mean prices in a typical period, with their 95 % intervals.")
        _act(runs, asked, experiment, dataset)
    _restore(experiment, dataset, bool(others))
    _beside(own, asked.scenario.run_id, experiment, dataset)


def _beside(saved: pd.DataFrame, run_id: str, experiment: str, dataset: Dataset) -> None:
    """Lay what-ifs and the plans of runs side by side."""
    st.subheader("Side by side")
    trained = resources.demand_runs(experiment, dataset.digest)
    what_ifs, plans = short_names(saved, "name"), short_names(trained, "tags.algorithm")
    names = what_ifs | {one: f"plan of {name}" for one, name in plans.items()}
    chosen = st.multiselect(
        "What-ifs and plans of runs", list(names), [*list(what_ifs)[:3], run_id],
        format_func=names.__getitem__, key=f"scenarios.beside.{dataset.id}.{len(saved)}", max_selections=MOST_BESIDE,
        help="Saved what-ifs of this data set, and what each run recommends at its defaults.",
    )  # fmt: skip
    if not chosen:
        st.caption("Choose some to see what each is expected to do.")
        return
    asked = {names[one]: resources.plan(one, experiment, dataset.id) for one in chosen if one in plans}
    labelled = saved.assign(name=saved["run_id"].map(what_ifs))
    table = beside(labelled[saved["run_id"].isin(chosen)], asked)
    told = table.dropna(subset=["change"])
    if len(told):
        title = best_words(table)
        st.altair_chart(charts.effect_bars(told, title=title), alt=title, key="scenarios.bars")
    shown = table.style.format(percent, subset=list(_CHANGES))  # type: ignore[arg-type]  # the stubs ask for any object
    st.dataframe(shown, hide_index=True, key="scenarios.beside.table", column_config=BESIDE)
    st.caption("In a typical period, against today's mean prices; the bars are token revenue with its 95 % interval. A "
               "plan that is refused has no figures.")  # fmt: skip


def _save(asked: Asked, own: pd.DataFrame, experiment: str, dataset: Dataset) -> None:
    with st.form("scenarios.save", border=True):
        name = st.text_input("Name", max_chars=200, key="scenarios.name", placeholder="Cut programming by 10 %")
        note = st.text_area("Note", max_chars=2_000, key="scenarios.note", height=68)
        asked_for = st.form_submit_button("Save this what-if", icon=":material/bookmark_add:")
    if not asked_for:
        return
    if not name.strip():
        st.error("A scenario needs a name: write one above.", icon=":material/error:")
        return
    scenario = asked.scenario.model_copy(update={"name": name.strip(), "note": note})
    tracker = resources.tracker(experiment)
    if is_saved(tracker.runs, own, scenario):  # Enter in a field saves, as the button does
        st.info(f"{plain(scenario.name)} is saved as it is asked here.", icon=":material/bookmark:")
        return
    tracker.log(scenario_items(scenario, asked.outcome, dataset.name, dataset.digest))
    _changed(f"{scenario.name} is saved.")


def _act(runs: pd.DataFrame, asked: Asked, experiment: str, dataset: Dataset) -> None:
    about = runs["tags.dataset_name"] + ": " if runs["tags.dataset_digest"].nunique() > 1 else ""
    labels = runtable.run_labels(runs.assign(name=about + runs["name"]))
    chosen = st.selectbox("Scenario", list(labels), format_func=labels.__getitem__, key="scenarios.chosen",
                          help="The scenario that the buttons below act on.")  # fmt: skip
    opening, again, copy, delete = st.columns(4)
    if opening.button("Open", key="scenarios.open", icon=":material/file_open:",
                      help="Puts its run, changes and rates back on the form above."):  # fmt: skip
        _open(chosen, experiment)
    if again.button("Ask again on this data set", key="scenarios.again", icon=":material/refresh:",
                    help="Same changes, the chosen run and data set."):  # fmt: skip
        _rerun(chosen, asked, experiment, dataset)
    if copy.button("Duplicate", key="scenarios.copy", icon=":material/content_copy:",
                   help="A copy of what was saved, figures included."):  # fmt: skip
        with errors_shown():
            tracker = resources.tracker(experiment)
            tracker.log(items := copied(tracker.runs, chosen))
            _changed(f"{items.name} is saved.")
    if delete.button("Delete", key="scenarios.delete", icon=":material/delete:"):
        resources.tracker(experiment).runs.delete(chosen)
        _changed("The scenario is deleted; it can be restored below.")


def _open(run_id: str, experiment: str) -> None:
    """Keep the answers of a saved scenario for the next rerun, which begins with them."""
    with errors_shown():
        kept = read_scenario(resources.tracker(experiment).runs, run_id)
        on = resources.dataset(kept.dataset_id)
        response = resources.response(kept.run_id, experiment, on.id)
        known = resources.unit_attributes(kept.run_id, experiment, on.id)
        st.session_state[Key.OPENED] = answers(kept, on, response, known)
        choose(Key.DATASET, on.id)
        choose(Key.PRICED, kept.run_id)
        notify(f"{kept.name} is on the form below.")
        st.rerun()


def _rerun(run_id: str, asked: Asked, experiment: str, dataset: Dataset) -> None:
    """Ask a saved scenario again, of the run and data set chosen above, and save the answer."""
    with errors_shown():
        tracker = resources.tracker(experiment)
        kept, asked_of = read_scenario(tracker.runs, run_id), asked.scenario.run_id
        scenario = kept.model_copy(
            update={"run_id": asked_of, "dataset_id": dataset.id, "name": f"{kept.name[:190]} (again)"}
        )  # fmt: skip
        prices = scenario.asked(asked.response, resources.unit_attributes(asked_of, experiment, dataset.id))
        outcome = answer(asked.response, prices, scenario.split, scenario.planned_split)
        tracker.log(scenario_items(scenario, outcome, dataset.name, dataset.digest))
        _changed(f"Asked again: token revenue {percent(outcome.token_revenue.change)}.")


def _restore(experiment: str, dataset: Dataset, others: bool) -> None:
    deleted = resources.deleted_scenarios(experiment)
    shown = deleted if others else runtable.of_dataset(deleted, dataset.digest)
    about = shown.reindex(columns=["tags.dataset_name"])["tags.dataset_name"]
    for run_id, name, of in zip(shown["run_id"], shown["name"], about, strict=True):
        st.text(f"Deleted: {name} (data set {of})")
        if st.button("Restore", key=f"scenarios.restore.{run_id}", icon=":material/undo:"):
            resources.tracker(experiment).runs.restore(run_id)
            _changed("The scenario is restored.")


def _changed(text: str) -> None:
    resources.scenario_table.clear()
    resources.deleted_scenarios.clear()
    notify(text)
    st.rerun()
