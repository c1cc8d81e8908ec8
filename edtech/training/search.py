"""Search over an algorithm's hyperparameters: a budget, trials as runs under one, the best trained on everything.

Points come from a Halton sequence, scrambled (Owen 2017, "A randomized Halton algorithm in R"): they fill the box
evenly however many the budget allows, need no earlier results, and are the same for the same seed. A model of the
results, such as Optuna's tree-structured Parzen estimator, starts to pay at budgets of a hundred trials and more.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import exp, log
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import numpy as np
import pandas as pd
from pydantic.fields import FieldInfo
from scipy.stats import qmc

from edtech.data.quality.findings import Check, graded
from edtech.errors import ModelError, ParamsError
from edtech.jobs.progress import Progress, no_progress, scaled_progress
from edtech.ml.base import Algorithm, Family, Params
from edtech.tracking.run_items import RunItems
from edtech.training.cross_validation import Folds
from edtech.training.trainer import RunResult, Trainer

if TYPE_CHECKING:
    from edtech.data import Dataset
    from edtech.tracking import EdTechMLFlowTracker

SCORES = ("poisson_deviance", "log_loss", "integrated_brier", "brier", "rmse")
"""What trials are ranked by: the first of these that the family measures; lower is better for all."""
EDGE = 0.01
WIDE = 50.0
"""Bounds of this ratio or more are searched in the logarithm."""


@dataclass(frozen=True, slots=True)
class Budget:
    """When a search ends: after this many trials, or with the trial under way when the seconds are over."""

    trials: int = 20
    seconds: float = 300.0
    folds: int = 2
    seed: int = 0


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search found. `trials`: a row each with its hyperparameters, score and seconds, the best first."""

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
    """Return the hyperparameters that can be searched: what the estimator takes, but its seed.

    The others say what is predicted and how a run is judged.
    """
    taken = algorithm.params().estimator_arguments()
    return {name: info for name, info in algorithm.params.model_fields.items() if name in taken and name != "seed"}


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

    Trials are scored on folds that are later in time than what they are fitted on, all inside the part that the final
    run's metrics are not measured on. `names`: which are searched, default all; the others stay as `fixed` or at their
    defaults. The defaults are always the first trial.

    Raises ParamsError for names that cannot be searched, ModelError where the data set is too short or no trial could
    be trained.
    """
    budget, tell = budget or Budget(), progress or no_progress
    chosen = family.algorithm(algorithm)
    start = chosen.validate_params(fixed)
    fields = _fields(chosen, names)
    folds = Folds(dataset, start.evaluation_share, budget.folds)
    scored = _Scorer(Trainer(dataset, family, None), algorithm, folds)
    training = Trainer(dataset, family, tracker)
    if tracker is None:
        return _searched(scored, training, fields, start, budget, tell, None)
    with tracker.group(_group(dataset, family, chosen, budget, tuple(fields))) as group:
        found = _searched(scored, replace(training, parent=group.run_id), fields, start, budget, tell, group.run_id)
        group.add(
            RunItems(
                "",
                metrics={found.score: float(found.trials["score"].iloc[0]), "trials": float(len(found.trials))},
                tags={"best": str(found.best.run_id)},
                artifacts={"trials.csv": found.trials.to_csv(index=False)},
            )
        )
    return found


def _searched(
    scored: "_Scorer",
    training: Trainer,
    fields: Mapping[str, FieldInfo],
    start: Params,
    budget: Budget,
    tell: Progress,
    parent: str | None,
) -> SearchResult:
    trials: list[_Trial] = []
    began = time.monotonic()
    for number, params in enumerate(search_points(start, fields, budget)):
        spent = time.monotonic() - began
        if trials and spent > budget.seconds:
            break
        share = max(number / budget.trials, min(spent / budget.seconds, 1.0))
        best = f", best {min(one.score for one in trials):.5g}" if trials else ""
        tell(0.9 * share, f"Trial {number + 1} of {budget.trials}{best}")
        trial = scored.trial(params)
        if trial is not None:
            trials.append(trial)
            _log_trial(training, scored, trial, number)
    if not trials:
        raise ModelError(
            "No trial could be trained", found=scored.refused, fix="train the defaults, and mend what it says"
        )
    winner = min(trials, key=lambda one: one.score)
    edges = tuple(edge for name, info in fields.items() if (edge := _edge(name, info, getattr(winner.params, name))))
    run = training.train(
        scored.algorithm, winner.params, scaled_progress(tell, 0.9, 0.1), [bounds_check(edges, len(trials))]
    )
    tell(1.0, "Done")
    return SearchResult(run, _table(trials, tuple(fields)), scored.name, edges, parent)


class _Scorer:
    """Trains on folds and says what a trial's score is."""

    def __init__(self, training: Trainer, algorithm: str, folds: Folds) -> None:
        self._training = training
        self.algorithm = algorithm
        self._folds = folds
        self.name = ""
        self.refused = ""

    def trial(self, params: Params) -> _Trial | None:
        """Return the mean score over the folds, None where a fold cannot be trained with these hyperparameters."""
        began = time.perf_counter()
        try:
            scores = [self._score(number, params) for number in range(self._folds.count)]
        except ModelError as error:
            self.refused = str(error)
            return None
        return _Trial(params, float(np.mean(scores)), time.perf_counter() - began)

    def _score(self, number: int, params: Params) -> float:
        kind = self._training.family
        low, high = 0.1, 0.4  # the bounds of the field
        share = min(max(self._folds.share(number), low), high)
        judged = params.model_copy(update={"evaluation_share": share})
        trained = kind.train(self._folds.datasets[number], kind.algorithm(self.algorithm), judged, no_progress)
        self.name = self.name or next((name for name in SCORES if name in trained.result.metrics), "")
        if not self.name:
            raise ModelError("This family measures nothing that trials can be ranked by", expected=", ".join(SCORES))
        return float(trained.result.metrics[self.name])


