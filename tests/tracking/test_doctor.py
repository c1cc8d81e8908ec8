"""The set-up's check, and the upgrade of an older store."""

import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest
from alembic import command
from mlflow.store.db.utils import _get_alembic_config
from mlflow.store.tracking.dbmodels.initial_models import Base as InitialBase
from sqlalchemy import create_engine
from typer.testing import CliRunner

from edtech.cli import app
from edtech.errors import SettingsError, TrackingError
from edtech.settings import Settings
from edtech.tracking import EdTechMLFlowTracker, RunItems, RunStore, schema_upgrade
from edtech.tracking.doctor import check_setup
from edtech.tracking.schema_upgrade import upgrade_store
from edtech.tracking.store import find_store
from tests.waiting import SECONDS

CHECKS = ["URI", "store", "experiment", "write", "read", "registry", "versions", "pending runs"]


def run_command(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def test_a_working_setup_passes_each_check_and_leaves_no_run(settings):
    code, text = run_command("doctor", "--out", str(settings.home))
    assert code == 0, text
    assert [line.split(":")[0] for line in text.splitlines()] == [f"ok    {name}" for name in CHECKS]
    assert "id 1" in text
    assert "the run reads back as written" in text
    assert RunStore(settings=settings).list_runs(kind=None, finished=False).empty


def test_a_server_passes_each_check(server, settings):
    results = list(check_setup(server, settings))
    assert [(result.name, result.ok) for result in results] == [(name, True) for name in CHECKS]


@pytest.mark.parametrize(
    ("uri", "failing", "advice"),
    [("file:///srv/mlruns", "URI", "mlflow migrate-filestore"), ("", "store", "Start the server")],
    ids=["file", "no answer"],
)
def test_a_failed_check_names_the_problem_and_what_to_do(settings, monkeypatch, nobody, uri, failing, advice):
    monkeypatch.setenv("EDTECH_MLFLOW_TRACKING_URI", uri or nobody)
    code, text = run_command("doctor", "--out", str(settings.home))
    assert code == 1
    assert f"FAIL  {failing}: " in text
    assert advice in text
    assert "ok    versions" in text
    assert "  write: " not in text


def test_packages_that_differ_from_the_pinned_ones_are_named(settings, monkeypatch):
    monkeypatch.setattr("edtech.tracking.doctor.version", lambda _: "0.0.1")
    result = next(result for result in check_setup(settings=settings) if result.name == "versions")
    assert (result.ok, "mlflow 0.0.1 instead of" in result.text) == (False, True)
    assert "pip install" in result.fix


def test_a_store_that_returns_other_content_fails(settings, monkeypatch):
    monkeypatch.setattr(RunStore, "read_artifact", lambda *_: b"another")
    result = next(result for result in check_setup(settings=settings) if result.name == "read")
    assert (result.ok, "differs from the one that was written" in result.text) == (False, True)
    assert RunStore(settings=settings).list_runs(kind=None, finished=False).empty


def test_the_run_of_the_check_is_deleted_even_if_it_cannot_be_read(settings, monkeypatch):
    monkeypatch.setattr(RunStore, "read_artifact", lambda *_: (_ for _ in ()).throw(TrackingError("Files are gone")))
    result = next(result for result in check_setup(settings=settings) if result.name == "read")
    assert (result.ok, result.text) == (False, "Files are gone.")
    assert RunStore(settings=settings).list_runs(kind=None, finished=False).empty


OLDER = "71994744cf8e"


@pytest.fixture(scope="session")
def older_database(tmp_path_factory) -> Path:
    """A store as an older MLflow left it, made by MLflow's own migrations, with one run."""
    path = tmp_path_factory.mktemp("older") / "mlflow.db"
    engine = create_engine(f"sqlite:///{path}")
    InitialBase.metadata.create_all(engine)
    command.upgrade(_get_alembic_config(f"sqlite:///{path}"), OLDER)
    engine.dispose()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time)"
            " VALUES (7, 'old', 'file:///nowhere', 'active', 1)"
        )
        db.execute(
            "INSERT INTO runs (run_uuid, name, experiment_id, status, start_time, end_time, lifecycle_stage,"
            " artifact_uri, source_type, user_id)"
            " VALUES ('a1', 'old run', 7, 'FINISHED', 1, 2, 'active', 'file:///nowhere', 'LOCAL', 'me')"
        )
        db.execute("INSERT INTO params (key, value, run_uuid) VALUES ('seed', '7', 'a1')")
    return path


