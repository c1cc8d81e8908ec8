"""Maximize the objective without substitution: choose one candidate price per unit."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import LinearConstraint, milp
from scipy.sparse import csr_array, vstack

from edtech.errors import PricingError
from edtech.pricing.constraints import Bounds, Constraints, check_reachable
from edtech.pricing.response import Response
from edtech.tables.arrays import Floats

GRID = 61
MAX_CANDIDATES = 120_000
TIME_LIMIT = 4.0
_GAP = 1e-4
_BISECTIONS = 50


def optimize_separately(
    response: Response, weights: tuple[float, float], bounds: Bounds, constraints: Constraints
) -> Floats:
    """Return the prices (u,) on a grid that maximize the objective.

    Without limits over all units together, each unit takes its best candidate. With them, a Lagrange multiplier on
    enrollments is searched at which the best choice meets the limits (Everett 1963, "Generalized Lagrange Multiplier
    Method", Operations Research 11(3)). It bounds the distance from the optimum. If that is above 0.01%, as with few
    units, the choice is an integer program, solved by HiGHS (Huangfu & Hall 2018) to within 0.01%. Raises PricingError
    if the minimum enrollments cannot be reached.
    """
    candidates = candidate_prices(response, bounds, constraints)
    quantity = response.demand_grid(candidates)
    value = weights[0] * candidates * quantity + weights[1] * quantity
    moved = ~np.isclose(candidates, response.baseline[:, None], rtol=1e-9)
    least = constraints.least_enrollments
    floor = None if least is None else least * float(response.demand(response.baseline).quantity.sum())
    best = _best_candidates(value, moved)
    rows = np.arange(len(best))
    too_many = constraints.most_changed is not None and moved[rows, best].sum() > constraints.most_changed
    too_few = floor is not None and quantity[rows, best].sum() < floor
    if too_many or too_few:
        best = _within_limits(value, quantity, moved, floor, constraints.most_changed)
    return np.asarray(candidates[rows, best])


def _within_limits(
    value: Floats, quantity: Floats, moved: NDArray[np.bool_], floor: float | None, most: int | None
) -> NDArray[np.intp]:
    """Return the candidate of each unit (u,) under limits over all units, within `_GAP` of the optimum."""
    if floor is not None:
        check_reachable(_max_reachable(quantity, moved, most), floor, most)
    best, gap = _lagrange_choice(value, quantity, moved, floor, most)
    if gap <= _GAP:
        return best
    return _integer_program(value, quantity, moved, floor, most, None if np.isinf(gap) else best)


def _lagrange_choice(
    value: Floats, quantity: Floats, moved: NDArray[np.bool_], floor: float | None, most: int | None
) -> tuple[NDArray[np.intp], float]:
    """Return the best candidates (u,) at the smallest multiplier on enrollments that meets the limits, and the largest
    share of the value by which they may miss the optimum; infinite if no multiplier meets the limits.
    """
    rows = np.arange(len(value))
    if most is not None and moved[:, -1].any():
        return np.full(len(value), value.shape[1] - 1), np.inf  # some must change: not all choices are free

    def choice_at(multiplier: float) -> tuple[NDArray[np.intp], float]:
        picked = _best_changes(value + multiplier * quantity, moved, most)
        return picked, 0.0 if floor is None else float(quantity[rows, picked].sum()) - floor

    low, high = 0.0, 4 * float(value.max() / max(quantity.max(), 1e-12))
    best, spare = choice_at(0.0)
    if spare >= 0:
        return best, 0.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        tried, left = choice_at(middle)
        if left >= 0:
            high, best, spare = middle, tried, left
        else:
            low = middle
    return best, high * spare / max(float(value[rows, best].sum()), 1e-12) if spare >= 0 else np.inf


def _best_changes(value: Floats, moved: NDArray[np.bool_], most: int | None) -> NDArray[np.intp]:
    """Return the candidate of each unit (u,) with the highest value; today's except for the `most` best changes."""
    best = _best_candidates(value, moved)
    if most is None or (best != value.shape[1] - 1).sum() <= most:
        return best
    gain = value[np.arange(len(best)), best] - value[:, -1]
    stay = np.argsort(-gain, kind="stable")[most:]
    best[stay] = value.shape[1] - 1
    return best


def candidate_prices(response: Response, bounds: Bounds, constraints: Constraints) -> Floats:
    """Return candidate prices (u, g): a grid between the bounds, or multiples of the increment; today's price is last.

    Today's price fills the rows with fewer candidates; if it is not allowed, the nearest bound takes its place.
    """
    low, high = bounds.low, bounds.high
    today = np.clip(response.baseline, low, high)
    fewer = max(5, min(GRID, MAX_CANDIDATES // len(low)))
    if constraints.step is None:
        return np.column_stack([low[:, None] + (high - low)[:, None] * np.linspace(0, 1, fewer), today])
    first, last = np.ceil(low / constraints.step - 1e-9), np.floor(high / constraints.step + 1e-9)
    stride = np.maximum(np.ceil((last - first + 1) / fewer), 1)
    grid = (first[:, None] + stride[:, None] * np.arange(fewer)) * constraints.step
    return np.column_stack([np.where(grid <= high[:, None] + 1e-9, grid, today[:, None]), today])


def _best_candidates(value: Floats, moved: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the best candidate of each unit (u,), today's if none is better."""
    best = value.argmax(axis=1)
    last = value.shape[1] - 1
    rows = np.arange(len(best))
    stays = (value[rows, best] <= value[:, last] * (1 + 1e-9)) | ~moved[rows, best]
    return np.asarray(np.where(stays, last, best), dtype=np.intp)


def _integer_program(
    value: Floats,
    quantity: Floats,
    moved: NDArray[np.bool_],
    floor: float | None,
    most: int | None,
    fallback: NDArray[np.intp] | None,
) -> NDArray[np.intp]:
    """Return the candidate of each unit (u,) by an integer program; `fallback` after the time limit."""
    unit, candidate = np.nonzero(_not_dominated(value, quantity, moved, floor is not None))
    limits = _limits(unit, quantity[unit, candidate], moved[unit, candidate], floor, most)
    solution = milp(
        -value[unit, candidate] / max(float(np.abs(value).max()), 1e-12),
        constraints=limits,
        integrality=np.ones(unit.size),
        bounds=(0, 1),
        options={"mip_rel_gap": _GAP, "time_limit": TIME_LIMIT},
    )
    if solution.x is None and fallback is not None:
        return fallback
    if solution.x is None:
        raise PricingError(
            "No plan that meets all guardrails was found",
            expected=f"a plan within {TIME_LIMIT:g} s",
            actual=str(solution.message)[:200],
            fix="allow more price changes or lower the minimum enrollments",
        )
    picked = solution.x > 0.5
    best = np.full(len(value), value.shape[1] - 1)
    best[unit[picked]] = candidate[picked]
    return best


def _limits(
    unit: NDArray[np.intp], quantity: Floats, moved: NDArray[np.bool_], floor: float | None, most: int | None
) -> LinearConstraint:
    """Return the constraints on the choice among candidates (c,): one per unit, and the limits over all units."""
    units = int(unit.max()) + 1
    each = csr_array((np.ones(unit.size), (unit, np.arange(unit.size))), shape=(units, unit.size))
    together: list[tuple[Floats, float, float]] = []
    if floor is not None:
        together.append((quantity, floor * (1 - 1e-9), np.inf))
    if most is not None:
        together.append((moved.astype(float), 0.0, float(most)))
    rows = [each, *(csr_array(weights[None, :]) for weights, _, _ in together)]
    lower, upper = (np.r_[np.ones(units), [limit[end] for limit in together]] for end in (1, 2))
    return LinearConstraint(vstack(rows), lower, upper)


def _max_reachable(quantity: Floats, moved: NDArray[np.bool_], most: int | None) -> float:
    """Return the maximum enrollments over all choices of candidates."""
    today, highest = quantity[:, -1], np.where(moved, quantity, -np.inf).max(axis=1)
    gain = np.sort(np.maximum(highest - today, 0.0))[::-1]
    return float(today.sum() + gain[:most].sum())


def _not_dominated(value: Floats, quantity: Floats, moved: NDArray[np.bool_], floor: bool) -> NDArray[np.bool_]:
    """Return which candidates (u, g) are not dominated in value and, with a floor, in quantity; today's stay."""
    order = np.argsort(np.where(moved, -value, np.inf), axis=1, kind="stable")
    sold = np.take_along_axis(np.where(moved, quantity, -np.inf), order, axis=1)
    front = np.zeros_like(moved)
    front[:, 0] = True
    if floor:
        front[:, 1:] = sold[:, 1:] > np.maximum.accumulate(sold, axis=1)[:, :-1]
    keep = np.zeros_like(moved)
    np.put_along_axis(keep, order, front, axis=1)
    keep &= moved
    keep[:, -1] = True
    return keep
