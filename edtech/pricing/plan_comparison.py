"""Compare the plans of several runs: does the decision change?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from edtech.pricing.recommendation import Plan

SAME_CHANGE = 0.01
"""Recommended changes that differ by at most this share of today's price count as the same decision."""


@dataclass(frozen=True, slots=True)
class PlanComparison:
    """Plans side by side.

    `prices`: unit, segment, today, and the relative change that each run recommends (NaN if it recommends none).
    `runs`: run, recommends, units changed, expected change of revenue with `low` and `high`, and the logged decision
    value (NaN if it could not be evaluated). `summary` says whether the decision changes.
    """

    prices: pd.DataFrame
    runs: pd.DataFrame
    summary: str


def compare_plans(plans: Mapping[str, Plan], decision_values: Mapping[str, float]) -> PlanComparison:
    """Compare plans for the units of one data set; `plans` and `decision_values` are by the run's name."""
    first = next(iter(plans.values())).table.set_index("unit")
    changes = {
        name: plan.table.set_index("unit")["change"].reindex(first.index) * (np.nan if plan.refused else 1.0)
        for name, plan in plans.items()
    }
    prices = pd.concat([first[["segment", "today"]], pd.DataFrame(changes)], axis=1).reset_index()
    rows = [
        (
            name,
            not plan.refused,
            int((plan.table["change"].abs() > SAME_CHANGE).sum()),
            plan.expected.change,
            plan.expected.low,
            plan.expected.high,
            decision_values.get(name, np.nan),
        )
        for name, plan in plans.items()
    ]
    columns = ["run", "recommends", "units changed", "change", "low", "high", "decision value"]
    runs = pd.DataFrame(rows, columns=columns)
    return PlanComparison(prices, runs.astype({"low": float, "high": float}), _summary(pd.DataFrame(changes)))


def _summary(changes: pd.DataFrame) -> str:
    recommending = changes.dropna(axis=1, how="all")
    refusing = changes.shape[1] - recommending.shape[1]
    silent = f" {refusing} of {changes.shape[1]} runs recommend no price." if refusing else ""
    if recommending.shape[1] < 2:
        return f"Fewer than two runs recommend prices, so there is nothing to compare.{silent}"
    spread = recommending.max(axis=1) - recommending.min(axis=1)
    signs = np.sign(recommending.where(recommending.abs() > SAME_CHANGE, 0.0))
    opposed = int(((signs.max(axis=1) > 0) & (signs.min(axis=1) < 0)).sum())
    differing = int((spread > SAME_CHANGE).sum())
    if not differing:
        return f"The decision is the same: all runs recommend the same prices within {SAME_CHANGE:.0%}.{silent}"
    return (
        f"The decision changes: the recommended prices of {differing:,} of {len(recommending):,} units differ by more "
        f"than {SAME_CHANGE:.0%}, those of {opposed:,} in direction.{silent}"
    )
