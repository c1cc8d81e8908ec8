"""Training of an outcome family: errors come from a fit that ends before the held-out rows."""

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
from edtech.ml.outcomes.estimators import TrainingRows
from edtech.ml.outcomes.importance import odds_ratios, permutation_importance
from edtech.ml.outcomes.metrics import all_metrics
from edtech.ml.outcomes.result import OutcomeResult
from edtech.ml.outcomes.seasonality import to_usual_days
from edtech.ml.outcomes.splits import Split, split_cases
from edtech.tables.arrays import Floats

if TYPE_CHECKING:
    from edtech.data import Dataset

CaseSource = Callable[["Dataset", Params], Cases]


@dataclass(frozen=True, slots=True)
class OutcomeTask:
    """An outcome family: the sources of its cases, and the name of its rows."""

    family: str
    rows: str
    task: str
    from_market: CaseSource
    from_labels: CaseSource


def train(
    task: OutcomeTask, dataset: "Dataset", algorithm: Algorithm, params: Params, progress: Progress
) -> FittedModel:
    """Train one algorithm on the cases of a data set.

    Raises DataError without cases, ModelError if they are too few, ConvergenceError.
    """
    progress(0.0, "Building features")
    cases = (task.from_market if dataset.kind == "market" else task.from_labels)(dataset, params)
    result = train_cases(task, cases, algorithm, params, progress)
    target = str(cases.target.name)
    labeled = cases.subset(cases.labeled)
    return FittedModel(result, labeled.features.assign(**{target: labeled.target.astype(bool)}), target)


def train_cases(
    task: OutcomeTask, cases: Cases, algorithm: Algorithm, params: Params, progress: Progress = no_progress
) -> OutcomeResult:
    """Fit on all cases; metrics come from a holdout fit of the cases before the evaluation."""
    started, seed = time.perf_counter(), int(getattr(params, "seed", 0))
    split = split_cases(cases, params.evaluation_share, seed, task.rows)
    progress(0.2, "Fitting the holdout model")
    holdout_model = fit(algorithm, params, split.training)
    held_out = split.evaluation
    actual, predicted = held_out.actual, holdout_model.predict(held_out.features)
    progress(0.5, "Measuring held-out errors")
    metrics = all_metrics(actual, predicted, held_out.clusters)
    metrics |= _survival_metrics(holdout_model, held_out)
    importance = permutation_importance(holdout_model, held_out)
    progress(0.7, "Fitting on all rows")
    model = fit(algorithm, params, cases)
    decision = _decide(params, held_out, predicted, split)
    metrics |= {"rows_train": float(len(split.training)), "rows_evaluation": float(len(held_out))}
    return OutcomeResult(
        family=task.family,
        algorithm=algorithm.name,
        params=params,
        model=model,
        metrics={**metrics, **decision.metrics, "fit_seconds": time.perf_counter() - started},
        evaluation=_evaluation(held_out, predicted, decision.value),
        importance=importance,
        split=split.description,
        notes=cases.notes,
        checks=all_checks(cases, split, metrics, importance, model),
        tables=_tables(actual, predicted, decision) | _churn_tables(model, cases),
        outcome=str(cases.target.name),
        threshold=decision.threshold,
        threshold_rule=decision.rule,
        odds=odds_ratios(model, cases),
        meanings=dict(cases.meanings),
        horizon=cases.horizon or float(getattr(params, "horizon_days", 0)) or None,
    )


def fit(algorithm: Algorithm, params: Params, cases: Cases) -> Any:  # noqa: ANN401  # an estimator of ours
    """Return the algorithm's estimator fitted on the cases."""
    usable = cases if cases.follow_up is not None else cases.subset(cases.labeled)
    season, follow = to_usual_days(usable)
    extra = {
        "seed": getattr(params, "seed", 0),
        "horizon": cases.horizon or 1.0,
        "leaving": cases.event_kind != "return",
        "season": season,
    }
    accepted = inspect.signature(algorithm.estimator).parameters
    arguments = {name: value for name, value in extra.items() if name in accepted}
    time = None if usable.time is None else np.asarray(usable.time.rank())
    outcome = usable.actual if follow is None else follow
    return algorithm.new_estimator(params, **arguments).fit(
        usable.features, outcome, TrainingRows(usable.clusters, time)
    )


