"""A run repeated with its data set, parameters and seed, and what is not as it was."""

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
_WHAT = {
    "dataset_digest": "data",
    "edtech.version": "code",
    "mlflow.source.git.commit": "code",
    "edtech.packages": "versions",
    "edtech.python": "versions",
    "edtech.host": "machine",
}


@dataclass(frozen=True, slots=True)
class Rerun:
    """A run and its repetition: metrics that differ as (before, now), and what changed that could be why."""

    old: Run
    new: Run
    differences: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)
    changes: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether all metrics but durations are the same."""
        return not self.differences

    @property
    def summary(self) -> str:
        """What came out, in one or two sentences."""
        changed = "; ".join(self.changes)
        if self.equal:
            return "The metrics are equal." + (
                f" What changed since makes no difference: {changed}." if changed else ""
            )
        found = f"{len(self.differences)} of {len(self.old.metrics)} metrics differ."
        return f"{found} What changed: {changed}." if changed else f"{found} Nothing that is recorded changed."


def rerun(
    run_id: str, settings: Settings | None = None, dataset_id: str | None = None, progress: Progress | None = None
) -> Rerun:
    """Train a run again and compare. The new run is logged beside the old one, tagged `rerun_of`.

    The data set is the stored one with the run's digest, its columns in the roles they had, unless another is named;
    `progress` is told as by `train_runs`.
    Raises RunNotFoundError, TrackingError where the run is not a training of ours, DatasetNotFoundError where its data
    set is gone, and what the training raises.
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
    (trained,) = train_runs(
        dataset, [algorithm], family=family, params={algorithm: params}, tracker=tracker, progress=progress
    )
    new = tracker.runs.get_run(str(trained.run_id))
    return Rerun(old, new, _differing(old, new), _changes(old, new))


def _dataset_of(run: Run, catalogue: Catalogue) -> Dataset:
    digest = run.tags.get("dataset_digest", "")
    found = [dataset for dataset in catalogue.list() if digest and dataset.digest == digest]
    if not found:
        deleted = [dataset for dataset in catalogue.list(deleted=True) if digest and dataset.digest == digest]
        raise _gone(run, digest, len(catalogue.list()), deleted)
    return next((dataset for dataset in found if dataset.name == run.tags.get("dataset_name")), found[0])


def _roles_of(run: Run, runs: RunStore, dataset: Dataset) -> dict[str, Any]:
    """Return the roles that the run read the data set's columns in; none where it tells none of its kind of table."""
    roles = json.loads(runs.read_artifact(run.run_id, RESULT)).get("roles")
    known = type(dataset.mapping).model_fields
    return roles if isinstance(roles, dict) and roles.keys() <= known.keys() else {}


def _gone(run: Run, digest: str, others: int, deleted: list[Dataset]) -> DatasetNotFoundError:
    again = f"Restore {deleted[0].name!r} on the Data page" if deleted else "Upload or generate it again"
    return DatasetNotFoundError(
        f"The data set that the run was trained on {'was deleted' if deleted else 'is not stored here'}",
        expected=f"a data set with the digest {digest[:32] or 'that the run names; it names none'}",
        found=f"{others} others",
        where=f"run {run.run_id}",
        fix=f"{again}, or name another one to train on: --dataset ID",
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
    """Return what is recorded of data, parameters, code, versions and machine and is not as it was."""
    pairs = [(f"{what} ({tag})", old.tags.get(tag), new.tags.get(tag)) for tag, what in _WHAT.items()]
    names = sorted({*old.params, *new.params})
    pairs += [(f"parameter {name}", old.params.get(name), new.params.get(name)) for name in names]
    return tuple(f"{what}: {_told(before, now)}" for what, before, now in pairs if before != now)


def _told(before: str | None, now: str | None) -> str:
    """Name only the packages that changed where two lists of them are long."""
    if before and now and "==" in before:
        gone, come = set(before.split()) - set(now.split()), set(now.split()) - set(before.split())
        before, now = " ".join(sorted(gone)), " ".join(sorted(come))
    return f"{(before or 'not recorded')[:200]} before, {(now or 'not recorded')[:200]} now"
