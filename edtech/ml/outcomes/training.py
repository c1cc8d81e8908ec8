"""Training of a family of labels: what was held back is predicted by a fit that ends before it."""

import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from edtech.jobs.progress import Progress, no_progress
from edtech.ml.base import Algorithm, FittedModel, Params
from edtech.ml.outcomes import survival, tables
from edtech.ml.outcomes.cases import Cases
from edtech.ml.outcomes.checks import all_checks
from edtech.ml.outcomes.estimators import Rows
from edtech.ml.outcomes.importance import odds_ratios, permutation_importance
from edtech.ml.outcomes.metrics import all_metrics
from edtech.ml.outcomes.result import LabelResult
from edtech.ml.outcomes.seasonality import usual_time
from edtech.ml.outcomes.splits import Split, split_cases
from edtech.tables.arrays import Floats

if TYPE_CHECKING:
    from edtech.data import Dataset

Source = Callable[["Dataset", Params], Cases]


@dataclass(frozen=True, slots=True)
class Task:
    """What tells one family of labels from another: where its cases come from and what its rows are called."""

    family: str
    rows: str
    task: str
    from_market: Source
    from_labels: Source


def train(task: Task, dataset: "Dataset", algorithm: Algorithm, params: Params, progress: Progress) -> FittedModel:
    """Train one algorithm on the cases of a data set.

    Raises DataError where there are none, ModelError where they are too few, ConvergenceError.
    """
    progress(0.0, "Reading what was known when")
    cases = (task.from_market if dataset.kind == "market" else task.from_labels)(dataset, params)
    result = train_cases(task, cases, algorithm, params, progress)
    target = str(cases.target.name)
    known = cases.rows(cases.labeled)
    return FittedModel(result, known.features.assign(**{target: known.target.astype(bool)}), target)


def train_cases(
    task: Task, cases: Cases, algorithm: Algorithm, params: Params, progress: Progress = no_progress
) -> LabelResult:
    """Fit on all cases; metrics come from a first fit that knows nothing from the evaluation's start on."""
    started, seed = time.perf_counter(), int(getattr(params, "seed", 0))
    split = split_cases(cases, params.evaluation_share, seed, task.rows)
    progress(0.2, "Fitting on the earlier part")
    early = fit(algorithm, params, split.training)
    held = split.evaluation
    actual, predicted = held.actual, early.predict(held.features)
    progress(0.5, "Measuring on the later part")
    metrics = all_metrics(actual, predicted, held.clusters)
    metrics |= _survival_metrics(early, held)
    importance = permutation_importance(early, held)
    progress(0.7, "Fitting on everything")
    model = fit(algorithm, params, cases)
    chosen = _chosen(params, held, predicted, split)
    metrics |= {"rows_train": float(len(split.training)), "rows_evaluation": float(len(held))}
    return LabelResult(
        family=task.family,
        algorithm=algorithm.name,
        params=params,
        model=model,
        metrics={**metrics, **chosen.metrics, "fit_seconds": time.perf_counter() - started},
        evaluation=_evaluation(held, predicted, chosen.value),
        importance=importance,
        split=split.words,
        notes=cases.notes,
        checks=all_checks(cases, split, metrics, importance, model),
        tables=_tables(actual, predicted, chosen) | _churn_tables(model, cases),
        outcome=str(cases.target.name),
        threshold=chosen.threshold,
        threshold_words=chosen.words,
        odds=odds_ratios(model, cases),
        meanings=dict(cases.meanings),
        horizon=cases.horizon or float(getattr(params, "horizon_days", 0)) or None,
    )


