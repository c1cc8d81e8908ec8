"""What asked prices do to the token economy, from the run that says so."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edtech.economy.forecast import TODAY
from edtech.economy.runs import price_effect
from edtech.economy.simulation import PriceEffect
from edtech.errors import ParamsError

if TYPE_CHECKING:
    from edtech.data import Dataset
    from edtech.tracking import RunStore

STAYS = "No price is recommended by this run, so prices stay as today."


def asked_effect(
    store: "RunStore", dataset: "Dataset", run_id: str | None, changes: Mapping[str, float], recommended: bool
) -> tuple[PriceEffect, tuple[str, ...]]:
    """Return what relative price changes by segment, or a run's recommended prices, do, and what there is to say of it.

    Raises ParamsError where prices are asked without a run, and what the run and the prices raise.
    """
    from edtech.ml.artifacts import load_result
    from edtech.pipeline.worth import plan_to_act_on, revenue_split
    from edtech.pricing import answer, changed_prices, price_response

    if run_id is None:
        if changes or recommended:
            raise ParamsError(
                "Only a trained run says what prices do", expected="--run", fix="name a run, or no prices"
            )
        return TODAY, ()
    response = price_response(load_result(store, run_id), dataset.panel())
    if recommended:
        plan = plan_to_act_on(dataset, response, revenue_split(dataset))
        return (TODAY, (STAYS, *plan.reasons)) if plan.refused else (price_effect(plan.outcome), plan.reasons)
    outcome = answer(response, changed_prices(response, changes), revenue_split(dataset))
    return price_effect(outcome), outcome.reasons
