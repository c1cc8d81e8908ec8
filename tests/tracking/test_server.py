"""The same calls with a real MLflow server."""

import json
import warnings
from dataclasses import replace

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from edtech.errors import RegistryError
from edtech.settings import Settings
from edtech.tracking import EdTechMLFlowTracker, RunItems, pending_runs, sync
from edtech.tracking.registry import ModelRegistry
from edtech.tracking.registry_requirements import DIAGNOSTICS_FILE


@pytest.fixture
def tracker(server, settings, request) -> EdTechMLFlowTracker:
    return EdTechMLFlowTracker(request.node.name, tracking_uri=server, settings=settings)


def test_a_run_goes_to_a_server_and_comes_back(tracker, server, items, panel, ridge, tmp_path):
    tracker.log(items)
    tracker.flush()
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
    tracker.flush()
    client = MlflowClient(tracking_uri=server)
    experiment = client.get_experiment_by_name(tracker.experiment_name).experiment_id
    (parent,) = client.search_runs([experiment], "attributes.run_name = 'search'")
    children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    assert {run.info.run_name for run in children} == {"trial 1", "trial 2"}
    assert client.get_run(parent.data.tags["best"]).info.run_name == "trial 1"
    assert {run.info.status for run in (parent, *children)} == {"FINISHED"}


def test_an_experiment_on_a_server_is_exported(tracker):
    tracker.log(RunItems("r", metrics={"rmse": 1.5}))
    tracker.flush()
    run_id = tracker.runs.list_runs([tracker.experiment_name])["run_id"].item()
    summary = json.loads(tracker.export_experiment_results().read_text(encoding="utf-8"))
    assert [(run["run_id"], run["metrics"]) for run in summary["runs"]] == [(run_id, {"rmse": 1.5})]


def with_decision_value(items: RunItems, value: float, severity: str = "PASS") -> RunItems:
    """Return a training with a decision value and a diagnostics card."""
    check = {"code": "baseline", "title": "Better than means", "severity": severity, "evidence": "0.6", "fix": "look"}
    tags = {**items.tags, "dataset_digest": "d1"}
    return replace(
        items,
        metrics={"decision_value_tokens": value},
        tags=tags,
        artifacts={DIAGNOSTICS_FILE: json.dumps({"checks": [check]})},
    )


def test_models_are_registered_promoted_and_rolled_back_on_a_server(
    tracker, server, settings, items, panel, ridge, clean_process
):
    registry, name = ModelRegistry(settings, server), "on a server"
    first, second, failed = (
        tracker.log(with_decision_value(items, value, severity))
        for value, severity in ((1.0, "PASS"), (2.0, "PASS"), (3.0, "FAIL"))
    )
    tracker.flush()
    sent = {here: on_the_server(tracker, here) for here in (first, second, failed)}
    with pytest.raises(RegistryError, match=r"0\.6"):
        registry.register(sent[failed], name)
    assert [registry.register(sent[run_id], name).version for run_id in (first, second)] == [1, 2]
    assert registry.register(sent[second], name).aliases == ("challenger",)
    registry.promote(name, 2)
    with pytest.raises(RegistryError, match="give a reason"):
        registry.promote(name, 1)
    registry.promote(name, 1, "It is simpler")
    assert registry.version(name, 1).aliases == ("champion",)
    assert registry.rollback(name).version == 2
    assert [event.how for event in registry.champion_changes(name)] == ["promoted", "promoted", "rolled back"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on import, MLflow warns about type hints in its own code
        mlflow.set_tracking_uri(server)
        mlflow.set_registry_uri(server)
        champion = mlflow.pyfunc.load_model(f"models:/{name}@champion")
    assert champion.metadata.run_id == sent[second]
    rows = panel.drop(columns="enrollments")
    assert np.array_equal(champion.predict(rows), ridge.predict(rows))


def on_the_server(tracker: EdTechMLFlowTracker, run_id: str) -> str:
    """Return the id on the server of a run that may have a local id."""
    frame = tracker.runs.list_runs([tracker.experiment_name])
    is_copy = frame["tags.edtech.sent_from"] == run_id
    return frame.loc[is_copy, "run_id"].item() if is_copy.any() else run_id


def test_a_pending_run_must_be_sent_before_it_is_registered(server, settings, items, request, nobody):
    away = EdTechMLFlowTracker(request.node.name, nobody, settings)
    here = away.log(with_decision_value(items, 1.0))
    assert pending_runs(settings) == [here]
    registry = ModelRegistry(settings, server)
    with pytest.raises(RegistryError, match="still pending on this machine") as caught:
        registry.register(here)
    assert "python -m edtech sync" in caught.value.fix
    assert registry.register(sync(server, settings).synced[here], "sent late").version == 1
