"""Write runs to a store: the only module that creates experiments and runs."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from edtech.errors import TrackingError
from edtech.tracking.evaluation_files import SCRIPT, add_evaluation_files, validation_script
from edtech.tracking.mlflow_limits import MAX_DIGEST, MAX_KEY, PLATFORM_TAGS, MlflowValues, to_mlflow_values, truncate
from edtech.tracking.model_files import create_logged_model, infer_schema, save_model
from edtech.tracking.provenance import code_tags
from edtech.tracking.run_items import DatasetItem, ModelItem, RunItems
from edtech.tracking.store import Store, connect, refuse_local_artifacts, translate_errors
from edtech.tracking.writer_locks import write_lock

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

EXPERIMENT_DESCRIPTION = (
    "Token pricing for a course marketplace. Runs tagged kind=training are models, kind=scenario are saved what-ifs, "
    "kind=group are parents of other runs: a search and its trials, or repeats."
)
BATCH_SIZE = 100  # MLflow's limit of params per request; that of metrics is 1,000


class RunWriter:
    """Write to one experiment of one store; the experiment is created if it does not exist.

    Raises TrackingError if the store cannot be used.
    """

    def __init__(self, store: Store, experiment_name: str) -> None:
        self.store = store
        self.client = connect(store)
        self.experiment_id = get_experiment_id(self.client, store, experiment_name)

    @contextmanager
    def start_run(self, items: RunItems, tags: Mapping[str, str]) -> Iterator[str]:
        """Open a run, write the items, and close it when the block ends: FINISHED, or FAILED if it raises."""
        items = add_evaluation_files(items)
        values = to_mlflow_values(items)
        started = items.started.timestamp() if items.started else time.time()
        with write_lock(self.store) as writer_tags:
            with translate_errors(f"log the run {items.name!r}", self.store):
                run = self.client.create_run(
                    self.experiment_id,
                    start_time=int(started * 1000),
                    tags={**code_tags(), **writer_tags, **values.tags, **tags},
                    run_name=truncate(items.name, MAX_KEY),
                )
            with self._close_after(run.info.run_id) as run_id:
                self._write(run_id, items, values)
                yield run_id

    def log_items(self, run_id: str, items: RunItems) -> None:
        """Write params, metrics, data sets, artifacts, model and tags of `items` to an open run."""
        from mlflow.entities import RunTag

        items = replace(items, sample=None)
        values = to_mlflow_values(items)
        self._write(run_id, items, values)
        tags = [RunTag(key, values.tags[key]) for key in values.tags if key in items.tags]
        with translate_errors("tag the run", self.store):
            self.client.log_batch(run_id, tags=tags)

    def _write(self, run_id: str, items: RunItems, values: MlflowValues) -> None:
        with translate_errors(f"log the run {items.name!r}", self.store):
            self._log_values(run_id, values.params, values.metrics)
            self._log_datasets(run_id, items.datasets)
            self._log_artifacts(run_id, values.artifacts)
            if items.sample:
                script = validation_script(run_id, self.store.uri, items.sample.inputs)
                self._log_artifacts(run_id, {SCRIPT: script.encode()})
            if items.model:
                self._log_model(run_id, items.model, values.tags.get("model_type"))

    @contextmanager
    def _close_after(self, run_id: str) -> Iterator[str]:
        status = "FAILED"
        try:
            yield run_id
            status = "FINISHED"
        finally:
            with translate_errors("close the run", self.store):
                self.client.set_terminated(run_id, status)

    def _log_values(self, run_id: str, params: Mapping[str, str], metrics: Mapping[str, float]) -> None:
        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        param_items = [Param(key, value) for key, value in params.items()]
        metric_items = [Metric(key, value, now, 0) for key, value in metrics.items()]
        for start in range(0, max(len(param_items), len(metric_items)), BATCH_SIZE):
            batch = slice(start, start + BATCH_SIZE)
            self.client.log_batch(run_id, params=param_items[batch], metrics=metric_items[batch])

    def _log_datasets(self, run_id: str, datasets: Sequence[DatasetItem]) -> None:
        if datasets:
            self.client.log_inputs(run_id, datasets=[_dataset_input(item) for item in datasets])

    def _log_artifacts(self, run_id: str, artifacts: Mapping[str, bytes]) -> None:
        if not artifacts:
            return
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            for path, content in artifacts.items():
                target = Path(folder, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            self.client.log_artifacts(run_id, folder)

    def _log_model(self, run_id: str, item: ModelItem, model_type: str | None) -> None:
        with create_logged_model(self.client, self.experiment_id, run_id, model_type) as (folder, description):
            save_model(item, folder, description)


def get_experiment_id(client: "MlflowClient", store: Store, name: str) -> str:
    """Return the id of the experiment with that name; it is created if it does not exist."""
    with translate_errors(f"open the experiment {name!r}", store):
        experiment = client.get_experiment_by_name(name) or _create_experiment(client, store, name)
        if experiment.lifecycle_stage != "active":
            raise TrackingError(
                f"The experiment {name!r} was deleted",
                where=store.redacted_uri,
                fix=f"Choose another name, or restore it: mlflow experiments restore -x {experiment.experiment_id}",
            )
        refuse_local_artifacts(store, experiment.artifact_location)
    return str(experiment.experiment_id)


def _create_experiment(client: "MlflowClient", store: Store, name: str) -> Any:  # noqa: ANN401  # mlflow's Experiment
    from mlflow.exceptions import MlflowException

    tags = {**PLATFORM_TAGS, "experiment_type": "token_pricing", "mlflow.note.content": EXPERIMENT_DESCRIPTION}
    try:
        return client.get_experiment(client.create_experiment(name, store.artifact_location, tags))
    except MlflowException as exc:
        if exc.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return client.get_experiment_by_name(name)  # another process has just created it


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
        schema=json.dumps({"mlflow_colspec": infer_schema(frame).to_dict()}),
        profile=json.dumps(profile),
    )
    return DatasetInput(data, [InputTag("mlflow.data.context", item.context)])
