"""Reading runs of this project and of other programs: frames, files, models."""

import signal
import subprocess
import sys
from dataclasses import replace

import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import PoissonRegressor, Ridge

from edtech.errors import RunNotFoundError, TrackingError, UntrustedModelError
from edtech.settings import PROJECT, Settings
from edtech.tracking import ModelItem, RunItems, RunStore
from edtech.tracking.mlflow_runs import MlflowRuns
from edtech.tracking.sqlite_runs import read_running
from edtech.tracking.store import find_store
from tests.tracking.conftest import demand_model


@pytest.fixture
def foreign(tracker) -> MlflowClient:
    """MLflow's own client, as another program would use it."""
    return MlflowClient(tracking_uri=tracker.uri)


def test_a_logged_run_reads_back_whole(tracker, items):
    run = tracker.runs.get_run(tracker.log(items))
    assert (run.name, run.kind, run.status, run.has_model) == ("ridge", "training", "FINISHED", True)
    assert run.experiment == tracker.experiment_name
    assert run.params["seed"] == "7"
    assert run.metrics == {"r2": 0.5, "rmse": 2.0}
    own = {"evaluation/summary.txt", "evaluation/plots/a.png"}
    assert set(run.artifacts) == own | {"evaluation/evaluation_summary.txt"}
    assert tracker.runs.read_artifact(run.run_id, "evaluation/summary.txt").decode() == "ünïcode"


def test_runs_as_a_frame_newest_first(tracker, items):
    bare = RunItems("bare", metrics={"mae": 1.5})
    ids = [tracker.log(item) for item in (replace(items, model=None), bare, RunItems("plan", kind="scenario"))]
    frame = tracker.runs.list_runs([tracker.experiment_name])
    assert frame["run_id"].tolist() == [ids[1], ids[0]]
    assert frame["metrics.mae"].tolist()[0] == 1.5
    assert np.isnan(frame["metrics.mae"].iloc[1])
    assert frame["params.seed"].iloc[1] == "7"
    assert isinstance(frame["started"].dtype, pd.DatetimeTZDtype)
    assert (frame["duration_seconds"] >= 0).all()
    assert tracker.runs.list_runs(kind="scenario")["name"].tolist() == ["plan"]
    assert tracker.runs.list_runs(kind=None)["name"].tolist() == ["plan", "bare", "ridge"]
    assert tracker.runs.list_runs(limit=1)["name"].tolist() == ["bare"]


def test_times_outside_of_the_calendar(tracker, foreign):
    run_id = foreign.create_run(tracker.experiment_id, start_time=10**18).info.run_id
    foreign.set_terminated(run_id, end_time=10**18 + 1)
    assert tracker.runs.list_runs(kind=None)["started"].isna().all()
    assert tracker.runs.get_run(run_id).started is None


def test_an_empty_store_is_an_empty_frame_with_columns(tracker):
    frame = tracker.runs.list_runs()
    assert frame.empty
    assert {"run_id", "name", "started", "status", "duration_seconds", "kind"} <= set(frame.columns)


def test_runs_of_others_are_listed_as_they_are(tracker, foreign):
    other = foreign.create_experiment("someone <else>")
    bare = foreign.create_run(other, run_name="<script>alert(1)</script> # 名前").info.run_id
    odd = foreign.create_run(other).info.run_id
    foreign.log_metric(odd, "nan", float("nan"))
    foreign.log_metric(odd, "inf", float("-inf"))
    foreign.log_param(odd, "p", "=1+1")
    foreign.set_terminated(odd)
    frame = tracker.runs.list_runs(["someone <else>"], kind=None, finished=False).set_index("run_id")
    assert frame.loc[bare, "name"] == "<script>alert(1)</script> # 名前"
    assert (frame.loc[bare, "status"], frame.loc[bare, "kind"]) == ("RUNNING", "")
    assert frame.loc[odd, "metrics.inf"] == -np.inf
    assert np.isnan(frame.loc[odd, "metrics.nan"])
    assert frame.loc[odd, "params.p"] == "=1+1"
    assert tracker.runs.get_run(bare).artifacts == ()
    assert set(tracker.runs.experiments()) == {"Default", "someone <else>", tracker.experiment_name}


