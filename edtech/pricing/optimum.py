"""Recommended prices: the best inside the prices that were seen, unit by unit."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from edtech.errors import PricingError
from edtech.ml.elasticity.panel import Floats
from edtech.ml.elasticity.result import ElasticityResult
from edtech.pricing.response import Response, price_response
from edtech.pricing.scenario import Effect, WhatIf, answer
from edtech.tables.split import RevenueSplit

Objective = Literal["token_revenue", "teacher_earnings", "platform_commission", "enrollments"]
GRID = 61
_BOUNDS = ("lowest price seen", "highest price seen", "largest step down", "largest step up")


@dataclass(frozen=True, slots=True)
class Plan:
    """Recommended prices and what they are expected to do.

    `prices` is finite for every unit; where the recommendation is refused they are today's. `table`: unit, segment,
    today, recommended, change, bound (which bound the price lies on, if any).
    """

    prices: pd.Series
    objective: Objective
    expected: Effect
    outcome: WhatIf
    table: pd.DataFrame
    refused: bool
    reasons: tuple[str, ...]


def recommend_prices(
    result: ElasticityResult,
    panel: pd.DataFrame,
    objective: Objective = "token_revenue",
    max_change: float = 0.5,
    extrapolate: bool = False,
    *,
    baseline: pd.Series | None = None,
    split: RevenueSplit | None = None,
) -> Plan:
    """Return the best price of each unit within `max_change` of its baseline and, unless `extrapolate`, the prices
    seen.

    Refused, with today's prices, where the design's rule does not allow a recommendation on this identification. Raises
    PricingError for an unknown objective or a `max_change` outside (0, 0.9].
    """
    response = price_response(result, panel, baseline)
    return plan_for(response, objective, max_change, extrapolate, split=split)


def plan_for(
    response: Response,
    objective: Objective = "token_revenue",
    max_change: float = 0.5,
    extrapolate: bool = False,
    *,
    split: RevenueSplit | None = None,
) -> Plan:
    """Return the plan for a response that is already made; arguments and errors as in `recommend_prices`."""
    if objective not in get_args(Objective):
        raise PricingError(
            "There is no such objective",
            expected=f"one of {', '.join(get_args(Objective))}",
            found=repr(objective),
            fix="choose from the list",
        )
    if not 0 < max_change <= 0.9:
        raise PricingError(
            "The largest price change is out of range",
            expected="above 0 and at most 0.9 (0.5 allows half to one and a half times today's price)",
            found=repr(max_change),
            fix="give the largest change as a share of today's price",
        )
    if not response.result.may_recommend:
        return _plan(response, response.baseline, np.full(len(response.units), ""), objective, split)
    return _plan(response, *_best(response, objective, max_change, extrapolate), objective, split)


def withheld(plan: Plan, reason: str) -> Plan:
    """Return the plan as refused, with today's prices and the reason; what it expected is gone."""
    outcome = plan.outcome
    table = plan.table.assign(recommended=plan.table["today"], change=0.0, bound="")
    names = pd.Index(plan.table["unit"], name="unit")
    prices = pd.Series(plan.table["today"].to_numpy(dtype=float), index=names, name="price").sort_index()
    today = plan.expected.today
    nothing = Effect(today, today, 0.0, 0.0, 0.0)
    return Plan(prices, plan.objective, nothing, outcome, table, True, (reason,))


