"""Error of predicted probabilities against the true ones of a generated market, and the value of acting on them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from edtech.ml.outcomes import CHURN, COMPLETION, PROPENSITY
from edtech.ml.outcomes.metrics import average_ties, calibration_error, find_ties
from edtech.ml.outcomes.result import OutcomeResult
from edtech.tables.arrays import Floats
from edtech.training.ground_truth import FROM_TRUTH, DecisionValue

if TYPE_CHECKING:
    from edtech.data import Dataset
    from edtech.market import Truth

WEEK = pd.Timedelta(weeks=1)
CONTACTED = 0.2
"""Share of the rows that can be contacted, those with the highest risk first."""
SMALLEST_DIFFERENCE = 1e-9
"""True probabilities that differ by less cannot be ranked."""
REACH_UNKNOWN = "empty: the effect of contacting those at risk can be computed only from a ground truth"


def score_probabilities(truth: "Truth | None", dataset: "Dataset", result: OutcomeResult) -> DecisionValue:
    """Return the error of a run's probabilities against the ground truth, and the value of acting on them.

    The action is to show courses (propensity), or to contact those with the highest risk (completion and churn).
    """
    if truth is None or result.family not in TRUE_PROBABILITIES:
        return observed_value(result)
    true = TRUE_PROBABILITIES[result.family](truth, dataset, result)
    predicted = result.evaluation["predicted"].to_numpy()
    metrics = {
        "probability_error": float(np.abs(predicted - true).mean()),
        "probability_correlation": float(np.corrcoef(predicted, true)[0, 1]),
        "calibration_error_truth": calibration_error(true, predicted),
    }
    if result.family != PROPENSITY:
        risk, predicted_risk = (1 - true, 1 - predicted) if result.family == COMPLETION else (true, predicted)
        return _contacting(risk, predicted_risk, metrics)
    basis = f"{FROM_TRUTH}: learners who are not shown a course choose among the others"
    return DecisionValue(basis, metrics | {"decision_value_tokens": showing_value(result, true)})


def _contacting(risk: Floats, predicted_risk: Floats, metrics: dict[str, float]) -> DecisionValue:
    reached = reach(risk, predicted_risk)
    basis = (
        f"{FROM_TRUTH}: contacting the {CONTACTED:.0%} with the highest predicted risk reaches {reached:.0%} of what "
        "the true probabilities would reach beyond random choice"
    )
    return DecisionValue(basis, metrics | {"decision_value_reach": reached})


def reach(risk: Floats, predicted_risk: Floats) -> float:
    """Return the share of true losses among the contacted rows: 0 is random choice, 1 the choice by true risk.

    `risk` (n,) is the true probability of the loss, `predicted_risk` (n,) the predicted one.
    """
    count = max(1, round(CONTACTED * len(risk)))
    tied = average_ties(risk, find_ties(predicted_risk))
    contacted = float(tied[np.argsort(-predicted_risk, kind="stable")[:count]].mean())
    best = float(risk[np.argsort(-risk, kind="stable")[:count]].mean())
    mean = float(risk.mean())
    return (contacted - mean) / (best - mean) if best - mean > SMALLEST_DIFFERENCE else 0.0


def observed_value(result: OutcomeResult) -> DecisionValue:
    """Return what showing only the selected offers would have earned beyond showing all, from observed outcomes.

    All offers were shown, so the earnings of each are observed; the substitution between them is not.
    """
    rows = result.evaluation
    if "value" not in rows:
        return DecisionValue(REACH_UNKNOWN)
    if "time" not in rows:
        return DecisionValue("empty: without a time there is no value per week")
    if not pd.api.types.is_datetime64_any_dtype(rows["time"]):
        return DecisionValue("empty: without dates there is no value per week")
    cost = float(getattr(result.params, "cost", 0.0))
    hidden = rows["predicted"] * rows["value"] <= cost
    saved = float((cost - rows["actual"] * rows["value"])[hidden].sum())
    basis = "computed from the outcomes of held-out rows, all of which were shown; substitution is not included"
    return DecisionValue(basis, {"decision_value_tokens": saved / _weeks(rows)})


def showing_value(result: OutcomeResult, true: Floats) -> float:
    """Return the true tokens per week of showing only the selected offers, less those of showing all.

    In the logit of a visit, an offer's probability is w / (1 + sum of w) over the offers shown. The share of hidden
    offers goes to the remaining ones and to the outside option.
    """
    rows, cost = result.evaluation, float(getattr(result.params, "cost", 0.0))
    value = rows["value"].to_numpy()
    shown_offers = rows["predicted"].to_numpy() * value > cost
    visit = rows["visit_id"]
    outside = 1 - pd.Series(true).groupby(visit).transform("sum").to_numpy()
    weight = true / outside
    total = pd.Series(weight * shown_offers).groupby(visit).transform("sum").to_numpy()
    earned = shown_offers * (weight / (1 + total) * value - cost)
    return float((earned - (true * value - cost)).sum() / _weeks(rows))


def _weeks(rows: pd.DataFrame) -> float:
    return max(float((rows["time"].max() - rows["time"].min()) / WEEK), 1.0)


def _views(truth: "Truth", dataset: "Dataset", result: OutcomeResult) -> Floats:  # noqa: ARG001
    true = truth.tables["views"].set_index("view_id")["enrollment_probability"]
    return true.loc[result.evaluation["view_id"]].to_numpy()


def _completions(truth: "Truth", dataset: "Dataset", result: OutcomeResult) -> Floats:
    rows = result.evaluation
    enrollments = truth.tables["enrollments"].set_index("enrollment_id").loc[rows["enrollment_id"]]
    hours = dataset.table("courses", ["course_id", "duration_hours"]).set_index("course_id")["duration_hours"]
    from edtech.market.outcomes import completed_within

    return completed_within(
        truth.params,
        enrollments["completion_probability"].to_numpy(),
        enrollments["refund_probability"].to_numpy(),
        hours.loc[rows["course_id"]].to_numpy(),
        days=float(result.horizon or 0),
        after_days=7.0 * float(getattr(result.params, "weeks", 0)),
    )


def _leaving(truth: "Truth", dataset: "Dataset", result: OutcomeResult) -> Floats:
    """Return the true probability of no visit within the horizon, given each learner's rate of visits and each visit's
    probability of being the last: Bayes' rule with the time since the last visit, then Poisson visits.
    """
    from edtech.market.demand import season

    rows, ends = result.evaluation, np.arange(truth.params.weeks + 1)
    level = np.concatenate([[0.0], np.cumsum(season(truth.params))])
    views = dataset.table("views", ["visit_id", "learner_id", "viewed_at"]).drop_duplicates("visit_id")
    start = views["viewed_at"].min().to_period("W").start_time

    def expected(moment: pd.Series) -> Floats:
        return np.asarray(np.interp((moment - start) / WEEK, ends, level))

    views = views.merge(truth.tables["visits"], on="visit_id").sort_values("viewed_at")
    moments = rows[["subject", "time"]].reset_index().sort_values("time")
    last = pd.merge_asof(
        moments,
        views,
        left_on="time",
        right_on="viewed_at",
        left_by="subject",
        right_by="learner_id",
        allow_exact_matches=False,
    ).sort_values("index")
    rate = truth.tables["learners"].set_index("learner_id")["visits_per_week"].loc[last["subject"]].to_numpy()
    chance, now = last["churn_probability"].to_numpy(), expected(last["time"])
    silent = np.exp(-rate * (now - expected(last["viewed_at"])))
    left = chance / (chance + (1 - chance) * silent)
    later = expected(last["time"] + pd.Timedelta(days=float(result.horizon or 0)))
    return np.asarray(left + (1 - left) * np.exp(-rate * (later - now)))


TRUE_PROBABILITIES: "dict[str, Callable[[Truth, Dataset, OutcomeResult], Floats]]" = {
    PROPENSITY: _views,
    COMPLETION: _completions,
    CHURN: _leaving,
}
