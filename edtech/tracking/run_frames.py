"""A run as a value, and many runs as one frame."""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from mlflow.entities import Run as MlflowRun

COLUMNS = ["run_id", "name", "experiment", "started", "status", "duration_seconds", "kind"]
HEAD_COLUMNS = ["run_id", "name", "experiment", "start_ms", "duration_seconds", "status"]
LONG_COLUMNS = ["run_id", "key", "value"]


@dataclass(frozen=True, slots=True)
class Run:
    """One stored run. Its texts are not trusted: show them as plain text.

    `kind` is a tag such as `training`, empty for runs of other programs. `artifacts` are relative POSIX paths.
    """

    run_id: str
    name: str
    experiment: str
    started: datetime | None
    status: str
    duration_seconds: float | None
    kind: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    artifacts: tuple[str, ...] = ()
    has_model: bool = False


def as_run(run: "MlflowRun", experiments: Mapping[str, str], artifacts: tuple[str, ...] = ()) -> Run:
    """Convert MLflow's run; `experiments`: their names by id."""
    info, start, end = run.info, run.info.start_time, run.info.end_time
    return Run(
        run_id=info.run_id,
        name=info.run_name or info.run_id,
        experiment=experiments.get(info.experiment_id, ""),
        started=to_datetime(start),
        status=info.status,
        duration_seconds=None if start is None or end is None else (end - start) / 1000,
        kind=run.data.tags.get("kind", ""),
        params=dict(run.data.params),
        metrics={key: restore_infinity(value) for key, value in run.data.metrics.items()},
        tags=dict(run.data.tags),
        artifacts=artifacts,
        has_model=bool(run.outputs and run.outputs.model_outputs),
    )


def as_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """Return one row per run: COLUMNS, then `params.*` (text), `metrics.*` (numbers), `tags.*` (text)."""
    head = [(r.run_id, r.name, r.experiment, _milliseconds(r.started), r.duration_seconds, r.status) for r in runs]
    return runs_frame(
        head,
        [(r.run_id, key, value) for r in runs for key, value in r.params.items()],
        [(r.run_id, key, value) for r in runs for key, value in r.metrics.items()],
        [(r.run_id, key, value) for r in runs for key, value in r.tags.items()],
    )


def runs_frame(
    head: Iterable[tuple[object, ...]],
    params: Iterable[tuple[object, ...]],
    metrics: Iterable[tuple[object, ...]],
    tags: Iterable[tuple[object, ...]],
) -> pd.DataFrame:
    """Return the frame of `as_frame` from rows of HEAD_COLUMNS, in their order, and three tables of LONG_COLUMNS."""
    runs = pd.DataFrame(list(head), columns=HEAD_COLUMNS).astype({"start_ms": float, "duration_seconds": float})
    runs = runs.astype(dict.fromkeys(("run_id", "name", "experiment", "status"), "str"))
    labels = _wide(tags, "tags.", runs["run_id"]).astype("str")
    numbers = _wide(metrics, "metrics.", runs["run_id"]).astype(float)
    kind = labels["tags.kind"] if "tags.kind" in labels else pd.Series("", index=runs.index)
    fixed = runs.assign(
        name=runs["name"].mask(runs["name"].fillna("") == "", runs["run_id"]),
        started=pd.to_datetime(runs["start_ms"], unit="ms", utc=True, errors="coerce"),
        kind=kind.fillna("").astype("str"),
    )
    for sign in (1, -1):  # as in `restore_infinity`
        numbers = numbers.mask(sign * numbers >= sys.float_info.max, sign * math.inf)
    return pd.concat([fixed[COLUMNS], _wide(params, "params.", runs["run_id"]).astype("str"), numbers, labels], axis=1)


def _wide(rows: Iterable[tuple[object, ...]], prefix: str, run_ids: pd.Series) -> pd.DataFrame:
    long = pd.DataFrame(list(rows), columns=LONG_COLUMNS)
    wide = long.pivot(index="run_id", columns="key", values="value").add_prefix(prefix)
    return wide.reindex(run_ids).reset_index(drop=True).rename_axis(columns=None)


def _milliseconds(time: datetime | None) -> float:
    return math.nan if time is None else time.timestamp() * 1000


def to_datetime(milliseconds: float | None) -> datetime | None:
    """Convert a stored time; None if it is missing, or outside of the calendar."""
    if milliseconds is None:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def restore_infinity(value: float) -> float:
    """Return the metric as logged: MLflow's SQL stores save an infinite value as the largest double."""
    return math.copysign(math.inf, value) if abs(value) >= sys.float_info.max else value
