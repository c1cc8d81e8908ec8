"""Figures of prices and of the token economy: what-ifs, curves, plans, sums of the ledger, forecasts."""

from typing import Any

import numpy as np
import pandas as pd

from tests.reference.project import (
    Assumptions,
    Constraints,
    Dataset,
    ForecastModels,
    ForecastPrices,
    PriceChange,
    RevenueSplit,
    actionable_plan,
    changed_prices,
    compare_run_forecasts,
    economy,
    estimate_effects,
    forecast,
    observe_flows,
    plan_prices,
    price_list,
    price_response,
    price_scenario_effect,
    reconcile,
    revenue_curve,
    revenue_split,
    select_period,
    trust_card,
    unit_attributes,
    unit_table,
)
from tests.reference.values import Figures, of_frame, plain, under
from tests.reference.world import World

CONSTRAINTS = {
    "free": ("token_revenue", Constraints()),
    "near": ("token_revenue", Constraints(max_change=0.1)),
    "few": ("token_revenue", Constraints(max_change=0.3, extrapolate=True, most_changed=4)),
    "enrollments": ("token_revenue", Constraints(least_enrollments=1.02)),
    "steps": ("teacher_earnings", Constraints(step=1.0)),
    "weighted": ({"token_revenue": 1.0, "enrollments": 8.0}, Constraints(max_change=0.25)),
}
"""Objective and constraints of plans."""

EFFECTS = ("enrollments", "revenue", "teachers", "platform", "burned", "enrollment rate")
"""Our names of what prices change, in the order of an answer; without views there is no rate."""
PRICED_RUNS = (
    "price_test/token_elasticity/choice_logit",
    "price_test/token_elasticity/fixed_effects",
    "price_test/token_elasticity/random_forest",
    "confounded/token_elasticity/choice_logit",
    "panel/token_elasticity/fixed_effects",
    "panel/token_elasticity/gam",
    "panel/token_elasticity/share_logit/instrument",
    "panel/token_elasticity/fixed_effects/unknown",
    "panel/token_elasticity/fixed_effects/schedule",
)
"""Runs whose what-ifs and plans are recorded."""


def of_effect(effect: Any) -> list[Any]:
    ends = [effect.low, effect.high, effect.low_80, effect.high_80]
    return plain([effect.today, effect.planned, effect.change, *ends])


def of_outcome(outcome: Any) -> Figures:
    figures = {
        f"effect/{name}": of_effect(effect) for name, effect in zip(EFFECTS, outcome.effects.values(), strict=False)
    }
    return figures | {
        "own and cross effect": plain([outcome.own_effect, outcome.substitution_effect]),
        "outside": plain([outcome.share_outside, outcome.changed_share_outside, outcome.extrapolates]),
        "refused": [outcome.refused, outcome.assumes_no_substitution, len(outcome.reasons)],
        "prices": plain(outcome.prices),
    }


def of_plan(plan: Any) -> Figures:
    outcome = of_outcome(plan.outcome)
    return {
        "expected": of_effect(plan.expected),
        "prices": plain(plan.prices),
        "changed and on a bound": [int((plan.table["change"] != 0).sum()), int((plan.table["bound"] != "").sum())],
        "refused": [plan.refused, len(plan.reasons), len(plan.binding)],
        **{name: outcome[name] for name in ("effect/enrollments", "effect/revenue", "own and cross effect", "outside")},
    }


def scenarios(response: Any, dataset: Dataset) -> dict[str, Any]:
    """Return prices to ask about, by name."""
    lookup = unit_attributes(response, unit_table(dataset))
    segments = sorted(lookup["segment"].unique())
    some = tuple(lookup["unit"].iloc[[0, 2, 5]])
    other = next((name for name in lookup.columns if name not in ("unit", "segment")), "segment")
    listed = pd.DataFrame({"item": lookup["unit"].iloc[::3], "new price": np.round(response.baseline[::3] * 1.07, 1)})
    changes = {
        "category up 10%": (PriceChange("segment", (segments[0],), "percent", 0.1),),
        "all 3 tokens less": (PriceChange("all", (), "tokens", -3.0),),
        "three units at 30": (PriceChange("unit", some, "set", 30.0),),
        "two steps": (
            PriceChange(other, (sorted(lookup[other].unique())[0],), "percent", -0.15),
            PriceChange("segment", tuple(segments[-2:]), "percent", 0.25),
        ),
    }
    prices = {name: changed_prices(response, change, lookup) for name, change in changes.items()}
    return prices | {"a price list": price_list(response, listed, "item", "new price")}


