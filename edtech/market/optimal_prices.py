"""Revenue-maximizing prices, computed from the ground truth."""

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from edtech.errors import PricingError
from edtech.market.shard import World, draw_shard, simulate_shard
from edtech.market.supply import make_ids
from edtech.tables.arrays import Floats, Ints
from edtech.tables.tokens import UNITS_PER_TOKEN

VisitArrays = tuple[Ints, Floats, Floats]


Range = tuple["pd.Series[float]", "pd.Series[float]"]


def optimal_prices(world: World, max_change: float = 0.5, within: Range | None = None) -> "pd.Series[float]":
    """Return the constant token prices by course_id that maximize expected token revenue over all weeks.

    Each price is within `max_change` (a share) of the course's mean price paid, or between its bounds in the two Series
    `within`; a course that is never offered keeps its mean price. All prices are optimized jointly, because courses
    compete. The visits are those at the original prices, so churn is held fixed. Revenue is maximized over log prices
    by L-BFGS-B with the exact gradient of the logit; the problem is not concave, and the start is the mean prices.

    Raises PricingError unless 0 < max_change < 1. Memory grows with all views (about 30 bytes per offer).
    """
    if not 0 < max_change < 1:
        raise PricingError(
            "The maximum price change must be a share", expected="between 0 and 1", actual=f"{max_change:g}"
        )
    shards = [_visit_arrays(world, number) for number in range(len(world.seeds))]
    course, value, slope = (np.concatenate(stacked) for stacked in zip(*(arrays[0] for arrays in shards), strict=True))
    mean = _mean_prices(world, sum((arrays[1] for arrays in shards[1:]), start=shards[0][1]))
    start, visit_arrays = np.log(mean), (course, value, slope)
    scale = max(-_loss(start, *visit_arrays, 1.0)[0], 1.0)
    ids = pd.Index(make_ids("C", world.params.courses), name="course_id")
    low, high = start + np.log1p(-max_change), start + np.log1p(max_change)
    if within is not None:
        low, high = (
            _override(log_bound, replacement, ids) for log_bound, replacement in zip((low, high), within, strict=True)
        )
    bounds = np.column_stack([np.minimum(low, high), high])
    optimum = minimize(
        _loss,
        np.clip(start, *bounds.T),
        args=(*visit_arrays, scale),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 200},
    )
    return pd.Series(np.exp(optimum.x).round(2), index=ids)


def _override(log_price: Floats, prices: "pd.Series[float]", ids: pd.Index) -> Floats:
    """Return log prices (J,), replaced by those in `prices` where these exist."""
    replacement = np.log(prices.reindex(ids).to_numpy(dtype=float))
    return np.where(np.isnan(replacement), log_price, replacement)


def _visit_arrays(world: World, number: int) -> tuple[VisitArrays, Ints]:
    """Return a shard's visits as course, utility at price 0, utility lost per token (N, m), and enrollments (J, W)."""
    shard = draw_shard(world, number)
    choices, _, sums = simulate_shard(world, shard)
    visits = shard.visits
    price = world.supply.price_units[visits.offered, visits.week[:, None]] / UNITS_PER_TOKEN
    available = choices.available
    # With p_j = e_j / (1 + sum e) and p_0 = 1 - sum p_j, log e_j is log p_j - log p_0.
    outside = 1 - choices.probability.sum(axis=1, keepdims=True)
    odds = np.divide(choices.probability, outside, out=np.zeros_like(price), where=available)
    value = np.log(odds, out=np.full_like(price, -np.inf), where=available) + choices.slope
    occurred = choices.occurred
    return (visits.offered[occurred], value[occurred], (choices.slope / price)[occurred]), sums.enrollments


def _mean_prices(world: World, enrollments: Ints) -> Floats:
    """Return the mean price paid for each course (J,), in tokens; the mean price without sales."""
    prices, sold = world.supply.price_units / UNITS_PER_TOKEN, enrollments.sum(axis=1)
    paid = (prices * enrollments).sum(axis=1)
    return np.asarray(np.where(sold > 0, paid / np.maximum(sold, 1), prices.mean(axis=1)))


def _loss(log_price: Floats, course: Ints, value: Floats, slope: Floats, scale: float) -> tuple[float, Floats]:
    """Return minus the expected revenue divided by `scale`, and its gradient.

    With probability P_j and R = sum_k P_k p_k on a visit, d R / d log p_j = P_j p_j - (slope_j p_j) P_j (p_j - R).
    """
    price = np.exp(log_price)[course]
    weight = np.exp(value - slope * price)
    probability = weight / (1 + weight.sum(axis=1, keepdims=True))
    expected_revenue = probability * price
    revenue = expected_revenue.sum(axis=1, keepdims=True)
    gradient = expected_revenue - slope * price * probability * (price - revenue)
    total = np.bincount(course[probability > 0], gradient[probability > 0], minlength=log_price.size)
    return -float(revenue.sum()) / scale, -total / scale
