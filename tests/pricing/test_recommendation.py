"""Recommended prices: what they truly earn, where they may lie, and when there are none."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edtech.errors import PricingError
from edtech.pricing import plan_prices, price_response, recommend_prices, what_if
from edtech.pricing.constraints import Constraints
from tests.worlds import make_world

SMALL = {"units": 120, "weeks": 40}


@pytest.mark.parametrize("scale", ["unit", "segment"])
@pytest.mark.parametrize("seed", [4, 5, 6])
def test_a_plan_captures_most_of_the_true_gain_and_never_lowers_revenue(scale, seed):
    world = make_world(seed=seed, scale=scale, **SMALL)
    result = world.modeler().compare_models(world.panel, ["fixed_effects"])["fixed_effects"]
    plan = recommend_prices(result, world.panel)
    assert not plan.refused
    assert world.gain(plan.prices) > 0
    # of the best prices inside those observed, which even the true curve would only reach unit by unit
    assert world.captured(plan.prices) >= 0.7


def test_prices_stay_within_the_observed_prices_and_the_maximum_change(world, result):
    support = result.support.set_index("unit")
    for limit in (0.05, 0.2, 0.5):
        plan = recommend_prices(result, world.panel, max_change=limit)
        assert list(plan.prices.index) == list(world.today.index)
        assert np.isfinite(plan.prices).all()
        assert (plan.prices >= support["low"] - 1e-9).all()
        assert (plan.prices <= support["high"] + 1e-9).all()
        assert (plan.prices / world.today - 1).abs().max() <= limit + 1e-9


def test_extrapolation_is_optional_and_reported(world, result):
    plan = recommend_prices(result, world.panel, max_change=0.9, extrapolate=True)
    support = result.support.set_index("unit")
    assert (plan.prices < support["low"]).any()
    assert (plan.prices / world.today - 1).abs().max() <= 0.9 + 1e-9
    assert plan.outcome.extrapolates
    assert any("This extrapolates" in reason for reason in plan.reasons)
    assert not set(plan.table["bound"]) & {"lowest observed price", "highest observed price"}


def test_a_plan_is_the_best_that_brute_force_finds(world, result, response):
    plan = recommend_prices(result, world.panel)
    low = np.maximum(response.low, response.baseline * 0.5)
    high = np.minimum(response.high, response.baseline * 1.5)
    fine = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, 1001)
    best = (fine * response.demand_grid(fine)).max(axis=1)
    selection = plan.prices.to_numpy()[:, None]
    # 61 steps between the bounds: near its top a revenue curve is flat, and half a step costs less than a thousandth
    assert ((selection * response.demand_grid(selection))[:, 0] >= best * (1 - 1e-3)).all()


def test_for_enrollments_every_price_goes_to_its_lower_bound(world, result, response):
    plan = recommend_prices(result, world.panel, objective="enrollments", max_change=0.3)
    lowest = np.maximum(response.low, response.baseline * 0.7)
    assert plan.prices.to_numpy() == pytest.approx(lowest)
    assert plan.expected.change > 0
    assert plan.expected == plan.outcome.enrollments
    assert set(plan.table["bound"]) <= {"lowest observed price", "maximum decrease"}


@pytest.mark.parametrize("objective", ["teacher_earnings", "platform_commission"])
def test_shares_of_revenue_have_the_prices_of_revenue(world, result, objective):
    plan = recommend_prices(result, world.panel, objective=objective)
    assert plan.prices.equals(recommend_prices(result, world.panel).prices)
    assert plan.expected == plan.outcome.effects[objective]


def test_the_table_has_the_changes_and_the_bounds_reached(world, result):
    plan = recommend_prices(result, world.panel, max_change=0.1)
    table = plan.table.set_index("unit")
    assert list(plan.table) == ["unit", "segment", "today", "recommended", "change", "bound"]
    assert table["today"].to_numpy() == pytest.approx(world.today.to_numpy())
    assert table["change"].to_numpy() == pytest.approx((table["recommended"] / table["today"] - 1).to_numpy())
    down = table["bound"] == "maximum decrease"
    assert down.any()
    assert table["change"][down].to_numpy() == pytest.approx(-0.1)
    on_a_bound = [reason for reason in plan.reasons if "are capped at" in reason]
    assert any(f"{down.sum()} of 120 prices are capped at the maximum decrease." in reason for reason in on_a_bound)


def test_the_expected_gain_has_an_interval_that_holds_the_true_one(world, result):
    plan = recommend_prices(result, world.panel)
    assert plan.expected == plan.outcome.token_revenue
    assert plan.expected.low <= world.gain(plan.prices) <= plan.expected.high


def test_a_plan_starts_from_a_given_baseline(world, result):
    baseline = world.today * 1.2
    plan = recommend_prices(result, world.panel, baseline=baseline, max_change=0.01)
    assert (plan.prices / baseline - 1).abs().max() <= 0.01 + 1e-9
    assert plan.table["today"].to_numpy() == pytest.approx(baseline.to_numpy())


def test_a_baseline_outside_the_observed_prices_may_stay_but_not_move_away(world, result):
    baseline = world.today * 3
    plan = recommend_prices(result, world.panel, baseline=baseline, max_change=0.5)
    assert (plan.prices <= baseline + 1e-9).all()
    assert np.isfinite(plan.prices).all()


def test_a_plan_without_an_interval_says_so(world, forest):
    plan = recommend_prices(forest, world.panel)
    assert not plan.refused
    assert (plan.expected.low, plan.expected.high) == (None, None)
    if plan.expected.change > 0:
        assert any("no valid confidence interval" in reason for reason in plan.reasons)
    else:
        assert any("no better prices than today's" in reason for reason in plan.reasons)


def test_without_identification_prices_stay_todays_and_reasons_are_given(world, unproven):
    for objective in ("token_revenue", "enrollments"):
        plan = recommend_prices(unproven, world.panel, objective=objective, extrapolate=True)
        assert plan.refused
        assert plan.prices.to_numpy() == pytest.approx(world.today.to_numpy())
        assert plan.expected.change == 0
        assert set(plan.table["bound"]) == {""}
        assert "no price is recommended" in plan.reasons[0]
        assert "Test to run" in plan.reasons[1]


@pytest.mark.parametrize("kind", ["none", "controls"])
def test_no_estimate_makes_up_for_missing_identification(world, result, kind):
    assert recommend_prices(replace(result, identification=kind), world.panel).refused


def test_offers_of_their_own_get_a_price_each(world):
    rows = world.panel.head(1500)
    modeler = world.modeler(unit=None, period=None)
    result = modeler.compare_models(rows, ["linear"])["linear"]
    plan = recommend_prices(result, rows)
    assert not plan.refused
    assert list(plan.prices.index) == list(range(len(rows)))
    assert plan.prices.between(rows["token_price"].min(), rows["token_price"].max()).all()


def test_a_rising_demand_is_planned_as_estimated_and_called_doubtful(world):
    rising = world.panel.assign(
        enrollments=(world.panel["views"] * (1 - world.panel["discount_pct"]) ** 2 / 3).astype(int)
    )
    result = world.modeler().compare_models(rising, ["fixed_effects"])["fixed_effects"]
    assert result.elasticity.estimate > 0
    assert any("rarely true" in reason for reason in recommend_prices(result, rising).reasons)


@given(limit=st.floats(0.001, 0.9), objective=st.sampled_from(["token_revenue", "enrollments"]), wide=st.booleans())
@settings(max_examples=30, deadline=None)
def test_no_plan_expects_less_than_today(response, limit, objective, wide):
    plan = plan_prices(response, objective, Constraints(max_change=limit, extrapolate=wide))
    assert np.isfinite(plan.prices).all()
    assert (plan.prices > 0).all()
    assert plan.expected.change >= -1e-9


def test_a_plan_does_not_depend_on_the_currency(world):
    scaled = world.panel.assign(token_price=world.panel["token_price"] / 100)
    plans = []
    for panel in (world.panel, scaled):
        result = world.modeler().compare_models(panel, ["fixed_effects"])["fixed_effects"]
        plans.append(recommend_prices(result, panel))
    assert (plans[1].prices * 100).to_numpy() == pytest.approx(plans[0].prices.to_numpy(), rel=1e-6)


def test_a_plan_for_a_response_equals_the_one_from_its_result(world, result):
    response = price_response(result, world.panel)
    assert plan_prices(response).prices.equals(recommend_prices(result, world.panel).prices)


@pytest.mark.parametrize("limit", [0, -0.1, 0.91, 5, float("nan")])
def test_a_largest_change_out_of_range_is_refused(world, result, limit):
    with pytest.raises(PricingError, match=r"above 0 and at most 0\.9"):
        recommend_prices(result, world.panel, max_change=limit)


def test_an_unknown_objective_lists_those_there_are(world, result):
    with pytest.raises(PricingError, match="token_revenue, teacher_earnings, platform_commission, enrollments"):
        recommend_prices(result, world.panel, objective="happiness")


def test_units_and_segments_that_are_numbers_keep_being_numbers(world):
    panel = world.panel.assign(
        course_id=world.panel["course_id"].str[1:].astype(int), category=world.panel["category"].str[3:].astype(int)
    )
    result = world.modeler().compare_models(panel, ["fixed_effects"])["fixed_effects"]
    plan = recommend_prices(result, panel)
    assert plan.prices.index.tolist() == sorted(panel["course_id"].unique())
    assert plan.prices.notna().all()
    assert set(result.support["unit"]) == set(panel["course_id"])
    assert what_if(result, panel, {0: 0.1}).token_revenue.change == pytest.approx(
        what_if(result, panel, {"0": 0.1}).token_revenue.change
    )
