"""Lists the runs of an embedded store by reading its tables: MLflow takes 20 s for 10,000 runs.

Read-only, without loading MLflow, and for stores of older schemas too: these tables have been the same for years. The
answers equal those of MLflow's client (tested).
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from edtech.tracking.database import database_error, open_readonly
from edtech.tracking.run_frames import runs_frame

EXPERIMENTS = """
SELECT name FROM experiments WHERE lifecycle_stage = 'active' ORDER BY creation_time DESC, experiment_id
"""
CHOOSE = """
CREATE TEMP TABLE chosen AS
SELECT r.run_uuid, r.name, e.name AS experiment, r.start_time, (r.end_time - r.start_time) / 1000.0 AS seconds, r.status
FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id
WHERE r.lifecycle_stage = 'active' AND e.lifecycle_stage = 'active'
  AND (:experiments IS NULL OR e.name IN (SELECT value FROM json_each(:experiments)))
  AND (:kind IS NULL OR EXISTS
       (SELECT 1 FROM tags t WHERE t.run_uuid = r.run_uuid AND t.key = 'kind' AND t.value = :kind))
  AND (NOT :finished OR r.status = 'FINISHED')
ORDER BY r.start_time DESC, r.run_uuid LIMIT :limit
"""
CHOSEN = "SELECT * FROM chosen ORDER BY rowid"
PARAMS = "SELECT run_uuid, key, value FROM params JOIN chosen USING (run_uuid)"
METRICS = """
SELECT run_uuid, key, CASE WHEN is_nan THEN NULL ELSE value END FROM latest_metrics JOIN chosen USING (run_uuid)
"""
HISTORY = """
SELECT run_uuid, step, timestamp, CASE WHEN is_nan THEN NULL ELSE value END FROM metrics
WHERE key = :key AND run_uuid IN (SELECT value FROM json_each(:runs)) ORDER BY run_uuid, step, timestamp LIMIT :limit
"""
TAGS = "SELECT run_uuid, key, value FROM tags JOIN chosen USING (run_uuid)"


WAITING = "edtech.waiting"
SENT_AS = "edtech.sent_as"
LEFT = """
SELECT run_uuid, t.key, t.value FROM runs JOIN tags t USING (run_uuid) WHERE status = 'RUNNING'
"""
WAIT = """
SELECT r.run_uuid, r.status <> 'RUNNING', p.value
FROM runs r JOIN tags w ON w.run_uuid = r.run_uuid AND w.key = :waiting
LEFT JOIN tags p ON p.run_uuid = r.run_uuid AND p.key = 'mlflow.parentRunId'
WHERE r.lifecycle_stage = 'active' ORDER BY r.start_time, r.run_uuid
"""
KEPT = "SELECT 1 FROM tags WHERE run_uuid = ? AND key IN (?, ?)"


@dataclass(frozen=True, slots=True)
class WaitingRun:
    """A run that is to be sent to a server once it is `done`; `parent` is the run it belongs to, if any."""

    run_id: str
    done: bool
    parent: str | None


def read_waiting(database: Path) -> list[WaitingRun]:
    """Return the runs that are marked to be sent to a server, oldest first."""
    with reading(database) as db:
        return [WaitingRun(key, bool(done), parent) for key, done, parent in db.execute(WAIT, {"waiting": WAITING})]


def read_running(database: Path) -> dict[str, dict[str, str]]:
    """Return the tags of each run that counts as running, by run id."""
    found: dict[str, dict[str, str]] = {}
    with reading(database) as db:
        for run_id, key, value in db.execute(LEFT):
            found.setdefault(run_id, {})[key] = value
    return found


def holds_sent_or_waiting(database: Path, run_id: str) -> bool:
    """Whether the store holds a run of this id that waits for a server or was sent to one."""
    with reading(database) as db:
        return db.execute(KEPT, (run_id, WAITING, SENT_AS)).fetchone() is not None


def read_experiments(database: Path) -> list[str]:
    """Return the names of all experiments that are not deleted, newest first."""
    with reading(database) as db:
        return [name for (name,) in db.execute(EXPERIMENTS)]


def read_runs(
    database: Path, experiments: Sequence[str] | None, kind: str | None, finished: bool, limit: int
) -> pd.DataFrame:
    """Return the newest runs as `RunStore.list_runs` does."""
    names = None if experiments is None else json.dumps(list(experiments))
    asked = {"experiments": names, "kind": kind, "finished": finished, "limit": limit}
    with reading(database) as db:
        db.execute("BEGIN")  # one moment of the store for all four tables
        db.execute(CHOOSE, asked)
        return runs_frame(*(db.execute(query) for query in (CHOSEN, PARAMS, METRICS, TAGS)))


def read_history(database: Path, run_ids: Sequence[str], metric: str, limit: int) -> list[tuple[str, int, int, float]]:
    """Return run id, step, milliseconds and value of each time a metric was logged."""
    with reading(database) as db:
        return db.execute(HISTORY, {"key": metric, "runs": json.dumps(list(run_ids)), "limit": limit}).fetchall()


@contextmanager
def reading(database: Path) -> Iterator[sqlite3.Connection]:
    """Open an MLflow database read-only. Raises TrackingError where it is none, or cannot be read."""
    try:
        with closing(open_readonly(database)) as db:
            yield db
    except sqlite3.Error as exc:
        raise database_error(exc, database) from exc
