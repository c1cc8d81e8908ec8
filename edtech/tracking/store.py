"""Find, check, create and open an MLflow store, and translate MLflow's errors.

MLflow reads environment variables on import, so this module sets defaults first and imports MLflow inside functions.
"""

import os
import re
import shutil
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from filelock import FileLock, Timeout

from edtech.errors import EdtechError, RunNotFoundError, SettingsError, TrackingError
from edtech.settings import Settings
from edtech.tracking.database import journal_of, open_readonly

if TYPE_CHECKING:
    from mlflow import MlflowClient

ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",  # else creating a store logs each table
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # else a server that is down delays a training by 4 minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",  # MLflow imports GitPython, which warns if git is not installed
}
for _name, _value in ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)

SQLITE = "sqlite:///"
PROBE_SECONDS = 1.5
CREATE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Store:
    """An MLflow store. `database` is the SQLite file, None for a server.

    `locks` is the folder where each process that writes a run holds a lock, so that others see whether it is alive.
    """

    uri: str
    locks: Path
    database: Path | None = None

    @property
    def is_server(self) -> bool:
        """Whether the runs are on a server."""
        return self.database is None

    @property
    def artifact_location(self) -> str | None:
        """The folder of a new experiment's files; None if the server decides."""
        return None if self.database is None else file_uri(self.database.parent / "artifacts")

    @property
    def uri_without_credentials(self) -> str:
        """The address without user and password."""
        return re.sub(r"//[^/@]*@", "//", self.uri)

    @property
    def redacted_uri(self) -> str:
        """The address with user and password masked, for messages."""
        return re.sub(r"//[^/@]*@", "//***@", self.uri)


def sqlite_uri(path: PurePath) -> str:
    """Return the MLflow address of an absolute SQLite path, POSIX or Windows (`sqlite:///C:/...`)."""
    return SQLITE + path.as_posix()


def file_uri(path: PurePath) -> str:
    """Return the address of a folder of artifacts, POSIX or Windows (`file:///C:/...`)."""
    return path.as_uri()


def find_store(tracking_uri: str | None = None, settings: Settings | None = None) -> Store:
    """Return the store at `tracking_uri`, else the one in the settings, else the default; nothing is opened.

    Raises SettingsError if the address is neither `sqlite:///...` nor `http(s)://...`.
    """
    settings = settings or Settings()
    uri = tracking_uri or settings.mlflow_tracking_uri or sqlite_uri(settings.mlruns_dir / "mlflow.db")
    if uri.startswith(("http://", "https://")):
        return Store(uri.rstrip("/"), locks=settings.mlruns_dir / "writing")
    if not uri.startswith(SQLITE) or uri.rstrip("/") == SQLITE.rstrip("/") or ":memory:" in uri:
        raise _invalid_address(uri)
    if set("%?") & set(uri):
        raise SettingsError(
            "The path of the MLflow database has a character that database addresses cannot contain",
            expected="a path without % and ?",
            actual=uri,
            fix="Choose another folder with EDTECH_HOME or EDTECH_MLFLOW_TRACKING_URI",
        )
    path = Path(uri.removeprefix(SQLITE)).expanduser().resolve()
    return Store(sqlite_uri(path), locks=path.parent / "writing", database=path)


def embedded_store(settings: Settings) -> Store:
    """Return the store in the home folder, even if the settings name a server."""
    return find_store(sqlite_uri(settings.mlruns_dir / "mlflow.db"), settings)


def _invalid_address(uri: str) -> SettingsError:
    scheme = urlsplit(uri).scheme
    is_folder = scheme in {"", "file"} or len(scheme) == 1  # C:\mlruns has the "scheme" c
    command = f"mlflow migrate-filestore --source {unquote(urlsplit(uri).path) or uri} --target sqlite:///mlflow.db"
    return SettingsError(
        "This address cannot be used as the MLflow store",
        expected="sqlite:///path/to/mlflow.db or http(s)://server:port",
        actual=Store(uri, Path()).redacted_uri,
        where="EDTECH_MLFLOW_TRACKING_URI",
        fix=f"MLflow no longer writes file stores; migrate yours once with: {command}" if is_folder else None,
    )


def connect(store: Store) -> "MlflowClient":
    """Return MLflow's client of a store; a SQLite store is created if it does not exist.

    Raises TrackingError if it cannot be reached, is not an MLflow store or has another schema version.
    """
    if store.database is None:
        _require_answer(store)
    else:
        _ensure_created(store, store.database)
        require_current_schema(store.database)
    from mlflow import MlflowClient

    with translate_errors("open the MLflow store", store):
        return MlflowClient(tracking_uri=store.uri, registry_uri=store.uri)


def _require_answer(store: Store) -> None:
    # MLflow's own client retries for minutes; a page can wait for a second or two.
    try:
        with urllib.request.urlopen(f"{store.uri_without_credentials}/health", timeout=PROBE_SECONDS):  # noqa: S310  # http(s) by find_store
            return
    except urllib.error.HTTPError as exc:
        answer = f"HTTP status {exc.code}"
    except (OSError, ValueError, HTTPException) as exc:  # HTTPException: an invalid port, or no HTTP
        answer = str(getattr(exc, "reason", exc))
    raise TrackingError(
        "The MLflow server does not answer",
        expected=f"an answer from {store.redacted_uri}/health within {PROBE_SECONDS} s",
        actual=answer,
        fix="Start the server, correct EDTECH_MLFLOW_TRACKING_URI, or unset it to use the embedded store",
    )


