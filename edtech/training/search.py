"""Search an algorithm's hyperparameters within a budget: trials as runs under one, the best trained on all rows.

The points are a scrambled Halton sequence (Owen 2017, "A randomized Halton algorithm in R"): they fill the box evenly
for any budget, need no earlier results, and are the same for the same seed. A model of the results, such as Optuna's
tree-structured Parzen estimator, pays off only from about a hundred trials on.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from math import exp, log
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import numpy as np
import pandas as pd
from pydantic.fields import FieldInfo
from scipy.stats import qmc

from edtech.data.quality.checks import Check, grade
from edtech.errors import ModelError, ParamsError
from edtech.jobs.progress import Progress, no_progress, scaled_progress
from edtech.ml.base import Algorithm, Family, Params, field_bounds
from edtech.tracking.run_items import RunItems
from edtech.training.cross_validation import Folds
from edtech.training.trainer import RunResult, Trainer

if TYPE_CHECKING:
    from edtech.data import Dataset
    from edtech.tracking import EdTechMLFlowTracker

SCORES = ("poisson_deviance", "log_loss", "integrated_brier", "brier", "rmse")
"""Metrics that rank trials: the first that the family measures; for all of them, lower is better."""
EDGE = 0.01
"""A value within this share of the range from a bound counts as at the bound."""
LOG_SCALE_RATIO = 50.0
"""Ranges whose bounds have at least this ratio are searched on a logarithmic scale."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The end of a search: after this many trials, or with the trial that is running when the seconds are over."""

    trials: int = 20
    seconds: float = 300.0
    folds: int = 2
    seed: int = 0


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The best run and all trials of a search.

    `trials`: one row per trial with its hyperparameters, score and seconds, the best first. `score` names the metric.
    `edges`: hyperparameters of the best trial at a bound, as phrases. `run_id`: the run of the search.
    """

    best: RunResult
    trials: pd.DataFrame
    score: str
    edges: tuple[str, ...]
    run_id: str | None


@dataclass(frozen=True, slots=True)
class _Trial:
    params: Params
    score: float
    seconds: float


def tunable(algorithm: Algorithm) -> dict[str, FieldInfo]:
    """Return the hyperparameters that can be searched: the arguments of the estimator except its seed.

    The others define what is predicted and how it is evaluated.
    """
    arguments = algorithm.params().estimator_arguments()
    return {name: info for name, info in algorithm.params.model_fields.items() if name in arguments and name != "seed"}


def search(
    dataset: "Dataset",
    family: Family,
    algorithm: str,
    *,
    budget: Budget | None = None,
    names: tuple[str, ...] = (),
    fixed: Mapping[str, Any] | None = None,
    tracker: "EdTechMLFlowTracker | None" = None,
    progress: Progress | None = None,
) -> SearchResult:
    """Try hyperparameters of one algorithm, and train it with the best.

    Trials are scored on folds whose test rows are later than their training rows and earlier than the final test
    rows. `names`: the hyperparameters to search, by default all; the others have the values of `fixed` or their
    defaults. The first trial always has the defaults.

    Raises ParamsError for names that cannot be searched, ModelError if the data set is too short or no trial succeeds.
    """
    budget, progress = budget or Budget(), progress or no_progress
    selected = family.algorithm(algorithm)
    start = selected.validate_params(fixed)
    fields = _fields(selected, names)
    folds = Folds(dataset, start.evaluation_share, budget.folds)
    trainer = Trainer(dataset, family, tracker)
    if tracker is None:
        return _Search(trainer, selected, folds, budget).run(start, fields, progress)
    with tracker.group(_group(trainer, selected, budget, tuple(fields))) as group:
        trainer = replace(trainer, parent=group.run_id)
        result = _Search(trainer, selected, folds, budget).run(start, fields, progress)
        group.add(
            RunItems(
                "",
                metrics={result.score: float(result.trials["score"].iloc[0]), "trials": float(len(result.trials))},
                tags={"best": str(result.best.run_id)},
                artifacts={"trials.csv": result.trials.to_csv(index=False)},
            )
        )
    return result


@dataclass
class _Search:
    """Scores trials of one algorithm and trains it with the best; `score` names the metric once it is known."""

    trainer: Trainer
    algorithm: Algorithm
    folds: Folds
    budget: Budget
    score: str = ""
    last_error: str = ""

    def run(self, start: Params, fields: Mapping[str, FieldInfo], progress: Progress) -> SearchResult:
        trials = self._trials(start, fields, progress)
        if not trials:
            fix = "train with the defaults, and fix the error it reports"
            raise ModelError("No trial succeeded", actual=self.last_error, fix=fix)
        best = min(trials, key=lambda trial: trial.score)
        values = best.params.model_dump()
        edges = tuple(edge for name, info in fields.items() if (edge := _edge(name, info, values[name])))
        checks = [bounds_check(edges, len(trials))]
        run = self.trainer.train(self.algorithm.name, best.params, scaled_progress(progress, 0.9, 0.1), checks)
        progress(1.0, "Done")
        return SearchResult(run, _table(trials, tuple(fields)), self.score, edges, self.trainer.parent)

    def _trials(self, start: Params, fields: Mapping[str, FieldInfo], progress: Progress) -> list[_Trial]:
        trials: list[_Trial] = []
        started = time.monotonic()
        for number, params in enumerate(search_points(start, fields, self.budget), 1):
            spent = time.monotonic() - started
            if trials and spent > self.budget.seconds:
                break
            share = max((number - 1) / self.budget.trials, min(spent / self.budget.seconds, 1.0))
            best = f", best {min(trial.score for trial in trials):.5g}" if trials else ""
            progress(0.9 * share, f"Trial {number} of {self.budget.trials}{best}")
            trial = self._run_trial(params)
            if trial is not None:
                trials.append(trial)
                self._log_trial(trial, number)
        return trials

    def _run_trial(self, params: Params) -> _Trial | None:
        """Return the mean score over the folds, None if a fold cannot be trained with these hyperparameters."""
        started = time.perf_counter()
        try:
            scores = [self._fold_score(number, params) for number in range(self.folds.count)]
        except ModelError as error:
            self.last_error = str(error)
            return None
        return _Trial(params, float(np.mean(scores)), time.perf_counter() - started)

    def _fold_score(self, number: int, params: Params) -> float:
        low, high = field_bounds(type(params).model_fields["evaluation_share"]) or (0.0, 1.0)
        share = min(max(self.folds.share(number), low), high)
        fold_params = params.model_copy(update={"evaluation_share": share})
        fitted = self.trainer.family.train(self.folds.datasets[number], self.algorithm, fold_params, no_progress)
        metrics = fitted.result.metrics
        self.score = self.score or next((name for name in SCORES if name in metrics), "")
        if not self.score:
            raise ModelError("This family measures no metric that ranks trials", expected=", ".join(SCORES))
        return float(metrics[self.score])

    def _log_trial(self, trial: _Trial, number: int) -> None:
        if self.trainer.tracker is not None:
            tags = self.trainer.tags(self.algorithm.name)
            items = RunItems(
                f"trial {number}",
                kind="trial",
                params={"algorithm": self.algorithm.name, **trial.params.model_dump()},
                metrics={self.score: trial.score, "fit_seconds": trial.seconds},
                tags={name: tags[name] for name in ("model_type", "algorithm", "dataset_digest")},
                parent=self.trainer.parent,
            )
            self.trainer.tracker.log(items)


def search_points(start: Params, fields: Mapping[str, FieldInfo], budget: Budget) -> Iterator[Params]:
    """Yield the hyperparameters of each trial: the start, then points that fill the box of the bounds evenly."""
    yield start
    sampler = qmc.Halton(len(fields), rng=budget.seed)
    for row in sampler.random(max(budget.trials - 1, 0)):
        values = {name: _value_at(info, float(u)) for (name, info), u in zip(fields.items(), row, strict=True)}
        yield type(start)(**{**start.model_dump(), **values})


def _value_at(info: FieldInfo, share: float) -> Any:  # noqa: ANN401  # a value of the field's type
    """Return the value at a share of the field's range."""
    options = _options(info)
    if options:
        return options[min(int(share * len(options)), len(options) - 1)]
    low, high = _bounds(info)
    if info.annotation is int:
        return int(min(_between(low, high + 1, share), high))
    return float(f"{_between(low, high, share):.6g}")


