"""A store whose writer was killed comes back whole, and what is wrong with a store is told as what it is."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edtech.cli import app
from edtech.errors import TrackingError
from edtech.settings import PROJECT, Settings
from edtech.tracking import EdTechMLFlowTracker, RunItems, RunStore, database
from edtech.tracking.database import open_readonly
from edtech.tracking.store import connect, find_store

NAMES = ["first", "second", "third"]
WRITE = """
PRAGMA cache_size = 1;
PRAGMA cache_spill = 1;
PRAGMA synchronous = FULL;
BEGIN;
UPDATE runs SET name = 'half written';
DELETE FROM metrics;
CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
SELECT i, zeroblob(3000) AS block FROM n;
"""
KILLED = "import os, sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2]); os._exit(9)"


def left_hot(path: Path) -> None:
    """Kill a process in the middle of a write, after its pages went to the file."""
    before = path.read_bytes()
    user = os.geteuid() if os.name == "posix" else None
    if user is not None:
        os.seteuid(os.getuid())  # another user may not run root's Python
    done = subprocess.run([sys.executable, "-c", KILLED, path, WRITE], check=False)
    if user is not None:
        os.seteuid(user)
    assert done.returncode == 9
    assert path.read_bytes() != before
    assert database.journal_of(path).stat().st_size > 0
    with (
        closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        db.execute("SELECT name FROM runs")


@pytest.fixture
def path(tracker, settings) -> Path:
    for name in NAMES:
        tracker.log(RunItems(name, metrics={"rmse": 1.0}))
    return settings.mlruns_dir / "mlflow.db"


def require_whole(path: Path, settings: Settings, names: list[str] = NAMES) -> None:
    frame = RunStore(settings=settings).list_runs()
    assert sorted(frame["name"]) == names
    assert frame["metrics.rmse"].eq(1.0).all()
    assert not database.journal_of(path).exists()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_write_that_was_killed_is_undone_when_runs_are_listed(path, settings):
    left_hot(path)
    require_whole(path, settings)


def test_a_write_that_was_killed_is_undone_before_the_next_run_is_logged(path, settings):
    left_hot(path)
    EdTechMLFlowTracker(settings=settings).log(RunItems("fourth", metrics={"rmse": 1.0}))
    require_whole(path, settings, sorted([*NAMES, "fourth"]))


def test_a_write_that_was_killed_is_undone_by_the_doctor(path, settings):
    left_hot(path)
    result = CliRunner().invoke(app, ["doctor", "--out", str(settings.home)])
    assert result.exit_code == 0, result.output
    require_whole(path, settings)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
def test_nothing_is_undone_where_files_are_read_only_and_nothing_is_lost(bound):
    path = Path(bound.uri.removeprefix("sqlite:///"))
    left_hot(path)
    before = {file: file.read_bytes() for file in (path, database.journal_of(path))}
    path.parent.chmod(0o500)
    with pytest.raises(TrackingError, match=r"must be rolled back, but its files are read-only.*writable.*together"):
        bound.runs.list_runs()
    assert {file: file.read_bytes() for file in before} == before
    path.parent.chmod(0o700)
    assert bound.runs.list_runs()["name"].tolist() == ["before"]


@contextmanager
def writer(path: Path, script: str) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(script)
        yield db


def test_the_journal_of_a_writer_that_lives_is_left_alone(path, settings):
    with writer(path, "BEGIN; UPDATE runs SET name = 'renamed';") as db:
        assert database.journal_of(path).stat().st_size > 0
        assert sorted(RunStore(settings=settings).list_runs()["name"]) == NAMES
        db.execute("COMMIT")
    assert set(RunStore(settings=settings).list_runs()["name"]) == {"renamed"}


@pytest.mark.parametrize("script", ["BEGIN EXCLUSIVE;", WRITE], ids=["lock", "large write"])
def test_a_locked_store_is_told_as_one_and_its_journal_is_left_alone(path, settings, monkeypatch, script):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with writer(path, script) as db:
        for doing in (RunStore(settings=settings).list_runs, lambda: connect(find_store(settings=settings))):
            with pytest.raises(TrackingError, match=r"is in use.*wait until") as caught:
                doing()
            assert "not an MLflow store" not in str(caught.value)
        db.execute("ROLLBACK")
    require_whole(path, settings)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
def test_a_store_that_may_not_be_read_is_told_as_one(bound):
    path = Path(bound.uri.removeprefix("sqlite:///"))
    path.chmod(0)
    with pytest.raises(TrackingError, match=r"cannot be opened.*Make the file and its folder readable"):
        bound.runs.list_runs()
    path.chmod(0o600)
    assert bound.runs.list_runs()["name"].tolist() == ["before"]


def test_a_full_disk_is_told_as_one(path):
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("PRAGMA max_page_count = 2")
        with pytest.raises(TrackingError, match="disk of the MLflow store failed or is full"), open_readonly(path):
            db.execute("CREATE TABLE filler AS SELECT zeroblob(100000) AS block")


def test_a_damaged_store_is_told_as_one(path, settings):
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(TrackingError, match=r"is damaged.*copy its whole folder"):
        RunStore(settings=settings).list_runs()


def test_no_store_is_created_beside_the_journal_of_another(path, settings, tmp_path):
    left_hot(path)
    moved = Path(shutil.move(path, tmp_path / "moved.db"))
    with pytest.raises(TrackingError, match=r"its journal is.*Put mlflow.db back beside it"):
        EdTechMLFlowTracker(settings=settings)
    shutil.move(moved, path)
    require_whole(path, settings)


def test_no_advice_loses_a_store():
    advice = [fix.lower() for _, fix in [*database._REASONS.values(), database._OTHER]]
    assert not [fix for fix in advice if any(word in fix for word in ("away", "delete", "remove"))]
    texts = {
        file: file.read_text(encoding="utf-8") for file in [*PROJECT.glob("edtech/**/*.py"), *PROJECT.glob("docs/*.md")]
    }
    assert not [file for file, text in texts.items() if re.search(r"(?i)\bmove\b[^.;]{0,40}\baway\b", text)]
