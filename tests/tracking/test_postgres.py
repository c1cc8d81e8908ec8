"""A server whose runs are in PostgreSQL, as docs/deployment.md sets it up."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edtech.tracking import EdTechMLFlowTracker, pending_runs
from edtech.tracking.doctor import check_setup
from tests.postgres import find, postgres
from tests.tracking.serving import mlflow_server


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    programs = find()
    if programs is None:
        pytest.skip("no PostgreSQL found: `python tests/postgres.py` installs one on Debian, or set PG_BIN")
    folder = Path(tempfile.mkdtemp(prefix="edtech-pg-"))  # a path that PostgreSQL's own user can reach
    try:
        (folder / "server").mkdir()
        with postgres(programs, folder) as database, mlflow_server(folder / "server", database) as address:
            yield address
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_run_is_stored_in_postgresql_and_read_back(server, settings, items):
    assert [result for result in check_setup(server, settings) if not result.ok] == []
    tracker = EdTechMLFlowTracker(tracking_uri=server, settings=settings)
    tracker.log(items)
    tracker.flush()
    assert (tracker.notice, pending_runs(settings)) == (None, [])
    frame = tracker.runs.list_runs([tracker.experiment_name])
    assert frame[["metrics.rmse", "params.seed", "status"]].to_numpy().tolist() == [[2.0, "7", "FINISHED"]]