def _ensure_created(store: Store, database: Path) -> None:
    """Create the database atomically: two processes that create one at the same time break it for good."""
    if database.exists():
        return
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{database}.lock", timeout=CREATE_SECONDS):
            if not database.exists():
                _require_no_journal(database)
                _create(store, database)
    except (OSError, sqlite3.Error) as exc:
        raise TrackingError(
            "The MLflow store cannot be created",
            actual=f"{type(exc).__name__}: {_first_line(exc)}",
            where=str(database),
            fix=f"Another process holds {database}.lock; wait for it or stop it"
            if isinstance(exc, Timeout)
            else "Make the folder writable and check free space, or choose another with EDTECH_HOME",
        ) from exc


def _require_no_journal(database: Path) -> None:
    """Refuse to create a store beside the journal of a moved one: SQLite would roll that back into the new file."""
    journal = journal_of(database)
    if journal.exists() and journal.stat().st_size:
        raise TrackingError(
            "The MLflow store is not here, but its journal is",
            expected=f"{database.name} and {journal.name} in one folder, or neither",
            actual=journal.name,
            where=str(database.parent),
            fix=f"Put {database.name} back beside it, or choose another home with EDTECH_HOME",
        )


def _create(store: Store, database: Path) -> None:
    from mlflow import MlflowClient

    # Built beside its final path and then moved: a process that dies leaves no half-migrated file under the real name.
    for leftover in database.parent.glob(".new-*"):  # this process holds the lock, so their makers are dead
        shutil.rmtree(leftover, ignore_errors=True)
    with TemporaryDirectory(dir=database.parent, prefix=".new-", ignore_cleanup_errors=True) as folder:
        fresh, ready = Path(folder, "fresh.db"), Path(folder, "ready.db")
        with translate_errors("create the MLflow store", store):
            MlflowClient(tracking_uri=sqlite_uri(fresh)).search_experiments(max_results=1)
        shutil.copyfile(fresh, ready)
        with closing(sqlite3.connect(ready)) as db, db:
            # MLflow puts the files of its "Default" experiment into the working directory of the first process.
            db.execute("UPDATE experiments SET artifact_location = ?", (store.artifact_location,))
        ready.replace(database)


def require_current_schema(database: Path) -> None:
    """Raise TrackingError for a file that MLflow would migrate without asking, or try to open for two minutes."""
    actual, required, supported = _schema_versions(database)
    if actual == required:
        return
    older = actual <= supported
    raise TrackingError(
        f"The MLflow store has {'an older' if older else 'a newer'} schema than the installed MLflow",
        expected=", ".join(sorted(required)),
        actual=", ".join(sorted(map(str, actual))) or "none",
        where=str(database),
        fix="Upgrade it, which keeps a backup: python -m edtech doctor --upgrade"
        if older
        else "Install the packages in this project's requirements.txt, or the MLflow version that wrote the store",
    )


def has_older_schema(database: Path) -> bool:
    """Whether an older MLflow wrote a store, so that the installed MLflow can upgrade it."""
    actual, required, supported = _schema_versions(database)
    return actual != required and actual <= supported


def _schema_versions(database: Path) -> tuple[set[str], set[str], set[str]]:
    """Return the schema versions of the file, those that the installed MLflow requires, and those it can upgrade."""
    import mlflow.store
    from alembic.script import ScriptDirectory

    with open_readonly(database) as db:
        actual = {row[0] for row in db.execute("SELECT version_num FROM alembic_version")}
    scripts = ScriptDirectory(str(Path(mlflow.store.__file__).parent / "db_migrations"))
    return actual, set(scripts.get_heads()), {script.revision for script in scripts.walk_revisions()}


def refuse_local_artifacts(store: Store, artifact_uri: str) -> None:
    """Raise TrackingError if a server on another machine refers to files of this machine.

    Otherwise anyone who can write to that server could make its users read or write any file of their machine.
    """
    host = urlsplit(store.uri).hostname
    is_file = urlsplit(artifact_uri).scheme in {"", "file"} or len(urlsplit(artifact_uri).scheme) == 1
    if store.database is None and is_file and host not in {"localhost", "127.0.0.1", "::1"}:
        raise TrackingError(
            "The MLflow server stores this run's files at a path of its own machine",
            expected="artifacts that the server serves (mlflow-artifacts:, s3:, ...)",
            actual=artifact_uri[:200],
            where=store.redacted_uri,
            fix="Start the server with --serve-artifacts (its default) and use a new experiment",
        )


@contextmanager
def translate_errors(task: str, store: Store) -> Iterator[None]:
    """Raise errors of MLflow and of the system as TrackingError: could not do the `task`.

    Every exception of MLflow is translated here; those of this project pass unchanged.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except EdtechError:
        raise
    except (MlflowException, OSError) as exc:
        code = getattr(exc, "error_code", "")
        kind = RunNotFoundError if code == "RESOURCE_DOES_NOT_EXIST" else TrackingError
        raise kind(f"Could not {task}", actual=_first_line(exc), where=store.redacted_uri, fix=_advice(exc)) from exc


def _advice(exc: Exception) -> str | None:
    text = str(exc).lower()
    advice = {
        "no space left": "Free disk space and try again",
        "disk is full": "Free disk space and try again",
        "readonly database": "Make the database file and its folder writable",
        "permission denied": "Make the folder of the store writable",
        "database is locked": "Another process has locked the store; try again when it has finished",
    }
    return next((fix for symptom, fix in advice.items() if symptom in text), None)


def _first_line(exc: BaseException, limit: int = 300) -> str:
    text = next((line for line in str(exc).splitlines() if line.strip()), type(exc).__name__)
    return text if len(text) <= limit else text[: limit - 1] + "…"
