"""Copies runs from the embedded store to a server, so that any step can be done again without doing it twice."""

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
PARENT_TAG = "mlflow.parentRunId"
LOCAL_TAGS = {PENDING_TAG, SYNCED_AS_TAG, "edtech.lock"}
_OPEN_STATUSES = {"RUNNING", "SCHEDULED"}


class RunCopier:
    """From one store to another; a copy is found again by the tag that names the run it was made from."""

    def __init__(self, local: Store, source: "MlflowClient", server: Store, target: "MlflowClient") -> None:
        self._local, self._source = local, source
        self._server, self._target = server, target
        self._experiments: dict[str, str] = {}

    def copy(self, tree: Sequence[PendingRun]) -> dict[str, str]:
        """Send runs, each listed after its parent, and return their ids on the server by their ids here.

        All are opened first, then filled and closed from the last to the first, so a parent that names its children
        names their new ids and is complete when it is closed. Raises TrackingError.
        """
        with translate_errors("send runs to the server", self._server):
            ids: dict[str, str] = {}
            for waiting in tree:
                ids[waiting.run_id] = self._open_copy(self._source.get_run(waiting.run_id), ids)
            for here, there in reversed(ids.items()):
                self._fill_copy(self._source.get_run(here), there, ids)
                self._mark_synced(here, there)
        return ids

    def _open_copy(self, run: "Run", ids: Mapping[str, str]) -> str:
        """Return the id of the run's copy, begun now or when an earlier try was broken off."""
        experiment = self._target_experiment(run.info.experiment_id)
        if found := self._find_copies(experiment, run.info.run_id):
            return str(found[0].info.run_id)
        tags = {key: value for key, value in run.data.tags.items() if key not in LOCAL_TAGS}
        if PARENT_TAG in tags:
            tags[PARENT_TAG] = ids.get(tags[PARENT_TAG]) or self._synced_id(tags[PARENT_TAG])
        tags[SYNCED_FROM_TAG] = run.info.run_id
        copy = self._target.create_run(experiment, run.info.start_time, tags, run.info.run_name)
        return str(copy.info.run_id)

    def _fill_copy(self, run: "Run", there: str, ids: Mapping[str, str]) -> None:
        copy = self._target.get_run(there)
        if copy.info.status not in _OPEN_STATUSES:
            return
        self._send_values(run, there, ids)
        if run.inputs and run.inputs.dataset_inputs:
            self._target.log_inputs(there, datasets=run.inputs.dataset_inputs)
        self._send_files(run, there)
        self._send_models(run, copy)
        # A request that was answered too late and asked again may have opened a second copy.
        for extra in self._find_copies(copy.info.experiment_id, run.info.run_id):
            if extra.info.run_id != there:
                self._target.delete_run(extra.info.run_id)
        self._target.set_terminated(there, run.info.status, run.info.end_time)

    def _send_values(self, run: "Run", there: str, ids: Mapping[str, str]) -> None:
        from mlflow.entities import Param, RunTag

        metrics = [one for key in run.data.metrics for one in self._source.get_metric_history(run.info.run_id, key)]
        params = [Param(key, value) for key, value in run.data.params.items()]
        tags = [RunTag(key, ids[value]) for key, value in run.data.tags.items() if value in ids and key != PARENT_TAG]
        for start in range(0, max(len(metrics), len(params), len(tags)), BATCH_SIZE):
            part = slice(start, start + BATCH_SIZE)
            self._target.log_batch(there, metrics[part], params[part], tags[part])

    def _send_files(self, run: "Run", there: str) -> None:
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            if not self._source.list_artifacts(run.info.run_id):
                return
            files = Path(self._source.download_artifacts(run.info.run_id, "", folder))
            if (script := files / SCRIPT).is_file():
                text = script.read_text(encoding="utf-8")
                script.write_text(retarget_script(text, there, self._server.uri_without_credentials), encoding="utf-8")
            self._target.log_artifacts(there, str(files))

    def _send_models(self, run: "Run", copy: "Run") -> None:
        if copy.outputs and any(self._complete_model(self._target, one.model_id) for one in copy.outputs.model_outputs):
            return
        for output in run.outputs.model_outputs if run.outputs else []:
            if model := self._complete_model(self._source, output.model_id):
                self._send_model(model, copy)

    def _complete_model(self, client: "MlflowClient", model_id: str) -> "LoggedModel | None":
        """Return a model that is whole."""
        model = client.get_logged_model(model_id)
        return model if model.name == MODEL_NAME and model.status.value == "READY" else None

    def _send_model(self, model: "LoggedModel", copy: "Run") -> None:
        from mlflow.artifacts import download_artifacts
        from mlflow.models import Model

        info = copy.info
        with create_logged_model(self._target, info.experiment_id, info.run_id, model.model_type) as (
            folder,
            description,
        ):
            beside = str(folder.parent)
            Path(download_artifacts(model.artifact_location, dst_path=beside, tracking_uri=self._local.uri)).rename(
                folder
            )
            described: Model = Model.load(str(folder / "MLmodel"))
            described.run_id, described.artifact_path = info.run_id, description.artifact_path
            described.model_uuid = described.model_id = description.model_id
            described.save(str(folder / "MLmodel"))

    def _mark_synced(self, here: str, there: str) -> None:
        self._source.set_tag(here, SYNCED_AS_TAG, there)
        self._source.delete_tag(here, PENDING_TAG)
        self._source.delete_run(here)  # listed on the server from now on; here it can still be read by its id

    def _synced_id(self, parent: str) -> str:
        """Return the id that a parent has on the server; its own where it never was here."""
        from mlflow.exceptions import MlflowException

        try:
            return str(self._source.get_run(parent).data.tags.get(SYNCED_AS_TAG, parent))
        except MlflowException:
            return parent

    def _target_experiment(self, here: str) -> str:
        if here not in self._experiments:
            name = self._source.get_experiment(here).name
            self._experiments[here] = get_experiment_id(self._target, self._server, name)
        return self._experiments[here]

    def _find_copies(self, experiment: str, here: str) -> list["Run"]:
        """Return the copies of a run on the server, finished ones first, then the oldest."""
        found = self._target.search_runs([experiment], f"tags.`{SYNCED_FROM_TAG}` = '{here}'")
        return sorted(found, key=lambda run: (run.info.status in _OPEN_STATUSES, run.info.start_time, run.info.run_id))
