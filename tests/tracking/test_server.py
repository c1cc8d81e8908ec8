"""The same calls against a real MLflow server."""

import json

import numpy as np
import pytest
from mlflow import MlflowClient

from edtech.settings import Settings
from edtech.tracking import EdTechMLFlowTracker, RunItems


@pytest.fixture
def tracker(server, settings, request) -> EdTechMLFlowTracker:
    return EdTechMLFlowTracker(request.node.name, tracking_uri=server, settings=settings)


def test_a_run_goes_to_a_server_and_comes_back(tracker, server, items, panel, ridge, tmp_path):
    tracker.log(items)
    tracker.settle()
    run_id = tracker.runs.list_runs([tracker.experiment_name])["run_id"].item()
    assert (tracker.ui_command, tracker.notice) == (None, None)
    fresh = EdTechMLFlowTracker(tracker.experiment_name, server, Settings(home=tmp_path / "another home")).runs
    run = fresh.get_run(run_id)
    assert (run.status, run.metrics, run.params["seed"]) == ("FINISHED", {"r2": 0.5, "rmse": 2.0}, "7")
    assert {"evaluation/summary.txt", "evaluation/plots/a.png"} < set(run.artifacts)
    assert fresh.read_artifact(run_id, "evaluation/plots/a.png") == b"\x89PNG"
    rows = panel.drop(columns="enrollments")
    assert np.array_equal(fresh.load_model(run_id).predict(rows), ridge.predict(rows))
    for runs in (tracker.runs, fresh):
        assert runs.list_runs([tracker.experiment_name])["run_id"].tolist() == [run_id]
        assert runs.close_stale_runs() == []


def test_a_group_goes_to_a_server_with_its_children_and_their_new_ids(tracker, server):
    with tracker.group(RunItems("search", kind="group")) as group:
        trials = [tracker.log(RunItems(f"trial {n}", metrics={"rmse": float(n)}, parent=group.run_id)) for n in (1, 2)]
        group.add(RunItems("", tags={"best": trials[0]}))
    tracker.settle()
    client = MlflowClient(tracking_uri=server)
    experiment = client.get_experiment_by_name(tracker.experiment_name).experiment_id
    (parent,) = client.search_runs([experiment], "attributes.run_name = 'search'")
    children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    assert {run.info.run_name for run in children} == {"trial 1", "trial 2"}
    assert client.get_run(parent.data.tags["best"]).info.run_name == "trial 1"
    assert {run.info.status for run in (parent, *children)} == {"FINISHED"}


def test_an_experiment_on_a_server_is_exported(tracker):
    tracker.log(RunItems("r", metrics={"rmse": 1.5}))
    tracker.settle()
    run_id = tracker.runs.list_runs([tracker.experiment_name])["run_id"].item()
    found = json.loads(tracker.export_experiment_results().read_text(encoding="utf-8"))
    assert [(run["run_id"], run["metrics"]) for run in found["runs"]] == [(run_id, {"rmse": 1.5})]