def search_points(start: Params, fields: Mapping[str, FieldInfo], budget: Budget) -> Iterator[Params]:
    """Yield hyperparameters to try: the start, then points that fill the box of the fields' bounds evenly."""
    yield start
    sampler = qmc.Halton(len(fields), rng=budget.seed)
    for row in sampler.random(max(budget.trials - 1, 0)):
        values = {name: _at(info, float(u)) for (name, info), u in zip(fields.items(), row, strict=True)}
        yield type(start)(**{**start.model_dump(), **values})


def _at(info: FieldInfo, share: float) -> Any:  # noqa: ANN401  # a value of the field's type
    """Return the value at a share of the way through a field's range."""
    options = _options(info)
    if options:
        return options[min(int(share * len(options)), len(options) - 1)]
    low, high = _range(info)
    if info.annotation is int:
        return int(min(_between(low, high + 1, share), high))
    return float(f"{_between(low, high, share):.6g}")


def _between(low: float, high: float, share: float) -> float:
    if low > 0 and high / low >= WIDE:
        return exp(log(low) + share * (log(high) - log(low)))
    return low + share * (high - low)


def _options(info: FieldInfo) -> tuple[Any, ...]:
    if info.annotation is bool:
        return (False, True)
    return get_args(info.annotation) if get_origin(info.annotation) is Literal else ()


def _range(info: FieldInfo) -> tuple[float, float]:
    found = {name: getattr(item, name) for item in info.metadata for name in ("ge", "le") if hasattr(item, name)}
    return float(found["ge"]), float(found["le"])


def _edge(name: str, info: FieldInfo, value: Any) -> str | None:  # noqa: ANN401  # a value of the field's type
    """Return in words at which bound a value lies, None inside."""
    if _options(info):
        return None
    low, high = _range(info)
    room = EDGE * (high - low)
    if low + room < value < high - room:
        return None
    return f"{name} = {value:g} at its {'lower' if value <= low + room else 'upper'} bound"


def bounds_check(edges: tuple[str, ...], trials: int) -> Check:
    """Return whether the best hyperparameters lie inside their bounds."""
    return graded(
        "search_edge",
        "The best of the search lies inside the bounds",
        review=bool(edges),
        evidence=f"Of {trials} trials the best has {'; '.join(edges) or 'no hyperparameter at a bound'}.",
        fix="A still better value may lie beyond; where the bound is not a matter of sense, ask for a wider one.",
    )


def _fields(algorithm: Algorithm, names: tuple[str, ...]) -> dict[str, FieldInfo]:
    there = tunable(algorithm)
    if unknown := set(names) - set(there):
        raise ParamsError(
            "These hyperparameters cannot be searched",
            expected=f"some of {', '.join(there)}",
            found=", ".join(sorted(unknown)),
            where=algorithm.name,
            fix="choose from the list",
        )
    return {name: info for name, info in there.items() if not names or name in names}


def _group(
    dataset: "Dataset", family: Family, algorithm: Algorithm, budget: Budget, names: tuple[str, ...]
) -> RunItems:
    return RunItems(
        f"Search of {algorithm.title} on {dataset.name}"[:200],
        kind="group",
        params={
            "algorithm": algorithm.name,
            "searched": ", ".join(names),
            "trials": budget.trials,
            "seconds": budget.seconds,
            "folds": budget.folds,
            "seed": budget.seed,
        },
        tags={
            "model_type": family.name,
            "algorithm": algorithm.name,
            "dataset_name": dataset.name,
            "dataset_digest": dataset.digest,
        },
        description="Trials are scored on later periods inside the training part; the best is trained on everything.",
    )


def _log_trial(training: Trainer, scored: _Scorer, trial: _Trial, number: int) -> None:
    if training.tracker is not None:
        training.tracker.log(
            RunItems(
                f"trial {number + 1}",
                kind="trial",
                params={"algorithm": scored.algorithm, **trial.params.model_dump()},
                metrics={scored.name: trial.score, "fit_seconds": trial.seconds},
                tags={
                    "model_type": training.family.name,
                    "algorithm": scored.algorithm,
                    "dataset_digest": training.dataset.digest,
                },
                parent=training.parent,
            )
        )


def _table(trials: list[_Trial], names: tuple[str, ...]) -> pd.DataFrame:
    rows = [
        {**{name: getattr(one.params, name) for name in names}, "score": one.score, "seconds": one.seconds}
        for one in trials
    ]
    return pd.DataFrame(rows).sort_values("score", kind="stable", ignore_index=True)
