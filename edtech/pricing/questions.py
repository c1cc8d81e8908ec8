"""A question about prices and its answer, assembled in one way for the page, commands, scenarios and reports.

question (changes or price list, rates, guardrails) -> prices -> response -> effects with intervals -> checks
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from edtech.data.quality.checks import Check
from edtech.ml.base import Estimate
from edtech.pricing.constraints import Constraints, Objective
from edtech.pricing.curve import RevenueCurve, revenue_curve
from edtech.pricing.plan_policy import actionable_plan
from edtech.pricing.price_changes import PriceChange, changed_prices, unit_attributes, unit_table
from edtech.pricing.recommendation import DEFAULT_CONSTRAINTS, Plan
from edtech.pricing.response import Response, price_response
from edtech.pricing.trust_card import trust_card
from edtech.pricing.what_ifs import WhatIf, estimate_effects
from edtech.tables.arrays import Floats
from edtech.tables.tokens import RevenueSplit

if TYPE_CHECKING:
    import numpy as np

    from edtech.data import Dataset
    from edtech.tracking.runs import RunStore


class Scenario(BaseModel):
    """Prices and rates to evaluate with a run for a data set, as scenarios and reports store them.

    `prices` by unit replace `changes` if a price list was given. `split` shares the tokens today, `planned_split` under
    the new prices.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    note: str = Field("", max_length=2_000)
    run_id: str = Field(max_length=64)
    dataset_id: str = Field(max_length=64)
    changes: tuple[PriceChange, ...] = Field((), max_length=1_000)
    prices: dict[str, float] | None = None
    split: RevenueSplit = RevenueSplit()
    planned_split: RevenueSplit = RevenueSplit()

    @property
    def description(self) -> str:
        """The price changes in one line."""
        if self.prices is not None:
            return f"a list of {len(self.prices):,} prices"
        return "; ".join(change.description for change in self.changes) or "no price change"

    def new_prices(self, response: Response, attributes: pd.DataFrame) -> Floats:
        """Return the units' prices (u,) in the scenario; units without a listed price keep their baseline.

        Raises PricingError if its changes name what the data set does not have.
        """
        if self.prices is None:
            return changed_prices(response, self.changes, attributes)
        listed = response.units.map(self.prices).to_numpy(dtype=float)
        return pd.Series(listed).fillna(pd.Series(response.baseline)).to_numpy(dtype=float)


@dataclass(frozen=True, slots=True)
class WhatIfQuestion:
    """A scenario, and what the recommended prices for the same run and data set shall reach within which guardrails."""

    scenario: Scenario
    objective: Objective = "token_revenue"
    guardrails: Constraints = DEFAULT_CONSTRAINTS


@dataclass(frozen=True, slots=True)
class PricingModel:
    """A trained run that answers questions about the prices of a data set.

    `response` is demand at prices from the baseline. `attributes` are those of `unit_attributes`. `curve` returns the
    revenue curve for a mask of units (u,), `plan` the recommended prices; a page caches both.
    """

    response: Response
    attributes: pd.DataFrame
    curve: "Callable[[NDArray[np.bool_]], RevenueCurve]"
    plan: Callable[[WhatIfQuestion], Plan]

    @classmethod
    def load(cls, store: "RunStore", run_id: str, dataset: "Dataset") -> "PricingModel":
        """Return the model of a stored run for the units of a data set."""
        from edtech.ml.artifacts import load_result

        response = price_response(load_result(store, run_id), dataset.panel())
        return cls(
            response,
            unit_attributes(response, unit_table(dataset)),
            lambda changed: revenue_curve(response, changed=changed),
            lambda question: actionable_plan(
                dataset, response, question.scenario.split, question.objective, question.guardrails
            ),
        )


@dataclass(frozen=True)
class WhatIfAnswer:
    """The answer to a question: the expected effects; curve, plan and checks are computed on first use."""

    question: WhatIfQuestion
    model: PricingModel
    outcome: WhatIf
    changed: "NDArray[np.bool_]"
    """Units (u,) whose price changes."""

    @property
    def scenario(self) -> Scenario:
        """The scenario of the question."""
        return self.question.scenario

    @property
    def response(self) -> Response:
        """Demand at prices, by the question's run."""
        return self.model.response

    @cached_property
    def curve(self) -> RevenueCurve:
        """Revenue over a common change of the changed prices; of all prices if none changes."""
        return self.model.curve(self.changed if self.changed.any() else ~self.changed)

    @cached_property
    def plan(self) -> Plan:
        """The recommended prices within the guardrails. Raises PricingError for guardrails that cannot be met."""
        return self.model.plan(self.question)

    def checks(self, others: Mapping[str, Estimate] | None = None) -> tuple[Check, ...]:
        """Return the checks behind the answer; `others` are elasticities of other algorithms on the same data."""
        return trust_card(self.response, self.outcome, others)


def answer_question(question: WhatIfQuestion, model: PricingModel) -> WhatIfAnswer:
    """Return the answer of a model to a question. Raises PricingError as `Scenario.new_prices` does."""
    scenario = question.scenario
    prices = scenario.new_prices(model.response, model.attributes)
    outcome = estimate_effects(model.response, prices, scenario.split, scenario.planned_split)
    return WhatIfAnswer(question, model, outcome, model.response.changed(prices))
