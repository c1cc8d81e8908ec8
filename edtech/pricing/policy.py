"""When a plan may be shown as one to act on, and how the tokens of a sale are shared."""

from typing import TYPE_CHECKING

from edtech.pricing.constraints import Constraints, Objective
from edtech.pricing.recommendation import DEFAULT_CONSTRAINTS, Plan, plan_prices, withhold
from edtech.pricing.response import Response
from edtech.tables.tokens import RevenueSplit

if TYPE_CHECKING:
    from edtech.data import Dataset

COMPETING = (
    "No price is recommended from this run: the visits show that several offers were seen at a time, so courses "
    "compete, and this algorithm takes each course for itself. Train the choice among offers (choice_logit) for a plan."
)


def revenue_split(dataset: "Dataset") -> RevenueSplit:
    """Return how the data set's tokens are shared: a generated market's own rates, else the stated defaults."""
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
    """Return the plan that may be shown as one to act on.

    Where visits show that offers compete and the model takes each for itself, its plan is withheld: moving many prices
    by such a model has been seen to lose what it promised to gain.
    """
    plan = plan_prices(response, objective, constraints, split=split)
    if response.has_substitution or plan.refused or "views" not in dataset.tables:
        return plan
    return withhold(plan, COMPETING)
