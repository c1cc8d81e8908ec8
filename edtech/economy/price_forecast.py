"""What asked prices do to the token economy, from the runs that say so; for pages, commands and reports alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import pandas as pd

from edtech.economy.forecast import TODAY
from edtech.economy.observed_flows import ObservedFlows
from edtech.economy.run_comparison import RunOfEconomy, economy_of_runs, price_effect
from edtech.economy.simulation import Assumptions, PriceEffect
from edtech.errors import ParamsError

if TYPE_CHECKING:
    from edtech.data import Dataset
    from edtech.pricing import Plan, Response
    from edtech.tracking import RunStore

STAYS = "No price is recommended by this run, so prices stay as today."


@dataclass(frozen=True, slots=True)
class ForecastPrices:
    """Prices to look ahead at: relative changes by segment, or those that a run recommends; today's without a run."""

    run_id: str | None = None
    changes: Mapping[str, float] = field(default_factory=dict)
    recommended: bool = False


@dataclass(frozen=True, slots=True)
class ForecastModels:
    """Where runs are read, and what gives a run's demand at prices and the plan that may be acted on, by its id."""

    store: "RunStore"
    response: "Callable[[str], Response]"
    plan: "Callable[[str], Plan]"

    @classmethod
    def of(cls, store: "RunStore", dataset: "Dataset") -> "ForecastModels":
        """Return those of a store's runs for the units of a data set."""
        from edtech.ml.artifacts import load_result
        from edtech.pricing import price_response
        from edtech.pricing.policy import actionable_plan, revenue_split

        @cache
        def response(run_id: str) -> "Response":
            return price_response(load_result(store, run_id), dataset.panel())

        return cls(store, response, lambda run_id: actionable_plan(dataset, response(run_id), revenue_split(dataset)))


def effect_of_prices(models: ForecastModels, prices: ForecastPrices) -> tuple[PriceEffect, tuple[str, ...]]:
    """Return what the asked prices do to token revenue, and what there is to say of it.

    Raises ParamsError where prices are asked without a run, and what the run and the prices raise.
    """
    from edtech.pricing import changed_prices, estimate_effects

    if prices.run_id is None:
        if prices.changes or prices.recommended:
            raise ParamsError(
                "Only a trained run says what prices do", expected="--run", fix="name a run, or no prices"
            )
        return TODAY, ()
    if prices.recommended:
        plan = models.plan(prices.run_id)
        return (TODAY, (STAYS, *plan.reasons)) if plan.refused else (price_effect(plan.outcome), plan.reasons)
    response = models.response(prices.run_id)
    outcome = estimate_effects(response, changed_prices(response, prices.changes))
    return price_effect(outcome), outcome.reasons


def compare_run_forecasts(models: ForecastModels, observed: ObservedFlows, run_ids: Sequence[str]) -> pd.DataFrame:
    """Return `economy_of_runs` under today's rules: the economy in 13 weeks at each run's recommended prices."""
    laid = {}
    for run_id in run_ids:
        run = models.store.get_run(run_id)
        laid[run_id] = RunOfEconomy(run.name, models.plan(run_id), run.metrics)
    return economy_of_runs(observed, Assumptions.of(observed), laid)
