"""Writes runs: the only module that creates experiments and runs in an MLflow store."""

import json
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from edtech.errors import TrackingError
from edtech.settings import Settings
from edtech.tracking.entities import MAX_DIGEST, MAX_KEY, PLATFORM_TAGS, Fitted, cut, fit_items
from edtech.tracking.items import DatasetItem, ModelItem, RunItems
from edtech.tracking.models import MODEL_NAME, save_model, schema
from edtech.tracking.provenance import code_tags
from edtech.tracking.runs import RunStore
from edtech.tracking.store import Store, connect, find_store, guard_artifacts, translated
from edtech.tracking.writers import writing

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

EXPERIMENT_DESCRIPTION = (
    "Token pricing for a course marketplace. Runs tagged kind=training are models, kind=scenario are saved what-ifs."
)
BATCH = 100  # MLflow's limit of params for one request; of metrics it takes 1,000


class EdTechMLFlowTracker:
    """Logs runs to one experiment of one store; made once, used from any thread.

    The experiment is created where it is missing. Nothing of MLflow's process-wide state (active run, tracking URI)
    is read or changed. Raises SettingsError or TrackingError where the store cannot be used.
    """

    def __init__(
        self, experiment_name: str | None = None, tracking_uri: str | None = None, settings: Settings | None = None
    ) -> None:
        self._settings = settings = settings or Settings()
        self._store = find_store(tracking_uri, settings)
        self._client = connect(self._store)
        self.experiment_name = experiment_name or settings.experiment
        self.experiment_id = _experiment_id(self._client, self._store, self.experiment_name)

    @property
    def uri(self) -> str:
        """The store's address, as `mlflow.set_tracking_uri` takes it."""
        return self._store.uri

    @property
    def ui_command(self) -> str | None:
        """What starts MLflow's own pages on this store; None where a server shows them at `uri`."""
        if self._store.database is None:
            return None
        return f"mlflow ui --backend-store-uri {shlex.quote(self.uri)}"

    @cached_property
    def runs(self) -> RunStore:
        """The same store for reading."""
        return RunStore(self.uri, self._settings)

    def log(self, items: RunItems) -> str:
        """Write one run and return its id; the run is FINISHED when all of it is stored, else FAILED.

        Raises TrackingError for what MLflow or the disk refuses, UntrustedModelError for a model that could not be
        loaded again. An artifact path that leaves the run is refused before anything is written.
        """
        with self.group(items) as group:
            return group.run_id

    @contextmanager
    def group(self, items: RunItems) -> Iterator["Group"]:
        """Open a run, write what it is given, and close it when the block ends: FINISHED, or FAILED where it raises.

        Runs logged inside with `parent=group.run_id` belong to it. Raises what `log` does.
        """
        fitted = fit_items(items)
        started = items.started.timestamp() if items.started else time.time()
        with writing(self._store) as writer:
            with translated(f"log the run {items.name!r}", self._store):
                run = self._client.create_run(
                    self.experiment_id,
                    start_time=int(started * 1000),
                    tags={**code_tags(), **writer, **fitted.tags},
                    run_name=cut(items.name, MAX_KEY),
                )
            with self._closing(run.info.run_id) as run_id:
                self._write(run_id, items, fitted)
                yield Group(run_id, self)

    def _write(self, run_id: str, items: RunItems, fitted: Fitted) -> None:
        with translated(f"log the run {items.name!r}", self._store):
            self._log_values(run_id, fitted.params, fitted.metrics)
            self._log_datasets(run_id, items.datasets)
            self._log_artifacts(run_id, fitted.artifacts)
            if items.model:
                self._log_model(run_id, items.model, fitted.tags.get("model_type"))

    def log_model_training(
        self,
        model_results: RunItems | Mapping[str, Any],
        model_type: str,
        dataset_info: DatasetItem | Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Log a training from items, or a mapping with the fields of `RunItems`, and return the run's id.

        `dataset_info` is the data set itself or what is known of it (`name`, `digest`, ...), which becomes tags.
        """
        items = model_results if isinstance(model_results, RunItems) else _items(model_results, model_type)
        if isinstance(dataset_info, DatasetItem):
            items = replace(items, datasets=(*items.datasets, dataset_info))
        elif dataset_info:
            items = replace(items, tags={**items.tags, **{f"dataset_{k}": str(v) for k, v in dataset_info.items()}})
        return self.log(replace(items, tags={**items.tags, "model_type": model_type, **(tags or {})}))

    @contextmanager
    def _closing(self, run_id: str) -> Iterator[str]:
        status = "FAILED"
        try:
            yield run_id
            status = "FINISHED"
        finally:
            with translated("close the run", self._store):
                self._client.set_terminated(run_id, status)

    def _log_values(self, run_id: str, params: Mapping[str, str], metrics: Mapping[str, float]) -> None:
        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        rows = [Param(key, value) for key, value in params.items()]
        measured = [Metric(key, value, now, 0) for key, value in metrics.items()]
        for start in range(0, max(len(rows), len(measured)), BATCH):
            part = slice(start, start + BATCH)
            self._client.log_batch(run_id, params=rows[part], metrics=measured[part])

    def _tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        with translated("tag the run", self._store):
            self._client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])

    def _log_datasets(self, run_id: str, datasets: Sequence[DatasetItem]) -> None:
        if datasets:
            self._client.log_inputs(run_id, datasets=[_dataset_input(item) for item in datasets])

    def _log_artifacts(self, run_id: str, artifacts: Mapping[str, bytes]) -> None:
        if not artifacts:
            return
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            for path, content in artifacts.items():
                target = Path(folder, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            self._client.log_artifacts(run_id, folder)

    def _log_model(self, run_id: str, item: ModelItem, model_type: str | None) -> None:
        from mlflow.entities import LoggedModelOutput
        from mlflow.models import Model

        model = self._client.create_logged_model(
            self.experiment_id, name=MODEL_NAME, source_run_id=run_id, model_type=model_type
        )
        description = Model(
            artifact_path=model.artifact_location, run_id=run_id, model_uuid=model.model_id, model_id=model.model_id
        )
        status: Literal["READY", "FAILED"] = "FAILED"
        try:
            self._client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
            with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                files = Path(folder, MODEL_NAME)
                save_model(item, files, description)
                self._client.log_model_artifacts(model.model_id, str(files))
            status = "READY"
        finally:
            self._client.finalize_logged_model(model.model_id, status)


@dataclass(frozen=True, slots=True)
class Group:
    """A run that is open: others may be logged under it, and more may be written to it."""

    run_id: str
    _tracker: EdTechMLFlowTracker

    def add(self, items: RunItems) -> None:
        """Write the params, metrics, data sets, artifacts, model and tags of `items` to the run; its name stays."""
        fitted = fit_items(items)
        self._tracker._write(self.run_id, items, fitted)
        self._tracker._tag(self.run_id, {name: fitted.tags[name] for name in fitted.tags if name in items.tags})


def setup_mlflow_for_edtech_pipeline(
    experiment_name: str | None = None, tracking_uri: str | None = None, settings: Settings | None = None
) -> EdTechMLFlowTracker:
    """Return a tracker that is ready to log: the store is open, the experiment exists."""
    return EdTechMLFlowTracker(experiment_name, tracking_uri, settings)


def _experiment_id(client: "MlflowClient", store: Store, name: str) -> str:
    """Return the id of the experiment of that name, created where it is missing."""
    with translated(f"open the experiment {name!r}", store):
        experiment = client.get_experiment_by_name(name) or _create_experiment(client, store, name)
        if experiment.lifecycle_stage != "active":
            raise TrackingError(
                f"The experiment {name!r} was deleted",
                where=store.shown,
                fix=f"Choose another name, or restore it: mlflow experiments restore -x {experiment.experiment_id}",
            )
        guard_artifacts(store, experiment.artifact_location)
    return str(experiment.experiment_id)


def _create_experiment(client: "MlflowClient", store: Store, name: str) -> Any:  # noqa: ANN401  # mlflow's Experiment
    from mlflow.exceptions import MlflowException

    tags = {**PLATFORM_TAGS, "experiment_type": "token_pricing", "mlflow.note.content": EXPERIMENT_DESCRIPTION}
    try:
        return client.get_experiment(client.create_experiment(name, store.artifact_location, tags))
    except MlflowException as exc:
        if exc.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return client.get_experiment_by_name(name)  # another process was faster


def _dataset_input(item: DatasetItem) -> "DatasetInput":
    from mlflow.entities import Dataset, DatasetInput, InputTag

    frame, numbers = item.frame, item.frame.select_dtypes("number")
    profile = {
        "num_rows": len(frame),
        "num_elements": int(frame.size),
        "target": item.target,
        "missing": {str(name): int(count) for name, count in frame.isna().sum().items() if count},
        "statistics": json.loads(numbers.agg(["mean", "std", "min", "max"]).to_json()) if numbers.size else {},
    }
    data = Dataset(
        name=item.name[:500],
        digest=item.digest[:MAX_DIGEST],
        source_type="code",
        source=json.dumps({"tags": {"edtech.dataset": item.name, "edtech.digest": item.digest}}),
        schema=json.dumps({"mlflow_colspec": schema(frame).to_dict()}),
        profile=json.dumps(profile),
    )
    return DatasetInput(data, [InputTag("mlflow.data.context", item.context)])


def _items(results: Mapping[str, Any], model_type: str) -> RunItems:
    try:
        return RunItems(**{"name": model_type, **results})
    except TypeError as exc:
        raise TrackingError(
            "The model's results cannot be logged",
            expected="a mapping with " + ", ".join(RunItems.__dataclass_fields__),
            found=", ".join(map(str, results)),
        ) from exc
