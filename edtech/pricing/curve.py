"""Revenue and demand over a common price change."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edtech.errors import PricingError
from edtech.pricing.effects import Effect, total_effect
from edtech.pricing.price_changes import SEGMENT, select_units, unit_attributes
from edtech.pricing.response import Demand, Response
from edtech.pricing.trust import OUTSIDE_SHARE
from edtech.tables.arrays import Floats

CURVE_CHANGES = np.linspace(-0.5, 0.5, 41)
COARSE_ABOVE = 20_000
"""With more units than this the curve has every second point, so that the page stays quick."""
NEAR = 1e-6
"""Changes closer than this count as the same: rounding between them would look like a slope."""

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class RevenueCurve:
    """Token revenue and enrollments per period of all units over a common relative price change of some of them.

    `points`: change, revenue, low, high, quantity, quantity_low, quantity_high, elasticity (of all units' demand to the
    common price). `support` is the range of changes in which all but 5% of today's revenue stays at observed prices,
    `randomized_support` the same for randomized prices, None without any. `peak` is the change with the highest revenue
    inside the support, `peak_at_edge` whether it is an end of the support.
    """

    points: pd.DataFrame
    today: float
    support: Range
    randomized_support: Range | None
    peak: float
    peak_at_edge: bool


def revenue_curve(
    response: Response,
    segments: tuple[str, ...] | None = None,
    changes: Floats | None = None,
    *,
    changed: NDArray[np.bool_] | None = None,
) -> RevenueCurve:
    """Return the curve over a common change of the prices of `segments` (None: all), or of the mask `changed` (u,).

    Raises PricingError for an unknown segment, and if no unit changes.
    """
    if changed is None:
        everything = np.ones(len(response.units), dtype=bool)
        changed = everything if segments is None else select_units(unit_attributes(response), SEGMENT, segments)
    if not changed.any():
        raise PricingError(
            "No unit changes its price", expected="at least one unit", actual="none", fix="name at least one segment"
        )
    today = response.demand(response.baseline)
    revenue = today.quantity * response.baseline
    support = _common_support(response, changed, revenue, response.low, response.high)
    if changes is None:
        changes = CURVE_CHANGES[:: 2 if len(response.units) > COARSE_ABOVE else 1]
    marked = np.array([0.0, *support])
    apart = np.abs(np.subtract.outer(changes, marked)).min(axis=1) > NEAR
    changes = np.unique(np.concatenate([changes[apart], marked]))
    rows = [_point(response, changed, float(change), today) for change in changes]
    names = ["change", "revenue", "low", "high", "quantity", "quantity_low", "quantity_high"]
    points = pd.DataFrame(rows, columns=names).astype(float)
    points["elasticity"] = np.gradient(np.log(points["quantity"].clip(lower=1e-12)), np.log1p(points["change"]))
    supported = points[points["change"].between(*support)]
    best = float(supported["change"].to_numpy()[supported["revenue"].argmax()])
    return RevenueCurve(
        points=points,
        today=float(revenue.sum()),
        support=support,
        randomized_support=_randomized(response, changed, revenue),
        peak=best,
        peak_at_edge=best in support,
    )


def _point(response: Response, changed: NDArray[np.bool_], change: float, today: Demand) -> tuple[float | None, ...]:
    prices = np.where(changed, response.baseline * (1 + change), response.baseline)
    planned, unit_weights = response.demand(prices), np.ones_like(prices)
    revenue = total_effect(response, today, planned, response.baseline, prices)
    quantity = total_effect(response, today, planned, unit_weights, unit_weights)
    return (change, revenue.planned, *_interval(revenue), quantity.planned, *_interval(quantity))


def _interval(total: Effect) -> tuple[float | None, float | None]:
    if total.low is None or total.high is None:
        return None, None
    return total.today * (1 + total.low), total.today * (1 + total.high)


def _randomized(response: Response, changed: NDArray[np.bool_], revenue: Floats) -> Range | None:
    low, high = response.randomized_low, response.randomized_high
    if low is None or high is None:
        return None
    return _common_support(response, changed, revenue, low, high)


def _common_support(
    response: Response, changed: NDArray[np.bool_], revenue: Floats, low: Floats, high: Floats
) -> Range:
    weight = revenue[changed] / revenue[changed].sum()
    lowest = (low / response.baseline - 1)[changed]
    highest = (high / response.baseline - 1)[changed]
    down = _weighted_quantile(lowest, weight, 1 - OUTSIDE_SHARE)
    up = _weighted_quantile(highest, weight, OUTSIDE_SHARE)
    return (down if down < -NEAR else 0.0), (up if up > NEAR else 0.0)


def _weighted_quantile(values: Floats, weights: Floats, level: float) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][min(int(np.searchsorted(reached, level)), values.size - 1)])