def test_listing_equals_mlflows_client(tracker, foreign, items):
    """An embedded store is read from its tables; MLflow's client, which a server needs, must return the same."""
    other = foreign.create_experiment("other")
    gone = foreign.create_experiment("gone")
    foreign.create_run(gone)
    foreign.delete_experiment(gone)
    for number, values in enumerate([{}, {"nan": float("nan"), "x": 1.0}, {"inf": float("inf"), "x": -2.5}]):
        run_id = foreign.create_run(other, start_time=number, run_name=f"r{number}").info.run_id
        for key, value in values.items():
            foreign.log_metric(run_id, key, value, step=0)
            foreign.log_metric(run_id, key, value, step=1)
        foreign.set_terminated(run_id, "KILLED" if number == 1 else "FINISHED", end_time=1_500)
    foreign.delete_run(foreign.create_run(other).info.run_id)
    tracker.log(items)
    tracker.log(RunItems("plan", kind="scenario"))
    runs, by_client = tracker.runs, MlflowRuns(find_store(tracker.uri))
    cases = [
        ((None, None, 9, False), 5),
        ((None, "training", 9, True), 1),
        ((["other"], None, 9, True), 2),
        ((None, None, 2, False), 2),
    ]
    for arguments, count in cases:
        frame = runs.list_runs(*arguments)
        pd.testing.assert_frame_equal(frame, by_client.list_runs(*arguments))
        assert len(frame) == count
    assert runs.experiments() == by_client.experiments()


def test_reading_does_not_create_a_store(tmp_path):
    runs = RunStore(settings=Settings(home=tmp_path))
    assert runs.experiments() == []
    assert runs.list_runs().empty
    assert not (tmp_path / "mlruns").exists()


def test_missing_runs_files_and_models_raise(tracker, items):
    with pytest.raises(RunNotFoundError, match="no run with this id"):
        tracker.runs.get_run("0" * 32)
    with pytest.raises(RunNotFoundError):
        tracker.runs.load_model("../../etc/passwd")
    assert tracker.runs.list_runs(["nope"]).empty
    with pytest.raises(TrackingError, match="kind of run"):
        tracker.runs.list_runs(kind="x' OR 'a'='a")
    run_id = tracker.log(RunItems("empty"))
    with pytest.raises(TrackingError, match=r"evaluation/nope\.csv"):
        tracker.runs.read_artifact(run_id, "evaluation/nope.csv")
    with pytest.raises(TrackingError, match="has no model"):
        tracker.runs.load_model(run_id)


@pytest.mark.parametrize(
    "path", ["../../../mlflow.db", "/etc/passwd", "evaluation/../../x", "..\\x", "file:///etc/passwd"]
)
def test_an_artifact_path_cannot_leave_the_run(tracker, path):
    with pytest.raises(TrackingError, match="not a valid artifact path"):
        tracker.runs.read_artifact(tracker.log(RunItems("r")), path)


@pytest.mark.parametrize(
    "regressor",
    [Ridge(), PoissonRegressor(), RandomForestRegressor(5, random_state=0), HistGradientBoostingRegressor(max_iter=5)],
    ids=lambda regressor: type(regressor).__name__,
)
def test_a_stored_model_predicts_the_same(tracker, panel, regressor):
    rows = panel.drop(columns="enrollments")
    model = demand_model(panel, regressor)
    run_id = tracker.log(RunItems("m", model=ModelItem(model, rows)))
    assert np.array_equal(tracker.runs.load_model(run_id).predict(rows), model.predict(rows))


def test_a_pickled_model_of_others_is_not_loaded(tracker, foreign, ridge, tmp_path):
    run_id = foreign.create_run(tracker.experiment_id).info.run_id
    mlflow.sklearn.save_model(ridge, str(tmp_path / "model"), serialization_format="pickle", pip_requirements=[])
    foreign.log_artifacts(run_id, str(tmp_path / "model"), "model")
    with pytest.raises(UntrustedModelError, match=r"not stored as skops.*model\.pkl"):
        tracker.runs.load_model(run_id)


