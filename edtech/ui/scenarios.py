"""Part of the Pricing page: what-ifs that are saved, side by side, asked again, deleted and restored."""

import pandas as pd
import streamlit as st

from edtech.data import Dataset
from edtech.pricing.saved import read_scenario, scenario_items, scenarios_side_by_side
from edtech.pricing.scenario import answer
from edtech.ui import resources
from edtech.ui.pricing import Asked
from edtech.ui.state import notify
from edtech.ui.widgets import errors_shown, percent


def show(asked: Asked, experiment: str, dataset: Dataset) -> None:
    """Save what is asked, and show what was saved."""
    st.subheader("Scenarios")
    _save(asked, experiment, dataset)
    runs = resources.scenario_table(experiment)
    if runs.empty:
        st.caption("None is saved yet. Ask a what-if above and save it to compare it with others.")
    else:
        st.dataframe(scenarios_side_by_side(runs), hide_index=True, key="scenarios.table")
        _act(runs, experiment, dataset)
    _restore(experiment)


def _save(asked: Asked, experiment: str, dataset: Dataset) -> None:
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
    items = scenario_items(scenario, asked.outcome, dataset.name, dataset.digest)
    resources.tracker(experiment).log(items)
    _changed(f"{name.strip()} is saved.")


def _act(runs: pd.DataFrame, experiment: str, dataset: Dataset) -> None:
    labels = resources.run_labels(runs)
    chosen = st.selectbox("Scenario", list(labels), format_func=labels.__getitem__, key="scenarios.chosen",
                          help="The scenario that the buttons below act on.")  # fmt: skip
    again, copy, delete = st.columns(3)
    if again.button("Ask again on this data set", key="scenarios.again", icon=":material/refresh:",
                    help="Same changes, the chosen run and data set."):  # fmt: skip
        _rerun(chosen, experiment, dataset)
    if copy.button("Duplicate", key="scenarios.copy", icon=":material/content_copy:"):
        _rerun(chosen, experiment, dataset, same=True)
    if delete.button("Delete", key="scenarios.delete", icon=":material/delete:"):
        resources.tracker(experiment).runs.delete(chosen)
        _changed("The scenario is deleted; it can be restored below.")


def _rerun(run_id: str, experiment: str, dataset: Dataset, same: bool = False) -> None:
    """Ask a saved scenario again and save the answer: of the run chosen above, or (`same`) as it was."""
    with errors_shown():
        tracker = resources.tracker(experiment)
        kept = read_scenario(tracker.runs, run_id)
        asked_of = kept.run_id if same else str(st.session_state["pricing.run"])
        on = resources.dataset(kept.dataset_id) if same else dataset
        scenario = kept.model_copy(
            update={"run_id": asked_of, "dataset_id": on.id, "name": f"{kept.name[:190]} (again)"}
        )  # fmt: skip
        response = resources.response(asked_of, experiment, on.id)
        prices = scenario.asked(response, resources.unit_attributes(asked_of, experiment, on.id))
        outcome = answer(response, prices, scenario.split, scenario.planned_split)
        tracker.log(scenario_items(scenario, outcome, on.name, on.digest))
        _changed(f"Asked again: token revenue {percent(outcome.token_revenue.change)}.")


def _restore(experiment: str) -> None:
    deleted = resources.deleted_scenarios(experiment)
    for run_id, name in zip(deleted["run_id"], deleted["name"], strict=True):
        st.text(f"Deleted: {name}")
        if st.button("Restore", key=f"scenarios.restore.{run_id}", icon=":material/undo:"):
            resources.tracker(experiment).runs.restore(run_id)
            _changed("The scenario is restored.")


def _changed(text: str) -> None:
    resources.scenario_table.clear()
    resources.deleted_scenarios.clear()
    notify(text)
    st.rerun()
