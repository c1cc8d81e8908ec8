"""Which store is used, and that opening it neither breaks it nor hangs."""

import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from edtech.errors import SettingsError, TrackingError
from edtech.settings import PROJECT, Settings
from edtech.tracking import EdTechMLFlowTracker, RunItems, RunStore
from edtech.tracking.store import PROBE_SECONDS, connect, find_store, refuse_local_artifacts, sqlite_uri
from tests.waiting import SECONDS


def test_the_default_is_embedded_and_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = find_store(settings=Settings(home="somewhere"))
    assert store.uri == f"sqlite:///{tmp_path}/somewhere/mlruns/mlflow.db"
    assert store.artifact_location == f"file://{tmp_path}/somewhere/mlruns/artifacts"


def test_the_address_comes_from_argument_then_setting(tmp_path, monkeypatch):
    monkeypatch.setenv("EDTECH_MLFLOW_TRACKING_URI", "http://tracker:5000/")
    assert find_store().uri == "http://tracker:5000"
    assert find_store().artifact_location is None
    assert find_store(f"sqlite:///{tmp_path}/a.db").database == tmp_path / "a.db"


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        (PurePosixPath("/home/a b/mlflow.db"), "sqlite:////home/a b/mlflow.db"),
        (PureWindowsPath(r"C:\Users\a b\mlruns\mlflow.db"), "sqlite:///C:/Users/a b/mlruns/mlflow.db"),
        (PureWindowsPath(r"\\server\share\mlflow.db"), "sqlite://///server/share/mlflow.db"),
    ],
)
def test_paths_of_both_systems_become_addresses(path, uri):
    assert sqlite_uri(path) == uri


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("file:///srv/mlruns", "mlflow migrate-filestore --source /srv/mlruns --target"),
        ("./mlruns", "mlflow migrate-filestore --source ./mlruns"),
        (r"C:\mlruns", "mlflow migrate-filestore --source"),
        ("sqlite:///", "Expected: sqlite:///path/to/mlflow.db"),
        ("sqlite:///:memory:", "Expected: sqlite:///path/to/mlflow.db"),
        ("postgresql://me:secret@db/mlflow", r"Found: postgresql://\*\*\*@db/mlflow"),
        ("sqlite:////tmp/100%/mlflow.db", "without % and"),
    ],
)
def test_invalid_addresses_raise_with_advice(uri, message):
    with pytest.raises(SettingsError, match=message) as caught:
        find_store(uri)
    assert "secret" not in str(caught.value)


def test_the_name_that_version_0_1_exported_still_works():
    from edtech.tracking import pending_runs, waiting

    assert waiting is pending_runs


