"""Copy runs from the embedded store to a server; each step can be repeated without creating duplicates."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from edtech.tracking.evaluation_files import SCRIPT, retarget_script
from edtech.tracking.model_files import MODEL_NAME, create_logged_model
from edtech.tracking.run_writer import BATCH_SIZE, get_experiment_id
from edtech.tracking.sqlite_runs import PENDING_TAG, SYNCED_AS_TAG, PendingRun
from edtech.tracking.store import Store, translate_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run

SYNCED_FROM_TAG = "edtech.sent_from"
"""Holds the id of the local run that a run on the server is a copy of."""
PARENT_TAG = "mlflow.parentRunId"
LOCAL_TAGS = {PENDING_TAG, SYNCED_AS_TAG, "edtech.lock"}
_OPEN_STATUSES = {"RUNNING", "SCHEDULED"}


class RunCopier:
    """Copies from one store to another; it finds its own copies by the tag that names the original run."""

    def __init__(self, local: Store, source: "MlflowClient", server: Store, target: "MlflowClient") -> None:
        self._local, self._source = local, source
        self._server, self._target = server, target
        self._experiments: dict[str, str] = {}

    def copy(self, tree: Sequence[PendingRun]) -> dict[str, str]:
        """Copy runs, each listed after its parent, and return their ids on the server by their local ids.

        All copies are opened first, then filled and closed from the last to the first. So a parent that names its
        children gets their new ids, and is complete when it is closed. Raises TrackingError.
        """
        with translate_errors("send runs to the server", self._server):
            ids: dict[str, str] = {}
            for pending in tree:
                ids[pending.run_id] = self._open_copy(self._source.get_run(pending.run_id), ids)
            for local_id, server_id in reversed(ids.items()):
                self._fill_copy(self._source.get_run(local_id), server_id, ids)
                self._mark_synced(local_id, server_id)
        return ids

    def _open_copy(self, run: "Run", ids: Mapping[str, str]) -> str:
        """Return the id of the run's copy, created now or by an interrupted attempt."""
        experiment = self._target_experiment(run.info.experiment_id)
        if copies := self._find_copies(experiment, run.info.run_id):
            return str(copies[0].info.run_id)
        tags = {key: value for key, value in run.data.tags.items() if key not in LOCAL_TAGS}
        if PARENT_TAG in tags:
            tags[PARENT_TAG] = ids.get(tags[PARENT_TAG]) or self._synced_id(tags[PARENT_TAG])
        tags[SYNCED_FROM_TAG] = run.info.run_id
        copy = self._target.create_run(experiment, run.info.start_time, tags, run.info.run_name)
        return str(copy.info.run_id)

    def _fill_copy(self, run: "Run", server_id: str, ids: Mapping[str, str]) -> None:
        copy = self._target.get_run(server_id)
        if copy.info.status not in _OPEN_STATUSES:
            return
        self._copy_values(run, server_id, ids)
        if run.inputs and run.inputs.dataset_inputs:
            self._target.log_inputs(server_id, datasets=run.inputs.dataset_inputs)
        self._copy_files(run, server_id)
        self._copy_models(run, copy)
        # A request that timed out and was repeated may have created a second copy.
        for duplicate in self._find_copies(copy.info.experiment_id, run.info.run_id):
            if duplicate.info.run_id != server_id:
                self._target.delete_run(duplicate.info.run_id)
        self._target.set_terminated(server_id, run.info.status, run.info.end_time)

    def _copy_values(self, run: "Run", server_id: str, ids: Mapping[str, str]) -> None:
        from mlflow.entities import Param, RunTag

        metrics = [item for key in run.data.metrics for item in self._source.get_metric_history(run.info.run_id, key)]
        params = [Param(key, value) for key, value in run.data.params.items()]
        tags = [RunTag(key, ids[value]) for key, value in run.data.tags.items() if value in ids and key != PARENT_TAG]
        for start in range(0, max(len(metrics), len(params), len(tags)), BATCH_SIZE):
            batch = slice(start, start + BATCH_SIZE)
            self._target.log_batch(server_id, metrics[batch], params[batch], tags[batch])

    def _copy_files(self, run: "Run", server_id: str) -> None:
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            if not self._source.list_artifacts(run.info.run_id):
                return
            files = Path(self._source.download_artifacts(run.info.run_id, "", folder))
            if (script := files / SCRIPT).is_file():
                text = script.read_text(encoding="utf-8")
                script.write_text(
                    retarget_script(text, server_id, self._server.uri_without_credentials), encoding="utf-8"
                )
            self._target.log_artifacts(server_id, str(files))

    def _copy_models(self, run: "Run", copy: "Run") -> None:
        outputs = copy.outputs.model_outputs if copy.outputs else []
        if any(self._complete_model(self._target, output.model_id) for output in outputs):
            return
        for output in run.outputs.model_outputs if run.outputs else []:
            if model := self._complete_model(self._source, output.model_id):
                self._copy_model(model, copy)

    def _complete_model(self, client: "MlflowClient", model_id: str) -> "LoggedModel | None":
        """Return a logged model if all of it was written."""
        model = client.get_logged_model(model_id)
        return model if model.name == MODEL_NAME and model.status.value == "READY" else None

    def _copy_model(self, model: "LoggedModel", copy: "Run") -> None:
        from mlflow.artifacts import download_artifacts
        from mlflow.models import Model

        experiment, run_id = copy.info.experiment_id, copy.info.run_id
        with create_logged_model(self._target, experiment, run_id, model.model_type) as (folder, new):
            parent, source = str(folder.parent), self._local.uri
            Path(download_artifacts(model.artifact_location, dst_path=parent, tracking_uri=source)).rename(folder)
            description: Model = Model.load(str(folder / "MLmodel"))
            description.run_id, description.artifact_path = run_id, new.artifact_path
            description.model_uuid = description.model_id = new.model_id
            description.save(str(folder / "MLmodel"))

    def _mark_synced(self, local_id: str, server_id: str) -> None:
        self._source.set_tag(local_id, SYNCED_AS_TAG, server_id)
        self._source.delete_tag(local_id, PENDING_TAG)
        self._source.delete_run(local_id)  # the server lists it from now on; its local id can still be read

    def _synced_id(self, parent: str) -> str:
        """Return the id of a parent on the server; the id itself if the parent was never on this machine."""
        from mlflow.exceptions import MlflowException

        try:
            return str(self._source.get_run(parent).data.tags.get(SYNCED_AS_TAG, parent))
        except MlflowException:
            return parent

    def _target_experiment(self, local_id: str) -> str:
        if local_id not in self._experiments:
            name = self._source.get_experiment(local_id).name
            self._experiments[local_id] = get_experiment_id(self._target, self._server, name)
        return self._experiments[local_id]

    def _find_copies(self, experiment: str, local_id: str) -> list["Run"]:
        """Return the copies of a run on the server: finished copies first, then the oldest."""
        copies = self._target.search_runs([experiment], f"tags.`{SYNCED_FROM_TAG}` = '{local_id}'")
        return sorted(copies, key=lambda run: (run.info.status in _OPEN_STATUSES, run.info.start_time, run.info.run_id))
