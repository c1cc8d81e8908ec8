"""Read and change runs, whether they are on this machine or on a server."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from edtech.errors import TrackingError
from edtech.settings import Settings
from edtech.tracking.mlflow_runs import MAX_HISTORY, PAGE, EmbeddedRuns, MlflowRuns, open_runs
from edtech.tracking.run_frames import Run, as_frame
from edtech.tracking.store import embedded_store, find_store


class RunStore:
    """The runs of an embedded store; or of a server, with those that wait on this machine to be sent to it.

    It connects lazily and creates nothing. A run that waits, or was sent, is also found by its id on this machine.
    Raises SettingsError for an address that cannot be used, and TrackingError from each call if the store fails.
    """

    def __init__(self, tracking_uri: str | None = None, settings: Settings | None = None) -> None:
        settings = settings or Settings()
        store = find_store(tracking_uri, settings)
        self._runs = open_runs(store)
        self._local = EmbeddedRuns(embedded_store(settings)) if store.is_server else None

    def _holder(self, run_id: str) -> MlflowRuns:
        """Return the runs that this one is among: the only place that decides between machine and server."""
        return self._local if self._local and self._local.has_pending_or_synced(run_id) else self._runs

    def is_local(self, run_id: str) -> bool:
        """Whether this id belongs to this machine and not to the server."""
        return self._local is not None and self._holder(run_id) is self._local

    # ---- lists

    def experiments(self, fallback_to_local: bool = False) -> list[str]:
        """Return the names of all experiments that are not deleted, newest first; none if there is no store yet.

        `fallback_to_local`: if the server does not answer, return those on this machine.
        """
        if self._local and fallback_to_local and self.problem():
            return self._local.experiments()
        return self._runs.experiments()

    def list_runs(
        self,
        experiments: Sequence[str] | None = None,
        kind: str | None = "training",
        limit: int = PAGE,
        finished: bool = True,
        fallback_to_local: bool = False,
    ) -> pd.DataFrame:
        """Return the newest runs, one row each: COLUMNS, then `params.*`, `metrics.*` and `tags.*`.

        `experiments`: names, None for all; one that does not exist has no runs. `kind`: the value of the tag `kind`,
        None for all runs, those of other programs included. `finished`: only complete runs. `fallback_to_local`: if the
        server does not answer, return the pending runs only; `problem` returns the reason.
        """
        if kind is not None and not kind.isidentifier():
            raise TrackingError("This is not a kind of run", expected="training, scenario or None", actual=repr(kind))
        if self._local is None:
            return self._runs.list_runs(experiments, kind, limit, finished)
        pending = self._local.pending_runs(experiments, kind, finished)
        offline = fallback_to_local and self.problem() is not None
        on_server = [] if offline else self._runs.search(experiments, kind, limit, finished)
        return as_frame([*pending, *on_server][:limit])

    def deleted_runs(self, experiment: str, kind: str | None = None) -> pd.DataFrame:
        """Return the deleted runs of an experiment, as `list_runs` does."""
        return self._runs.deleted_runs(experiment, kind)

    def metric_history(self, run_ids: Sequence[str], metric: str) -> pd.DataFrame:
        """Return the logged values of a metric, at most 50,000: run_id, step, time, value."""
        rows = [row for runs, ids in groupby(run_ids, self._holder) for row in runs.metric_history(list(ids), metric)]
        frame = pd.DataFrame(rows[:MAX_HISTORY], columns=["run_id", "step", "time", "value"]).astype({"value": float})
        return frame.assign(time=pd.to_datetime(frame["time"], unit="ms", utc=True, errors="coerce"))

    def problem(self) -> str | None:
        """Return why the server cannot be used; None if it answers, or if the store is on this machine."""
        try:
            if self._local:
                self._runs.experiments()
        except TrackingError as error:
            return error.problem
        return None

    def stamp(self) -> tuple[int, ...]:
        """Return a stamp that changes on every write to an embedded store; for a server, every half minute."""
        return self._runs.stamp()

    def close_stale_runs(self) -> list[str]:
        """Set runs to FAILED whose process on this machine has ended, and return their ids."""
        return self._runs.close_stale_runs()

    # ---- a single run

    def get_run(self, run_id: str) -> Run:
        """Return a run with its artifact paths. Raises RunNotFoundError."""
        return self._holder(run_id).get_run(run_id)

    def read_artifact(self, run_id: str, path: str) -> bytes:
        """Return the content of a file of a run.

        Raises RunNotFoundError, or TrackingError if the run has no such file or it is larger than 500 MB.
        """
        return self._holder(run_id).read_artifact(run_id, path)

    def load_model(self, run_id: str) -> Any:  # noqa: ANN401  # any scikit-learn style estimator
        """Return a run's estimator, after every type in its file has passed the list of trusted types.

        Raises RunNotFoundError, TrackingError if the run has no model, UntrustedModelError if it is not stored as skops
        or holds other types; nothing in the file is executed before.
        """
        return self._holder(run_id).load_model(run_id)

    def signature(self, run_id: str) -> dict[str, str]:
        """Return the input columns of a run's model, with MLflow's names of their types.

        Raises RunNotFoundError, TrackingError if the run has no model or the model has no signature.
        """
        return self._holder(run_id).signature(run_id)

    def model_zip(self, run_id: str) -> AbstractContextManager[Path]:
        """Return a context with a zip file of a run's model; it is on disk, since a model can be large.

        Raises RunNotFoundError, TrackingError if the run has no model.
        """
        return self._holder(run_id).model_zip(run_id)

    # ---- changes

    def update_run(self, run_id: str, name: str, note: str) -> None:
        """Set a run's name and note. Raises RunNotFoundError, TrackingError for an empty name."""
        self._holder(run_id).update_run(run_id, name, note)

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        """Set a tag of a run; an empty value deletes it.

        Raises RunNotFoundError, TrackingError for a key that MLflow or this project writes.
        """
        self._holder(run_id).set_tag(run_id, key, value)

    def delete(self, run_id: str) -> None:
        """Mark a run as deleted; its content stays, and `restore` brings it back. Raises RunNotFoundError."""
        self._holder(run_id).delete(run_id)

    def restore(self, run_id: str) -> None:
        """Restore a deleted run. Raises RunNotFoundError."""
        self._holder(run_id).restore(run_id)