def test_importing_tracking_does_not_load_mlflow():
    script = (
        "import sys, edtech.tracking; from edtech.tracking import EdTechMLFlowTracker; print('mlflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


OPEN_AND_LOG = """
import sys
from edtech.settings import Settings
from edtech.tracking import EdTechMLFlowTracker, RunItems, RunStore
tracker = EdTechMLFlowTracker(settings=Settings(home=sys.argv[1]))
for number in range(int(sys.argv[3])):
    values = {"params": {"n": number}, "metrics": {"rmse": 1.0}, "artifacts": {"a.txt": "a"}}
    tracker.log(RunItems(f"{sys.argv[2]}-{number}", **values))
"""


WRITERS, RUNS = int(os.environ.get("EDTECH_WRITERS", "4")), int(os.environ.get("EDTECH_RUNS", "5"))


def test_processes_create_a_store_at_the_same_time_and_log_complete_runs_silently(tmp_path):
    start = [sys.executable, "-c", OPEN_AND_LOG, str(tmp_path)]
    writers = [
        subprocess.Popen(
            [*start, str(n), str(RUNS)], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for n in range(WRITERS)
    ]
    outputs = [writer.communicate(timeout=2 * SECONDS)[0] for writer in writers]
    assert ([writer.returncode for writer in writers], outputs) == ([0] * WRITERS, [""] * WRITERS)
    runs = RunStore(settings=Settings(home=tmp_path))
    frame = runs.list_runs()
    assert sorted(frame["name"]) == sorted(
        f"{process}-{number}" for process in range(WRITERS) for number in range(RUNS)
    )
    assert frame["params.n"].tolist() == frame["name"].str.partition("-")[2].tolist()
    assert frame["metrics.rmse"].eq(1.0).all()
    assert all("a.txt" in runs.get_run(run_id).artifacts for run_id in frame["run_id"])
    names = {path.name for path in (tmp_path / "mlruns").iterdir()}
    assert names <= {"mlflow.db", "mlflow.db.lock", "artifacts", "writing"}


def test_leftovers_of_a_killed_process_are_removed(tmp_path, empty_database):
    settings = Settings(home=tmp_path)
    leftover = settings.mlruns_dir / ".new-abc"
    leftover.mkdir(parents=True)
    (leftover / "fresh.db").write_bytes(empty_database.read_bytes()[:50_000])
    (settings.mlruns_dir / "mlflow.db.lock").touch()
    assert EdTechMLFlowTracker(settings=settings).log(RunItems("r"))
    assert not leftover.exists()


def test_the_default_experiment_does_not_point_at_the_working_directory(settings):
    with closing(sqlite3.connect(settings.mlruns_dir / "mlflow.db")) as db:
        (location,) = db.execute("SELECT artifact_location FROM experiments").fetchone()
    assert location.startswith("file://")
    assert str(Path.cwd()) not in location


@pytest.mark.parametrize(
    ("revision", "message"),
    [
        ("451aebb31d03", "an older schema.*python -m edtech doctor --upgrade"),
        ("ffffffffffff", "a newer schema.*requirements"),
    ],
)
def test_a_store_with_another_schema_is_unchanged(settings, revision, message):
    database = settings.mlruns_dir / "mlflow.db"
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    before = database.read_bytes()
    with pytest.raises(TrackingError, match=message):
        connect(find_store(settings=settings))
    assert database.read_bytes() == before


@pytest.fixture
def untouched_mlflow(monkeypatch):
    """Fail a test in which MLflow's own client is made: it tries again for minutes what cannot be opened."""
    monkeypatch.setattr("mlflow.MlflowClient", lambda **_: pytest.fail("MLflow was asked to open the store"))


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100, b"SQLite format 3\x00" + bytes(84)])
def test_a_file_that_is_no_store_is_refused_before_mlflow_tries_for_minutes(settings, content, untouched_mlflow):
    (settings.mlruns_dir / "mlflow.db").write_bytes(content)
    with pytest.raises(TrackingError, match="not an MLflow store"):
        connect(find_store(settings=settings))


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TrackingError, match="cannot be created"):
        connect(find_store(settings=Settings(home=tmp_path / "file")))


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
@pytest.mark.parametrize("closed", [".", "writing", "artifacts"])
def test_a_store_that_became_read_only_is_said_and_keeps_what_it_has(bound, closed):
    path = Path(bound.uri.removeprefix("sqlite:///")).parent / closed
    rights = path.stat().st_mode
    path.chmod(0o500)
    with pytest.raises(TrackingError, match="writable"):
        bound.log(RunItems("r", artifacts={"a.txt": "a"}))
    path.chmod(rights)
    assert bound.runs.list_runs()["name"].tolist() == ["before"]
    bound.log(RunItems("after"))
    assert sorted(bound.runs.list_runs()["name"]) == ["after", "before"]


def test_a_database_that_vanished_or_lost_its_tables_is_said(settings):
    tracker = EdTechMLFlowTracker(settings=settings)
    with closing(sqlite3.connect(settings.mlruns_dir / "mlflow.db")) as db, db:
        db.execute("DROP TABLE metrics")
    with pytest.raises(TrackingError, match="Could not log the run 'r'"):
        tracker.log(RunItems("r", metrics={"rmse": 1.0}))


def test_a_server_that_is_away_is_refused_before_mlflow_tries_for_minutes(nobody, untouched_mlflow):
    with pytest.raises(TrackingError, match=r"does not answer.*EDTECH_MLFLOW_TRACKING_URI"):
        connect(find_store(nobody))


@pytest.mark.parametrize("address", ["http://localhost:abc", "http://a b:5000", "http://[::1"])
def test_an_impossible_address_of_a_server_is_said(address):
    with pytest.raises(TrackingError, match="does not answer"):
        connect(find_store(address))


def test_a_server_that_hangs_is_asked_once_and_waited_for_at_most_two_seconds(untouched_mlflow):
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        with pytest.raises(TrackingError, match=rf"does not answer.*within {PROBE_SECONDS} s.*timed out"):
            connect(find_store(f"http://127.0.0.1:{silent.getsockname()[1]}"))
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()
    assert PROBE_SECONDS <= 2


def test_a_server_cannot_point_at_files_of_this_machine():
    remote = find_store("https://tracker.example.org")
    for uri in ["file:///etc", "/etc", "C:/Users"]:
        with pytest.raises(TrackingError, match="path of its own machine"):
            refuse_local_artifacts(remote, uri)
    refuse_local_artifacts(remote, "mlflow-artifacts:/1/abc/artifacts")
    refuse_local_artifacts(find_store("http://127.0.0.1:5000"), "file:///srv/mlruns")
