"""Copies runs from the embedded store to a server, so that any step can be done again without doing it twice."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from edtech.tracking.evaluation import SCRIPT, readdressed
from edtech.tracking.model_files import MODEL_NAME, new_model
from edtech.tracking.recorder import BATCH, experiment_id
from edtech.tracking.sqlite_runs import SENT_AS, WAITING, WaitingRun
from edtech.tracking.store import Store, translated

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run

SENT_FROM = "edtech.sent_from"
PARENT = "mlflow.parentRunId"
NOT_SENT = {WAITING, SENT_AS, "edtech.lock"}
_OPEN = {"RUNNING", "SCHEDULED"}


class Copier:
    """From one store to another; a copy is found again by the tag that names the run it was made from."""

    def __init__(self, local: Store, source: "MlflowClient", server: Store, target: "MlflowClient") -> None:
        self._local, self._source = local, source
        self._server, self._target = server, target
        self._experiments: dict[str, str] = {}

    def copy(self, tree: Sequence[WaitingRun]) -> dict[str, str]:
        """Send runs, each listed after its parent, and return their ids on the server by their ids here.

        All are opened first, then filled and closed from the last to the first, so a parent that names its children
        names their new ids and is complete when it is closed. Raises TrackingError.
        """
        with translated("send runs to the server", self._server):
            ids: dict[str, str] = {}
            for waiting in tree:
                ids[waiting.run_id] = self._opened(self._source.get_run(waiting.run_id), ids)
            for here, there in reversed(ids.items()):
                self._fill(self._source.get_run(here), there, ids)
                self._mark_sent(here, there)
        return ids

    def _opened(self, run: "Run", ids: Mapping[str, str]) -> str:
        """Return the id of the run's copy, begun now or when an earlier try was broken off."""
        experiment = self._experiment(run.info.experiment_id)
        if found := self._copies(experiment, run.info.run_id):
            return str(found[0].info.run_id)
        tags = {key: value for key, value in run.data.tags.items() if key not in NOT_SENT}
        if PARENT in tags:
            tags[PARENT] = ids.get(tags[PARENT]) or self._sent_as(tags[PARENT])
        tags[SENT_FROM] = run.info.run_id
        copy = self._target.create_run(experiment, run.info.start_time, tags, run.info.run_name)
        return str(copy.info.run_id)

    def _fill(self, run: "Run", there: str, ids: Mapping[str, str]) -> None:
        copy = self._target.get_run(there)
        if copy.info.status not in _OPEN:
            return
        self._send_values(run, there, ids)
        if run.inputs and run.inputs.dataset_inputs:
            self._target.log_inputs(there, datasets=run.inputs.dataset_inputs)
        self._send_files(run, there)
        self._send_models(run, copy)
        # A request that was answered too late and asked again may have opened a second copy.
        for extra in self._copies(copy.info.experiment_id, run.info.run_id):
            if extra.info.run_id != there:
                self._target.delete_run(extra.info.run_id)
        self._target.set_terminated(there, run.info.status, run.info.end_time)

    def _send_values(self, run: "Run", there: str, ids: Mapping[str, str]) -> None:
        from mlflow.entities import Param, RunTag

        metrics = [one for key in run.data.metrics for one in self._source.get_metric_history(run.info.run_id, key)]
        params = [Param(key, value) for key, value in run.data.params.items()]
        tags = [RunTag(key, ids[value]) for key, value in run.data.tags.items() if value in ids and key != PARENT]
        for start in range(0, max(len(metrics), len(params), len(tags)), BATCH):
            part = slice(start, start + BATCH)
            self._target.log_batch(there, metrics[part], params[part], tags[part])

    def _send_files(self, run: "Run", there: str) -> None:
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            if not self._source.list_artifacts(run.info.run_id):
                return
            files = Path(self._source.download_artifacts(run.info.run_id, "", folder))
            if (script := files / SCRIPT).is_file():
                text = script.read_text(encoding="utf-8")
                script.write_text(readdressed(text, there, self._server.bare), encoding="utf-8")
            self._target.log_artifacts(there, str(files))

    def _send_models(self, run: "Run", copy: "Run") -> None:
        if copy.outputs and any(self._model(self._target, one.model_id) for one in copy.outputs.model_outputs):
            return
        for output in run.outputs.model_outputs if run.outputs else []:
            if model := self._model(self._source, output.model_id):
                self._send_model(model, copy)

    def _model(self, client: "MlflowClient", model_id: str) -> "LoggedModel | None":
        """Return a model that is whole."""
        model = client.get_logged_model(model_id)
        return model if model.name == MODEL_NAME and model.status.value == "READY" else None

    def _send_model(self, model: "LoggedModel", copy: "Run") -> None:
        from mlflow.artifacts import download_artifacts
        from mlflow.models import Model

        info = copy.info
        with new_model(self._target, info.experiment_id, info.run_id, model.model_type) as (folder, description):
            beside = str(folder.parent)
            Path(download_artifacts(model.artifact_location, dst_path=beside, tracking_uri=self._local.uri)).rename(
                folder
            )
            described: Model = Model.load(str(folder / "MLmodel"))
            described.run_id, described.artifact_path = info.run_id, description.artifact_path
            described.model_uuid = described.model_id = description.model_id
            described.save(str(folder / "MLmodel"))

    def _mark_sent(self, here: str, there: str) -> None:
        self._source.set_tag(here, SENT_AS, there)
        self._source.delete_tag(here, WAITING)
        self._source.delete_run(here)  # listed on the server from now on; here it can still be read by its id

    def _sent_as(self, parent: str) -> str:
        """Return the id that a parent has on the server; its own where it never was here."""
        from mlflow.exceptions import MlflowException

        try:
            return str(self._source.get_run(parent).data.tags.get(SENT_AS, parent))
        except MlflowException:
            return parent

    def _experiment(self, here: str) -> str:
        if here not in self._experiments:
            name = self._source.get_experiment(here).name
            self._experiments[here] = experiment_id(self._target, self._server, name)
        return self._experiments[here]

    def _copies(self, experiment: str, here: str) -> list["Run"]:
        """Return the copies of a run on the server, finished ones first, then the oldest."""
        found = self._target.search_runs([experiment], f"tags.`{SENT_FROM}` = '{here}'")
        return sorted(found, key=lambda run: (run.info.status in _OPEN, run.info.start_time, run.info.run_id))
