"""The runs of one store, through MLflow's client; of an embedded store, lists come from its tables instead."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, ZipFile

import pandas as pd

from edtech.errors import RunNotFoundError, TrackingError, UntrustedModelError
from edtech.settings import MEGABYTE
from edtech.tracking import sqlite_runs
from edtech.tracking.mlflow_limits import MAX_KEY, truncate, validate_artifact_path
from edtech.tracking.model_files import MODEL_FILE, MODEL_NAME
from edtech.tracking.run_frames import Run, as_frame, as_run
from edtech.tracking.store import Store, connect, refuse_local_artifacts, translate_errors
from edtech.tracking.trusted_types import BROKEN, load_trusted
from edtech.tracking.writer_locks import is_abandoned

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun

PAGE = 1_000
MAX_ARTIFACTS = 1_000
MAX_ARTIFACT_BYTES = 500 * MEGABYTE
MAX_HISTORY = 50_000
MAX_NOTE_CHARACTERS = 5_000
SERVER_SECONDS = 30
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ /-]{0,99}")
RESERVED_TAGS = frozenset(
    {
        *("kind", "model_type", "algorithm", "dataset_name", "dataset_digest", "split", "seed", "platform", "domain"),
        *("experiment_type", "decision_value", "identification", "plan", "rerun_of"),
    }
)
"""Tags that pages filter and compare by. Names with a dot belong to MLflow or to this package and are reserved too."""

HistoryRow = tuple[str, int, int, float]
"""Run id, step, milliseconds since 1970, value."""


class MlflowRuns:
    """The runs of one store through MLflow's client, which connects lazily. Raises TrackingError from each call."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @cached_property
    def client(self) -> "MlflowClient":
        """MLflow's client of the store."""
        return connect(self.store)

    # ---- lists

    def experiments(self) -> list[str]:
        """Return the names of all experiments that are not deleted, newest first."""
        return list(self._experiment_names().values())

    def search(self, experiments: Sequence[str] | None, kind: str | None, limit: int, finished: bool) -> list[Run]:
        """Return the newest runs; see `RunStore.list_runs`."""
        names = self._experiment_names()
        ids = [key for key, name in names.items() if experiments is None or name in experiments]
        conditions = [f"tags.kind = '{kind}'"] if kind else []
        conditions += ["attributes.status = 'FINISHED'"] if finished else []
        with translate_errors("list the runs", self.store):
            return [as_run(run, names) for run in self._pages(ids, " and ".join(conditions), limit)]

    def list_runs(
        self, experiments: Sequence[str] | None, kind: str | None, limit: int, finished: bool
    ) -> pd.DataFrame:
        """Return the newest runs as a frame; see `RunStore.list_runs`."""
        return as_frame(self.search(experiments, kind, limit, finished))

    def deleted_runs(self, experiment: str, kind: str | None) -> pd.DataFrame:
        """Return the deleted runs of an experiment as a frame."""
        from mlflow.entities import ViewType

        names = {key: name for key, name in self._experiment_names().items() if name == experiment}
        condition = f"tags.kind = '{kind}'" if kind else ""
        with translate_errors("list the deleted runs", self.store):
            runs = self.client.search_runs(list(names), condition, ViewType.DELETED_ONLY, max_results=PAGE)
        return as_frame([as_run(run, names) for run in runs] if names else [])

    def metric_history(self, run_ids: Sequence[str], metric: str) -> list[HistoryRow]:
        """Return all logged values of a metric."""
        with translate_errors(f"read the history of {metric!r}", self.store):
            return [
                (run_id, value.step, value.timestamp, value.value)
                for run_id in run_ids
                for value in self.client.get_metric_history(run_id, metric)
            ]

    def stamp(self) -> tuple[int, ...]:
        """Return the number of the current half minute: asking a server for changes costs as much as listing runs."""
        return (int(time.time() // SERVER_SECONDS),)

    def running_tags(self) -> dict[str, dict[str, str]]:
        """Return the tags of each run with the status RUNNING, by run id."""
        runs = self._pages(list(self._experiment_names()), "attributes.status = 'RUNNING'", limit=10 * PAGE)
        return {run.info.run_id: run.data.tags for run in runs}

    # ---- a single run

    def get_run(self, run_id: str) -> Run:
        """Return a run with its artifact paths. Raises RunNotFoundError."""
        run = self._get(run_id)
        with translate_errors(f"list the files of the run {run_id!r}", self.store):
            paths = tuple(path for path, _ in zip(self._artifact_paths(run_id), range(MAX_ARTIFACTS), strict=False))
        return as_run(run, self._experiment_names(), paths)

    def read_artifact(self, run_id: str, path: str) -> bytes:
        """Return the content of a file of a run; see `RunStore.read_artifact`."""
        validate_artifact_path(path)
        self._get(run_id)
        with translate_errors(f"read {path!r} of the run {run_id}", self.store), TemporaryDirectory() as folder:
            siblings = self.client.list_artifacts(run_id, path.rpartition("/")[0] or None)
            size = next((item.file_size or 0 for item in siblings if item.path == path), 0)
            if size > MAX_ARTIFACT_BYTES:
                raise TrackingError(
                    "The file is too large to be shown",
                    expected=f"at most {MAX_ARTIFACT_BYTES / MEGABYTE:,.0f} MB",
                    actual=f"{size / MEGABYTE:,.0f} MB",
                    where=path,
                    fix="download it with MLflow: mlflow artifacts download",
                )
            return Path(self.client.download_artifacts(run_id, path, folder)).read_bytes()

    def load_model(self, run_id: str) -> Any:  # noqa: ANN401  # any scikit-learn style estimator
        """Return a run's estimator; see `RunStore.load_model`."""
        run = self._get(run_id)
        with translate_errors(f"fetch the model of the run {run_id}", self.store), TemporaryDirectory() as folder:
            files = self._fetch_model(run, folder)
            if not (files / MODEL_FILE).is_file():
                raise UntrustedModelError(
                    "The run's model is not stored as skops, and other formats run code when they are loaded",
                    expected=MODEL_FILE,
                    actual=", ".join(sorted(item.name for item in files.iterdir())[:10]),
                    where=f"runs:/{run_id}/{MODEL_NAME}",
                    fix="Train the model again here",
                )
            data = (files / MODEL_FILE).read_bytes()
        return load_trusted(data, f"runs:/{run_id}/{MODEL_NAME}")

    def signature(self, run_id: str) -> dict[str, str]:
        """Return the input columns of a run's model; see `RunStore.signature`."""
        from mlflow.models import Model
        from yaml import YAMLError  # raised by MLflow's own reader

        run = self._get(run_id)
        with translate_errors(f"read the model of the run {run_id}", self.store), TemporaryDirectory() as folder:
            files = self._fetch_model(run, folder)
            try:
                inputs = getattr(Model.load(str(files)).signature, "inputs", None)
                columns = inputs.inputs if inputs is not None and inputs.has_input_names() else []
            except (YAMLError, *BROKEN) as exc:  # a forged file can make its reader raise any of these
                raise TrackingError(
                    "The description of the model cannot be read",
                    expected="an MLmodel file as MLflow writes it",
                    actual=f"{type(exc).__name__}: {str(exc)[:200]}",
                    where=f"runs:/{run_id}/{MODEL_NAME}",
                    fix="Train the model again here",
                ) from exc
        if not columns:
            raise TrackingError("The model has no signature, so its input columns are unknown", where=f"run {run_id}")
        return {str(column.name): getattr(column.type, "name", "any") for column in columns}

    @contextmanager
    def model_zip(self, run_id: str) -> Iterator[Path]:
        """Yield a zip file of a run's model; see `RunStore.model_zip`."""
        run = self._get(run_id)
        with translate_errors(f"fetch the model of the run {run_id}", self.store), TemporaryDirectory() as folder:
            files, archive = self._fetch_model(run, folder), Path(folder, f"model-{run_id[:8]}.zip")
            with ZipFile(archive, "w", ZIP_DEFLATED) as zipped:
                for path in sorted(path for path in files.rglob("*") if path.is_file() and path != archive):
                    zipped.write(path, path.relative_to(files).as_posix())
            yield archive

    # ---- changes

    def update_run(self, run_id: str, name: str, note: str) -> None:
        """Set a run's name and note; see `RunStore.update_run`."""
        if not name.strip():
            raise TrackingError("A run needs a name", expected="at least one character", actual="nothing")
        self._get(run_id)
        with translate_errors("update the run", self.store):
            self.client.update_run(run_id, name=truncate(name.strip(), MAX_KEY))
            self.client.set_tag(run_id, "mlflow.note.content", truncate(note, MAX_NOTE_CHARACTERS))

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        """Set or delete a tag of a run; see `RunStore.set_tag`."""
        tags = self._get(run_id).data.tags
        if not TAG.fullmatch(key) or key in RESERVED_TAGS:
            raise TrackingError(
                "This tag cannot be changed",
                expected="letters, digits, spaces, _ - and /, and none of the tags that a training writes",
                actual=repr(key)[:100],
                fix="choose another name for the tag",
            )
        with translate_errors("tag the run", self.store):
            if value:
                self.client.set_tag(run_id, key, truncate(value, MAX_NOTE_CHARACTERS))
            elif key in tags:
                self.client.delete_tag(run_id, key)

    def delete(self, run_id: str) -> None:
        """Mark a run as deleted."""
        self._get(run_id)
        with translate_errors("delete the run", self.store):
            self.client.delete_run(run_id)

    def restore(self, run_id: str) -> None:
        """Restore a deleted run."""
        self._get(run_id)
        with translate_errors("restore the run", self.store):
            self.client.restore_run(run_id)

    def close_stale_runs(self) -> list[str]:
        """Set runs to FAILED whose process on this machine has ended, and return their ids."""
        closed = []
        with translate_errors("close runs that were left running", self.store):
            for run_id, tags in self.running_tags().items():
                # It may have finished since it was listed, and only then released its lock.
                if not is_abandoned(self.store, tags) or self.client.get_run(run_id).info.status != "RUNNING":
                    continue
                reason = "the process that wrote it ended before the run was complete"
                self.client.set_tag(run_id, "edtech.failed_because", reason)
                self.client.set_terminated(run_id, "FAILED")
                closed.append(run_id)
        return closed

    # ---- the client

    def _experiment_names(self) -> dict[str, str]:
        with translate_errors("list the experiments", self.store):
            names: dict[str, str] = {}
            token = None
            while True:
                page = self.client.search_experiments(max_results=PAGE, page_token=token)
                names |= {item.experiment_id: item.name for item in page}
                if not (token := page.token):
                    return names

    def _pages(self, experiment_ids: list[str], condition: str, limit: int) -> Iterator["MlflowRun"]:
        token = None
        while limit > 0 and experiment_ids:
            page = self.client.search_runs(experiment_ids, condition, max_results=min(PAGE, limit), page_token=token)
            yield from page
            limit -= len(page)
            if not (token := page.token):
                return

    def _get(self, run_id: str) -> "MlflowRun":
        from mlflow.exceptions import MlflowException

        try:
            run = self.client.get_run(run_id)
        except MlflowException as exc:
            if exc.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                with translate_errors("read the run", self.store):
                    raise
            raise RunNotFoundError(
                "There is no run with this id", actual=repr(run_id), where=self.store.redacted_uri
            ) from exc
        refuse_local_artifacts(self.store, run.info.artifact_uri)
        return run

    def _artifact_paths(self, run_id: str, folder: str | None = None) -> Iterator[str]:
        for item in self.client.list_artifacts(run_id, folder):
            if item.is_dir:
                yield from self._artifact_paths(run_id, item.path)
            else:
                yield item.path

    def _fetch_model(self, run: "MlflowRun", folder: str) -> Path:
        """Download the files of a run's model: an output of the run (MLflow 3) or a folder of its artifacts (2)."""
        from mlflow.artifacts import download_artifacts

        outputs = run.outputs.model_outputs if run.outputs else []
        models = [self.client.get_logged_model(output.model_id) for output in outputs]
        named = [model for model in models if model.name == MODEL_NAME]
        if named:
            uri = named[-1].artifact_location  # MLflow would look up a models:/ address in its global store
            refuse_local_artifacts(self.store, uri)
            return Path(download_artifacts(artifact_uri=uri, dst_path=folder, tracking_uri=self.store.uri))
        if not self.client.list_artifacts(run.info.run_id, MODEL_NAME):
            raise TrackingError("The run has no model", actual=f"run {run.info.run_id}", where=self.store.redacted_uri)
        return Path(self.client.download_artifacts(run.info.run_id, MODEL_NAME, folder))


class EmbeddedRuns(MlflowRuns):
    """The runs of an embedded store: lists come from its tables and are empty as long as there is no store."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        if store.database is None:
            raise ValueError("an embedded store has a database file")
        self._database = store.database

    def experiments(self) -> list[str]:
        """Return the names of all experiments that are not deleted, newest first."""
        return sqlite_runs.read_experiments(self._database) if self._database.exists() else []

    def list_runs(
        self, experiments: Sequence[str] | None, kind: str | None, limit: int, finished: bool
    ) -> pd.DataFrame:
        """Return the newest runs as a frame; see `RunStore.list_runs`."""
        if not self._database.exists():
            return as_frame([])
        return sqlite_runs.read_runs(self._database, experiments, kind, finished, limit)

    def metric_history(self, run_ids: Sequence[str], metric: str) -> list[HistoryRow]:
        """Return the logged values of a metric, at most MAX_HISTORY."""
        return sqlite_runs.read_history(self._database, run_ids, metric, MAX_HISTORY) if self._database.exists() else []

    def stamp(self) -> tuple[int, ...]:
        """Return times and sizes of the database's files, which change on every write."""
        files = [file for file in (self._database, Path(f"{self._database}-wal")) if file.exists()]
        return tuple(value for file in files for value in (file.stat().st_mtime_ns, file.stat().st_size))

    def running_tags(self) -> dict[str, dict[str, str]]:
        """Return the tags of each run with the status RUNNING, by run id."""
        return sqlite_runs.read_running(self._database) if self._database.exists() else {}

    def pending_runs(self, experiments: Sequence[str] | None, kind: str | None, finished: bool) -> list[Run]:
        """Return the runs that are not on the server yet, newest first."""
        if not self._database.exists():
            return []
        pending = sqlite_runs.read_pending(self._database)
        runs = [self.get_run(run.run_id) for run in reversed(pending) if run.finished or not finished]
        return [
            run
            for run in runs
            if (experiments is None or run.experiment in experiments)
            and (kind is None or run.kind == kind)
            and (run.status == "FINISHED" or not finished)
        ]

    def has_pending_or_synced(self, run_id: str) -> bool:
        """Whether this store has a run of this id that is to be sent to a server, or was."""
        return self._database.exists() and sqlite_runs.is_pending_or_synced(self._database, run_id)


def open_runs(store: Store) -> MlflowRuns:
    """Return the runs of a store, whatever its kind."""
    return MlflowRuns(store) if store.database is None else EmbeddedRuns(store)
