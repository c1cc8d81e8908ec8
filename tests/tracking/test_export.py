"""An experiment as JSON, on paths of all kinds."""

import json
from dataclasses import replace
from pathlib import PureWindowsPath

import pytest
from mlflow import MlflowClient

from edtech.errors import TrackingError
from edtech.tracking import EdTechMLFlowTracker, RunItems
from edtech.tracking.store import file_uri, sqlite_uri


def test_all_runs_of_an_experiment_are_exported(tracker, items, settings):
    good = tracker.log(replace(items, name="größe <b>"))
    bad = MlflowClient(tracking_uri=tracker.uri).create_run(tracker.experiment_id).info.run_id
    MlflowClient(tracking_uri=tracker.uri).log_metric(bad, "rmse", float("nan"))
    EdTechMLFlowTracker("another", settings=settings).log(RunItems("elsewhere"))
    path = tracker.export_experiment_results()
    assert path == settings.mlruns_dir / "experiment_summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    assert (summary["experiment"], summary["runs_total"], summary["finished"]) == (tracker.experiment_name, 2, 1)
    runs = {run["run_id"]: run for run in summary["runs"]}
    assert runs[good]["name"] == "größe <b>"
    assert runs[good]["metrics"] == {"r2": 0.5, "rmse": 2.0}
    assert runs[good]["params"] == {"alpha": "1.0", "seed": "7", "segment_slopes": "True"}
    assert runs[good]["tags"]["platform"] == "EdTech"
    assert runs[good]["model_uri"] == f"runs:/{good}/model"
    assert (runs[bad]["status"], runs[bad]["metrics"], runs[bad]["model_uri"]) == ("RUNNING", {}, None)


def test_an_export_replaces_the_last_one_and_accepts_text_or_path(tracker, tmp_path):
    target = tmp_path / "neuer Ordner" / "é.json"
    assert tracker.export_experiment_results(str(target)) == target
    tracker.log(RunItems("r"))
    tracker.export_experiment_results(target)
    assert json.loads(target.read_text(encoding="utf-8"))["runs_total"] == 1
    assert [path.name for path in target.parent.iterdir()] == ["é.json"]


def test_an_export_that_cannot_be_written_raises_and_leaves_no_files(tracker, tmp_path):
    with pytest.raises(TrackingError, match="cannot be written"):
        tracker.export_experiment_results(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(TrackingError, match="cannot be written"):
        tracker.export_experiment_results(tmp_path / "file" / "x.json")
    assert not [path for folder in (tmp_path, tmp_path.parent) for path in folder.glob(".writing-*")]


@pytest.mark.parametrize(
    ("path", "database", "files"),
    [
        (r"C:\Users\a b\mlruns", "sqlite:///C:/Users/a b/mlruns/mlflow.db", "file:///C:/Users/a%20b/mlruns/artifacts"),
        (r"D:\é", "sqlite:///D:/é/mlflow.db", "file:///D:/%C3%A9/artifacts"),
        (r"\\host\share\m", "sqlite://///host/share/m/mlflow.db", "file://host/share/m/artifacts"),
    ],
)
def test_windows_paths_become_addresses(path, database, files):
    folder = PureWindowsPath(path)
    assert sqlite_uri(folder / "mlflow.db") == database
    assert file_uri(folder / "artifacts") == files
