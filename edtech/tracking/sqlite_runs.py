"""List the runs of an embedded store from its tables: MLflow takes 20 s for 10,000 runs.

The tables are read-only here, and MLflow is not loaded. They have had these columns for years, so stores of older
schemas are read too. The results equal those of MLflow's client (tested).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from edtech.tracking.database import open_readonly
from edtech.tracking.run_frames import runs_frame

PENDING_TAG = "edtech.waiting"
"""Marks a run that is to be sent to a server."""
SYNCED_AS_TAG = "edtech.sent_as"
"""Holds the id that a run has on the server."""

_EXPERIMENTS = """
SELECT name FROM experiments WHERE lifecycle_stage = 'active' ORDER BY creation_time DESC, experiment_id
"""
_SELECT_RUNS = """
CREATE TEMP TABLE selected AS
SELECT r.run_uuid, r.name, e.name AS experiment, r.start_time, (r.end_time - r.start_time) / 1000.0 AS seconds, r.status
FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id
WHERE r.lifecycle_stage = 'active' AND e.lifecycle_stage = 'active'
  AND (:experiments IS NULL OR e.name IN (SELECT value FROM json_each(:experiments)))
  AND (:kind IS NULL OR EXISTS
       (SELECT 1 FROM tags t WHERE t.run_uuid = r.run_uuid AND t.key = 'kind' AND t.value = :kind))
  AND (NOT :finished OR r.status = 'FINISHED')
ORDER BY r.start_time DESC, r.run_uuid LIMIT :limit
"""
_SELECTED = "SELECT * FROM selected ORDER BY rowid"
_PARAMS = "SELECT run_uuid, key, value FROM params JOIN selected USING (run_uuid)"
_METRICS = """
SELECT run_uuid, key, CASE WHEN is_nan THEN NULL ELSE value END FROM latest_metrics JOIN selected USING (run_uuid)
"""
_TAGS = "SELECT run_uuid, key, value FROM tags JOIN selected USING (run_uuid)"
_HISTORY = """
SELECT run_uuid, step, timestamp, CASE WHEN is_nan THEN NULL ELSE value END FROM metrics
WHERE key = :key AND run_uuid IN (SELECT value FROM json_each(:runs)) ORDER BY run_uuid, step, timestamp LIMIT :limit
"""
_RUNNING = """
SELECT run_uuid, t.key, t.value FROM runs JOIN tags t USING (run_uuid) WHERE status = 'RUNNING'
"""
_PENDING = """
SELECT r.run_uuid, r.status <> 'RUNNING', p.value
FROM runs r JOIN tags w ON w.run_uuid = r.run_uuid AND w.key = :pending
LEFT JOIN tags p ON p.run_uuid = r.run_uuid AND p.key = 'mlflow.parentRunId'
WHERE r.lifecycle_stage = 'active' ORDER BY r.start_time, r.run_uuid
"""
_PENDING_OR_SYNCED = "SELECT 1 FROM tags WHERE run_uuid = ? AND key IN (?, ?)"


@dataclass(frozen=True, slots=True)
class PendingRun:
    """A run that is to be sent to a server once it is `finished`; `parent` is the run it belongs to, if any."""

    run_id: str
    finished: bool
    parent: str | None


def read_pending(database: Path) -> list[PendingRun]:
    """Return the runs that are to be sent to a server, oldest first."""
    with open_readonly(database) as db:
        rows = db.execute(_PENDING, {"pending": PENDING_TAG})
        return [PendingRun(run_id, bool(finished), parent) for run_id, finished, parent in rows]


def read_running(database: Path) -> dict[str, dict[str, str]]:
    """Return the tags of each run with the status RUNNING, by run id."""
    tags_by_run: dict[str, dict[str, str]] = {}
    with open_readonly(database) as db:
        for run_id, key, value in db.execute(_RUNNING):
            tags_by_run.setdefault(run_id, {})[key] = value
    return tags_by_run


def is_pending_or_synced(database: Path, run_id: str) -> bool:
    """Whether the store has a run of this id that is to be sent to a server, or was."""
    with open_readonly(database) as db:
        return db.execute(_PENDING_OR_SYNCED, (run_id, PENDING_TAG, SYNCED_AS_TAG)).fetchone() is not None


def read_experiments(database: Path) -> list[str]:
    """Return the names of all experiments that are not deleted, newest first."""
    with open_readonly(database) as db:
        return [name for (name,) in db.execute(_EXPERIMENTS)]


def read_runs(
    database: Path, experiments: Sequence[str] | None, kind: str | None, finished: bool, limit: int
) -> pd.DataFrame:
    """Return the newest runs as `RunStore.list_runs` does."""
    names = None if experiments is None else json.dumps(list(experiments))
    parameters = {"experiments": names, "kind": kind, "finished": finished, "limit": limit}
    with open_readonly(database) as db:
        db.execute("BEGIN")  # all four tables are read in the same state
        db.execute(_SELECT_RUNS, parameters)
        return runs_frame(*(db.execute(query) for query in (_SELECTED, _PARAMS, _METRICS, _TAGS)))


def read_history(database: Path, run_ids: Sequence[str], metric: str, limit: int) -> list[tuple[str, int, int, float]]:
    """Return run id, step, milliseconds since 1970 and value of each logged value of a metric."""
    with open_readonly(database) as db:
        return db.execute(_HISTORY, {"key": metric, "runs": json.dumps(list(run_ids)), "limit": limit}).fetchall()
