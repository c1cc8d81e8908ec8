"""What-ifs: expected changes against today's prices, each with its interval, and what they rest on."""

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
    "This assumes no substitution: each unit answers to its own price alone. Where units take sales from each other, a "
    "rise of many prices at once loses less, and a cut gains less, than shown here; it may even lose."
)
SUBSTITUTION = (
    "What units take from each other is counted: by playing sampled visits at the asked prices, each with the offers "
    "seen on it, or by the shares of a stated market."
)


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The answer to a what-if; figures are per period over all units of the panel.

    `enrollment_rate` is None where views are not given. `own` and `others` are in tokens per period: the change of
    revenue if each unit's price moved alone, added up, and what is added because units take sales from each other;
    None where no substitution is modeled. `refused` means that the numbers stand only on `condition` and must not be
    acted on; `reasons` say why and what would tell. `share_outside` is the share of today's revenue whose new price was
    never seen for its unit, `moved_outside` the same of the revenue whose price changes. `checks` are those of the
    model.
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
    """Return what relative price changes by segment (0.15 is 15% up) do, against baseline prices.

    Raises PricingError as `changed_prices` does.
    """
    response = price_response(result, panel, baseline)
    return estimate_effects(response, changed_prices(response, changes), split)


def estimate_effects(
    response: Response, prices: Floats, split: RevenueSplit | None = None, planned_split: RevenueSplit | None = None
) -> WhatIf:
    """Return what `prices` (u,) do against the baseline prices of the response.

    `split` shares today's tokens out, `planned_split` the planned ones; by default they are shared alike.
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
            f"This extrapolates: {changed_outside:.0%} of the token revenue whose price changes, {outside:.1%} of all, would "
            "be at prices never seen for its units."
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
    """Change of revenue if each price moved alone, all others at today's, added up over the units."""
    if not response.has_substitution:
        return None
    before = response.demand_alone(response.baseline)
    alone = np.divide(response.demand_alone(prices), before, out=np.ones_like(before), where=before > 0)
    return float((quantity * (prices * alone - response.baseline)).sum())


def _shares_outside(response: Response, prices: Floats, revenue: Floats) -> tuple[float, float]:
    """Return how much of all revenue (u,), and of that whose price changes, would be at prices never seen."""
    changed = ~np.isclose(prices, response.baseline)
    slack = 1e-9 * response.baseline
    outside = changed & ((prices < response.low - slack) | (prices > response.high + slack))
    lost = float(revenue[outside].sum())
    return lost / float(revenue.sum()), lost / max(float(revenue[changed].sum()), 1e-300)
