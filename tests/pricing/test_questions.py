"""One function answers a question for page, command, scenario and report."""

import json
from dataclasses import replace

import numpy as np
import pytest

from edtech.errors import PricingError
from edtech.pricing import (
    PricingModel,
    Scenario,
    WhatIfQuestion,
    answer_question,
    changed_prices,
    estimate_effects,
    plan_prices,
    revenue_curve,
)
from edtech.pricing.constraints import Constraints
from edtech.pricing.price_changes import PriceChange, unit_attributes
from edtech.pricing.trust_card import trust_card
from edtech.tables.tokens import RevenueSplit

CHANGES = (PriceChange("segment", ("cat1",), "percent", -0.1),)


@pytest.fixture(scope="module")
def model(response) -> PricingModel:
    return PricingModel(
        response,
        unit_attributes(response),
        lambda changed: revenue_curve(response, changed=changed),
        lambda question: plan_prices(response, question.objective, question.guardrails, split=question.scenario.split),
    )


def scenario(**values) -> Scenario:
    return Scenario(name="What-if", run_id="0", dataset_id="0", **values)


def test_an_answer_has_effects_curve_plan_and_checks_of_its_question(model, response):
    rates = RevenueSplit(commission_rate=0.3, burn_rate=0.1)
    guardrails = Constraints(max_change=0.1)
    question = WhatIfQuestion(scenario(changes=CHANGES, planned_split=rates), "enrollments", guardrails)
    answer = answer_question(question, model)
    prices = changed_prices(response, {"cat1": -0.1})
    expected = estimate_effects(response, prices, RevenueSplit(), rates)
    assert answer.outcome.effects == expected.effects
    assert np.array_equal(answer.changed, (response.segments == "cat1").to_numpy())
    assert answer.curve.points.equals(revenue_curve(response, ("cat1",)).points)
    assert answer.plan.table.equals(plan_prices(response, "enrollments", guardrails).table)
    assert answer.checks() == trust_card(response, expected)


def test_without_a_change_the_curve_is_of_all_prices(model, response):
    answer = answer_question(WhatIfQuestion(scenario()), model)
    assert not answer.changed.any()
    assert answer.curve.points.equals(revenue_curve(response).points)


def test_a_price_list_replaces_the_changes(model, response):
    listed = {str(response.units[0]): 12.5}
    answer = answer_question(WhatIfQuestion(scenario(changes=CHANGES, prices=listed)), model)
    assert answer.outcome.prices.loc[response.names[0]] == 12.5
    assert answer.changed.sum() == 1


def test_other_guardrails_change_the_plan_only(model):
    answer = answer_question(WhatIfQuestion(scenario(changes=CHANGES)), model)
    limited = replace(answer, question=replace(answer.question, guardrails=Constraints(most_changed=1)))
    assert limited.outcome is answer.outcome
    assert (limited.plan.table["change"] != 0).sum() == 1 < (answer.plan.table["change"] != 0).sum()
    impossible = replace(answer, question=replace(answer.question, guardrails=Constraints(least_enrollments=1.9)))
    with pytest.raises(PricingError, match="cannot be reached"):
        _ = impossible.plan


def test_a_scenario_of_version_0_1_is_read():
    stored = scenario(changes=CHANGES).model_dump()
    former = stored | {"changes": [{"scope": "segment", "names": ["cat1"], "how": "percent", "amount": -0.1}]}
    assert Scenario.model_validate_json(json.dumps(former)) == scenario(changes=CHANGES)
