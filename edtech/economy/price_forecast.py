"""The effect of new prices on the token economy, by trained runs; for pages, commands and reports."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import pandas as pd

from edtech.economy.forecast import TODAY
from edtech.economy.observed_flows import ObservedFlows
from edtech.economy.run_comparison import RunPlan, forecast_runs, price_effect
from edtech.economy.simulation import Assumptions, PriceEffect
from edtech.errors import ParamsError

if TYPE_CHECKING:
    from edtech.data import Dataset
    from edtech.pricing import Plan, Response
    from edtech.tracking import RunStore

NO_RECOMMENDATION = "This run recommends no prices, so prices stay at today's."


@dataclass(frozen=True, slots=True)
class ForecastPrices:
    """Prices of a forecast: relative changes by segment, or a run's recommended prices; today's without a run."""

    run_id: str | None = None
    changes: Mapping[str, float] = field(default_factory=dict)
    recommended: bool = False


@dataclass(frozen=True, slots=True)
class ForecastModels:
    """The store of runs, and functions that return a run's demand at prices and its actionable plan by its id."""

    store: "RunStore"
    response: "Callable[[str], Response]"
    plan: "Callable[[str], Plan]"

    @classmethod
    def of(cls, store: "RunStore", dataset: "Dataset") -> "ForecastModels":
        """Return the models of a store's runs for the units of a data set."""
        from edtech.ml.artifacts import load_result
        from edtech.pricing import price_response
        from edtech.pricing.plan_policy import actionable_plan, revenue_split

        @cache
        def response(run_id: str) -> "Response":
            return price_response(load_result(store, run_id), dataset.panel())

        return cls(store, response, lambda run_id: actionable_plan(dataset, response(run_id), revenue_split(dataset)))


def price_scenario_effect(models: ForecastModels, prices: ForecastPrices) -> tuple[PriceEffect, tuple[str, ...]]:
    """Return the effect of prices on token revenue, and its conditions.

    Raises ParamsError for prices without a run, PricingError as `changed_prices`.
    """
    from edtech.pricing import changed_prices, estimate_effects

    if prices.run_id is None:
        if prices.changes or prices.recommended:
            raise ParamsError("New prices need a trained run", expected="--run", fix="name a run, or remove the prices")
        return TODAY, ()
    if prices.recommended:
        plan = models.plan(prices.run_id)
        return (
            (TODAY, (NO_RECOMMENDATION, *plan.reasons)) if plan.refused else (price_effect(plan.outcome), plan.reasons)
        )
    response = models.response(prices.run_id)
    outcome = estimate_effects(response, changed_prices(response, prices.changes))
    return price_effect(outcome), outcome.reasons


def compare_run_forecasts(models: ForecastModels, observed: ObservedFlows, run_ids: Sequence[str]) -> pd.DataFrame:
    """Return `forecast_runs` under today's rules: the economy in 13 weeks at each run's recommended prices."""
    run_plans = {}
    for run_id in run_ids:
        run = models.store.get_run(run_id)
        run_plans[run_id] = RunPlan(run.name, models.plan(run_id), run.metrics)
    return forecast_runs(observed, Assumptions.of(observed), run_plans)
