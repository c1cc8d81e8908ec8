"""Export an experiment's runs as one JSON file for other programs."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edtech import __version__
from edtech.data.atomic import write_atomically
from edtech.errors import TrackingError
from edtech.tracking.runs import RunStore

MAX_RUNS = 1_000_000


def export_experiment(store: RunStore, experiment: str, path: Path) -> Path:
    """Write all runs of an experiment atomically, newest first, and return the path.

    The file has experiment, exported_at, runs_total, finished and runs: run_id, name, kind, status, started,
    duration_seconds, model_uri (finished trainings), params, tags and finite metrics.
    Raises TrackingError if the runs cannot be read or the file cannot be written.
    """
    frame = store.list_runs([experiment], kind=None, limit=MAX_RUNS, finished=False)
    runs = [_run_record(dict(zip(frame.columns, row, strict=True))) for row in frame.itertuples(index=False, name=None)]
    summary = {
        "experiment": experiment,
        "version": __version__,
        "exported_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "runs_total": len(runs),
        "finished": sum(run["status"] == "FINISHED" for run in runs),
        "runs": runs,
    }
    text = json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    except OSError as exc:
        raise TrackingError(
            "The summary of the experiment cannot be written",
            actual=str(exc),
            where=str(path),
            fix="Choose a writable folder on a disk with free space",
        ) from exc
    return path


def _run_record(row: dict[str, Any]) -> dict[str, Any]:
    groups: dict[str, dict[str, Any]] = {"params": {}, "metrics": {}, "tags": {}}
    for column, value in row.items():
        group, dot, name = column.partition(".")
        if dot and group in groups and (isinstance(value, str) or (group == "metrics" and math.isfinite(value))):
            groups[group][name] = value
    started = row["started"]
    is_model = row["status"] == "FINISHED" and row["kind"] == "training"
    return {
        "run_id": row["run_id"],
        "name": row["name"],
        "kind": row["kind"],
        "status": row["status"],
        "started": started.isoformat() if started == started else None,  # NaT is not itself
        "duration_seconds": _finite(row["duration_seconds"]),
        "model_uri": f"runs:/{row['run_id']}/model" if is_model else None,
        **groups,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
