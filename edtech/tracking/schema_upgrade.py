"""Upgrade an embedded store of an older MLflow to the installed schema, on a copy, and keep a backup."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock, Timeout

from edtech.errors import SettingsError, TrackingError
from edtech.tracking.database import database_error, open_readonly
from edtech.tracking.store import Store, has_older_schema, require_current_schema, sqlite_uri, translate_errors

LOCK_SECONDS = 20.0


def upgrade_store(store: Store) -> Path | None:
    """Upgrade the database and return the path of its backup; None if the schema is current already.

    A copy is upgraded and then replaces the content of the file in one transaction; until then nothing changes.
    Raises SettingsError for a server, TrackingError if the store is missing, newer, in use or cannot be upgraded.
    """
    if store.database is None:
        raise SettingsError(
            "The store of a server cannot be upgraded from this machine",
            actual=store.redacted_uri,
            fix="On the server's machine: back up its database, then run: mlflow db upgrade <its address>",
        )
    if not store.database.exists():
        raise TrackingError("There is no MLflow store to upgrade", where=str(store.database))
    if not has_older_schema(store.database):
        require_current_schema(store.database)
        return None
    try:
        with FileLock(f"{store.database}.lock", timeout=LOCK_SECONDS):
            return _upgrade(store, store.database)
    except sqlite3.Error as exc:
        raise database_error(exc, store.database) from exc
    except OSError as exc:
        raise TrackingError(
            "The MLflow store cannot be upgraded",
            actual=f"{type(exc).__name__}: {exc}",
            where=str(store.database),
            fix="Stop the other processes that use it"
            if isinstance(exc, Timeout)
            else "Check free space and permissions",
        ) from exc


def _upgrade(store: Store, database: Path) -> Path:
    backup = database.with_name(f"{database.name}.backup-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
    with TemporaryDirectory(dir=database.parent, prefix=".upgrade-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder, "mlflow.db")
        with closing(sqlite3.connect(database, LOCK_SECONDS, isolation_level=None)) as old:
            old.execute("PRAGMA locking_mode = EXCLUSIVE")  # the lock outlives the transaction, so writers wait
            old.execute("BEGIN IMMEDIATE")
            with open_readonly(database) as source, closing(sqlite3.connect(copy)) as target:
                source.backup(target)
            old.execute("ROLLBACK")
            shutil.copyfile(copy, backup)
            with translate_errors("upgrade the MLflow store", store):
                _migrate(copy)
            require_current_schema(copy)
            with closing(sqlite3.connect(copy)) as upgraded:
                upgraded.backup(old)  # in one transaction, into the file that waiting writers have open
    return backup


def _migrate(copy: Path) -> None:
    from mlflow.store.db.utils import _upgrade_db
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    engine = create_engine(sqlite_uri(copy))
    try:
        _upgrade_db(engine)  # type: ignore[no-untyped-call]
    except SQLAlchemyError as exc:
        raise TrackingError(
            "MLflow cannot upgrade this store; nothing was changed", actual=str(exc).splitlines()[0], where=str(copy)
        ) from exc
    finally:
        engine.dispose()
