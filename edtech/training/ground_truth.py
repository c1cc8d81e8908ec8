"""The value of a decision, computed from the ground truth of a generated market and never from the run's own model."""

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


FROM_TRUTH = "computed from the ground truth of the generated market"
NO_TRUTH = "empty: an uploaded data set has no ground truth"


@dataclass(frozen=True, slots=True)
class DecisionValue:
    """What following a model's decision earns, as metrics beyond the model's own.

    `basis` says how the value was computed, or, after "empty: ", why there is none. `plan` holds the recommended
    prices of a family that recommends any.
    """

    basis: str
    metrics: dict[str, float] = field(default_factory=dict)
    plan: Plan | None = None

    @property
    def tags(self) -> dict[str, str]:
        """Tags of the run that say how the value came about."""
        plan = {} if self.plan is None else {"plan": "refused" if self.plan.refused else "recommended"}
        return {"decision_value": self.basis, **plan}


def ground_truth(dataset: "Dataset") -> "Truth | None":
    """Return the ground truth of a generated market, None for an uploaded data set."""
    return dataset.market().truth if dataset.kind == "market" else None


def score_against_truth(dataset: "Dataset", result: ElasticityResult, plan: Plan) -> DecisionValue:
    """Return elasticity_truth, elasticity_bias, elasticity_covered, decision_value_tokens and pricing_regret_pct, as
    far as they can be computed.

    The decision value is what the plan truly earns per period minus what today's prices do: both are played through
    the same market with the same learners and random draws. The regret is relative to the optimal prices within half
    of today's.
    """
    truth = ground_truth(dataset)
    if truth is None:
        return DecisionValue(NO_TRUTH)
    estimate = result.elasticity
    metrics = {
        "elasticity_truth": truth.own_elasticity,
        "segment_elasticity_truth": truth.segment_elasticity,
        "elasticity_bias": estimate.estimate - truth.own_elasticity,
    }
    if estimate.low is not None and estimate.high is not None:
        metrics["elasticity_covered"] = float(estimate.low <= truth.own_elasticity <= estimate.high)
    if plan.refused:
        return DecisionValue("empty: no plan is recommended on this identification", metrics)
    planned, optimal = true_revenue(truth, plan.prices), optimal_revenue(dataset.folder)
    today = plan.table[["unit", "today"]].itertuples(index=False, name=None)
    metrics["decision_value_tokens"] = planned - current_revenue(dataset.folder, tuple(today))
    metrics["pricing_regret_pct"] = 100 * (optimal - planned) / optimal
    return DecisionValue(FROM_TRUTH, metrics)


@lru_cache(maxsize=16)
def optimal_revenue(folder: "Path") -> float:
    """Return the expected token revenue per week at the optimal constant prices of the market stored in a folder."""
    from edtech.data import Catalogue

    truth = Catalogue(folder.parent).get(folder.name).market().truth
    return true_revenue(truth, truth.best_prices())


@lru_cache(maxsize=16)
def current_revenue(folder: "Path", prices: tuple[tuple[str, float], ...]) -> float:
    """Return `true_revenue` at pairs of course and price; cached, as all trainings on a market compare with it."""
    from edtech.data import Catalogue

    return true_revenue(Catalogue(folder.parent).get(folder.name).market().truth, pd.Series(dict(prices)))


def true_revenue(truth: "Truth", prices: pd.Series) -> float:
    """Return the expected token revenue per week at constant prices by course."""
    rows = truth.counterfactual(prices).course_weeks
    return float(rows["token_revenue"].sum() / rows["week"].nunique())
