"""Reads runs, whoever wrote them: as a frame, one by one, their files and their models."""

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
from edtech.settings import MEGABYTE, Settings
from edtech.tracking.mlflow_limits import MAX_KEY, truncate, validate_artifact_path
from edtech.tracking.model_files import MODEL_FILE, MODEL_NAME
from edtech.tracking.run_frames import Run, as_frame, as_run
from edtech.tracking.sqlite_runs import (
    is_pending_or_synced,
    read_experiments,
    read_history,
    read_pending,
    read_running,
    read_runs,
)
from edtech.tracking.store import connect, embedded_store, find_store, refuse_local_artifacts, translate_errors
from edtech.tracking.trusted_types import BROKEN, load_trusted
from edtech.tracking.writer_locks import is_abandoned

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun

PAGE = 1_000
MAX_ARTIFACTS = 1_000
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
"""Tags by which runs are found and judged; a name with a dot is MLflow's or ours too."""
MAX_ARTIFACT_BYTES = 500 * MEGABYTE


class RunStore:
    """The runs of one store, for reading; nothing is opened or created before it is asked.

    Raises SettingsError for an address that cannot be used, and TrackingError from each call that cannot be answered.
    """

    def __init__(self, tracking_uri: str | None = None, settings: Settings | None = None) -> None:
        settings = settings or Settings()
        self._store = find_store(tracking_uri, settings)
        self._kept = RunStore(embedded_store(settings).uri, settings) if self._store.is_server else None

    @cached_property
    def _client(self) -> "MlflowClient":
        return connect(self._store)

    def experiments(self, fallback_to_local: bool = False) -> list[str]:
        """Return the names of all experiments that are not deleted, newest first; none where there is no store yet.

        With `or_kept`, those on this machine where the server does not answer.
        """
        database = self._store.database
        if database is None:
            kept = self._kept if fallback_to_local and self.problem() else None
            return list(self._experiment_names().values()) if kept is None else kept.experiments()
        return read_experiments(database) if database.exists() else []

    def list_runs(
        self,
        experiments: Sequence[str] | None = None,
        kind: str | None = "training",
        limit: int = PAGE,
        finished: bool = True,
        fallback_to_local: bool = False,
    ) -> pd.DataFrame:
        """Return the newest runs, one row each: COLUMNS, then `params.*`, `metrics.*` and `tags.*`.

        `experiments`: names, None for all; one that does not exist has no runs. `kind`: the tag our runs carry, None
        for all runs, those of others included. `finished`: only complete runs. `or_kept`: only those that wait on this
        machine where the server does not answer; `problem` tells.
        """
        if kind is not None and not kind.isidentifier():
            raise TrackingError("This is not a kind of run", expected="training, scenario or None", actual=repr(kind))
        database = self._store.database
        if database is None:
            waiting = self._waiting_runs(experiments, kind, finished)
            found = [] if fallback_to_local and self.problem() else self._on_server(experiments, kind, limit, finished)
            return as_frame([*waiting, *found][:limit])
        return read_runs(database, experiments, kind, finished, limit) if database.exists() else as_frame([])

    def problem(self) -> str | None:
        """Return why the server cannot be asked; None where it answers, or where the store is on this machine."""
        try:
            if self._store.is_server:
                self._experiment_names()
        except TrackingError as error:
            return error.problem
        return None

    def _on_server(self, experiments: Sequence[str] | None, kind: str | None, limit: int, finished: bool) -> list[Run]:
        names = self._experiment_names()
        ids = [key for key, name in names.items() if experiments is None or name in experiments]
        asked = [f"tags.kind = '{kind}'"] if kind else []
        condition = " and ".join([*asked, *(["attributes.status = 'FINISHED'"] if finished else [])])
        with translate_errors("list the runs", self._store):
            return [as_run(run, names) for run in self._search(ids, condition, limit)]

    def _waiting_runs(self, experiments: Sequence[str] | None, kind: str | None, finished: bool) -> list[Run]:
        """Return what waits on this machine to be sent, newest first."""
        database = self._kept._store.database if self._kept else None
        if self._kept is None or database is None or not database.exists():
            return []
        runs = [
            self._kept.get_run(one.run_id) for one in reversed(read_pending(database)) if one.finished or not finished
        ]
        return [
            run
            for run in runs
            if (experiments is None or run.experiment in experiments)
            and (kind is None or run.kind == kind)
            and (run.status == "FINISHED" or not finished)
        ]

    def stamp(self) -> tuple[int, ...]:
        """Return what is another after each writing: times and sizes of the embedded store; of a server, half minutes.

        MLflow's tables say nothing of the kind, and asking a server costs as much as listing its runs.
        """
        database = self._store.database
        if database is None:
            return (int(time.time() // SERVER_SECONDS),)
        files = [file for file in (database, Path(f"{database}-wal")) if file.exists()]
        return tuple(value for file in files for value in (file.stat().st_mtime_ns, file.stat().st_size))

    def metric_history(self, run_ids: Sequence[str], metric: str) -> pd.DataFrame:
        """Return each time a metric was logged, at most 50,000: run_id, step, time, value."""
        database = self._store.database
        if database is not None:
            rows = read_history(database, run_ids, metric, MAX_HISTORY) if database.exists() else []
        else:
            with translate_errors(f"read the history of {metric!r}", self._store):
                rows = [
                    (run_id, one.step, one.timestamp, one.value)
                    for run_id in run_ids
                    for one in (self._keeping(run_id) or self)._client.get_metric_history(run_id, metric)
                ][:MAX_HISTORY]
        frame = pd.DataFrame(rows, columns=["run_id", "step", "time", "value"]).astype({"value": float})
        return frame.assign(time=pd.to_datetime(frame["time"], unit="ms", utc=True, errors="coerce"))

    def get_run(self, run_id: str) -> Run:
        """Return one run with its artifact paths. Raises RunNotFoundError."""
        if kept := self._keeping(run_id):
            return kept.get_run(run_id)
        run = self._get(run_id)
        with translate_errors(f"list the files of the run {run_id!r}", self._store):
            paths = tuple(path for path, _ in zip(self._walk(run_id), range(MAX_ARTIFACTS), strict=False))
        return as_run(run, self._experiment_names(), paths)

    def read_artifact(self, run_id: str, path: str) -> bytes:
        """Return the content of one file of a run.

        Raises RunNotFoundError, or TrackingError for a path that the run lacks or that holds more than 500 MB.
        """
        validate_artifact_path(path)
        if kept := self._keeping(run_id):
            return kept.read_artifact(run_id, path)
        self._get(run_id)
        with translate_errors(f"read {path!r} of the run {run_id}", self._store), TemporaryDirectory() as folder:
            beside = self._client.list_artifacts(run_id, path.rpartition("/")[0] or None)
            size = next((item.file_size or 0 for item in beside if item.path == path), 0)
            if size > MAX_ARTIFACT_BYTES:
                raise TrackingError(
                    "The file is too large to be shown",
                    expected=f"at most {MAX_ARTIFACT_BYTES / MEGABYTE:,.0f} MB",
                    actual=f"{size / MEGABYTE:,.0f} MB",
                    where=path,
                    fix="fetch it with MLflow: mlflow artifacts download",
                )
            return Path(self._client.download_artifacts(run_id, path, folder)).read_bytes()

    def load_model(self, run_id: str) -> Any:  # noqa: ANN401  # any scikit-learn style estimator
        """Return the run's estimator, after every type in its file was found on our list.

        Raises RunNotFoundError, TrackingError where the run has no model, UntrustedModelError where it is not stored
        as skops or holds other types; nothing of the file is executed before.
        """
        if kept := self._keeping(run_id):
            return kept.load_model(run_id)
        run = self._get(run_id)
        with translate_errors(f"fetch the model of the run {run_id}", self._store), TemporaryDirectory() as folder:
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
        """Return the columns that the run's model predicts from, with MLflow's names of their types.

        Raises RunNotFoundError, TrackingError where the run has no model or the model no signature.
        """
        from mlflow.models import Model
        from yaml import YAMLError  # MLflow's own reader raises it

        if kept := self._keeping(run_id):
            return kept.signature(run_id)
        run = self._get(run_id)
        with translate_errors(f"read the model of the run {run_id}", self._store), TemporaryDirectory() as folder:
            files = self._fetch_model(run, folder)
            try:
                inputs = getattr(Model.load(str(files)).signature, "inputs", None)
                columns = inputs.inputs if inputs is not None and inputs.has_input_names() else []
            except (YAMLError, *BROKEN) as exc:  # whoever wrote the file can make its reader raise any of these
                raise TrackingError(
                    "The description of the model cannot be read",
                    expected="an MLmodel file as MLflow writes it",
                    actual=f"{type(exc).__name__}: {str(exc)[:200]}",
                    where=f"runs:/{run_id}/{MODEL_NAME}",
                    fix="Train the model again here",
                ) from exc
        if not columns:
            raise TrackingError("The model does not say which columns it predicts from", where=f"run {run_id}")
        return {str(one.name): getattr(one.type, "name", "any") for one in columns}

    def close_stale_runs(self) -> list[str]:
        """Set runs of ours to FAILED whose process on this machine is gone, and return their ids."""
        database = self._store.database
        with translate_errors("close runs that were left running", self._store):
            if database is None:
                found = self._search(list(self._experiment_names()), "attributes.status = 'RUNNING'", limit=10 * PAGE)
                running = {run.info.run_id: run.data.tags for run in found}
            else:
                running = read_running(database) if database.exists() else {}
            left = []
            for run_id, tags in running.items():
                # It may have ended since it was listed, and only then have let go of its lock.
                if not is_abandoned(self._store, tags) or self._client.get_run(run_id).info.status != "RUNNING":
                    continue
                because = "the process that wrote it ended before it was done"
                self._client.set_tag(run_id, "edtech.failed_because", because)
                self._client.set_terminated(run_id, "FAILED")
                left.append(run_id)
        return left

    def update_run(self, run_id: str, name: str, note: str) -> None:
        """Give a run another name and note. Raises RunNotFoundError, TrackingError for an empty name."""
        if not name.strip():
            raise TrackingError("A run needs a name", expected="at least one character", actual="nothing")
        at = self._keeping(run_id) or self
        at._get(run_id)
        with translate_errors("describe the run", at._store):
            at._client.update_run(run_id, name=truncate(name.strip(), MAX_KEY))
            at._client.set_tag(run_id, "mlflow.note.content", truncate(note, MAX_NOTE_CHARACTERS))

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        """Set a tag of a run, or take it off where the value is empty; those that MLflow and we write stay as they are.

        Raises RunNotFoundError, TrackingError for a key that is not free.
        """
        at = self._keeping(run_id) or self
        own = at._get(run_id).data.tags
        if not TAG.fullmatch(key) or key in RESERVED_TAGS:
            raise TrackingError(
                "This tag cannot be changed",
                expected="letters, digits, spaces, _ - and /, and none of those that a training writes",
                actual=repr(key)[:100],
                fix="choose another name for the tag",
            )
        with translate_errors("tag the run", at._store):
            if value:
                at._client.set_tag(run_id, key, truncate(value, MAX_NOTE_CHARACTERS))
            elif key in own:
                at._client.delete_tag(run_id, key)

    @contextmanager
    def model_zip(self, run_id: str) -> Iterator[Path]:
        """Give a zip file of a run's model until the block ends; it lies on disk, as a model can be large.

        Raises RunNotFoundError, TrackingError where the run has no model.
        """
        at = self._keeping(run_id) or self
        run = at._get(run_id)
        with translate_errors(f"fetch the model of the run {run_id}", at._store), TemporaryDirectory() as folder:
            files, archive = at._fetch_model(run, folder), Path(folder, f"model-{run_id[:8]}.zip")
            with ZipFile(archive, "w", ZIP_DEFLATED) as zipped:
                for path in sorted(one for one in files.rglob("*") if one.is_file() and one != archive):
                    zipped.write(path, path.relative_to(files).as_posix())
            yield archive

    def delete(self, run_id: str) -> None:
        """Take a run from the lists; what it holds stays, and `restore` brings it back. Raises RunNotFoundError."""
        at = self._keeping(run_id) or self
        at._get(run_id)
        with translate_errors("delete the run", at._store):
            at._client.delete_run(run_id)

    def restore(self, run_id: str) -> None:
        """Bring a deleted run back. Raises RunNotFoundError."""
        at = self._keeping(run_id) or self
        at._get(run_id)
        with translate_errors("restore the run", at._store):
            at._client.restore_run(run_id)

    def deleted_runs(self, experiment: str, kind: str | None = None) -> pd.DataFrame:
        """Return the deleted runs of an experiment, as `list_runs` does."""
        from mlflow.entities import ViewType

        names = {key: name for key, name in self._experiment_names().items() if name == experiment}
        condition = f"tags.kind = '{kind}'" if kind else ""
        with translate_errors("list the deleted runs", self._store):
            found = self._client.search_runs(list(names), condition, ViewType.DELETED_ONLY, max_results=PAGE)
        return as_frame([as_run(run, names) for run in found] if names else [])

    def is_local(self, run_id: str) -> bool:
        """Whether the run is on this machine and not on the server."""
        return self._keeping(run_id) is not None

    def _keeping(self, run_id: str) -> "RunStore | None":
        """Return the store on this machine where it keeps this run of a server: it waits to be sent, or was."""
        kept = self._kept._store.database if self._kept else None
        return self._kept if kept and kept.exists() and is_pending_or_synced(kept, run_id) else None

    def _experiment_names(self) -> dict[str, str]:
        with translate_errors("list the experiments", self._store):
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
                with translate_errors("read the run", self._store):
                    raise
            raise RunNotFoundError(
                "There is no run of this id", actual=repr(run_id), where=self._store.redacted_uri
            ) from exc
        refuse_local_artifacts(self._store, run.info.artifact_uri)
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
            refuse_local_artifacts(self._store, uri)
            return Path(download_artifacts(artifact_uri=uri, dst_path=folder, tracking_uri=self._store.uri))
        if not self._client.list_artifacts(run.info.run_id, MODEL_NAME):
            raise TrackingError("The run has no model", actual=f"run {run.info.run_id}", where=self._store.redacted_uri)
        return Path(self._client.download_artifacts(run.info.run_id, MODEL_NAME, folder))