@pytest.fixture
def older(tmp_path, older_database) -> Settings:
    settings = Settings(home=tmp_path / "older")
    settings.mlruns_dir.mkdir(parents=True)
    (settings.mlruns_dir / "mlflow.db").write_bytes(older_database.read_bytes())
    return settings


def test_an_older_store_is_read_but_neither_written_nor_upgraded_without_a_request(older):
    before = (older.mlruns_dir / "mlflow.db").read_bytes()
    with pytest.raises(TrackingError, match=r"older schema.*python -m edtech doctor --upgrade"):
        EdTechMLFlowTracker(settings=older)
    code, text = run_command("doctor", "--out", str(older.home))
    assert (code, "FAIL  store" in text) == (1, True)
    assert RunStore(settings=older).list_runs(kind=None)["name"].tolist() == ["old run"]
    assert (older.mlruns_dir / "mlflow.db").read_bytes() == before


def content(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as db:
        return list(db.iterdump())


def test_an_older_store_is_upgraded_on_request_and_a_backup_stays(older):
    before = content(older.mlruns_dir / "mlflow.db")
    code, text = run_command("doctor", "--upgrade", "--out", str(older.home))
    assert code == 0, text
    (backup,) = older.mlruns_dir.glob("mlflow.db.backup-*")
    assert str(backup) in text
    assert content(backup) == before
    tracker = EdTechMLFlowTracker(settings=older)
    assert tracker.runs.get_run(tracker.log(RunItems("new"))).status == "FINISHED"
    assert tracker.runs.get_run("a1").params == {"seed": "7"}
    assert "nothing to upgrade" in run_command("doctor", "--upgrade", "--out", str(older.home))[1]
    left = {path.name for path in older.mlruns_dir.iterdir()} - {backup.name}
    assert left <= {"mlflow.db", "mlflow.db.lock", "artifacts", "writing"}


def test_a_write_during_an_upgrade_is_in_the_upgraded_store(older, monkeypatch):
    database, threads = older.mlruns_dir / "mlflow.db", []

    def write() -> None:
        with closing(sqlite3.connect(database, timeout=SECONDS)) as db, db:
            db.execute("INSERT INTO params (key, value, run_uuid) VALUES ('late', '1', 'a1')")

    def migrate(copy: Path, do=schema_upgrade._migrate) -> None:
        threads.append(Thread(target=write))
        threads[0].start()
        do(copy)

    monkeypatch.setattr(schema_upgrade, "_migrate", migrate)
    schema_upgrade.upgrade_store(find_store(settings=older))
    threads[0].join(SECONDS)
    assert EdTechMLFlowTracker(settings=older).runs.get_run("a1").params == {"seed": "7", "late": "1"}


def test_an_upgrade_that_fails_changes_nothing(older, monkeypatch):
    database = older.mlruns_dir / "mlflow.db"
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("DROP TABLE metrics")
    before = database.read_bytes()
    with pytest.raises(TrackingError, match="upgrade"):
        upgrade_store(find_store(settings=older))
    assert database.read_bytes() == before


def test_a_server_or_a_missing_store_cannot_be_upgraded(tmp_path):
    with pytest.raises(SettingsError, match="mlflow db upgrade"):
        upgrade_store(find_store("http://tracker:5000"))
    with pytest.raises(TrackingError, match="no MLflow store"):
        upgrade_store(find_store(settings=Settings(home=tmp_path)))
    assert not (tmp_path / "mlruns").exists()
