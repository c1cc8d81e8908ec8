"""The prices that together earn most, found with the truth in hand."""

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from edtech.errors import PricingError
from edtech.market.shard import World, draw_shard, play
from edtech.market.supply import names
from edtech.tables.arrays import Floats, Ints
from edtech.tables.tokens import UNITS_PER_TOKEN

VisitArrays = tuple[Ints, Floats, Floats]


Range = tuple["pd.Series[float]", "pd.Series[float]"]


def optimal_prices(world: World, max_change: float = 0.5, within: Range | None = None) -> "pd.Series[float]":
    """Return the constant token prices by course_id of highest expected token revenue over all weeks.

    Each price is within `max_change` (a share) of the course's mean price paid, or between its lowest and its highest
    price in the two Series `within`; a course that is never seen keeps its mean price asked. The optimum is joint: with
    competing courses it is not found course by course. Visits are those that happened at the prices as they were, so
    that who leaves is held fixed. Revenue is maximized over log prices by L-BFGS-B with the logit's own gradient; the
    problem is not concave, and the start is the mean prices.

    Raises PricingError unless 0 < max_change < 1. Memory grows with all views (about 30 bytes for each place seen).
    """
    if not 0 < max_change < 1:
        raise PricingError(
            "The largest price change must be a share", expected="between 0 and 1", actual=f"{max_change:g}"
        )
    played = [_visit_arrays(world, number) for number in range(len(world.seeds))]
    course, value, slope = (np.concatenate(parts) for parts in zip(*(one[0] for one in played), strict=True))
    mean = _mean_prices(world, sum((one[1] for one in played[1:]), start=played[0][1]))
    start, seen = np.log(mean), (course, value, slope)
    scale = max(-_loss(start, *seen, 1.0)[0], 1.0)
    ids = pd.Index(names("C", world.params.courses), name="course_id")
    low, high = start + np.log1p(-max_change), start + np.log1p(max_change)
    if within is not None:
        low, high = (_replaced(end, given, ids) for end, given in zip((low, high), within, strict=True))
    bounds = np.column_stack([np.minimum(low, high), high])
    found = minimize(
        _loss,
        np.clip(start, *bounds.T),
        args=(*seen, scale),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 200},
    )
    return pd.Series(np.exp(found.x).round(2), index=ids)


def _replaced(log_price: Floats, prices: "pd.Series[float]", ids: pd.Index) -> Floats:
    """Return log prices (J,) with those of `prices` in their places."""
    given = np.log(prices.reindex(ids).to_numpy(dtype=float))
    return np.where(np.isnan(given), log_price, given)


def _visit_arrays(world: World, number: int) -> tuple[VisitArrays, Ints]:
    """Return a shard's visits as course, utility at price 0, utility lost per token (N, m), and enrollments (J, W)."""
    shard = draw_shard(world, number)
    choices, _, sums = play(world, shard)
    visits = shard.visits
    price = world.supply.price_units[visits.seen, visits.week[:, None]] / UNITS_PER_TOKEN
    open_ = choices.open
    # With p_j = e_j / (1 + sum e) and p_0 = 1 - sum p_j, log e_j is log p_j - log p_0.
    outside = 1 - choices.probability.sum(axis=1, keepdims=True)
    odds = np.divide(choices.probability, outside, out=np.zeros_like(price), where=open_)
    value = np.log(odds, out=np.full_like(price, -np.inf), where=open_) + choices.slope
    made = choices.made
    return (visits.seen[made], value[made], (choices.slope / price)[made]), sums.enrollments


def _mean_prices(world: World, enrollments: Ints) -> Floats:
    """Return the mean price paid for each course (J,), in tokens; the mean price asked where none was."""
    prices, sold = world.supply.price_units / UNITS_PER_TOKEN, enrollments.sum(axis=1)
    paid = (prices * enrollments).sum(axis=1)
    return np.asarray(np.where(sold > 0, paid / np.maximum(sold, 1), prices.mean(axis=1)))


def _loss(log_price: Floats, course: Ints, value: Floats, slope: Floats, scale: float) -> tuple[float, Floats]:
    """Return minus the expected revenue over `scale`, and its gradient.

    With chance P_j and R = sum_k P_k p_k on a visit, d R / d log p_j = P_j p_j - (slope_j p_j) P_j (p_j - R).
    """
    price = np.exp(log_price)[course]
    weight = np.exp(value - slope * price)
    chance = weight / (1 + weight.sum(axis=1, keepdims=True))
    earned = chance * price
    revenue = earned.sum(axis=1, keepdims=True)
    gradient = earned - slope * price * chance * (price - revenue)
    total = np.bincount(course[chance > 0], gradient[chance > 0], minlength=log_price.size)
    return -float(revenue.sum()) / scale, -total / scale
