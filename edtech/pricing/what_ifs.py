"""What-ifs: expected changes from today's prices with their intervals, and the conditions they depend on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from edtech.data.quality.checks import Check
from edtech.ml.elasticity.result import ElasticityResult
from edtech.pricing.effects import Effect, total_effect
from edtech.pricing.evidence import evidence_checks
from edtech.pricing.price_changes import changed_prices
from edtech.pricing.response import Response, price_response
from edtech.pricing.trust import OUTSIDE_CHANGED, OUTSIDE_SHARE, Trust, refusal_reasons, trust_state
from edtech.tables.arrays import Floats
from edtech.tables.tokens import RevenueSplit

NO_SUBSTITUTION = (
    "Substitution is not modeled: each unit's demand depends on its own price only. If units compete, raising many "
    "prices at once loses less than shown here. Cutting them gains less, or even loses."
)
SUBSTITUTION = (
    "Substitution is modeled: by choices on sampled visits at the new prices, or by shares of a market of stated size."
)


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The result of a what-if; figures are per period over all units of the panel.

    `enrollment_rate` is None without views. `own_effect` and `substitution_effect` are changes of revenue in tokens per
    period: the sum over units whose price changes alone, and the rest, due to substitution; None if substitution is not
    modeled. `refused` means that the numbers hold only under `condition` and must not be acted on; `reasons` say why,
    and which test would settle it. `share_outside` is the share of today's revenue with a new price outside the unit's
    observed prices, `changed_share_outside` the same share of the revenue whose price changes. `checks` are those of
    the model.
    """

    enrollments: Effect
    token_revenue: Effect
    teacher_earnings: Effect
    platform_commission: Effect
    tokens_burned: Effect
    enrollment_rate: Effect | None
    own_effect: float | None
    substitution_effect: float | None
    prices: pd.Series
    share_outside: float
    changed_share_outside: float
    extrapolates: bool
    assumes_no_substitution: bool
    refused: bool
    reasons: tuple[str, ...]
    condition: str
    checks: tuple[Check, ...]

    @property
    def trust(self) -> Trust:
        """How far the answer is tested."""
        return self.trust_with(0.0)

    def trust_with(self, gain_at_bound: float) -> Trust:
        """Return how far a plan with this answer is tested, by the share of its gain from prices on a bound."""
        return trust_state(
            refused=self.refused,
            extrapolates=self.extrapolates,
            models_substitution=not self.assumes_no_substitution,
            checks=self.checks,
            gain_at_bound=gain_at_bound,
        )

    @property
    def effects(self) -> dict[str, Effect]:
        """The figures by name."""
        names = ("enrollments", "token_revenue", "teacher_earnings", "platform_commission", "tokens_burned")
        effects = {name: getattr(self, name) for name in names}
        return effects | ({} if self.enrollment_rate is None else {"enrollment_rate": self.enrollment_rate})


def what_if(
    result: ElasticityResult,
    panel: pd.DataFrame,
    changes: Mapping[str, float],
    *,
    baseline: pd.Series | None = None,
    split: RevenueSplit | None = None,
) -> WhatIf:
    """Return the effect of relative price changes by segment (0.15 is 15% up) from baseline prices.

    Raises PricingError as `changed_prices` does.
    """
    response = price_response(result, panel, baseline)
    return estimate_effects(response, changed_prices(response, changes), split)


def estimate_effects(
    response: Response, prices: Floats, split: RevenueSplit | None = None, planned_split: RevenueSplit | None = None
) -> WhatIf:
    """Return the effects of `prices` (u,) compared with the baseline prices of the response.

    `split` shares today's tokens, `planned_split` the planned ones; by default both are the same.
    """
    split = split or RevenueSplit()
    after = planned_split or split
    today, planned = response.demand(response.baseline), response.demand(prices)
    unit_weights = np.ones_like(prices)
    quantity = total_effect(response, today, planned, unit_weights, unit_weights)
    revenue = total_effect(response, today, planned, response.baseline, prices)
    outside, changed_outside = _shares_outside(response, prices, today.quantity * response.baseline)
    extrapolates = outside > OUTSIDE_SHARE or changed_outside > OUTSIDE_CHANGED
    reasons = list(refusal_reasons(response.result, today.quantity))
    if extrapolates:
        reasons.append(
            f"This extrapolates: {changed_outside:.0%} of the token revenue whose price changes, {outside:.1%} of all, "
            "is at prices that were never observed for its units."
        )
    own = _own_effect(response, prices, today.quantity)
    return WhatIf(
        enrollments=quantity,
        token_revenue=revenue,
        teacher_earnings=revenue.scaled(split.teacher_rate, after.teacher_rate),
        platform_commission=revenue.scaled(split.commission_rate, after.commission_rate),
        tokens_burned=revenue.scaled(split.burn_rate, after.burn_rate),
        enrollment_rate=None if response.views is None else quantity.scaled(1 / response.views),
        own_effect=own,
        substitution_effect=None if own is None else revenue.planned - revenue.today - own,
        prices=pd.Series(prices, index=response.names, name="price").sort_index(),
        share_outside=outside,
        changed_share_outside=changed_outside,
        extrapolates=extrapolates,
        assumes_no_substitution=not response.has_substitution,
        refused=not response.result.may_recommend,
        reasons=tuple(reasons),
        condition=response.result.condition,
        checks=evidence_checks(response.result),
    )


def _own_effect(response: Response, prices: Floats, quantity: Floats) -> float | None:
    """Sum over units of the change of revenue if only their own price changes; None without substitution."""
    if not response.has_substitution:
        return None
    before = response.demand_alone(response.baseline)
    alone = np.divide(response.demand_alone(prices), before, out=np.ones_like(before), where=before > 0)
    return float((quantity * (prices * alone - response.baseline)).sum())


def _shares_outside(response: Response, prices: Floats, revenue: Floats) -> tuple[float, float]:
    """Return the share of all revenue (u,), and of the revenue whose price changes, outside the observed prices."""
    changed = ~np.isclose(prices, response.baseline)
    slack = 1e-9 * response.baseline
    outside = changed & ((prices < response.low - slack) | (prices > response.high + slack))
    outside_revenue = float(revenue[outside].sum())
    return outside_revenue / float(revenue.sum()), outside_revenue / max(float(revenue[changed].sum()), 1e-300)