def fit(algorithm: Algorithm, params: Params, cases: Cases) -> Any:  # noqa: ANN401  # an estimator of ours
    """Return the algorithm's estimator fitted on the cases."""
    known = cases if cases.follow is not None else cases.rows(cases.labeled)
    season, follow = usual_time(known)
    more = {
        "seed": getattr(params, "seed", 0),
        "horizon": cases.horizon or 1.0,
        "leaving": cases.ends_by != "return",
        "season": season,
    }
    taken = inspect.signature(algorithm.estimator).parameters
    arguments = {name: value for name, value in more.items() if name in taken}
    when = None if known.time is None else np.asarray(known.time.rank())
    outcome = known.actual if follow is None else follow
    return algorithm.new_estimator(params, **arguments).fit(known.features, outcome, Rows(known.clusters, when))


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Which rows are acted on, and what that earns where a yes brings tokens."""

    threshold: float
    words: str
    flagged: "np.typing.NDArray[np.bool_]"
    value: Floats | None
    cost: float
    metrics: dict[str, float]


def _chosen(params: Params, held: Cases, predicted: Floats, split: Split) -> _Chosen:
    cost = getattr(params, "cost", None)
    if cost is None:
        threshold = float(np.nanmean(split.training.actual))
        words = "the share of yes in training: whoever is likelier than that counts as yes"
        return _Chosen(threshold, words, predicted >= threshold, None, 0.0, {})
    own = getattr(params, "value", 0.0)
    value = np.full(len(held), own) if held.value is None else held.value.to_numpy(dtype=float)
    flagged = predicted * value > cost
    threshold = cost / value.mean() if value.mean() > 0 else 1.0
    words = (
        f"probability times value above the cost of {cost:g} tokens; at the mean value of {value.mean():.3g} tokens, "
        f"a probability of {threshold:.3f}"
    )
    earned = {"all": held.actual * value - cost, "chosen": np.where(flagged, held.actual * value - cost, 0.0)}
    found = {
        "share_shown": float(flagged.mean()),
        "profit_chosen": 1000 * float(earned["chosen"].mean()),
        "profit_all": 1000 * float(earned["all"].mean()),
    }
    return _Chosen(threshold, words, flagged, value, cost, found)


def _survival_metrics(model: Any, held: Cases) -> dict[str, float]:  # noqa: ANN401  # an estimator of ours
    """Return how well predicted curves fit how long rows were watched; empty where that is not known."""
    if held.follow is None or held.horizon is None:
        return {}
    duration, event = held.follow["duration"].to_numpy(float), held.follow["event"].to_numpy(bool)
    times = np.linspace(0, held.horizon, survival.GRID + 1)[1:]
    curves = model.survival(held.features, times)
    km = survival.kaplan_meier(duration, event)
    usual = survival.step_at(km["time"].to_numpy(), km["share"].to_numpy(), times)
    return {
        **survival.concordance(duration, event, 1 - curves[:, -1], held.horizon),
        "integrated_brier": survival.integrated_brier(duration, event, curves, times),
        "integrated_brier_base": survival.integrated_brier(duration, event, np.tile(usual, (len(held), 1)), times),
    }


def _churn_tables(model: Any, cases: Cases) -> dict[str, pd.DataFrame]:  # noqa: ANN401  # an estimator of ours
    """Return survival by cohort, and who of those seen last is most likely to leave by the horizon."""
    if cases.follow is None or cases.stays is None:
        return {}
    found = {"survival": survival.by_cohort(cases.stays)}
    if cases.time is not None and cases.subject is not None:
        now = cases.rows((cases.time == cases.time.max()).to_numpy())
        frame = pd.DataFrame({"subject": now.subject, "probability": model.predict(now.features)})
        found["at_horizon"] = frame.sort_values("probability", ascending=False, ignore_index=True)
    return found


def _evaluation(held: Cases, predicted: Floats, value: Floats | None) -> pd.DataFrame:
    frame = pd.DataFrame({"actual": held.actual, "predicted": predicted})
    more = {"time": held.time, "subject": held.subject, "value": value}
    ids = held.ids if len(held.ids) else pd.DataFrame(index=frame.index)
    return pd.concat([frame.assign(**{name: one for name, one in more.items() if one is not None}), ids], axis=1)


def _tables(actual: Floats, predicted: Floats, chosen: _Chosen) -> dict[str, pd.DataFrame]:
    found = {
        "calibration": tables.calibration(actual, predicted),
        "roc": tables.roc(actual, predicted),
        "precision_recall": tables.precision_recall(actual, predicted),
        "gain": tables.gain(actual, predicted),
        "confusion": tables.confusion(actual, chosen.flagged),
    }
    if chosen.value is not None:
        found["profit"] = tables.profit(actual, predicted, chosen.value, chosen.cost)
    return found
