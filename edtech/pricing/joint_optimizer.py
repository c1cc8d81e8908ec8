"""Maximize the objective with substitution: all prices at once."""

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from edtech.pricing.constraints import Bounds, Constraints, check_reachable
from edtech.pricing.response import Response
from edtech.tables.arrays import Floats

_BISECTIONS = 12
_PATH = 8
_SINGLE_CHANGES = 400
_PASSES = 5
SALES_WEIGHTS = (0.0, 1.0)
"""The weights of tokens and enrollments that maximize enrollments."""


def optimize_jointly(
    response: Response, weights: tuple[float, float], bounds: Bounds, constraints: Constraints
) -> Floats:
    """Return the prices (u,) between the bounds that maximize the objective; today's if none are better.

    L-BFGS-B (Byrd, Lu, Nocedal & Zhu 1995) finds the optimum from today's prices with the gradient in closed form. A
    Lagrange multiplier, found by bisection, enforces minimum enrollments. With a maximum number of changes, the prices
    change that contribute most to the optimum's gain, by the integral of the gradient along the path (Aumann & Shapley
    1974); if these cannot reach the minimum enrollments, those that contribute most to enrollments. With an increment,
    prices are rounded and then improved one by one, the largest units first, for `_SINGLE_CHANGES` evaluations.

    Raises PricingError if the minimum enrollments cannot be reached.
    """
    least = constraints.least_enrollments
    floor = None if least is None else least * _total_sold(response, response.baseline)
    prices = _maximize_with_floor(response, weights, bounds, floor)
    if constraints.most_changed is not None:
        bounds = _limit_changes(response, weights, bounds, prices, floor, constraints.most_changed)
        prices = _maximize_with_floor(response, weights, bounds, floor)
    if constraints.step is not None:
        prices = _round_prices(response, weights, bounds, constraints, prices)
    better = _value(response, weights, prices)[0] > _value(response, weights, response.baseline)[0] * (1 + 1e-9)
    allowed = ((response.baseline >= bounds.low - 1e-9) & (response.baseline <= bounds.high + 1e-9)).all()
    needed = constraints.least_enrollments is not None and constraints.least_enrollments > 1
    return response.baseline if allowed and not better and not needed else prices


def _value(response: Response, weights: tuple[float, float], prices: Floats) -> tuple[float, Floats, Floats]:
    """Return the objective, its gradient by prices (u,), and the enrollments (u,)."""
    margin = weights[0] * prices + weights[1]
    quantity, slope = response.value_gradient(prices, margin)
    return float(margin @ quantity), slope + weights[0] * quantity, quantity


def _maximize(response: Response, weights: tuple[float, float], bounds: Bounds) -> Floats:
    scale = response.baseline

    def loss(relative: Floats) -> tuple[float, Floats]:
        value, gradient, _ = _value(response, weights, relative * scale)
        return -value, -gradient * scale

    limits = list(zip(bounds.low / scale, bounds.high / scale, strict=True))
    start = np.clip(1.0, bounds.low / scale, bounds.high / scale)
    solution = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits)
    return np.asarray(solution.x * scale, dtype=float)


def _total_sold(response: Response, prices: Floats) -> float:
    return float(response.demand(prices).quantity.sum())


def _maximize_with_floor(
    response: Response, weights: tuple[float, float], bounds: Bounds, floor: float | None
) -> Floats:
    prices = _maximize(response, weights, bounds)
    if floor is None or _total_sold(response, prices) >= floor:
        return prices
    most = _maximize(response, SALES_WEIGHTS, bounds)
    check_reachable(_total_sold(response, most), floor)
    low, high, best = 0.0, 4 * float(response.baseline.max()) * max(weights), most
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        tried = _maximize(response, (weights[0], weights[1] + middle), bounds)
        if _total_sold(response, tried) >= floor:
            high, best = middle, tried
        else:
            low = middle
    return best


def _limit_changes(
    response: Response, weights: tuple[float, float], bounds: Bounds, plan: Floats, floor: float | None, most: int
) -> Bounds:
    """Return bounds that let `most` prices change: those that gain most, or sell most if the floor requires it."""
    few = _fix_others(response, weights, bounds, plan, most)
    if floor is None or _total_sold(response, _maximize(response, SALES_WEIGHTS, few)) >= floor:
        return few
    few = _fix_others(response, SALES_WEIGHTS, bounds, _maximize(response, SALES_WEIGHTS, bounds), most)
    check_reachable(_total_sold(response, _maximize(response, SALES_WEIGHTS, few)), floor, most)
    return few


def _fix_others(response: Response, weights: tuple[float, float], bounds: Bounds, plan: Floats, most: int) -> Bounds:
    """Return bounds that fix today's price except for the `most` units that contribute most to the plan's gain."""
    today = np.clip(response.baseline, bounds.low, bounds.high)
    steps = (np.arange(_PATH) + 0.5) / _PATH
    gradients = [_value(response, weights, today + share * (plan - today))[1] for share in steps]
    gain = np.mean(gradients, axis=0) * (plan - today)
    forced = ~np.isclose(today, response.baseline)
    order = np.argsort(np.where(forced, -np.inf, -gain), kind="stable")
    fixed = np.ones(today.size, dtype=bool)
    fixed[order[:most]] = False
    return replace(bounds, low=np.where(fixed, today, bounds.low), high=np.where(fixed, today, bounds.high))


def _round_prices(
    response: Response, weights: tuple[float, float], bounds: Bounds, constraints: Constraints, prices: Floats
) -> Floats:
    step, least = constraints.step or 1.0, constraints.least_enrollments
    floor = -np.inf if least is None else least * _total_sold(response, response.baseline) * (1 - 1e-9)
    lowest, highest = np.ceil(bounds.low / step - 1e-9) * step, np.floor(bounds.high / step + 1e-9) * step
    today = np.clip(response.baseline, bounds.low, bounds.high)
    stays = (np.abs(prices - today) <= 1e-6 * today) | (lowest > highest)

    def rounded(rounding: "np.ufunc") -> Floats:
        return np.where(stays, today, np.clip(rounding(prices / step) * step, lowest, highest))

    start = rounded(np.rint)
    if _value(response, weights, start)[2].sum() < floor:
        start = rounded(np.floor)  # lower prices sell more
    return _improve_single_prices(response, weights, bounds, (step, floor), start)


def _improve_single_prices(
    response: Response, weights: tuple[float, float], bounds: Bounds, rules: tuple[float, float], prices: Floats
) -> Floats:
    """Return prices that no single change improves, by an increment up or down or back to today's."""
    step, floor = rules
    best, _, sold = _value(response, weights, prices)
    order = np.argsort(-prices * sold, kind="stable")
    tries = [(unit, move) for _ in range(_PASSES) for unit in order for move in (-step, step, None)]
    for unit, move in tries[:_SINGLE_CHANGES]:
        tried = prices.copy()
        tried[unit] = response.baseline[unit] if move is None else prices[unit] + move
        if not bounds.low[unit] - 1e-9 <= tried[unit] <= bounds.high[unit] + 1e-9:
            continue
        value, _, there = _value(response, weights, tried)
        if value > best * (1 + 1e-12) and there.sum() >= floor:
            prices, best = tried, value
    return prices