def test_an_old_style_model_of_others_is_loaded_when_its_types_are_ours(tracker, foreign, ridge, panel, tmp_path):
    run_id = foreign.create_run(tracker.experiment_id).info.run_id
    mlflow.sklearn.save_model(ridge, str(tmp_path / "model"), pip_requirements=[])
    foreign.log_artifacts(run_id, str(tmp_path / "model"), "model")
    rows = panel.drop(columns="enrollments")
    assert np.array_equal(tracker.runs.load_model(run_id).predict(rows), ridge.predict(rows))


def test_the_trusted_list_of_a_models_own_file_does_not_count(tracker, foreign, panel, tmp_path):
    from sklearn.neighbors import KNeighborsRegressor

    rows = panel[["token_price", "views"]]
    own_list = ["sklearn.metrics._dist_metrics.EuclideanDistance64", "sklearn.neighbors._kd_tree.KDTree"]
    knn = KNeighborsRegressor(algorithm="kd_tree").fit(rows, panel["enrollments"])
    mlflow.sklearn.save_model(knn, str(tmp_path / "model"), skops_trusted_types=own_list, pip_requirements=[])
    run_id = foreign.create_run(tracker.experiment_id).info.run_id
    foreign.log_artifacts(run_id, str(tmp_path / "model"), "model")
    with pytest.raises(UntrustedModelError, match="KDTree"):
        tracker.runs.load_model(run_id)


@pytest.mark.parametrize("text", ["flavors: [", "flavors: 3\nsignature: 7", "[]", "signature: {inputs: '{{'}", "\x00"])
def test_a_forged_model_description_raises(tracker, foreign, tmp_path, text):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "MLmodel").write_text(text)
    run_id = foreign.create_run(tracker.experiment_id).info.run_id
    foreign.log_artifacts(run_id, str(tmp_path / "model"), "model")
    with pytest.raises(TrackingError):
        tracker.runs.signature(run_id)


def test_missing_files_raise(tracker, items, settings):
    run_id = tracker.log(items)
    (settings.mlruns_dir / "artifacts").rename(settings.mlruns_dir / "moved")
    assert tracker.runs.get_run(run_id).artifacts == ()
    with pytest.raises(TrackingError, match="Could not fetch the model"):
        tracker.runs.load_model(run_id)


KILLED = """
import os, signal, sys
from edtech.settings import Settings
from edtech.tracking import EdTechMLFlowTracker, RunItems
tracker = EdTechMLFlowTracker(settings=Settings(home=sys.argv[1]))
tracker.log(RunItems("first"))
tracker._writer._log_artifacts = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
tracker.log(RunItems("second"))
"""


def test_a_run_whose_process_was_killed_is_closed_once(tracker, settings):
    done = subprocess.run([sys.executable, "-c", KILLED, settings.home], cwd=PROJECT, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    mine = tracker.runs.list_runs(finished=False)
    assert mine["status"].tolist() == ["RUNNING", "FINISHED"]
    left = tracker.runs.close_stale_runs()
    assert left == [mine["run_id"].iloc[0]]
    assert tracker.runs.close_stale_runs() == []
    run = tracker.runs.get_run(left[0])
    assert run.status == "FAILED"
    assert "ended before the run was complete" in run.tags["edtech.failed_because"]
    assert not list((settings.mlruns_dir / "writing").iterdir())


def test_a_run_that_finishes_during_the_search_for_stale_runs_stays_finished(tracker, settings, monkeypatch):
    with tracker.group(RunItems("ends in between")) as group:
        listed = read_running(settings.mlruns_dir / "mlflow.db")
    monkeypatch.setattr("edtech.tracking.sqlite_runs.read_running", lambda _: listed)
    assert list(listed) == [group.run_id]
    assert tracker.runs.close_stale_runs() == []
    assert tracker.runs.get_run(group.run_id).status == "FINISHED"


def test_runs_that_are_being_written_or_belong_to_others_stay_open(tracker, foreign, items, settings):
    other = foreign.create_run(tracker.experiment_id, tags={"edtech.host": "elsewhere", "edtech.lock": "a-b"})
    closed = []
    tracker._writer._log_artifacts = lambda *_: closed.extend(RunStore(settings=settings).close_stale_runs())
    tracker.log(items)
    assert closed == []
    assert tracker.runs.get_run(other.info.run_id).status == "RUNNING"