def _between(low: float, high: float, share: float) -> float:
    if low > 0 and high / low >= LOG_SCALE_RATIO:
        return exp(log(low) + share * (log(high) - log(low)))
    return low + share * (high - low)


def _options(info: FieldInfo) -> tuple[Any, ...]:
    if info.annotation is bool:
        return (False, True)
    return get_args(info.annotation) if get_origin(info.annotation) is Literal else ()


def _bounds(info: FieldInfo) -> tuple[float, float]:
    low, high = field_bounds(info) or (0.0, 0.0)
    return float(low), float(high)


def _edge(name: str, info: FieldInfo, value: Any) -> str | None:  # noqa: ANN401  # a value of the field's type
    """Return a phrase that names the bound at which a value is, None inside the bounds."""
    if _options(info):
        return None
    low, high = _bounds(info)
    margin = EDGE * (high - low)
    if low + margin < value < high - margin:
        return None
    return f"{name} = {value:g} at its {'lower' if value <= low + margin else 'upper'} bound"


def bounds_check(edges: tuple[str, ...], trials: int) -> Check:
    """Return whether the best hyperparameters are inside their bounds."""
    return grade(
        "search_edge",
        "Best hyperparameters inside their bounds",
        review=bool(edges),
        evidence=f"The best of {trials} trials has {'; '.join(edges) or 'no hyperparameter at a bound'}.",
        fix="A better value may be outside the bounds. Search another range if the bound is not a natural limit.",
    )


def _fields(algorithm: Algorithm, names: tuple[str, ...]) -> dict[str, FieldInfo]:
    fields = tunable(algorithm)
    if unknown := set(names) - set(fields):
        raise ParamsError(
            "These hyperparameters cannot be searched",
            expected=f"some of {', '.join(fields)}",
            actual=", ".join(sorted(unknown)),
            where=algorithm.name,
            fix="choose from the list",
        )
    return {name: info for name, info in fields.items() if not names or name in names}


def _group(trainer: Trainer, algorithm: Algorithm, budget: Budget, names: tuple[str, ...]) -> RunItems:
    return RunItems(
        f"Search of {algorithm.title} on {trainer.dataset.name}"[:200],
        kind="group",
        params={"algorithm": algorithm.name, "searched": ", ".join(names), **asdict(budget)},
        tags=trainer.tags(algorithm.name),
        description="Trials are scored on later periods within the training rows; the best is trained on all rows.",
    )


def _table(trials: list[_Trial], names: tuple[str, ...]) -> pd.DataFrame:
    values = [(trial, trial.params.model_dump()) for trial in trials]
    rows = [
        {**{name: params[name] for name in names}, "score": trial.score, "seconds": trial.seconds}
        for trial, params in values
    ]
    return pd.DataFrame(rows).sort_values("score", kind="stable", ignore_index=True)
