"""The label of a what-if or plan is computed from the checks, and none is the best for want of a refusal."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from edtech.data.quality.checks import Check, Severity
from edtech.market import MarketParams, generate_market
from edtech.ml import TokenPriceElasticityModeler
from edtech.ml.base import Estimate
from edtech.pricing import Response, answer, plan_for, price_response, withheld
from edtech.pricing.constraints import Constraints
from edtech.pricing.scenarios import (
    Scenario,
    compare_scenarios,
    copy_of_scenario,
    read_scenario,
    scenario_items,
    scenario_table,
)
from edtech.pricing.trust import AT_BOUND, Trust, saved_trust, trust_state
from edtech.settings import Settings
from edtech.tables.roles import MARKET_ROLES
from edtech.tracking import EdTechMLFlowTracker

PASSED = Check("a", "A check", Severity.PASS, "so")
BEST = {"refused": False, "extrapolates": False, "models_substitution": True, "checks": (PASSED,)}


def test_only_what_was_tested_whole_is_supported():
    assert trust_state(**BEST) is Trust.SUPPORTED
    assert trust_state(**BEST, gain_at_bound=AT_BOUND) is Trust.SUPPORTED


@pytest.mark.parametrize(
    ("doubt", "state"),
    [
        ({"models_substitution": False}, Trust.NEEDS_REVIEW),
        ({"checks": (PASSED, replace(PASSED, severity=Severity.REVIEW))}, Trust.NEEDS_REVIEW),
        ({"checks": (replace(PASSED, severity=Severity.FAIL),)}, Trust.NEEDS_REVIEW),
        ({"gain_at_bound": 0.51}, Trust.NEEDS_REVIEW),
        ({"extrapolates": True, "models_substitution": False}, Trust.EXTRAPOLATES),
        ({"refused": True, "extrapolates": True}, Trust.REFUSED),
    ],
)
def test_each_doubt_takes_the_best_label_away(doubt, state):
    assert trust_state(**(BEST | doubt)) is state


def test_no_label_says_sound():
    assert "sound" not in {state.value for state in Trust}


@pytest.mark.parametrize("tag", ["sound", None, np.nan, "", "another"])
def test_labels_that_were_not_computed_are_not_graded(tag):
    assert saved_trust(tag) is Trust.NOT_GRADED


def test_labels_that_were_computed_come_back():
    assert [saved_trust(state.value) for state in Trust] == list(Trust)


@pytest.fixture(scope="module")
def competing() -> Response:
    """A market by the choice among offers, as if its checks had all passed."""
    params = MarketParams(learners=800, teachers=5, courses=10, weeks=40, seed=5, price_test_share=0.6)
    market = generate_market(params)
    modeler = TokenPriceElasticityModeler.from_roles(MARKET_ROLES)
    panel, views = market.tables["course_weeks"], market.tables["views"]
    result = modeler.compare_models(panel, ["choice_logit"], visits=views)["choice_logit"]
    rows, segments = result.evaluation, result.elasticity_by_segment
    passed = replace(
        result,
        checks=(PASSED,),
        elasticity=Estimate(-1.5, -1.6, -1.4),
        elasticity_by_segment=segments.assign(estimate=-1.5),
        evaluation=rows.assign(predicted=rows["actual"]),
    )
    return price_response(passed, panel)


def test_an_answer_whose_checks_all_passed_is_supported(competing):
    assert answer(competing, competing.baseline * 1.01).trust is Trust.SUPPORTED


@pytest.mark.parametrize(
    "changed",
    [
        {"checks": ()},
        {"checks": (replace(PASSED, severity=Severity.REVIEW),)},
        {"elasticity": Estimate(-1.5)},
        {"elasticity": Estimate(-1.5, -3.0, -0.1)},
        {"elasticity": Estimate(0.5, 0.4, 0.6)},
    ],
    ids=["no card", "a check in review", "no interval", "a wide interval", "a rising demand"],
)
def test_an_answer_with_an_open_check_needs_review(competing, changed):
    response = replace(competing, result=replace(competing.result, **changed))
    assert answer(response, response.baseline * 1.01).trust is Trust.NEEDS_REVIEW


def test_an_answer_without_substitution_needs_review(response):
    passed = replace(response, result=replace(response.result, checks=(PASSED,)))
    outcome = answer(passed, passed.baseline * 0.99)
    assert outcome.assumes_no_substitution
    assert outcome.trust is Trust.NEEDS_REVIEW
    plan = plan_for(passed)
    assert (plan.refused, plan.trust) == (False, Trust.NEEDS_REVIEW)


def test_a_plan_with_most_of_its_gain_at_a_bound_needs_review(competing):
    plan = plan_for(competing, constraints=Constraints(max_change=0.02))
    assert (plan.table["bound"] != "").all()
    assert plan.gain_at_bound == pytest.approx(1.0)
    assert plan.trust is Trust.NEEDS_REVIEW
    assert plan.outcome.trust is Trust.SUPPORTED  # as a what-if: nobody chose these prices for their gain


def test_the_gain_at_a_bound_is_what_is_lost_without_it(competing):
    free = plan_for(competing, constraints=Constraints(max_change=0.9, extrapolate=True))
    capped = str(free.table.loc[free.table["change"].idxmax(), "unit"])
    today = pd.Series(competing.baseline, index=competing.units)
    limits = Constraints(max_change=0.9, extrapolate=True, ceiling={capped: 1.0001 * today[capped]})
    plan = plan_for(competing, constraints=limits)
    on = (plan.table["bound"] != "").to_numpy()
    assert on.any()
    assert not on.all()
    prices = plan.table["recommended"].to_numpy()
    now, without, planned = (
        float(at @ competing.demand(at).quantity)
        for at in (competing.baseline, np.where(on, competing.baseline, prices), prices)
    )
    assert plan.gain_at_bound == pytest.approx(np.clip((planned - without) / (planned - now), 0, 1))


def test_plans_are_labeled_beside_what_ifs(competing, response, world, unproven):
    nothing = pd.DataFrame(columns=["name"])
    plans = {
        "at a bound": plan_for(competing, constraints=Constraints(max_change=0.02)),
        "alone": plan_for(response),
        "unproven": plan_for(price_response(unproven, world.panel)),
        "withheld": withheld(plan_for(response), "why"),
    }
    labels = compare_scenarios(nothing, plans).set_index("name")["trust"].to_dict()
    assert labels == {
        "at a bound": "needs review",
        "alone": "needs review",
        "unproven": "refused",
        "withheld": "refused",
    }


def test_scenarios_saved_as_sound_open_and_are_shown_as_not_graded(tmp_path, response):
    tracker = EdTechMLFlowTracker("old", settings=Settings(home=tmp_path))
    scenario = Scenario(name="old", run_id="0" * 32, dataset_id="0" * 16)
    items = scenario_items(scenario, answer(response, response.baseline), "world", "ab")
    old = tracker.log(replace(items, tags={**items.tags, "trust": "sound"}))
    assert read_scenario(tracker.runs, old) == scenario
    tracker.log(copy_of_scenario(tracker.runs, old))
    runs = tracker.runs.list_runs(["old"], kind="scenario")
    assert scenario_table(runs)["Trust"].tolist() == ["not graded"] * 2
    assert compare_scenarios(runs, {})["trust"].tolist() == ["not graded"] * 2
    assert sorted(runs["tags.trust"]) == ["not graded", "sound"]  # what was stored stays; no copy says it again
