"""Open an embedded store's SQLite file for reading, and turn SQLite's errors into advice.

A process that is killed during a write leaves a hot journal beside the file. SQLite rolls the write back when the file
is opened next, but only over a connection that may write; see https://sqlite.org/atomiccommit.html.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from edtech.errors import TrackingError

BUSY_SECONDS = 20.0
"""Timeout for a locked database, the same as MLflow's."""
_NOT_A_STORE = (
    "This file is not an MLflow store",
    "Choose another store with EDTECH_MLFLOW_TRACKING_URI or another home with EDTECH_HOME; leave this file as it is",
)
_IN_USE = ("The MLflow store is in use", "Another process has locked it; wait until it has finished, then try again")
_NO_ACCESS = ("The MLflow store cannot be opened", "Make the file and its folder readable and writable, then try again")
_DISK = (
    "The disk of the MLflow store failed or is full",
    "Check the disk, its free space and that the folder is writable, then try again",
)
_REASONS = {
    sqlite3.SQLITE_NOTADB: _NOT_A_STORE,
    sqlite3.SQLITE_ERROR: _NOT_A_STORE,  # no such table or column
    sqlite3.SQLITE_BUSY: _IN_USE,
    sqlite3.SQLITE_LOCKED: _IN_USE,
    sqlite3.SQLITE_PROTOCOL: _IN_USE,
    sqlite3.SQLITE_CANTOPEN: _NO_ACCESS,
    sqlite3.SQLITE_PERM: _NO_ACCESS,
    sqlite3.SQLITE_AUTH: _NO_ACCESS,
    sqlite3.SQLITE_FULL: _DISK,
    sqlite3.SQLITE_IOERR: _DISK,
    sqlite3.SQLITE_READONLY: (
        "A write to the MLflow store was interrupted and must be rolled back, but its files are read-only",
        "Make the file, its -journal and their folder writable and open the store again; keep the two files together, "
        "then no complete run is lost",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "The MLflow store is damaged",
        "Stop the programs that use it, copy its whole folder, then restore the last backup or run: "
        "sqlite3 mlflow.db .recover",
    ),
}
_OTHER = ("The MLflow store cannot be read", "Leave its files as they are and run: python -m edtech doctor")


@contextmanager
def open_readonly(database: Path) -> Iterator[sqlite3.Connection]:
    """Open an MLflow database read-only. Raises TrackingError if it is not one, or cannot be read."""
    try:
        with closing(_open_recovered(database)) as db:
            yield db
    except sqlite3.Error as exc:
        raise database_error(exc, database) from exc


def _open_recovered(database: Path) -> sqlite3.Connection:
    """Return a read-only connection, after SQLite has rolled back the unfinished write of a killed process.

    SQLite decides whether that is needed, and whether the writer is still running. Raises sqlite3.Error.
    """
    db = _connect(database, "ro")
    try:
        _read_once(db)
    except sqlite3.Error as exc:
        db.close()
        if _code(exc) != sqlite3.SQLITE_READONLY or not _is_writable(database):
            raise
    else:
        return db
    with closing(_connect(database, "rw")) as recovering:
        _read_once(recovering)
    return _connect(database, "ro")


def journal_of(database: Path) -> Path:
    """Return the path of the journal from which SQLite rolls back an interrupted write."""
    return database.with_name(f"{database.name}-journal")


def database_error(exc: sqlite3.Error, database: Path) -> TrackingError:
    """Return the error for the store, with advice that cannot lose a run."""
    problem, fix = _REASONS.get(_code(exc), _OTHER)
    return TrackingError(problem, actual=str(exc), where=str(database), fix=fix)


def _connect(database: Path, mode: str) -> sqlite3.Connection:
    address = f"{database.as_uri()}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)


def _read_once(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA schema_version").fetchone()  # the first read rolls back an unfinished write or waits


def _code(exc: sqlite3.Error) -> int:
    """Return SQLite's primary result code; 0 for errors of Python's own module."""
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF


def _is_writable(database: Path) -> bool:
    effective = os.access in os.supports_effective_ids
    paths = (database, database.parent, journal_of(database))
    return all(os.access(path, os.W_OK, effective_ids=effective) for path in paths if path.exists())
