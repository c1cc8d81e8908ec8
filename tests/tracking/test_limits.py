"""Runs at the limits: thousands of parameters, equal names, large files, a full database."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from mlflow import MlflowClient
from sqlalchemy import event
from sqlalchemy.engine import Engine

from edtech.errors import TrackingError
from edtech.tracking import RunItems, mlflow_runs
from edtech.tracking.trusted_types import load_trusted


@pytest.fixture
def client(tracker) -> MlflowClient:
    return MlflowClient(tracking_uri=tracker.uri)


def test_a_run_with_thousands_of_parameters_is_complete(tracker):
    params = {f"weight {number}": number for number in range(3_000)}
    metrics = {f"error {number}": float(number) for number in range(2_500)}
    run = tracker.runs.get_run(tracker.log(RunItems("wide", params=params, metrics=metrics)))
    assert run.params == {name: str(value) for name, value in params.items()}
    assert run.metrics == metrics
    assert len(tracker.runs.list_runs().columns) > 5_500


def test_two_runs_may_have_the_same_name(tracker, items):
    first, second = (tracker.log(replace(items, metrics={"rmse": value})) for value in (1.0, 2.0))
    assert first != second
    frame = tracker.runs.list_runs().set_index("run_id")
    assert frame["name"].tolist() == ["ridge", "ridge"]
    assert frame["metrics.rmse"].to_dict() == {first: 1.0, second: 2.0}


def test_a_large_file_raises_before_it_is_downloaded(tracker, monkeypatch):
    run_id = tracker.log(RunItems("big", artifacts={"files/big.bin": bytes(2_000), "files/small.bin": b"1"}))
    monkeypatch.setattr(mlflow_runs, "MAX_ARTIFACT_BYTES", 1_000)
    monkeypatch.setattr(
        MlflowClient, "download_artifacts", lambda _self, _run_id, path, _folder: downloads.append(path)
    )
    downloads: list[str] = []
    with pytest.raises(TrackingError, match="too large") as caught:
        tracker.runs.read_artifact(run_id, "files/big.bin")
    assert downloads == []
    assert "mlflow artifacts download" in caught.value.fix
    monkeypatch.undo()
    assert tracker.runs.read_artifact(run_id, "files/small.bin") == b"1"


def test_a_model_is_zipped_on_disk_and_deleted_afterwards(tracker, items, panel, ridge):
    run_id = tracker.log(items)
    with tracker.runs.model_zip(run_id) as archive, ZipFile(archive) as zipped:
        names, stored = zipped.namelist(), zipped.read("model.skops")
    assert {"MLmodel", "model.skops", "requirements.txt"} <= set(names)
    assert not any(name.endswith(".zip") for name in names)
    rows = panel.drop(columns="enrollments")
    assert np.array_equal(load_trusted(stored, "the zip").predict(rows), ridge.predict(rows))
    assert not archive.exists()


@pytest.fixture
def full(tracker):
    """Keep the tracker's database from growing, as on a full disk."""
    database = Path(tracker.uri.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(database)) as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0] + 2

    def limit(connection, *_):
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(Engine, "checkout", limit)
    yield tracker
    event.remove(Engine, "checkout", limit)


def test_a_full_database_raises_and_finished_runs_stay(tracker, client, request):
    before = tracker.log(RunItems("before", metrics={"rmse": 1.0}))
    request.getfixturevalue("full")
    wide = RunItems("too wide", params={f"weight {number}": "x" * 5_000 for number in range(300)})
    with pytest.raises(TrackingError, match="Could not log the run 'too wide'") as caught:
        tracker.log(wide)
    assert "full" in caught.value.actual
    assert caught.value.fix == "Free disk space and try again"
    statuses = {run.info.run_name: run.info.status for run in client.search_runs([tracker.experiment_id])}
    assert statuses == {"before": "FINISHED", "too wide": "FAILED"}
    assert tracker.runs.get_run(before).metrics == {"rmse": 1.0}
