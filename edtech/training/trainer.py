"""One training from data set to logged run: fit, say what it is worth, log."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import t as student

from edtech.data.quality.findings import Check
from edtech.errors import ParamsError, TrackingError
from edtech.jobs.progress import Progress, no_progress, scaled_progress
from edtech.ml.artifacts import run_items
from edtech.ml.base import Family, FittedModel, Params
from edtech.ml.diagnostics import agreement, common_checks
from edtech.ml.elasticity.algorithms import FAMILY
from edtech.ml.families import get_family
from edtech.pricing import Plan
from edtech.tracking.run_items import RunItems
from edtech.training.decision_value import DecisionValue, evaluate_decision

if TYPE_CHECKING:
    import pandas as pd

    from edtech.data import Dataset
    from edtech.tracking import EdTechMLFlowTracker

REPEATED = (
    "Means, standard deviations and intervals over trainings that differ in their seed alone: how much the algorithm's "
    "own draws matter, not how much the data do."
)
_NEWEST = 300
"""Runs that are looked at for a second opinion."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """A training, what it is worth and every metric that was logged; `run_id` is None where nothing tracks."""

    run_id: str | None
    result: Any  # the result of the family that was trained
    decision_value: DecisionValue
    metrics: dict[str, float]

    @property
    def plan(self) -> Plan | None:
        """The recommended prices, for a family that recommends any."""
        return self.decision_value.plan


def train_runs(
    dataset: "Dataset",
    algorithms: Iterable[str] | None = None,
    *,
    family: str = FAMILY,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    tracker: "EdTechMLFlowTracker | None" = None,
    progress: Progress | None = None,
    repeats: int = 1,
) -> list[RunResult]:
    """Train algorithms of a family on a data set (by default all it has the tables for), one run each, and log them
    where there is a tracker.

    With `repeats`, an algorithm that has a seed is trained that often, with seeds that follow one another. `progress`
    is told the share done and what is being done; what it raises stops the work between two steps, and a run that was
    not finished is not logged. Raises what the family and the tracker raise.
    """
    tell = progress or no_progress
    kind = get_family(family)
    chosen = list(kind.algorithms_for(dataset) if algorithms is None else algorithms)
    if unused := [name for name in params or {} if name not in chosen]:
        raise ParamsError(
            "There are hyperparameters for an algorithm that is not trained",
            expected=f"hyperparameters of {', '.join(chosen)}",
            found=", ".join(map(repr, unused))[:200],
            fix="correct the algorithm's name, or train it too",
        )
    settings = {name: kind.algorithm(name).validate_params((params or {}).get(name)) for name in chosen}
    tell(0.0, "Reading the data set")
    runs = []
    for number, (name, values) in enumerate(settings.items()):
        steps = scaled_progress(tell, number / len(settings), 1 / len(settings))
        runs += train_repeatedly(Trainer(dataset, kind, tracker), name, values, steps, repeats)
    tell(1.0, "Done")
    return runs


@dataclass(frozen=True, slots=True)
class Trainer:
    """What trainings share: the data set, the family, where they are logged (None: nowhere) and under which run."""

    dataset: "Dataset"
    family: Family
    tracker: "EdTechMLFlowTracker | None"
    parent: str | None = None

    def train(self, name: str, params: Params, tell: Progress, found: Sequence[Check] = ()) -> RunResult:
        """Train and log one algorithm; its card says what was `found` before, too."""
        return self.log(
            self.fit(name, params, scaled_progress(tell, 0.0, 0.65)), scaled_progress(tell, 0.65, 0.35), found
        )

    def fit(self, name: str, params: Params, tell: Progress) -> FittedModel:
        """Train one algorithm and check it, as far as no other run is asked; another process can do this."""
        algorithm = self.family.algorithm(name)
        tell(0.1, f"Training {algorithm.title}")
        trained = self.family.train(self.dataset, algorithm, params, scaled_progress(tell, 0.15, 0.75))
        tell(0.9, "Checking it")
        return _with_checks(trained, common_checks(trained))

    def log(self, trained: FittedModel, tell: Progress, found: Sequence[Check] = ()) -> RunResult:
        """Ask what a training is worth and, where there is a tracker, log it."""
        trained = _with_checks(trained, (*self._second_opinion(trained), *found))
        tell(0.0, "Asking what it is worth")
        worth = evaluate_decision(self.dataset, trained)
        metrics = {**trained.result.metrics, **worth.metrics}
        run_id = None
        if self.tracker is not None:
            tell(0.45, "Logging the run")
            names = {"dataset_name": self.dataset.name, "dataset_digest": self.dataset.digest}
            items = run_items(trained, **names, metrics=metrics, tags=worth.tags)
            run_id = self.tracker.log(replace(items, parent=self.parent))
        return RunResult(run_id, trained.result, worth, metrics)

    def _second_opinion(self, trained: FittedModel) -> Iterator[Check]:
        """Yield what runs of other algorithms on the same data say, where there are any."""
        if self.tracker is not None:
            with suppress(TrackingError):  # a server that is away takes no run with it, only the second opinion
                runs = self.tracker.newest(_NEWEST)
                found = None if runs.empty else agreement(trained, self._of_the_same(runs))
                yield from () if found is None else (found,)

    def _of_the_same(self, runs: "pd.DataFrame") -> "pd.DataFrame":
        wanted = {"tags.dataset_digest": self.dataset.digest, "tags.model_type": self.family.name}
        same = [runs[name] == value for name, value in wanted.items() if name in runs]
        return runs[np.logical_and.reduce(same)] if len(same) == len(wanted) else runs.iloc[:0]


def _with_checks(trained: FittedModel, more: Sequence[Check]) -> FittedModel:
    return replace(trained, result=replace(trained.result, checks=(*trained.result.checks, *more)))


def train_repeatedly(training: Trainer, name: str, params: Params, tell: Progress, repeats: int) -> "list[RunResult]":
    """Train one algorithm as often as asked, with seeds that follow one another, as runs under one that sums them up.

    An algorithm without a seed gives the same each time and is trained once.
    """
    if repeats == 1 or not hasattr(params, "seed"):
        return [training.train(name, params, tell)]
    seeds = [params.model_copy(update={"seed": params.seed + number}) for number in range(repeats)]
    if training.tracker is None:
        return [
            training.train(name, values, scaled_progress(tell, at / repeats, 1 / repeats))
            for at, values in enumerate(seeds)
        ]
    title = training.family.algorithm(name).title
    items = RunItems(
        f"{title}, {repeats} seeds, on {training.dataset.name}"[:200],
        kind="group",
        params={"algorithm": name, "repeats": repeats, **params.model_dump()},
        tags={
            "model_type": training.family.name,
            "algorithm": name,
            "dataset_name": training.dataset.name,
            "dataset_digest": training.dataset.digest,
        },
        description=REPEATED,
    )
    with training.tracker.group(items) as group:
        under = replace(training, parent=group.run_id)
        runs = [
            under.train(name, values, scaled_progress(tell, at / repeats, 1 / repeats))
            for at, values in enumerate(seeds)
        ]
        group.add(RunItems(items.name, metrics=spread([run.metrics for run in runs])))
    return runs


def spread(metrics: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return each metric's mean over repeats, its standard deviation (_sd), and the mean's 95 % interval by Student's t
    (_seeds_low, _seeds_high); only metrics that every repeat has.
    """
    names = [name for name in metrics[0] if all(name in one for one in metrics)]
    table = np.array([[one[name] for name in names] for one in metrics])
    mean, sd = table.mean(axis=0), table.std(axis=0, ddof=1)
    half = student.ppf(0.975, len(metrics) - 1) * sd / np.sqrt(len(metrics))
    parts = {"": mean, "_sd": sd, "_seeds_low": mean - half, "_seeds_high": mean + half}
    return {
        f"{name}{end}": float(value) for end, values in parts.items() for name, value in zip(names, values, strict=True)
    }
