"""Repeat a run with its data set, parameters and seed, and report every difference."""

import json
from dataclasses import dataclass, field
from typing import Any

from edtech.data import Catalogue, Dataset
from edtech.errors import DatasetNotFoundError
from edtech.jobs.progress import Progress
from edtech.metrics import METRICS
from edtech.ml.artifacts import RESULT, read_settings
from edtech.settings import Settings
from edtech.tracking import EdTechMLFlowTracker, Run, RunStore
from edtech.training.plans import load_dataset
from edtech.training.trainer import train_runs

TOLERANCE = 1e-9
RERUN_OF = "rerun_of"
_SUBJECTS = {
    "dataset_digest": "data",
    "edtech.version": "code",
    "mlflow.source.git.commit": "code",
    "edtech.packages": "versions",
    "edtech.python": "versions",
    "edtech.host": "machine",
}


@dataclass(frozen=True, slots=True)
class Rerun:
    """A run and its repetition: metrics that differ, as (before, now), and recorded changes that may explain them."""

    old: Run
    new: Run
    differences: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)
    changes: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether all metrics except durations are equal."""
        return not self.differences

    @property
    def summary(self) -> str:
        """The outcome in one or two sentences."""
        changes = "; ".join(self.changes)
        if self.equal:
            return "The metrics are equal." + (f" These changes make no difference: {changes}." if changes else "")
        count = f"{len(self.differences)} of {len(self.old.metrics)} metrics differ."
        return f"{count} Changes: {changes}." if changes else f"{count} No recorded setting changed."


def rerun(
    run_id: str, settings: Settings | None = None, dataset_id: str | None = None, progress: Progress | None = None
) -> Rerun:
    """Repeat the training of a run and compare. The new run is logged in the same experiment with the tag `rerun_of`.

    The data set is the stored one with the run's digest and the column roles of the run, unless `dataset_id` names
    another. Raises RunNotFoundError, TrackingError if the run is not a training of this project, DatasetNotFoundError
    if its data set is missing, and the errors of the training.
    """
    settings = settings or Settings()
    tracker = EdTechMLFlowTracker(settings=settings, tags={RERUN_OF: run_id})
    old = tracker.runs.get_run(run_id)
    family, algorithm, params = read_settings(tracker.runs, run_id)
    catalogue = Catalogue(settings.data_dir)
    dataset = catalogue.get(dataset_id) if dataset_id else _dataset_of(old, catalogue)
    if dataset.digest == old.tags.get("dataset_digest"):
        dataset = load_dataset(dataset.id, _roles_of(old, tracker.runs, dataset), settings)
    tracker = EdTechMLFlowTracker(old.experiment, settings=settings, tags={RERUN_OF: run_id})
    (repeated,) = train_runs(
        dataset, [algorithm], family=family, params={algorithm: params}, tracker=tracker, progress=progress
    )
    new = tracker.runs.get_run(str(repeated.run_id))
    return Rerun(old, new, _differing(old, new), _changes(old, new))


def _dataset_of(run: Run, catalogue: Catalogue) -> Dataset:
    digest = run.tags.get("dataset_digest", "")
    matches = [dataset for dataset in catalogue.list() if digest and dataset.digest == digest]
    if not matches:
        deleted = [dataset for dataset in catalogue.list(deleted=True) if digest and dataset.digest == digest]
        raise _missing_dataset(run, digest, len(catalogue.list()), deleted)
    return next((dataset for dataset in matches if dataset.name == run.tags.get("dataset_name")), matches[0])


def _roles_of(run: Run, runs: RunStore, dataset: Dataset) -> dict[str, Any]:
    """Return the column roles of the run; none if it stores none that this kind of table has."""
    roles = json.loads(runs.read_artifact(run.run_id, RESULT)).get("roles")
    fields = type(dataset.mapping).model_fields
    return roles if isinstance(roles, dict) and roles.keys() <= fields.keys() else {}


def _missing_dataset(run: Run, digest: str, others: int, deleted: list[Dataset]) -> DatasetNotFoundError:
    again = f"Restore {deleted[0].name!r} on the Data page" if deleted else "Upload or generate it again"
    return DatasetNotFoundError(
        f"The run's data set {'was deleted' if deleted else 'is not stored here'}",
        expected=f"a data set with the digest {digest[:32] or 'of the run, which has none'}",
        actual=f"{others} other data sets",
        where=f"run {run.run_id}",
        fix=f"{again}, or train on another data set: --dataset ID",
    )


def _differing(old: Run, new: Run) -> dict[str, tuple[float | None, float | None]]:
    pairs = {
        name: (old.metrics.get(name), new.metrics.get(name))
        for name in sorted({*old.metrics, *new.metrics})
        if name not in METRICS or METRICS[name].unit != "s"
    }
    return {name: pair for name, pair in pairs.items() if not _same(*pair)}


def _same(before: float | None, now: float | None) -> bool:
    if before is None or now is None:
        return False
    return before == now or abs(before - now) <= TOLERANCE * max(abs(before), abs(now))


def _changes(old: Run, new: Run) -> tuple[str, ...]:
    """Return the recorded changes of data, parameters, code, versions and machine."""
    pairs = [(f"{what} ({tag})", old.tags.get(tag), new.tags.get(tag)) for tag, what in _SUBJECTS.items()]
    names = sorted({*old.params, *new.params})
    pairs += [(f"parameter {name}", old.params.get(name), new.params.get(name)) for name in names]
    return tuple(f"{what}: {_change(before, now)}" for what, before, now in pairs if before != now)


def _change(before: str | None, now: str | None) -> str:
    """Describe a change; of two long lists of packages only those that differ."""
    if before and now and "==" in before:
        removed, added = set(before.split()) - set(now.split()), set(now.split()) - set(before.split())
        before, now = " ".join(sorted(removed)), " ".join(sorted(added))
    return f"{(before or 'not recorded')[:200]} before, {(now or 'not recorded')[:200]} now"