def _best(response: Response, objective: Objective, max_change: float, extrapolate: bool) -> tuple[Floats, np.ndarray]:
    """Return the best prices (u,) on a grid between the bounds, and the bound each lies on, "" for none."""
    low, high = response.baseline * (1 - max_change), response.baseline * (1 + max_change)
    names = np.full((2, len(response.units)), [[_BOUNDS[2]], [_BOUNDS[3]]], dtype=object)
    if not extrapolate:
        names[0] = np.where(response.low > low, _BOUNDS[0], names[0])
        names[1] = np.where(response.high < high, _BOUNDS[1], names[1])
        low, high = np.maximum(low, response.low), np.minimum(high, response.high)
    low, high = np.minimum(low, response.baseline), np.maximum(high, response.baseline)
    if response.joint:
        prices = _joint_optimum(response, objective, low, high)
        near = 1e-6 * response.baseline
        return prices, np.where(prices <= low + near, names[0], np.where(prices >= high - near, names[1], ""))
    steps = np.linspace(0, 1, GRID)
    prices = np.column_stack([low[:, None] + (high - low)[:, None] * steps, response.baseline])
    quantity = response.grid(prices)
    value = quantity if objective == "enrollments" else prices * quantity
    chosen = value.argmax(axis=1)
    kept = value[np.arange(len(chosen)), chosen] <= value[:, -1] * (1 + 1e-9)
    chosen = np.where(kept, GRID, chosen)
    bound = np.where(chosen == 0, names[0], np.where(chosen == GRID - 1, names[1], ""))
    return prices[np.arange(len(chosen)), chosen], bound


def _joint_optimum(response: Response, objective: Objective, low: Floats, high: Floats) -> Floats:
    """Return the prices (u,) between the bounds that together are best; today's where none are better.

    L-BFGS-B (Byrd, Lu, Nocedal & Zhu 1995) from today's prices, with the gradient in closed form.
    """
    scale = response.baseline

    def loss(relative: Floats) -> tuple[float, Floats]:
        prices = relative * scale
        margin = np.ones_like(prices) if objective == "enrollments" else prices
        quantity, slope = response.joint_value(prices, margin)
        gradient = slope + (0 if objective == "enrollments" else quantity)
        return -float(margin @ quantity), -gradient * scale

    start = np.ones_like(scale)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=list(zip(low / scale, high / scale, strict=True)))
    better = found.fun < loss(start)[0]
    return np.asarray(found.x * scale if better else response.baseline, dtype=float)


def _plan(
    response: Response, prices: Floats, bound: np.ndarray, objective: Objective, split: RevenueSplit | None
) -> Plan:
    outcome = answer(response, prices, split)
    expected = outcome.effects[objective]
    table = pd.DataFrame(
        {
            "unit": response.names,
            "segment": response.segments.to_numpy(),
            "today": response.baseline,
            "recommended": prices,
            "change": prices / response.baseline - 1,
            "bound": bound,
        }
    )
    return Plan(
        prices=pd.Series(prices, index=response.names, name="price").sort_index(),
        objective=objective,
        expected=expected,
        outcome=outcome,
        table=table,
        refused=outcome.refused,
        reasons=(*outcome.reasons, *([] if outcome.refused else _remarks(response.result, outcome, table, expected))),
    )


def _remarks(result: ElasticityResult, outcome: WhatIf, table: pd.DataFrame, expected: Effect) -> list[str]:
    remarks = []
    if outcome.assumes_no_substitution:
        remarks.append(
            f"{int((table['change'] != 0).sum()):,} prices would move at once, and what units take from each other is "
            "not modelled: where they compete, the gain is an upper bound. Try the plan on some units first."
        )
    if result.elasticity.estimate > 0:
        remarks.append(
            "The estimate says that demand rises with the price, which is rarely true: check the data first."
        )
    if not (table["change"] != 0).any() or expected.change <= 0:
        remarks.append("Today's prices are as good as these data can tell.")
    elif expected.low is None:
        remarks.append("This algorithm has no honest interval, so how sure the gain is cannot be said.")
    elif expected.low <= 0:
        remarks.append("The interval of the gain includes 0: today's prices may be as good.")
    for name, count in table.loc[table["bound"] != "", "bound"].value_counts().items():
        remarks.append(f"{count:,} of {len(table):,} prices lie on a bound, the {name}: the best may lie beyond.")
    return remarks
