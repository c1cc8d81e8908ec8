"""Runs that belong to another one: a search and its trials, repeats over seeds."""

import pytest
from mlflow import MlflowClient

from edtech.errors import ParamsError
from edtech.tracking import RunItems


@pytest.fixture
def client(tracker) -> MlflowClient:
    return MlflowClient(tracking_uri=tracker.uri)


def test_children_belong_to_an_open_group_that_takes_results_at_the_end(tracker, client):
    with tracker.group(RunItems("search", kind="group", params={"trials": 2})) as group:
        children = [tracker.log(RunItems(f"trial {i}", metrics={"rmse": i}, parent=group.run_id)) for i in (2.0, 1.0)]
        assert client.get_run(group.run_id).info.status == "RUNNING"
        group.add(RunItems("", metrics={"rmse": 1.0}, tags={"best": children[1]}, artifacts={"a.csv": "x"}))
    parent = tracker.runs.get_run(group.run_id)
    assert (parent.name, parent.kind, parent.status) == ("search", "group", "FINISHED")
    assert (parent.metrics, parent.params, parent.tags["best"]) == ({"rmse": 1.0}, {"trials": "2"}, children[1])
    assert parent.artifacts == ("a.csv",)
    found = client.search_runs([tracker.experiment_id], f"tags.mlflow.parentRunId = '{group.run_id}'")
    assert {run.info.run_id for run in found} == set(children)
    assert sorted(tracker.runs.list_runs()["name"]) == ["trial 1.0", "trial 2.0"]  # the group is no training


def test_a_group_whose_work_fails_is_closed_as_failed_and_its_finished_children_stay(tracker):
    def work() -> None:
        with tracker.group(RunItems("search", kind="group")) as group:
            tracker.log(RunItems("trial", parent=group.run_id))
            raise ParamsError("stopped")

    with pytest.raises(ParamsError, match="stopped"):
        work()
    frame = tracker.runs.list_runs(kind=None, finished=False).set_index("name")
    assert frame["status"].to_dict() == {"search": "FAILED", "trial": "FINISHED"}
