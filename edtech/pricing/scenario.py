"""What-ifs: expected changes against today's prices, each with its interval, and what they rest on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edtech.errors import PricingError
from edtech.ml.elasticity.inference import half_width
from edtech.ml.elasticity.panel import Floats
from edtech.ml.elasticity.result import ElasticityResult
from edtech.pricing.response import Demand, Response, price_response
from edtech.pricing.trust import OUTSIDE_SHARE, refusal_reasons
from edtech.tables.split import RevenueSplit

NO_SUBSTITUTION = (
    "This assumes no substitution: each unit answers to its own price alone. Where units take sales from each other, a "
    "rise of many prices at once loses less, and a cut gains less, than shown here; it may even lose."
)
SUBSTITUTION = (
    "What units take from each other is counted: by playing sampled visits at the asked prices, each with the offers "
    "seen on it, or by the shares of a stated market."
)
CURVE_CHANGES = np.linspace(-0.5, 0.5, 41)


@dataclass(frozen=True, slots=True)
class Effect:
    """A figure today and under the plan, per period, and its relative `change` with 95 % interval (None: no honest
    one).
    """

    today: float
    planned: float
    change: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The answer to a what-if; figures are per period over all units of the panel.

    `refused` means that the numbers stand only on `condition` and must not be acted on; `reasons` say why and what
    would tell. `share_outside` is the share of today's revenue whose new price was never seen for its unit.
    """

    enrollments: Effect
    token_revenue: Effect
    teacher_earnings: Effect
    platform_commission: Effect
    prices: pd.Series
    share_outside: float
    extrapolates: bool
    assumes_no_substitution: bool
    refused: bool
    reasons: tuple[str, ...]
    condition: str

    @property
    def effects(self) -> dict[str, Effect]:
        """The four figures by name."""
        names = ("enrollments", "token_revenue", "teacher_earnings", "platform_commission")
        return {name: getattr(self, name) for name in names}


def what_if(
    result: ElasticityResult,
    panel: pd.DataFrame,
    changes: Mapping[str, float],
    *,
    baseline: pd.Series | None = None,
    split: RevenueSplit | None = None,
) -> WhatIf:
    """Return what relative price changes by segment (0.15 is 15 % up) do, against baseline prices.

    Raises PricingError for an unknown segment or a change of -95 % and below.
    """
    response = price_response(result, panel, baseline)
    return answer(response, changed_prices(response, changes), split)


def changed_prices(response: Response, changes: Mapping[str, float]) -> Floats:
    """Return the units' prices (u,) after relative changes by segment.

    Raises PricingError as `what_if` does.
    """
    changes = {str(name): change for name, change in changes.items()}
    known = sorted(response.segments.unique())
    if unknown := [name for name in changes if name not in known]:
        raise PricingError(
            "There is no such segment",
            expected=f"one of {', '.join(map(repr, known[:20]))}{' ...' if len(known) > 20 else ''}",
            found=", ".join(map(repr, unknown[:5])),
            fix="name segments of the panel that the model was trained on",
        )
    if wrong := {name: value for name, value in changes.items() if not -0.95 < value < 10}:
        raise PricingError(
            "The price change is not one that leaves a price",
            expected="a relative change above -0.95 and below 10 (0.15 is 15 % up)",
            found=", ".join(f"{name!r}: {value}" for name, value in list(wrong.items())[:5]),
            fix="give the change as a share of today's price",
        )
    factor = response.segments.map({name: 1 + value for name, value in changes.items()}).fillna(1.0)
    return response.baseline * factor.to_numpy(dtype=float)


def answer(response: Response, prices: Floats, split: RevenueSplit | None = None) -> WhatIf:
    """Return what `prices` (u,) do against the baseline prices of the response."""
    split = split or RevenueSplit()
    today, planned = response.demand(response.baseline), response.demand(prices)
    quantity = _effect(response, today, planned, np.ones_like(prices), np.ones_like(prices))
    revenue = _effect(response, today, planned, response.baseline, prices)
    outside = _share_outside(response, prices, today.quantity * response.baseline)
    extrapolates = outside > OUTSIDE_SHARE
    reasons = list(refusal_reasons(response.result, today.quantity))
    if extrapolates:
        reasons.append(
            f"This extrapolates: {outside:.0%} of today's token revenue would be at prices never seen for its units."
        )
    return WhatIf(
        enrollments=quantity,
        token_revenue=revenue,
        teacher_earnings=_scaled(revenue, split.teacher_rate),
        platform_commission=_scaled(revenue, split.commission_rate),
        prices=pd.Series(prices, index=response.names, name="price").sort_index(),
        share_outside=outside,
        extrapolates=extrapolates,
        assumes_no_substitution=not response.joint,
        refused=not response.result.may_recommend,
        reasons=tuple(reasons),
        condition=response.result.condition,
    )


