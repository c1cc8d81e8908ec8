"""Guardrails of recommended prices: bounds by unit, price increments, and limits over all units together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import pandas as pd

from edtech.errors import PricingError
from edtech.pricing.response import Response
from edtech.tables.arrays import Floats
from edtech.tables.formatting import format_names
from edtech.tables.tokens import RevenueSplit

Goal = Literal["token_revenue", "teacher_earnings", "platform_commission", "enrollments"]
Objective = Goal | Mapping[Goal, float]
"""The figure to maximize, or several with weights (tokens per unit of the figure)."""

OBSERVED_BOUNDS = ("lowest observed price", "highest observed price")
CHANGE_BOUNDS = ("maximum decrease", "maximum increase")
USER_BOUNDS = ("floor", "ceiling")


@dataclass(frozen=True, slots=True)
class Constraints:
    """The guardrails of a plan.

    `max_change`: largest relative change of a price, above 0 and at most 0.9. `extrapolate`: allow prices outside the
    observed ones. `floor`, `ceiling`: lowest and highest price by unit. `step`: price increment; changed prices are its
    multiples (1: whole tokens). `most_changed`: maximum number of changed prices. `least_enrollments`: minimum
    enrollments as a share of today's.
    """

    max_change: float = 0.5
    extrapolate: bool = False
    floor: Mapping[str, float] | None = None
    ceiling: Mapping[str, float] | None = None
    step: float | None = None
    most_changed: int | None = None
    least_enrollments: float | None = None

    def check(self) -> None:
        """Raise PricingError for a value out of range."""
        faults = {
            "The maximum price change is out of range": not 0 < self.max_change <= 0.9,
            "The price increment must be above 0": self.step is not None and not 0 < self.step < np.inf,
            "The maximum number of changes must be 1 or more": self.most_changed is not None and self.most_changed < 1,
            "The minimum enrollments must be a share from 0 to 2": self.least_enrollments is not None
            and not 0 <= self.least_enrollments <= 2,
        }
        if wrong := [problem for problem, broken in faults.items() if broken]:
            raise PricingError(
                wrong[0],
                expected="a maximum change above 0 and at most 0.9 (0.5 allows half to one and a half times today's "
                "price), an increment above 0, at least one change, and minimum enrollments from 0 to 2",
                actual=str(self)[:300],
                fix="give the maximum change as a share of today's price",
                details=wrong[1:],
            )


@dataclass(frozen=True, slots=True)
class Bounds:
    """Lowest and highest price of each unit (u,), and the guardrail behind each, as text (u,)."""

    low: Floats
    high: Floats
    low_source: np.ndarray
    high_source: np.ndarray

    def binding(self, prices: Floats, baseline: Floats) -> np.ndarray:
        """Return the name of the bound that each changed price reaches, "" for none, shape (u,)."""
        near = 1e-6 * baseline
        on = np.where(
            prices <= self.low + near, self.low_source, np.where(prices >= self.high - near, self.high_source, "")
        )
        return np.where(np.abs(prices - baseline) <= near, "", on)


def price_bounds(response: Response, constraints: Constraints) -> Bounds:
    """Return the bounds of each unit's price.

    Today's price stays allowed outside the observed prices. If a floor or ceiling excludes it, the price must change,
    so the bounds are multiples of the increment. Raises PricingError that names the guardrails and units if a floor is
    above a ceiling, or if no multiple lies between the bounds.
    """
    today = response.baseline
    low, high = today * (1 - constraints.max_change), today * (1 + constraints.max_change)
    low_source, high_source = (np.full(today.size, name, dtype=object) for name in CHANGE_BOUNDS)
    if not constraints.extrapolate:
        low_source, high_source = (
            np.where(response.low > low, OBSERVED_BOUNDS[0], low_source),
            np.where(response.high < high, OBSERVED_BOUNDS[1], high_source),
        )
        low, high = np.maximum(low, response.low), np.minimum(high, response.high)
    low, high = np.minimum(low, today), np.maximum(high, today)
    floor, ceiling = _user_bounds(response, constraints.floor, 0.0), _user_bounds(response, constraints.ceiling, np.inf)
    low_source, high_source = (
        np.where(floor > low, USER_BOUNDS[0], low_source),
        np.where(ceiling < high, USER_BOUNDS[1], high_source),
    )
    bounds = Bounds(np.maximum(low, floor), np.minimum(high, ceiling), low_source, high_source)
    _check_consistent(response, bounds)
    return bounds if constraints.step is None else _on_increments(response, bounds, constraints.step)


def _on_increments(response: Response, bounds: Bounds, step: float) -> Bounds:
    low, high = (np.ceil(bounds.low / step - 1e-9) * step, np.floor(bounds.high / step + 1e-9) * step)
    slack = 1e-9 * response.baseline
    must = (response.baseline < bounds.low - slack) | (response.baseline > bounds.high + slack)
    if (wrong := must & (low > high + slack)).any():
        raise PricingError(
            "Some prices must change, but no multiple of the increment is allowed",
            expected=f"a multiple of {step:g} between the lowest and the highest price of each unit",
            actual="; ".join(
                f"{response.units[at]}: {bounds.low[at]:,.2f} to {bounds.high[at]:,.2f}"
                for at in np.flatnonzero(wrong)[:5]
            ),
            fix="use a smaller increment, a lower floor or a higher ceiling",
        )
    return replace(bounds, low=np.where(must, low, bounds.low), high=np.where(must, high, bounds.high))


def _user_bounds(response: Response, prices: Mapping[str, float] | None, default: float) -> Floats:
    if prices is None:
        return np.full(len(response.units), default)
    if unknown := sorted(set(prices) - set(response.units)):
        raise PricingError(
            "The bounds name unknown units",
            expected="units of the data set",
            actual=format_names(unknown, 5),
            fix="remove these units",
        )
    return response.units.map(dict(prices)).fillna(default).to_numpy(dtype=float)


def _check_consistent(response: Response, bounds: Bounds) -> None:
    wrong = np.flatnonzero(bounds.low > bounds.high * (1 + 1e-9))
    if wrong.size == 0:
        return
    pairs = pd.Series([f"the {bounds.low_source[at]} and the {bounds.high_source[at]}" for at in wrong]).value_counts()
    raise PricingError(
        "The guardrails contradict each other: no price meets all of them",
        expected="a lowest price at or below the highest for each unit",
        actual="; ".join(f"{pair} for {count:,} units" for pair, count in pairs.items()),
        where=format_names(response.units[wrong][:5]),
        fix="lower the floor, raise the ceiling, or allow larger changes or prices outside the observed ones",
    )


def check_reachable(most: float, floor: float, changes: int | None = None) -> None:
    """Raise PricingError if the minimum enrollments are above those that can be reached with that many changes."""
    if most < floor * (1 - 1e-9):
        raise PricingError(
            "The guardrails contradict each other: the minimum enrollments cannot be reached",
            expected=f"at most {most:,.1f} enrollments per period, the maximum within the bounds"
            + ("" if changes is None else f" with at most {changes:,} change{'' if changes == 1 else 's'}"),
            actual=f"{floor:,.1f}",
            fix="lower the minimum enrollments, or allow larger or more changes",
        )


def objective_weights(objective: Objective, split: RevenueSplit) -> tuple[float, float]:
    """Return the weights of one token of revenue and of one enrollment in the objective.

    Raises PricingError for an unknown figure, or weights that are negative or all 0.
    """
    objectives = {objective: 1.0} if isinstance(objective, str) else objective
    weights: dict[str, float] = {str(name): weight for name, weight in objectives.items()}
    shares = {
        "token_revenue": 1.0,
        "teacher_earnings": split.teacher_rate,
        "platform_commission": split.commission_rate,
    }
    if unknown := [name for name in weights if name not in get_args(Goal)]:
        raise PricingError(
            "This objective does not exist",
            expected=f"one of {', '.join(get_args(Goal))}",
            actual=format_names(unknown, 5),
            fix="choose from the list",
        )
    tokens = sum(weight * shares.get(name, 0.0) for name, weight in weights.items())
    pieces = float(weights.get("enrollments", 0.0))
    if not (np.isfinite([tokens, pieces]).all() and min(tokens, pieces) >= 0 and max(tokens, pieces) > 0):
        raise PricingError(
            "The weights of the objective are invalid",
            expected="weights of 0 or more, not all 0",
            actual=str(dict(weights))[:200],
            fix="give at least one figure a weight above 0",
        )
    return tokens, pieces
