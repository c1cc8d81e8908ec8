"""When a user may act on a plan, and how the tokens of a sale are split."""

from typing import TYPE_CHECKING

from edtech.pricing.constraints import Constraints, Objective
from edtech.pricing.recommendation import DEFAULT_CONSTRAINTS, Plan, plan_prices, withhold
from edtech.pricing.response import Response
from edtech.tables.tokens import RevenueSplit

if TYPE_CHECKING:
    from edtech.data import Dataset

COMPETING = (
    "No price is recommended from this run. The visits show several offers at a time, so courses compete, but this "
    "algorithm has no substitution. Train the discrete choice model (choice_logit) for a plan."
)


def revenue_split(dataset: "Dataset") -> RevenueSplit:
    """Return the split of the data set's tokens: a generated market's own rates, else the stated defaults."""
    params = dataset.source.get("params")
    if dataset.kind != "market" or not isinstance(params, dict):
        return RevenueSplit()
    return RevenueSplit.model_validate({name: params[name] for name in RevenueSplit.model_fields})


def actionable_plan(
    dataset: "Dataset",
    response: Response,
    split: RevenueSplit,
    objective: Objective = "token_revenue",
    constraints: Constraints = DEFAULT_CONSTRAINTS,
) -> Plan:
    """Return the plan if the user may act on it, else the withheld plan.

    The plan is withheld if visits show that offers compete and the model has no substitution: plans of such models that
    change many prices have lost revenue in tests on generated markets, although the models predicted a gain.
    """
    plan = plan_prices(response, objective, constraints, split=split)
    if response.has_substitution or plan.refused or "views" not in dataset.tables:
        return plan
    return withhold(plan, COMPETING)
