"""Train a model from data set to logged run: fit, evaluate the decision, log."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import t as student

from edtech.data.quality.checks import Check
from edtech.errors import ParamsError, TrackingError
from edtech.jobs.progress import Progress, no_progress, scaled_progress
from edtech.ml.artifacts import run_items
from edtech.ml.base import Family, FittedModel, Params
from edtech.ml.elasticity.algorithms import FAMILY
from edtech.ml.families import get_family
from edtech.pricing import Plan
from edtech.tracking.run_items import RunItems
from edtech.training.decision_value import evaluate_decision
from edtech.training.ground_truth import DecisionValue

if TYPE_CHECKING:
    import pandas as pd

    from edtech.data import Dataset
    from edtech.tracking import EdTechMLFlowTracker

REPEATED = (
    "Means, standard deviations and intervals over trainings that differ only in their seed: they show the variation "
    "due to the algorithm's random draws, not the sampling error of the data."
)
_COMPARED_RUNS = 300
"""The newest runs among which other algorithms on the same data are looked up."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """A trained model, the value of its decision and all logged metrics; `run_id` is None without a tracker."""

    run_id: str | None
    result: Any  # the result class of the family
    decision_value: DecisionValue
    metrics: dict[str, float]

    @property
    def plan(self) -> Plan | None:
        """The recommended prices; None for families that recommend none."""
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
    """Train algorithms of a family on a data set, one run each, and log them if there is a tracker.

    `algorithms`: by default all that the data set has the tables for. `repeats`: trainings of each algorithm that has
    a seed, with consecutive seeds. An exception from `progress` stops the work between two steps; unfinished runs are
    not logged. Raises the errors of the family and of the tracker.
    """
    progress = progress or no_progress
    model_family = get_family(family)
    names = list(model_family.algorithms_for(dataset) if algorithms is None else algorithms)
    if unused := [name for name in params or {} if name not in names]:
        raise ParamsError(
            "There are hyperparameters for an algorithm that is not trained",
            expected=f"hyperparameters of {', '.join(names)}",
            actual=", ".join(map(repr, unused))[:200],
            fix="correct the algorithm's name, or train it too",
        )
    settings = {name: model_family.algorithm(name).validate_params((params or {}).get(name)) for name in names}
    progress(0.0, "Reading the data set")
    trainer = Trainer(dataset, model_family, tracker)
    runs = []
    for number, (name, values) in enumerate(settings.items()):
        steps = scaled_progress(progress, number / len(settings), 1 / len(settings))
        runs += trainer.train_repeatedly(name, values, steps, repeats)
    progress(1.0, "Done")
    return runs


@dataclass(frozen=True, slots=True)
class Trainer:
    """Train algorithms of one family on one data set; `tracker` None: log nothing; `parent`: the run of a group."""

    dataset: "Dataset"
    family: Family
    tracker: "EdTechMLFlowTracker | None"
    parent: str | None = None

    def train(self, name: str, params: Params, progress: Progress, checks: Sequence[Check] = ()) -> RunResult:
        """Train and log one algorithm; `checks` are added to its diagnostics card."""
        fitted = self.fit(name, params, scaled_progress(progress, 0.0, 0.65))
        return self.log(fitted, scaled_progress(progress, 0.65, 0.35), checks)

    def fit(self, name: str, params: Params, progress: Progress) -> FittedModel:
        """Train one algorithm and check it without looking at other runs, which another process can do too."""
        algorithm = self.family.algorithm(name)
        progress(0.1, f"Training {algorithm.title}")
        fitted = self.family.train(self.dataset, algorithm, params, scaled_progress(progress, 0.15, 0.75))
        progress(0.9, "Checking the model")
        return _with_checks(fitted, self.family.checks(fitted))

    def log(self, fitted: FittedModel, progress: Progress, checks: Sequence[Check] = ()) -> RunResult:
        """Compare a model with other runs, evaluate its decision and, if there is a tracker, log it."""
        fitted = _with_checks(fitted, (*self._comparison(fitted), *checks))
        progress(0.0, "Evaluating the decision")
        value = evaluate_decision(self.dataset, fitted)
        metrics = {**fitted.result.metrics, **value.metrics}
        run_id = None
        if self.tracker is not None:
            progress(0.45, "Logging the run")
            names = {"dataset_name": self.dataset.name, "dataset_digest": self.dataset.digest}
            items = run_items(fitted, **names, metrics=metrics, tags=value.tags)
            run_id = self.tracker.log(replace(items, parent=self.parent))
        return RunResult(run_id, fitted.result, value, metrics)

    def train_repeatedly(self, name: str, params: Params, progress: Progress, repeats: int) -> "list[RunResult]":
        """Train one algorithm with consecutive seeds, as runs under one that holds their means and intervals.

        An algorithm without a seed gives the same result each time and is trained once.
        """
        if repeats == 1 or not self.family.algorithm(name).has_seed:
            return [self.train(name, params, progress)]
        first = params.model_dump()["seed"]
        seeds = [params.model_copy(update={"seed": first + number}) for number in range(repeats)]
        if self.tracker is None:
            return self._train_all(name, seeds, progress)
        items = RunItems(
            f"{self.family.algorithm(name).title}, {repeats} seeds, on {self.dataset.name}"[:200],
            kind="group",
            params={"algorithm": name, "repeats": repeats, **params.model_dump()},
            tags=self.tags(name),
            description=REPEATED,
        )
        with self.tracker.group(items) as group:
            runs = replace(self, parent=group.run_id)._train_all(name, seeds, progress)
            group.add(RunItems(items.name, metrics=spread([run.metrics for run in runs])))
        return runs

    def _train_all(self, name: str, settings: Sequence[Params], progress: Progress) -> "list[RunResult]":
        share = 1 / len(settings)
        return [
            self.train(name, values, scaled_progress(progress, number * share, share))
            for number, values in enumerate(settings)
        ]

    def tags(self, algorithm: str) -> dict[str, str]:
        """Return the tags of a group of runs of one algorithm."""
        return {
            "model_type": self.family.name,
            "algorithm": algorithm,
            "dataset_name": self.dataset.name,
            "dataset_digest": self.dataset.digest,
        }

    def _comparison(self, fitted: FittedModel) -> Iterator[Check]:
        """Yield the check against runs of other algorithms on the same data, if there are any."""
        if self.tracker is not None:
            with suppress(TrackingError):  # if the server is away, only this check is missing
                runs = self.tracker.newest_runs(_COMPARED_RUNS)
                check = None if runs.empty else self.family.compare_runs(fitted, self._same_data(runs))
                yield from () if check is None else (check,)

    def _same_data(self, runs: "pd.DataFrame") -> "pd.DataFrame":
        tags = {"tags.dataset_digest": self.dataset.digest, "tags.model_type": self.family.name}
        masks = [runs[name] == value for name, value in tags.items() if name in runs]
        return runs[np.logical_and.reduce(masks)] if len(masks) == len(tags) else runs.iloc[:0]


def _with_checks(fitted: FittedModel, checks: Sequence[Check]) -> FittedModel:
    return replace(fitted, result=replace(fitted.result, checks=(*fitted.result.checks, *checks)))


def spread(metrics: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return each metric's mean over repeats, its standard deviation (_sd) and the mean's 95% interval (_seeds_low,
    _seeds_high) by Student's t; only metrics that all repeats have.
    """
    names = [name for name in metrics[0] if all(name in repeat for repeat in metrics)]
    table = np.array([[repeat[name] for name in names] for repeat in metrics])
    mean, sd = table.mean(axis=0), table.std(axis=0, ddof=1)
    half = student.ppf(0.975, len(metrics) - 1) * sd / np.sqrt(len(metrics))
    columns = {"": mean, "_sd": sd, "_seeds_low": mean - half, "_seeds_high": mean + half}
    return {
        f"{name}{suffix}": float(value)
        for suffix, values in columns.items()
        for name, value in zip(names, values, strict=True)
    }
