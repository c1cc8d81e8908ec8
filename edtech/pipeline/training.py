"""One training from data set to logged run: fit, say what it is worth, log."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edtech.ml.artifacts import run_items
from edtech.ml.base import Family, Params, Progress
from edtech.ml.elasticity.algorithms import FAMILY
from edtech.ml.families import family as family_of
from edtech.pipeline.worth import Worth, worth_of
from edtech.pricing import Plan

if TYPE_CHECKING:
    from edtech.data import Dataset
    from edtech.tracking import EdTechMLFlowTracker


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """A training, what it is worth and every metric that was logged; `run_id` is None where nothing tracks."""

    run_id: str | None
    result: Any  # the result of the family that was trained
    worth: Worth
    metrics: dict[str, float]

    @property
    def plan(self) -> Plan | None:
        """The recommended prices, for a family that recommends any."""
        return self.worth.plan


def train_runs(
    dataset: "Dataset",
    algorithms: Iterable[str] | None = None,
    *,
    family: str = FAMILY,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    tracker: "EdTechMLFlowTracker | None" = None,
    progress: Progress | None = None,
) -> list[TrainedRun]:
    """Train algorithms of a family on a data set (by default all it has the tables for), one run each, and log them
    where there is a tracker.

    `progress` is told the share done and what is being done; what it raises stops the work between two steps, and a run
    that was not finished is not logged. Raises what the family and the tracker raise.
    """
    tell = progress or (lambda _share, _text: None)
    kind = family_of(family)
    chosen = list(kind.fits(dataset) if algorithms is None else algorithms)
    settings = {name: kind.algorithm(name).parameters((params or {}).get(name)) for name in chosen}
    tell(0.0, "Reading the data set")
    runs = []
    for number, (name, values) in enumerate(settings.items()):
        steps = _part(tell, number / len(settings), 1 / len(settings))
        runs.append(_train_one(dataset, kind, name, values, tracker, steps))
    tell(1.0, "Done")
    return runs


def _part(tell: Progress, start: float, size: float) -> Progress:
    """Return a progress callback for a part of the work."""
    return lambda share, text: tell(start + size * share, text)


def _train_one(
    dataset: "Dataset", kind: Family, name: str, params: Params, tracker: "EdTechMLFlowTracker | None", tell: Progress
) -> TrainedRun:  # fmt: skip
    algorithm = kind.algorithm(name)
    tell(0.05, f"Training {algorithm.title}")
    trained = kind.train(dataset, algorithm, params, _part(tell, 0.1, 0.5))
    tell(0.65, "Asking what it is worth")
    worth = worth_of(dataset, trained)
    metrics = {**trained.result.metrics, **worth.metrics}
    run_id = None
    if tracker is not None:
        tell(0.8, "Logging the run")
        items = run_items(
            trained, dataset_name=dataset.name, dataset_digest=dataset.digest, metrics=metrics, tags=worth.tags
        )  # fmt: skip
        run_id = tracker.log(items)
    return TrainedRun(run_id, trained.result, worth, metrics)
