"""How far predicted probabilities are from the true ones of a generated market, and what acting on them is worth."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from edtech.ml.outcomes import CHURN, COMPLETION, PROPENSITY
from edtech.ml.outcomes.metrics import calibration_error, ties_of, within_ties
from edtech.ml.outcomes.result import LabelResult
from edtech.tables.arrays import Floats
from edtech.training.ground_truth import TruthScore

if TYPE_CHECKING:
    from edtech.data import Dataset
    from edtech.market import Truth

WEEK = pd.Timedelta(weeks=1)
CONTACTED = 0.2
"""Share of the rows that can be contacted, those of the highest risk first."""
SMALLEST_DIFFERENCE = 1e-9
"""Where the true chances differ by less, nobody can be told from another."""
REACH_UNKNOWN = "empty: what contacting those at risk would reach is known only where the truth is"


def score_probabilities(truth: "Truth | None", dataset: "Dataset", result: LabelResult) -> TruthScore:
    """Return the error of a run's probabilities against the truth, and what acting on them is worth.

    Propensity: showing courses by them; completion and churn: contacting those of the highest risk.
    """
    if truth is None:
        return observed_value(result)
    true = TRUE_PROBABILITIES[result.family](truth, dataset, result)
    predicted = result.evaluation["predicted"].to_numpy()
    metrics = {
        "probability_error": float(np.abs(predicted - true).mean()),
        "probability_correlation": float(np.corrcoef(predicted, true)[0, 1]),
        "calibration_error_truth": calibration_error(true, predicted),
    }
    if result.family != PROPENSITY:
        bad, feared = (1 - true, 1 - predicted) if result.family == COMPLETION else (true, predicted)
        return _contacting(bad, feared, metrics)
    value = showing_value(result, true)
    words = "judged by the known truth of the generated market: what is not shown sends learners to what is"
    return TruthScore(words, metrics | {"decision_value_tokens": value})


def _contacting(bad: Floats, feared: Floats, metrics: dict[str, float]) -> TruthScore:
    reached = reach(bad, feared)
    words = (
        f"judged by the known truth of the generated market: contacting the {CONTACTED:.0%} of highest predicted risk "
        f"reaches {reached:.0%} of what knowing the true probabilities would reach beyond random choice"
    )
    return TruthScore(words, metrics | {"decision_value_reach": reached})


def reach(bad: Floats, feared: Floats) -> float:
    """Return how many true losses the rows feared most hold: 0 is random choice, 1 that by the true chances.

    `bad` (n,) is the true chance of the loss, `feared` (n,) the predicted one; a fifth of the rows is contacted.
    """
    count = max(1, round(CONTACTED * len(bad)))
    held = within_ties(bad, ties_of(feared))
    chosen = float(held[np.argsort(-feared, kind="stable")[:count]].mean())
    best = float(bad[np.argsort(-bad, kind="stable")[:count]].mean())
    usual = float(bad.mean())
    return (chosen - usual) / (best - usual) if best - usual > SMALLEST_DIFFERENCE else 0.0


def observed_value(result: LabelResult) -> TruthScore:
    """Return what showing only the chosen would have earned more than showing all, by what came on later rows.

    All of them were shown, so what each earned is seen; that learners turn to other offers is not.
    """
    rows = result.evaluation
    if "value" not in rows or "time" not in rows:
        reason = REACH_UNKNOWN if "value" not in rows else "empty: without a time there is no value per week"
        return TruthScore(reason)
    if not pd.api.types.is_datetime64_any_dtype(rows["time"]):
        return TruthScore("empty: without dates there is no value per week")
    cost = float(getattr(result.params, "cost", 0.0))
    left_out = rows["predicted"] * rows["value"] <= cost
    saved = float((cost - rows["actual"] * rows["value"])[left_out].sum())
    words = (
        "judged by what came of later rows, all of which were shown; that learners turn to other offers is not counted"
    )
    return TruthScore(words, {"decision_value_tokens": saved / _weeks(rows)})


def showing_value(result: LabelResult, true: Floats) -> float:
    """Return the tokens per week that showing only the chosen truly brings, less what showing all does.

    In the logit of a visit the chance of an offer is w / (1 + sum of w) over the offers shown; so of the offers that
    are left those not shown leave their part to the others and to taking none.
    """
    rows, cost = result.evaluation, float(getattr(result.params, "cost", 0.0))
    value = rows["value"].to_numpy()
    shown = rows["predicted"].to_numpy() * value > cost
    visit = rows["visit_id"]
    none = 1 - pd.Series(true).groupby(visit).transform("sum").to_numpy()
    weight = true / none
    left = pd.Series(weight * shown).groupby(visit).transform("sum").to_numpy()
    chosen = shown * (weight / (1 + left) * value - cost)
    return float((chosen - (true * value - cost)).sum() / _weeks(rows))


def _weeks(rows: pd.DataFrame) -> float:
    return max(float((rows["time"].max() - rows["time"].min()) / WEEK), 1.0)


def _views(truth: "Truth", dataset: "Dataset", result: LabelResult) -> Floats:  # noqa: ARG001
    true = truth.tables["views"].set_index("view_id")["enrollment_probability"]
    return true.loc[result.evaluation["view_id"]].to_numpy()


def _completions(truth: "Truth", dataset: "Dataset", result: LabelResult) -> Floats:
    rows = result.evaluation
    known = truth.tables["enrollments"].set_index("enrollment_id").loc[rows["enrollment_id"]]
    hours = dataset.table("courses", ["course_id", "duration_hours"]).set_index("course_id")["duration_hours"]
    from edtech.market.outcomes import completed_within

    return completed_within(
        truth.params,
        known["completion_probability"].to_numpy(),
        known["refund_probability"].to_numpy(),
        hours.loc[rows["course_id"]].to_numpy(),
        days=float(result.horizon or 0),
        after_days=7.0 * float(getattr(result.params, "weeks", 0)),
    )


def _leaving(truth: "Truth", dataset: "Dataset", result: LabelResult) -> Floats:
    """Return the chance of no visit within the horizon, of one who knows how often each comes and each visit's chance
    to be the last, but not whether it was: by Bayes' rule from the time since, then by the Poisson visits to come.
    """
    from edtech.market.demand import season

    rows, ends = result.evaluation, np.arange(truth.params.weeks + 1)
    level = np.concatenate([[0.0], np.cumsum(season(truth.params))])
    views = dataset.table("views", ["visit_id", "learner_id", "viewed_at"]).drop_duplicates("visit_id")
    start = views["viewed_at"].min().to_period("W").start_time

    def expected(moment: pd.Series) -> Floats:
        return np.asarray(np.interp((moment - start) / WEEK, ends, level))

    views = views.merge(truth.tables["visits"], on="visit_id").sort_values("viewed_at")
    asked = rows[["subject", "time"]].reset_index().sort_values("time")
    last = pd.merge_asof(
        asked,
        views,
        left_on="time",
        right_on="viewed_at",
        left_by="subject",
        right_by="learner_id",
        allow_exact_matches=False,
    ).sort_values("index")
    often = truth.tables["learners"].set_index("learner_id")["visits_per_week"].loc[last["subject"]].to_numpy()
    chance, now = last["churn_probability"].to_numpy(), expected(last["time"])
    silent = np.exp(-often * (now - expected(last["viewed_at"])))
    gone = chance / (chance + (1 - chance) * silent)
    later = expected(last["time"] + pd.Timedelta(days=float(result.horizon or 0)))
    return np.asarray(gone + (1 - gone) * np.exp(-often * (later - now)))


TRUE_PROBABILITIES: "dict[str, Callable[[Truth, Dataset, LabelResult], Floats]]" = {
    PROPENSITY: _views,
    COMPLETION: _completions,
    CHURN: _leaving,
}
