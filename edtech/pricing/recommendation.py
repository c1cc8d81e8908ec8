"""Recommended prices: those that maximize an objective within the observed prices and the guardrails."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edtech.ml.elasticity.result import ElasticityResult
from edtech.pricing.constraints import Constraints, Objective, objective_weights, price_bounds
from edtech.pricing.effects import Effect, total_effect
from edtech.pricing.joint_optimizer import optimize_jointly
from edtech.pricing.response import Response, price_response
from edtech.pricing.separable_optimizer import optimize_separately
from edtech.pricing.trust import Trust
from edtech.pricing.what_ifs import WhatIf, estimate_effects
from edtech.tables.arrays import Floats
from edtech.tables.tokens import RevenueSplit

DEFAULT_CONSTRAINTS = Constraints()


@dataclass(frozen=True, slots=True)
class Plan:
    """Recommended prices and their expected effect.

    `prices` is finite for every unit; they are today's if the recommendation is refused. `table`: unit, segment, today,
    recommended, change, bound (the bound that the price reaches, if any). `binding` names the binding guardrails over
    all units together. `gain_at_bound` is the share of the objective's gain that is lost if prices at a bound stay at
    today's.
    """

    prices: pd.Series
    objective: Objective
    expected: Effect
    outcome: WhatIf
    table: pd.DataFrame
    refused: bool
    reasons: tuple[str, ...]
    binding: tuple[str, ...] = ()
    constraints: Constraints = DEFAULT_CONSTRAINTS
    gain_at_bound: float = 0.0

    @property
    def trust(self) -> Trust:
        """The trust label of the plan, computed from its checks."""
        return Trust.REFUSED if self.refused else self.outcome.trust_with(self.gain_at_bound)


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
    """Return the plan within `max_change` of each unit's baseline and, unless `extrapolate`, its observed prices.

    The plan is refused, with today's prices, if the identification does not support a recommendation. Raises
    PricingError for an unknown objective or a `max_change` outside (0, 0.9].
    """
    response = price_response(result, panel, baseline)
    return plan_prices(response, objective, Constraints(max_change=max_change, extrapolate=extrapolate), split=split)


def plan_prices(
    response: Response,
    objective: Objective = "token_revenue",
    constraints: Constraints = DEFAULT_CONSTRAINTS,
    *,
    split: RevenueSplit | None = None,
) -> Plan:
    """Return the plan for a response.

    Raises PricingError for an unknown objective, and for constraints that are invalid or contradict each other.
    """
    weights = objective_weights(objective, split or RevenueSplit())
    constraints.check()
    if not response.result.may_recommend:
        return _plan(response, response.baseline, np.full(len(response.units), ""), objective, split)
    bounds = price_bounds(response, constraints)
    optimize = optimize_jointly if response.has_substitution else optimize_separately
    prices = optimize(response, weights, bounds, constraints)
    plan = _plan(response, prices, bounds.binding(prices, response.baseline), objective, split)
    return replace(plan, binding=_binding(plan, constraints), constraints=constraints)


def _binding(plan: Plan, constraints: Constraints) -> tuple[str, ...]:
    """Return the binding guardrails over all units together."""
    limits = []
    if constraints.most_changed is not None and (plan.table["change"] != 0).sum() >= constraints.most_changed:
        limits.append(f"at most {constraints.most_changed:,} price changes")
    sold = plan.outcome.enrollments
    if constraints.least_enrollments is not None and sold.planned <= 1.002 * constraints.least_enrollments * sold.today:
        limits.append(f"at least {constraints.least_enrollments:.0%} of today's enrollments")
    return tuple(limits)


def withhold(plan: Plan, reason: str) -> Plan:
    """Return the plan as refused, with today's prices and the reason; `outcome` still holds the withheld effects.

    `edtech.pricing.plan_policy` decides when.
    """
    table = plan.table.assign(recommended=plan.table["today"], change=0.0, bound="")
    prices = table.set_index("unit")["today"].rename("price").astype(float).sort_index()
    today = plan.expected.today
    unchanged = Effect(today, today, 0.0, 0.0, 0.0)
    return replace(plan, prices=prices, expected=unchanged, table=table, refused=True, reasons=(reason,), binding=())


def _plan(
    response: Response, prices: Floats, bound: np.ndarray, objective: Objective, split: RevenueSplit | None
) -> Plan:
    outcome = estimate_effects(response, prices, split)
    expected = _expected(response, prices, objective, outcome, split or RevenueSplit())
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
        gain_at_bound=_gain_at_bound(
            response, prices, bound != "", objective_weights(objective, split or RevenueSplit())
        ),
    )


def _gain_at_bound(
    response: Response, prices: Floats, at_bound: NDArray[np.bool_], weights: tuple[float, float]
) -> float:
    """Return the share of the gain that is lost if prices at a bound stay at today's, from 0 to 1."""
    if not at_bound.any():
        return 0.0
    tokens, pieces = weights
    today, without, planned = (
        float((tokens * at + pieces) @ response.demand(at).quantity)
        for at in (response.baseline, np.where(at_bound, response.baseline, prices), prices)
    )
    gain = planned - today
    return float(np.clip((planned - without) / gain, 0.0, 1.0)) if gain > 0 else 1.0


def _expected(response: Response, prices: Floats, objective: Objective, outcome: WhatIf, split: RevenueSplit) -> Effect:
    if isinstance(objective, str):
        return outcome.effects[objective]
    tokens, pieces = objective_weights(objective, split)
    today, planned = response.demand(response.baseline), response.demand(prices)
    return total_effect(response, today, planned, tokens * response.baseline + pieces, tokens * prices + pieces)


def _remarks(result: ElasticityResult, outcome: WhatIf, table: pd.DataFrame, expected: Effect) -> list[str]:
    remarks = []
    if outcome.assumes_no_substitution:
        remarks.append(
            f"{int((table['change'] != 0).sum()):,} prices change at once, and substitution is not modeled. If units "
            "compete, the gain is an upper bound. Test the plan on some units first."
        )
    if result.elasticity.estimate > 0:
        remarks.append(
            "The estimate says that demand rises with the price, which is rarely true. Check the data first."
        )
    if not (table["change"] != 0).any() or expected.change <= 0:
        remarks.append("These data show no better prices than today's.")
    elif expected.low is None:
        remarks.append("This algorithm has no valid confidence interval, so the gain has none.")
    elif expected.low <= 0:
        remarks.append("The interval of the gain includes 0, so today's prices may be as good.")
    for name, count in table.loc[table["bound"] != "", "bound"].value_counts().items():
        remarks.append(f"{count:,} of {len(table):,} prices are capped at the {name}.")
    return remarks