def of_prices(world: World, name: str) -> Figures:
    """Return what-ifs, trust cards, curves and plans of a run."""
    dataset = world.datasets[name.partition("/")[0]]
    response, split = price_response(world.trained[name].result, dataset.panel()), revenue_split(dataset)
    requests = scenarios(response, dataset)
    figures: Figures = {}
    for title, prices in requests.items():
        outcome = estimate_effects(response, prices, split)
        figures |= under(f"what-if/{title}", of_outcome(outcome))
        figures[f"what-if/{title}/trust"] = {check.code: str(check.severity) for check in trust_card(response, outcome)}
    other = estimate_effects(
        response, requests["category up 10%"], split, RevenueSplit(commission_rate=0.25, burn_rate=0.05)
    )
    figures |= under("what-if/other rates", of_outcome(other))
    for title, moved in (("all", None), ("a category", response.changed(requests["category up 10%"]))):
        curve = revenue_curve(response, changed=moved)
        ends = [*curve.support, *(curve.randomized_support or (None, None))]
        figures[f"curve/{title}/summary"] = plain([curve.today, *ends, curve.peak, curve.peak_at_edge])
        figures |= under(f"curve/{title}", of_frame(curve.points))
    for title, (objective, constraints) in CONSTRAINTS.items():
        figures |= under(f"plan/{title}", of_plan(plan_prices(response, objective, constraints, split=split)))
    figures |= under("plan/to act on", of_plan(actionable_plan(dataset, response, split)))
    return under(f"prices/{name}", figures)


def of_economy(world: World, name: str, days: tuple[str, str] | None) -> Figures:
    dataset = world.datasets[name]
    first, last = (None, None) if days is None else (pd.Timestamp(day).date() for day in days)
    period = select_period(dataset, first, last)
    result = economy(dataset, period)
    figures = {key: plain([item.value, item.before, item.exact, item.change]) for key, item in result.figures.items()}
    figures |= {"period": str(result.period), "before": str(result.before), "missing": plain(result.missing)}
    if dataset.kind == "market":
        figures["identities"] = [[item.left, item.right] for item in reconcile(dataset, period).identities]
    return under(f"economy/{name}/{'all days' if days is None else ' to '.join(days)}", figures)


def of_forecast(world: World) -> Figures:
    """Return where prices and rules lead, and where the prices that runs recommend do."""
    dataset, run_id = world.datasets["price_test"], world.runs["price_test/token_elasticity/choice_logit"]
    models, observed = ForecastModels.of(world.stores.runs, dataset), observe_flows(dataset)
    requests = {
        "today": ForecastPrices(),
        "category up 10%": ForecastPrices(run_id, {first_segment(dataset): 0.1}),
        "recommended": ForecastPrices(run_id, recommended=True),
    }
    rules = {"today": {}, "other rules": {"commission_rate": 0.3, "bonuses": 2.0, "expiry_weeks": 8, "weeks": 20}}
    rates = [observed.commission_rate, observed.burn_rate, observed.bonus_to_buyers, observed.expiry_weeks]
    balances = [observed.learners, observed.teachers, observed.treasury]
    figures: Figures = {"observed": plain([*balances, *rates, observed.payouts.every, observed.payouts.days_ahead])}
    figures |= under("observed/weekly", of_frame(observed.weekly))
    for prices, request in requests.items():
        effect, reasons = price_scenario_effect(models, request)
        figures[f"{prices}/effect"] = plain([effect.change, effect.error, len(reasons)])
        for rule, changes in rules.items():
            ahead = forecast(observed, Assumptions.of(observed, draws=200, **changes), effect)
            figures |= under(f"{prices}/{rule}/totals", of_frame(ahead.totals))
            figures |= under(f"{prices}/{rule}/weekly", of_frame(ahead.weekly))
    several = [run_id, world.runs["price_test/token_elasticity/fixed_effects"]]
    figures |= under("of runs", of_frame(compare_run_forecasts(models, observed, several).drop(columns="run_id")))
    return under("forecast", figures)


def first_segment(dataset: Dataset) -> str:
    return str(sorted(dataset.panel()[dataset.roles.segment].unique())[0])