@dataclass(frozen=True, slots=True)
class _Decision:
    """The rows to act on, and the profit if a positive outcome has a value in tokens."""

    threshold: float
    rule: str
    flagged: "np.typing.NDArray[np.bool_]"
    value: Floats | None
    cost: float
    metrics: dict[str, float]


def _decide(params: Params, held_out: Cases, predicted: Floats, split: Split) -> _Decision:
    cost = getattr(params, "cost", None)
    if cost is None:
        threshold = float(np.nanmean(split.training.actual))
        rule = "the share of positives in training"
        return _Decision(threshold, rule, predicted >= threshold, None, 0.0, {})
    own_value = getattr(params, "value", 0.0)
    value = np.full(len(held_out), own_value) if held_out.value is None else held_out.value.to_numpy(dtype=float)
    flagged = predicted * value > cost
    threshold = cost / value.mean() if value.mean() > 0 else 1.0
    rule = (
        f"probability × value above the cost of {cost:g} tokens; at the mean value of {value.mean():.3g} tokens, a "
        f"probability of {threshold:.3f}"
    )
    profits = {"all": held_out.actual * value - cost, "chosen": np.where(flagged, held_out.actual * value - cost, 0.0)}
    metrics = {
        "share_shown": float(flagged.mean()),
        "profit_chosen": 1000 * float(profits["chosen"].mean()),
        "profit_all": 1000 * float(profits["all"].mean()),
    }
    return _Decision(threshold, rule, flagged, value, cost, metrics)


def _survival_metrics(model: Any, held_out: Cases) -> dict[str, float]:  # noqa: ANN401  # an estimator of ours
    """Return metrics of predicted survival curves; empty without durations."""
    if held_out.follow_up is None or held_out.horizon is None:
        return {}
    duration, event = held_out.follow_up["duration"].to_numpy(float), held_out.follow_up["event"].to_numpy(bool)
    times = np.linspace(0, held_out.horizon, survival.GRID_SIZE + 1)[1:]
    curves = model.survival(held_out.features, times)
    km = survival.kaplan_meier(duration, event)
    kaplan_meier_at = survival.step_at(km["time"].to_numpy(), km["share"].to_numpy(), times)
    return {
        **survival.concordance(duration, event, 1 - curves[:, -1], held_out.horizon),
        "integrated_brier": survival.integrated_brier(duration, event, curves, times),
        "integrated_brier_base": survival.integrated_brier(
            duration, event, np.tile(kaplan_meier_at, (len(held_out), 1)), times
        ),
    }


def _churn_tables(model: Any, cases: Cases) -> dict[str, pd.DataFrame]:  # noqa: ANN401  # an estimator of ours
    """Return survival by cohort, and the subjects of the latest rows by their probability of leaving."""
    if cases.follow_up is None or cases.lifetimes is None:
        return {}
    tables_by_name = {"survival": survival.by_cohort(cases.lifetimes)}
    if cases.time is not None and cases.subject is not None:
        latest = cases.subset((cases.time == cases.time.max()).to_numpy())
        frame = pd.DataFrame({"subject": latest.subject, "probability": model.predict(latest.features)})
        tables_by_name["at_horizon"] = frame.sort_values("probability", ascending=False, ignore_index=True)
    return tables_by_name


def _evaluation(held_out: Cases, predicted: Floats, value: Floats | None) -> pd.DataFrame:
    frame = pd.DataFrame({"actual": held_out.actual, "predicted": predicted})
    columns = {"time": held_out.time, "subject": held_out.subject, "value": value}
    ids = held_out.ids if len(held_out.ids) else pd.DataFrame(index=frame.index)
    return pd.concat(
        [frame.assign(**{name: values for name, values in columns.items() if values is not None}), ids], axis=1
    )


def _tables(actual: Floats, predicted: Floats, decision: _Decision) -> dict[str, pd.DataFrame]:
    tables_by_name = {
        "calibration": tables.calibration(actual, predicted),
        "roc": tables.roc(actual, predicted),
        "precision_recall": tables.precision_recall(actual, predicted),
        "gain": tables.gain(actual, predicted),
        "confusion": tables.confusion(actual, decision.flagged),
    }
    if decision.value is not None:
        tables_by_name["profit"] = tables.profit(actual, predicted, decision.value, decision.cost)
    return tables_by_name
