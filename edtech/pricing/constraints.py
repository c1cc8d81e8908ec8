"""What recommended prices must keep to: bounds for each unit, steps, and limits over all units together."""

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
"""What is to be as large as can be: one figure, or several with weights (tokens for each unit of the figure)."""

OBSERVED_BOUNDS = ("lowest price seen", "highest price seen")
CHANGE_BOUNDS = ("largest step down", "largest step up")
USER_BOUNDS = ("floor you gave", "ceiling you gave")


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a plan must keep to.

    `max_change`: largest relative change of a price, above 0 and at most 0.9. `extrapolate`: allow prices never seen.
    `floor`, `ceiling`: lowest and highest price by unit. `step`: prices that change become multiples of it (1: whole
    tokens). `most_changed`: how many prices may change. `least_enrollments`: share of today's enrollments to keep.
    """

    max_change: float = 0.5
    extrapolate: bool = False
    floor: Mapping[str, float] | None = None
    ceiling: Mapping[str, float] | None = None
    step: float | None = None
    most_changed: int | None = None
    least_enrollments: float | None = None

    def check(self) -> None:
        """Raise PricingError for a value that cannot be used."""
        faults = {
            "The largest price change is out of range: expected above 0 and at most 0.9": not 0
            < self.max_change
            <= 0.9,
            "The step of prices must be above 0": self.step is not None and not 0 < self.step < np.inf,
            "How many prices may change must be 1 or more": self.most_changed is not None and self.most_changed < 1,
            "The share of enrollments to keep must be from 0 to 2": self.least_enrollments is not None
            and not 0 <= self.least_enrollments <= 2,
        }
        if wrong := [words for words, broken in faults.items() if broken]:
            raise PricingError(
                wrong[0],
                expected="a largest change above 0 and at most 0.9 (0.5 allows half to one and a half times today's "
                "price), a step above 0, one changed price or more, a share of enrollments from 0 to 2",
                actual=str(self)[:300],
                fix="give the largest change as a share of today's price",
                details=wrong[1:],
            )


@dataclass(frozen=True, slots=True)
class Bounds:
    """Lowest and highest price of each unit (u,), and what sets each of them, as text (u,)."""

    low: Floats
    high: Floats
    low_source: np.ndarray
    high_source: np.ndarray

    def binding(self, prices: Floats, baseline: Floats) -> np.ndarray:
        """Return the name of the bound that each changed price lies on, "" for none, shape (u,)."""
        near = 1e-6 * baseline
        on = np.where(
            prices <= self.low + near, self.low_source, np.where(prices >= self.high - near, self.high_source, "")
        )
        return np.where(np.abs(prices - baseline) <= near, "", on)


def price_bounds(response: Response, constraints: Constraints) -> Bounds:
    """Return the bounds of each unit's price.

    Today's price stays allowed where it lies outside the prices seen. Where a floor or ceiling forbids it the price has
    to change, so the bounds are then multiples of the step. Raises PricingError where a floor and what stands above it
    contradict each other, or no multiple lies between, saying which and for which units.
    """
    today = response.baseline
    low, high = today * (1 - constraints.max_change), today * (1 + constraints.max_change)
    low_name, high_name = (np.full(today.size, name, dtype=object) for name in CHANGE_BOUNDS)
    if not constraints.extrapolate:
        low_name, high_name = (
            np.where(response.low > low, OBSERVED_BOUNDS[0], low_name),
            np.where(response.high < high, OBSERVED_BOUNDS[1], high_name),
        )
        low, high = np.maximum(low, response.low), np.minimum(high, response.high)
    low, high = np.minimum(low, today), np.maximum(high, today)
    floor, ceiling = _user_bounds(response, constraints.floor, 0.0), _user_bounds(response, constraints.ceiling, np.inf)
    low_name, high_name = (
        np.where(floor > low, USER_BOUNDS[0], low_name),
        np.where(ceiling < high, USER_BOUNDS[1], high_name),
    )
    bounds = Bounds(np.maximum(low, floor), np.minimum(high, ceiling), low_name, high_name)
    _check_consistent(response, bounds)
    return bounds if constraints.step is None else _on_increments(response, bounds, constraints.step)


def _on_increments(response: Response, bounds: Bounds, step: float) -> Bounds:
    low, high = (np.ceil(bounds.low / step - 1e-9) * step, np.floor(bounds.high / step + 1e-9) * step)
    slack = 1e-9 * response.baseline
    must = (response.baseline < bounds.low - slack) | (response.baseline > bounds.high + slack)
    if (wrong := must & (low > high + slack)).any():
        raise PricingError(
            "Some prices have to change, and none on the steps is allowed",
            expected=f"a multiple of {step:g} between the lowest and the highest price of each unit",
            actual="; ".join(
                f"{response.units[at]}: {bounds.low[at]:,.2f} to {bounds.high[at]:,.2f}"
                for at in np.flatnonzero(wrong)[:5]
            ),
            fix="take smaller steps, lower the floor, or raise the ceiling",
        )
    return replace(bounds, low=np.where(must, low, bounds.low), high=np.where(must, high, bounds.high))


def _user_bounds(response: Response, prices: Mapping[str, float] | None, otherwise: float) -> Floats:
    if prices is None:
        return np.full(len(response.units), otherwise)
    if unknown := sorted(set(prices) - set(response.units)):
        raise PricingError(
            "Bounds are given for units that do not exist",
            expected="units of the data set",
            actual=format_names(unknown, 5),
            fix="leave these out",
        )
    return response.units.map(dict(prices)).fillna(otherwise).to_numpy(dtype=float)


def _check_consistent(response: Response, bounds: Bounds) -> None:
    wrong = np.flatnonzero(bounds.low > bounds.high * (1 + 1e-9))
    if wrong.size == 0:
        return
    pairs = pd.Series([f"the {bounds.low_source[at]} and the {bounds.high_source[at]}" for at in wrong]).value_counts()
    raise PricingError(
        "Constraints contradict each other: no price keeps to all of them",
        expected="a lowest price at or below the highest for each unit",
        actual="; ".join(f"{pair} for {count:,} units" for pair, count in pairs.items()),
        where=format_names(response.units[wrong][:5]),
        fix="lower the floor, raise the ceiling, or allow larger steps or prices never seen",
    )


def check_reachable(most: float, floor: float, changes: int | None = None) -> None:
    """Raise PricingError where the enrollments to keep are more than the most that can be reached, per period, with
    that many changed prices.
    """
    if most < floor * (1 - 1e-9):
        raise PricingError(
            "Constraints contradict each other: so many enrollments cannot be kept",
            expected=f"at most {most:,.1f} enrollments per period to keep, the most that the bounds allow"
            + ("" if changes is None else f" with at most {changes:,} change{'' if changes == 1 else 's'}"),
            actual=f"{floor:,.1f}",
            fix="keep fewer enrollments, or allow larger steps or more changed prices",
        )


def objective_weights(objective: Objective, split: RevenueSplit) -> tuple[float, float]:
    """Return what the objective counts for each token of revenue and for each enrollment.

    Raises PricingError for a figure that does not exist, or weights that are all 0.
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
            "There is no such objective",
            expected=f"one of {', '.join(get_args(Goal))}",
            actual=format_names(unknown, 5),
            fix="choose from the list",
        )
    tokens = sum(weight * shares.get(name, 0.0) for name, weight in weights.items())
    pieces = float(weights.get("enrollments", 0.0))
    if not (np.isfinite([tokens, pieces]).all() and min(tokens, pieces) >= 0 and max(tokens, pieces) > 0):
        raise PricingError(
            "The weights of the objective cannot be used",
            expected="weights of 0 or more, not all 0",
            actual=str(dict(weights))[:200],
            fix="weigh at least one figure above 0",
        )
    return tokens, pieces