def _effect(response: Response, today: Demand, planned: Demand, weight_today: Floats, weight_planned: Floats) -> Effect:
    """Delta method on the log of planned over today's total: its interval cannot reach below -100 %."""
    before, after = float(weight_today @ today.quantity), float(weight_planned @ planned.quantity)
    change = after / before - 1
    if planned.gradient is None or response.covariance is None:
        return Effect(before, after, change, None, None)
    slope = weight_planned @ planned.gradient / after
    reach = half_width(slope, response.covariance, response.result.model.slope_freedom_)
    return Effect(
        before, after, change, float(np.exp(-reach) * (1 + change) - 1), float(np.exp(reach) * (1 + change) - 1)
    )


def _scaled(effect: Effect, share: float) -> Effect:
    return Effect(effect.today * share, effect.planned * share, effect.change, effect.low, effect.high)


def _share_outside(response: Response, prices: Floats, revenue: Floats) -> float:
    moved = ~np.isclose(prices, response.baseline)
    slack = 1e-9 * response.baseline
    outside = moved & ((prices < response.low - slack) | (prices > response.high + slack))
    return float(revenue[outside].sum() / revenue.sum())


@dataclass(frozen=True, slots=True)
class RevenueCurve:
    """Token revenue per period of all units over a common relative price change of some segments.

    `points`: change, price_change_pct, revenue, low, high, quantity. `support` is the range of changes inside which
    all but 5 % of today's revenue stays at prices seen before; `best` the change with most revenue inside it,
    `best_on_edge` whether that is one of its ends.
    """

    points: pd.DataFrame
    today: float
    support: tuple[float, float]
    best: float
    best_on_edge: bool


def revenue_curve(
    response: Response, segments: tuple[str, ...] | None = None, changes: Floats = CURVE_CHANGES
) -> RevenueCurve:
    """Return the revenue of all units when those of `segments` (None: all) change their prices by each of `changes`."""
    inside = response.segments.isin(segments).to_numpy() if segments is not None else np.ones(len(response.units), bool)
    today = response.demand(response.baseline)
    support = _common_support(response, inside, today.quantity * response.baseline)
    changes = np.unique(np.concatenate([changes, [0.0, *support]]))
    rows = [_curve_point(response, inside, float(change), today) for change in changes]
    points = pd.DataFrame(rows, columns=["change", "revenue", "low", "high", "quantity"]).astype(float)
    allowed = points[points["change"].between(*support)]
    best = float(allowed["change"].to_numpy()[allowed["revenue"].argmax()])
    return RevenueCurve(
        points, float(response.baseline @ today.quantity), support, best, best in (support[0], support[1])
    )


def _curve_point(
    response: Response, inside: NDArray[np.bool_], change: float, today: Demand
) -> tuple[float, float, float | None, float | None, float]:
    prices = np.where(inside, response.baseline * (1 + change), response.baseline)
    planned = response.demand(prices)
    effect = _effect(response, today, planned, response.baseline, prices)
    low = None if effect.low is None else effect.today * (1 + effect.low)
    high = None if effect.high is None else effect.today * (1 + effect.high)
    return change, effect.planned, low, high, float(planned.quantity.sum())


def _common_support(response: Response, inside: NDArray[np.bool_], revenue: Floats) -> tuple[float, float]:
    weight = revenue[inside] / revenue[inside].sum()
    lowest = (response.low / response.baseline - 1)[inside]
    highest = (response.high / response.baseline - 1)[inside]
    low = _weighted_quantile(lowest, weight, 1 - OUTSIDE_SHARE)
    high = _weighted_quantile(highest, weight, OUTSIDE_SHARE)
    return min(low, 0.0), max(high, 0.0)


def _weighted_quantile(values: Floats, weights: Floats, level: float) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][min(int(np.searchsorted(reached, level)), values.size - 1)])
