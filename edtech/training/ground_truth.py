"""What a training is worth, judged by the truth of a generated market; never by the run's own model."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import pandas as pd

from edtech.ml import ElasticityResult
from edtech.pricing import Plan

if TYPE_CHECKING:
    from pathlib import Path

    from edtech.data import Dataset
    from edtech.market import Truth


TRUTH_KNOWN = "judged by the known truth of the generated market"
TRUTH_UNKNOWN = "empty: the truth of an uploaded data set is not known"


@dataclass(frozen=True, slots=True)
class TruthScore:
    """Metrics that need the truth, and in words how they came about or why there are none."""

    basis: str
    metrics: dict[str, float] = field(default_factory=dict)


def known_truth(dataset: "Dataset") -> "Truth | None":
    """Return the truth of a generated market, None for an uploaded data set."""
    return dataset.market().truth if dataset.kind == "market" else None


def score_against_truth(dataset: "Dataset", result: ElasticityResult, plan: Plan) -> TruthScore:
    """Return elasticity_truth, elasticity_bias, elasticity_covered, decision_value_tokens and pricing_regret_pct where
    they can be known.

    The decision value is what the plan truly earns per period minus what today's prices do: both are played through the
    same market with the same learners and random draws. The regret is against the best prices within half of today's.
    """
    truth = known_truth(dataset)
    if truth is None:
        return TruthScore(TRUTH_UNKNOWN)
    found = result.elasticity
    metrics = {
        "elasticity_truth": truth.own_elasticity,
        "segment_elasticity_truth": truth.segment_elasticity,
        "elasticity_bias": found.estimate - truth.own_elasticity,
    }
    if found.low is not None and found.high is not None:
        metrics["elasticity_covered"] = float(found.low <= truth.own_elasticity <= found.high)
    if plan.refused:
        return TruthScore("empty: no plan is recommended on this identification", metrics)
    planned, most = true_revenue(truth, plan.prices), optimal_revenue(dataset.folder)
    today = plan.table[["unit", "today"]].itertuples(index=False, name=None)
    metrics["decision_value_tokens"] = planned - current_revenue(dataset.folder, tuple(today))
    metrics["pricing_regret_pct"] = 100 * (most - planned) / most
    return TruthScore(TRUTH_KNOWN, metrics)


@lru_cache(maxsize=16)
def optimal_revenue(folder: "Path") -> float:
    """Return the expected token revenue per week at the best constant prices of the market stored in a folder."""
    from edtech.data import Catalogue

    truth = Catalogue(folder.parent).get(folder.name).market().truth
    return true_revenue(truth, truth.best_prices())


@lru_cache(maxsize=16)
def current_revenue(folder: "Path", prices: tuple[tuple[str, float], ...]) -> float:
    """Return `true_revenue` at prices by course, which all trainings on the market stored in a folder compare with."""
    from edtech.data import Catalogue

    return true_revenue(Catalogue(folder.parent).get(folder.name).market().truth, pd.Series(dict(prices)))


def true_revenue(truth: "Truth", prices: pd.Series) -> float:
    """Return the expected token revenue per week at constant prices by course."""
    rows = truth.counterfactual(prices).course_weeks
    return float(rows["token_revenue"].sum() / rows["week"].nunique())
