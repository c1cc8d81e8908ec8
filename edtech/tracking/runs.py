"""Reads runs, whoever wrote them: as a frame, one by one, their files and their models."""

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from edtech.errors import RunNotFoundError, TrackingError, UntrustedModelError
from edtech.settings import Settings
from edtech.tracking.entities import safe_path
from edtech.tracking.models import MODEL_FILE, MODEL_NAME
from edtech.tracking.store import Store, connect, find_store, guard_artifacts, translated
from edtech.tracking.trusted import load_trusted
from edtech.tracking.writers import is_abandoned

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun

PAGE = 1_000
MAX_ARTIFACTS = 1_000
COLUMNS = ["run_id", "name", "experiment", "started", "status", "duration_seconds", "kind"]


@dataclass(frozen=True, slots=True)
class Run:
    """One run as it is stored. Texts come from whoever wrote the run: show them as plain text.

    `kind` is `training` or `scenario` for ours, empty for runs of others. `artifacts` are relative POSIX paths.
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


class RunStore:
    """A store of runs, opened for reading. Raises SettingsError or TrackingError where it cannot be."""

    def __init__(self, tracking_uri: str | None = None, settings: Settings | None = None) -> None:
        self._store = find_store(tracking_uri, settings)
        self._client = connect(self._store)

    @classmethod
    def of(cls, store: Store, client: "MlflowClient") -> Self:
        """Return a reader of a store that is already open."""
        reader = cls.__new__(cls)
        reader._store, reader._client = store, client
        return reader

    def experiments(self) -> list[str]:
        """Return the names of all experiments that are not deleted, newest first."""
        return list(self._experiment_names().values())

    def list_runs(
        self,
        experiments: Sequence[str] | None = None,
        kind: str | None = "training",
        limit: int = PAGE,
        finished: bool = True,
    ) -> pd.DataFrame:
        """Return the newest runs, one row each: COLUMNS, then `params.*`, `metrics.*` and `tags.*`.

        `experiments`: names, None for all. `kind`: the tag our runs carry, None for all runs, those of others included.
        `finished`: only complete runs. Unknown experiments raise TrackingError.
        """
        names = self._experiment_names()
        wanted = {key: name for key, name in names.items() if experiments is None or name in experiments}
        if unknown := set(experiments or ()) - set(wanted.values()):
            raise TrackingError(
                "There is no such experiment",
                expected=", ".join(sorted(names.values())[:10]),
                found=", ".join(sorted(unknown)),
                where=self._store.shown,
            )
        with translated("list the runs", self._store):
            found = [_as_run(run, names) for run in self._search(list(wanted), _filter(kind, finished), limit)]
        return as_frame(found)

    def get_run(self, run_id: str) -> Run:
        """Return one run with its artifact paths. Raises RunNotFoundError."""
        run = self._get(run_id)
        with translated(f"list the files of the run {run_id!r}", self._store):
            paths = tuple(path for path, _ in zip(self._walk(run_id), range(MAX_ARTIFACTS), strict=False))
        return _as_run(run, self._experiment_names(), paths)

    def read_artifact(self, run_id: str, path: str) -> bytes:
        """Return the content of one file of a run. Raises RunNotFoundError, or TrackingError for a path it lacks."""
        safe_path(path)
        self._get(run_id)
        with translated(f"read {path!r} of the run {run_id}", self._store), TemporaryDirectory() as folder:
            return Path(self._client.download_artifacts(run_id, path, folder)).read_bytes()

    def load_model(self, run_id: str) -> Any:  # noqa: ANN401  # any scikit-learn style estimator
        """Return the run's estimator, after every type in its file was found on our list.

        Raises RunNotFoundError, TrackingError where the run has no model, UntrustedModelError where it is not stored
        as skops or holds other types; nothing of the file is executed before.
        """
        run = self._get(run_id)
        with translated(f"fetch the model of the run {run_id}", self._store), TemporaryDirectory() as folder:
            files = self._fetch_model(run, folder)
            if not (files / MODEL_FILE).is_file():
                raise UntrustedModelError(
                    "The run's model is not stored as skops, and other formats run code when they are loaded",
                    expected=MODEL_FILE,
                    found=", ".join(sorted(item.name for item in files.iterdir())[:10]),
                    where=f"runs:/{run_id}/{MODEL_NAME}",
                    fix="Train the model again here",
                )
            data = (files / MODEL_FILE).read_bytes()
        return load_trusted(data, f"runs:/{run_id}/{MODEL_NAME}")

    def close_stale_runs(self) -> list[str]:
        """Set runs of ours to FAILED whose process on this machine is gone, and return their ids."""
        experiments = list(self._experiment_names())
        with translated("close runs that were left running", self._store):
            left = [
                run.info.run_id
                for run in self._search(experiments, "attributes.status = 'RUNNING'", limit=10 * PAGE)
                if is_abandoned(self._store, run.data.tags)
            ]
            for run_id in left:
                self._client.set_tag(
                    run_id, "edtech.failed_because", "the process that wrote it ended before it was done"
                )
                self._client.set_terminated(run_id, "FAILED")
        return left

    def _experiment_names(self) -> dict[str, str]:
        with translated("list the experiments", self._store):
            names: dict[str, str] = {}
            token = None
            while True:
                page = self._client.search_experiments(max_results=PAGE, page_token=token)
                names |= {item.experiment_id: item.name for item in page}
                if not (token := page.token):
                    return names

    def _search(self, experiment_ids: list[str], condition: str, limit: int) -> Iterator["MlflowRun"]:
        token = None
        while limit > 0 and experiment_ids:
            page = self._client.search_runs(experiment_ids, condition, max_results=min(PAGE, limit), page_token=token)
            yield from page
            limit -= len(page)
            if not (token := page.token):
                return

    def _get(self, run_id: str) -> "MlflowRun":
        from mlflow.exceptions import MlflowException

        try:
            run = self._client.get_run(run_id)
        except MlflowException as exc:
            if exc.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                with translated("read the run", self._store):
                    raise
            raise RunNotFoundError("There is no run of this id", found=repr(run_id), where=self._store.shown) from exc
        guard_artifacts(self._store, run.info.artifact_uri)
        return run

    def _walk(self, run_id: str, folder: str | None = None) -> Iterator[str]:
        for item in self._client.list_artifacts(run_id, folder):
            if item.is_dir:
                yield from self._walk(run_id, item.path)
            else:
                yield item.path

    def _fetch_model(self, run: "MlflowRun", folder: str) -> Path:
        """Download the files of a run's model: an output of the run (MLflow 3) or a folder of its artifacts (2)."""
        from mlflow.artifacts import download_artifacts

        outputs = run.outputs.model_outputs if run.outputs else []
        models = [self._client.get_logged_model(output.model_id) for output in outputs]
        named = [model for model in models if model.name == MODEL_NAME]
        if named:
            uri = named[-1].artifact_location  # a models:/ address would be looked up in MLflow's global store
            guard_artifacts(self._store, uri)
            return Path(download_artifacts(artifact_uri=uri, dst_path=folder, tracking_uri=self._store.uri))
        if not self._client.list_artifacts(run.info.run_id, MODEL_NAME):
            raise TrackingError("The run has no model", found=f"run {run.info.run_id}", where=self._store.shown)
        return Path(self._client.download_artifacts(run.info.run_id, MODEL_NAME, folder))


