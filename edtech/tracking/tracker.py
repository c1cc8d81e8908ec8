"""Log runs to the embedded store and, if a server is set, from there to the server."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edtech.errors import TrackingError
from edtech.settings import Settings
from edtech.tracking.export import export_experiment
from edtech.tracking.outbox import BackgroundSync
from edtech.tracking.run_items import DatasetItem, RunItems
from edtech.tracking.run_writer import RunWriter
from edtech.tracking.runs import RunStore
from edtech.tracking.sqlite_runs import PENDING_TAG
from edtech.tracking.store import embedded_store, find_store

if TYPE_CHECKING:
    import pandas as pd


class EdTechMLFlowTracker:
    """Log runs to one experiment of one store; thread-safe.

    The experiment is created if it does not exist, and runs that a killed process left open are closed. MLflow's
    process-wide state (active run, tracking URI) is neither read nor changed. If the store is a server, a complete run
    is written to the embedded store first and sent from there. If sending fails or takes longer than two seconds, the
    run stays pending for `edtech.tracking.sync`, and `notice` tells why. Each run gets the `tags`.
    Raises SettingsError or TrackingError if the store on this machine cannot be used.
    """

    def __init__(
        self,
        experiment_name: str | None = None,
        tracking_uri: str | None = None,
        settings: Settings | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self._settings = settings = settings or Settings()
        self._tags = dict(tags or {})
        self._store = find_store(tracking_uri, settings)
        self.experiment_name = experiment_name or settings.experiment
        local = embedded_store(settings) if self._store.is_server else self._store
        self._writer = RunWriter(local, self.experiment_name)
        self._sync = BackgroundSync(self._store.uri, settings) if self._store.is_server else None
        self._open: set[str] = set()
        RunStore(local.uri, settings).close_stale_runs()

    @property
    def uri(self) -> str:
        """The store's address for `mlflow.set_tracking_uri`."""
        return self._store.uri

    @property
    def experiment_id(self) -> str:
        """The experiment's id in the store on this machine."""
        return self._writer.experiment_id

    @property
    def ui_command(self) -> str | None:
        """The command that opens MLflow's own pages on this store; None if a server shows them at `uri`."""
        return None if self._store.is_server else f"mlflow ui --backend-store-uri {shlex.quote(self.uri)}"

    @property
    def notice(self) -> str | None:
        """Why runs are pending on this machine and how to send them; None if none are."""
        return self._sync.notice if self._sync else None

    def flush(self, seconds: float = 60.0) -> None:
        """Wait, at most this long, until the pending runs are sent; trainings need not call this."""
        if self._sync:
            self._sync.flush(seconds)

    @cached_property
    def runs(self) -> RunStore:
        """The runs of the same store."""
        return RunStore(self.uri, self._settings)

    def newest_runs(self, limit: int) -> "pd.DataFrame":
        """Return the experiment's newest trainings, as `RunStore.list_runs` does.

        Raises TrackingError if they cannot be read, or a server takes longer than two seconds.
        """

        def listed() -> "pd.DataFrame":
            return self.runs.list_runs([self.experiment_name], limit=limit)

        return self._sync.query(listed) if self._sync else listed()

    def log(self, items: RunItems) -> str:
        """Write one run and return its id; the run is FINISHED if all of it is stored, else FAILED.

        Raises TrackingError if MLflow or the disk fails, UntrustedModelError for a model that could not be loaded
        again. An artifact path that leaves the run raises before anything is written.
        """
        with self.group(items) as group:
            pass
        return group.run_id

    @contextmanager
    def group(self, items: RunItems) -> Iterator["Group"]:
        """Open a run, write the items, and close it when the block ends: FINISHED, or FAILED if it raises.

        Runs logged inside with `parent=group.run_id` belong to it; all are sent to a server when the group is closed.
        Raises the errors of `log`.
        """
        tags = self._tags | ({PENDING_TAG: "yes"} if self._sync else {})
        with self._writer.start_run(items, tags) as run_id:
            group = Group(run_id, self._writer)
            self._open.add(run_id)
            try:
                yield group
            finally:
                self._open.discard(run_id)
        if self._sync and items.parent not in self._open:
            group.run_id = self._sync.send_run(run_id)

    def log_model_training(
        self,
        model_results: RunItems | Mapping[str, Any],
        model_type: str,
        dataset_info: DatasetItem | Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Log a training from items, or from a mapping with the fields of `RunItems`, and return the run's id.

        `dataset_info` is the data set itself or a mapping (`name`, `digest`, ...) that becomes tags.
        """
        items = model_results if isinstance(model_results, RunItems) else _to_run_items(model_results, model_type)
        if isinstance(dataset_info, DatasetItem):
            items = replace(items, datasets=(*items.datasets, dataset_info))
        elif dataset_info:
            items = replace(items, tags={**items.tags, **{f"dataset_{k}": str(v) for k, v in dataset_info.items()}})
        return self.log(replace(items, tags={**items.tags, "model_type": model_type, **(tags or {})}))

    def export_experiment_results(self, path: str | Path | None = None) -> Path:
        """Write the experiment's runs as JSON and return the file, by default `mlruns/experiment_summary.json`.

        Raises TrackingError if the runs cannot be read or the file cannot be written.
        """
        target = Path(path).expanduser() if path else self._settings.mlruns_dir / "experiment_summary.json"
        return export_experiment(self.runs, self.experiment_name, target)


@dataclass(slots=True)
class Group:
    """An open run: other runs may be logged under it, and more may be written to it."""

    run_id: str
    _writer: RunWriter

    def add(self, items: RunItems) -> None:
        """Write the params, metrics, data sets, artifacts, model and tags of `items` to the run; its name stays."""
        self._writer.log_items(self.run_id, items)


def setup_mlflow_for_edtech_pipeline(
    experiment_name: str | None = None, tracking_uri: str | None = None, settings: Settings | None = None
) -> EdTechMLFlowTracker:
    """Return a tracker that is ready to log: the store is open and the experiment exists."""
    return EdTechMLFlowTracker(experiment_name, tracking_uri, settings)


def _to_run_items(results: Mapping[str, Any], model_type: str) -> RunItems:
    try:
        return RunItems(**{"name": model_type, **results})
    except TypeError as exc:
        raise TrackingError(
            "The model's results cannot be logged",
            expected="a mapping with " + ", ".join(RunItems.__dataclass_fields__),
            actual=", ".join(map(str, results)),
        ) from exc
