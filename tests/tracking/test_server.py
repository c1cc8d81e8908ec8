"""The same calls against a real MLflow server."""

import os
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from edtech.errors import TrackingError
from edtech.settings import Settings
from edtech.tracking import EdTechMLFlowTracker
from tests.serving import free_port, stop

START_SECONDS = 60


@pytest.fixture
def server(tmp_path, empty_database):
    (tmp_path / "mlflow.db").write_bytes(empty_database.read_bytes())
    address, log = f"http://127.0.0.1:{free_port()}", tmp_path / "server.log"
    start = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", address.rpartition(":")[2]]
    stores = [
        "--backend-store-uri",
        f"sqlite:///{tmp_path}/mlflow.db",
        "--artifacts-destination",
        str(tmp_path / "files"),
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*start, *stores],
            cwd=tmp_path,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for(address, process, log)
        yield address, process
    finally:
        stop(process)


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=1):  # noqa: S310
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)
            pytest.fail(f"mlflow server stopped:\n{log.read_text()}")
    pytest.fail(f"mlflow server did not answer within {START_SECONDS} s:\n{log.read_text()}")


def test_a_run_goes_to_a_server_and_comes_back(server, items, panel, ridge, tmp_path):
    address, process = server
    tracker = EdTechMLFlowTracker(tracking_uri=address, settings=Settings(home=tmp_path))
    run_id = tracker.log(items)
    assert tracker.ui_command is None
    run = tracker.runs.get_run(run_id)
    assert (run.status, run.metrics, run.params["seed"]) == ("FINISHED", {"r2": 0.5, "rmse": 2.0}, "7")
    assert set(run.artifacts) == {"evaluation/summary.txt", "evaluation/plots/a.png"}
    assert tracker.runs.read_artifact(run_id, "evaluation/plots/a.png") == b"\x89PNG"
    rows = panel.drop(columns="enrollments")
    assert np.array_equal(tracker.runs.load_model(run_id).predict(rows), ridge.predict(rows))
    assert tracker.runs.list_runs()["run_id"].tolist() == [run_id]
    assert tracker.runs.close_stale_runs() == []

    stop(process)
    began = time.perf_counter()
    with pytest.raises(TrackingError, match="Could not log the run 'ridge'"):
        tracker.log(items)
    assert time.perf_counter() - began < 5