def as_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """Return one row for each run: COLUMNS, then `params.*` (text), `metrics.*` (numbers), `tags.*` (text)."""
    rows = [
        {name: getattr(run, name) for name in COLUMNS}
        | {f"params.{key}": value for key, value in run.params.items()}
        | {f"metrics.{key}": value for key, value in run.metrics.items()}
        | {f"tags.{key}": value for key, value in run.tags.items()}
        for run in runs
    ]
    frame = pd.DataFrame(rows, columns=None if rows else COLUMNS)
    return frame.astype({"duration_seconds": float}).assign(started=pd.to_datetime(frame["started"], utc=True))


def _filter(kind: str | None, finished: bool) -> str:
    if kind is not None and not kind.isidentifier():
        raise TrackingError("This is not a kind of run", expected="training, scenario or None", found=repr(kind))
    parts = [f"tags.kind = '{kind}'"] if kind else []
    return " and ".join([*parts, *(["attributes.status = 'FINISHED'"] if finished else [])])


def _as_run(run: "MlflowRun", experiments: Mapping[str, str], artifacts: tuple[str, ...] = ()) -> Run:
    info, start, end = run.info, run.info.start_time, run.info.end_time
    return Run(
        run_id=info.run_id,
        name=info.run_name or info.run_id,
        experiment=experiments.get(info.experiment_id, ""),
        started=datetime.fromtimestamp(start / 1000, UTC) if start else None,
        status=info.status,
        duration_seconds=(end - start) / 1000 if start and end else None,
        kind=run.data.tags.get("kind", ""),
        params=dict(run.data.params),
        metrics={key: _finite_or_inf(value) for key, value in run.data.metrics.items()},
        tags=dict(run.data.tags),
        artifacts=artifacts,
        has_model=bool(run.outputs and run.outputs.model_outputs),
    )


def _finite_or_inf(value: float) -> float:
    # SQL stores of MLflow keep an infinite metric as the largest double.
    return math.copysign(math.inf, value) if abs(value) >= sys.float_info.max else value
