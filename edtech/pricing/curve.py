"""Revenue and demand over a common price change."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edtech.errors import PricingError
from edtech.pricing.effects import Effect, effect
from edtech.pricing.response import Demand, Response
from edtech.pricing.trust import OUTSIDE_SHARE
from edtech.pricing.what_ifs import check_segments
from edtech.tables.arrays import Floats

CURVE_CHANGES = np.linspace(-0.5, 0.5, 41)
_MANY = 20_000
"""Of more units than this every second point is taken: a page that waits shows less."""
NEAR = 1e-6
"""Changes no further apart are one: between them rounding would be read as a slope."""

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class RevenueCurve:
    """Token revenue and enrollments per period of all units over a common relative price change of some of them.

    `points`: change, revenue, low, high, quantity, quantity_low, quantity_high, elasticity (of all units' demand to the
    common price). `support` is the range of changes inside which all but 5 % of today's revenue stays at prices seen
    before, `randomized_support` the same of prices drawn at random, None where none were. `best` is the change with
    most revenue inside the support, `best_on_edge` whether that is one of its ends.
    """

    points: pd.DataFrame
    today: float
    support: Range
    randomized_support: Range | None
    best: float
    best_on_edge: bool


def revenue_curve(
    response: Response,
    segments: tuple[str, ...] | None = None,
    changes: Floats | None = None,
    *,
    moved: NDArray[np.bool_] | None = None,
) -> RevenueCurve:
    """Return the curve when the units of `segments` (None: all), or those of the mask `moved` (u,), change prices.

    Raises PricingError for a segment that no unit is of, and where no unit is left to move.
    """
    check_segments(response, segments or ())
    inside = response.segments.isin(segments).to_numpy() if segments is not None else np.ones(len(response.units), bool)
    inside = inside if moved is None else moved
    if not inside.any():
        raise PricingError(
            "No unit changes its price", expected="at least one", found="none", fix="name at least one segment"
        )
    today = response.demand(response.baseline)
    revenue = today.quantity * response.baseline
    support = _common_support(response, inside, revenue, response.low, response.high)
    if changes is None:
        changes = CURVE_CHANGES[:: 2 if len(response.units) > _MANY else 1]
    marked = np.array([0.0, *support])
    apart = np.abs(np.subtract.outer(changes, marked)).min(axis=1) > NEAR
    changes = np.unique(np.concatenate([changes[apart], marked]))
    rows = [_point(response, inside, float(change), today) for change in changes]
    names = ["change", "revenue", "low", "high", "quantity", "quantity_low", "quantity_high"]
    points = pd.DataFrame(rows, columns=names).astype(float)
    points["elasticity"] = np.gradient(np.log(points["quantity"].clip(lower=1e-12)), np.log1p(points["change"]))
    allowed = points[points["change"].between(*support)]
    best = float(allowed["change"].to_numpy()[allowed["revenue"].argmax()])
    return RevenueCurve(
        points=points,
        today=float(revenue.sum()),
        support=support,
        randomized_support=_randomized(response, inside, revenue),
        best=best,
        best_on_edge=best in support,
    )


def _point(response: Response, inside: NDArray[np.bool_], change: float, today: Demand) -> tuple[float | None, ...]:
    prices = np.where(inside, response.baseline * (1 + change), response.baseline)
    planned, ones = response.demand(prices), np.ones_like(prices)
    revenue = effect(response, today, planned, response.baseline, prices)
    quantity = effect(response, today, planned, ones, ones)
    return (change, revenue.planned, *_ends(revenue), quantity.planned, *_ends(quantity))


def _ends(found: Effect) -> tuple[float | None, float | None]:
    if found.low is None or found.high is None:
        return None, None
    return found.today * (1 + found.low), found.today * (1 + found.high)


def _randomized(response: Response, inside: NDArray[np.bool_], revenue: Floats) -> Range | None:
    low, high = response.randomized_low, response.randomized_high
    if low is None or high is None:
        return None
    return _common_support(response, inside, revenue, low, high)


def _common_support(response: Response, inside: NDArray[np.bool_], revenue: Floats, low: Floats, high: Floats) -> Range:
    weight = revenue[inside] / revenue[inside].sum()
    lowest = (low / response.baseline - 1)[inside]
    highest = (high / response.baseline - 1)[inside]
    found = (_weighted_quantile(lowest, weight, 1 - OUTSIDE_SHARE), _weighted_quantile(highest, weight, OUTSIDE_SHARE))
    return (found[0] if found[0] < -NEAR else 0.0), (found[1] if found[1] > NEAR else 0.0)


def _weighted_quantile(values: Floats, weights: Floats, level: float) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][min(int(np.searchsorted(reached, level)), values.size - 1)])
