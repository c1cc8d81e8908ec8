"""Plans under guardrails equal brute force on small cases, and contradictions are explained."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edtech.errors import PricingError
from edtech.market import MarketParams, generate_market
from edtech.ml import TokenPriceElasticityModeler
from edtech.pricing import Response, plan_prices, price_response
from edtech.pricing.constraints import Constraints, price_bounds
from edtech.pricing.separable_optimizer import _integer_program, candidate_prices
from edtech.tables.roles import MARKET_ROLES
from tests.worlds import make_world

WEIGHTS = {"token_revenue": 1.0, "enrollments": 3.0}


@pytest.fixture(scope="module")
def three() -> Response:
    """Three courses, each answering to its own price."""
    world = make_world(seed=3, units=12, weeks=40)
    result = world.modeler().compare_models(world.panel, ["fixed_effects"])["fixed_effects"]
    few = world.panel[world.panel["course_id"].isin(world.today.index[:3])]
    return price_response(result, few)


def market_response(courses: int, seed: int) -> Response:
    params = MarketParams(learners=400, teachers=3, courses=courses, weeks=30, seed=seed, price_test_share=0.6)
    market = generate_market(params)
    modeler = TokenPriceElasticityModeler.from_roles(MARKET_ROLES)
    panel, views = market.tables["course_weeks"], market.tables["views"]
    result = modeler.compare_models(panel, ["choice_logit"], visits=views)["choice_logit"]
    return price_response(result, panel)


@pytest.fixture(scope="module")
def competing() -> Response:
    """Four courses that compete."""
    return market_response(courses=4, seed=5)


def brute_force(response: Response, grid: np.ndarray, value, allowed) -> float:
    """Best value over every combination of the candidates (u, g) that is allowed."""
    best = -np.inf
    for prices in product(*(np.unique(row) for row in grid)):
        prices = np.array(prices)
        quantity = response.demand(prices).quantity
        if allowed(prices, quantity):
            best = max(best, value(prices, quantity))
    return best


def total(prices, quantity):
    return float(prices @ quantity)


@pytest.mark.parametrize("most", [None, 1, 2])
@pytest.mark.parametrize("least", [None, 0.9, 1.02])
def test_a_plan_on_steps_equals_brute_force(three, most, least):
    constraints = Constraints(max_change=0.3, step=7.0, most_changed=most, least_enrollments=least)
    grid = candidate_prices(three, price_bounds(three, constraints), constraints)
    floor = (least or 0) * three.demand(three.baseline).quantity.sum()

    def allowed(prices, quantity):
        changed = (~np.isclose(prices, three.baseline)).sum()
        return (most is None or changed <= most) and quantity.sum() >= floor * (1 - 1e-9)

    best = brute_force(three, grid, total, allowed)
    plan = plan_prices(three, constraints=constraints)
    result = plan.table["recommended"].to_numpy()
    quantity = three.demand(result).quantity
    assert allowed(result, quantity)
    assert total(result, quantity) == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize("most", [None, 1])
@pytest.mark.parametrize("least", [None, 0.97])
def test_a_joint_plan_on_steps_equals_brute_force(competing, most, least):
    constraints = Constraints(max_change=0.3, step=9.0, most_changed=most, least_enrollments=least)
    grid = candidate_prices(competing, price_bounds(competing, constraints), constraints)
    floor = (least or 0) * competing.demand(competing.baseline).quantity.sum()

    def allowed(prices, quantity):
        changed = (~np.isclose(prices, competing.baseline)).sum()
        return (most is None or changed <= most) and quantity.sum() >= floor * (1 - 1e-9)

    best = brute_force(competing, grid, total, allowed)
    result = plan_prices(competing, constraints=constraints).table["recommended"].to_numpy()
    quantity = competing.demand(result).quantity
    assert allowed(result, quantity)
    assert total(result, quantity) >= best * (1 - 1e-3)


@given(
    limit=st.floats(0.05, 0.5),
    step=st.sampled_from([None, 1.0, 2.5]),
    most=st.sampled_from([None, 1, 3]),
    least=st.sampled_from([None, 0.5, 1.0]),
    objective=st.sampled_from(["token_revenue", "enrollments", WEIGHTS]),
)
@settings(max_examples=25, deadline=None)
def test_every_plan_keeps_to_its_constraints(response, limit, step, most, least, objective):
    plan = plan_prices(
        response, objective, Constraints(max_change=limit, step=step, most_changed=most, least_enrollments=least)
    )
    table = plan.table
    changed = ~np.isclose(table["change"], 0)
    assert (table["change"].abs() <= limit + 1e-9).all()
    assert most is None or changed.sum() <= most
    if step is not None:
        assert_on_steps(table, step)
    if least is not None:
        assert plan.outcome.enrollments.planned >= least * plan.outcome.enrollments.today * (1 - 1e-6)
    assert plan.expected.change >= -1e-9


def assert_on_steps(table, step):
    steps = table["recommended"][~np.isclose(table["change"], 0)] / step
    assert steps.to_numpy() == pytest.approx(steps.round().to_numpy())


@given(
    floors=st.dictionaries(st.integers(0, 3), st.floats(0.75, 1.2)),
    over=st.floats(1.0, 1.2),
    step=st.sampled_from([1.0, 2.5, 4.0]),
    joint=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_prices_that_a_floor_or_ceiling_moves_are_on_steps(response, competing, floors, over, step, joint):
    request = competing if joint else response
    floor = {request.units[at]: request.baseline[at] * share for at, share in floors.items()}
    ceiling = {unit: max(price * over, price + step) for unit, price in floor.items()}
    limits = Constraints(floor=floor, ceiling=ceiling, step=step, extrapolate=True)
    table = plan_prices(request, constraints=limits).table
    assert_on_steps(table, step)
    result = table.set_index(table["unit"].astype(str))["recommended"]
    assert all(floor[unit] <= result[unit] * (1 + 1e-9) for unit in floor)
    assert all(result[unit] <= ceiling[unit] * (1 + 1e-9) for unit in floor)


@pytest.mark.parametrize("joint", [False, True])
def test_a_price_that_has_to_change_and_finds_no_step_is_refused(response, competing, joint):
    request = competing if joint else response
    unit, above = request.units[0], np.floor(request.baseline[0] / 5) * 5 + 5
    limits = Constraints(floor={unit: above + 0.5}, ceiling={unit: above + 1.5}, step=5.0, extrapolate=True)
    with pytest.raises(PricingError, match="no multiple of the increment is allowed") as caught:
        plan_prices(request, constraints=limits)
    assert unit in caught.value.actual


def test_few_changes_are_those_that_bring_most_alone(response):
    today = response.demand(response.baseline).quantity * response.baseline
    best = plan_prices(response).prices.reindex(response.names).to_numpy()
    alone = np.sort(response.demand(best).quantity * best - today)[::-1]
    plan = plan_prices(response, constraints=Constraints(most_changed=7))
    assert plan.outcome.token_revenue.planned - today.sum() == pytest.approx(alone[:7].sum(), rel=1e-9)


@pytest.mark.parametrize("most", [None, 60])
def test_minimum_enrollments_are_reached_at_the_least_cost(response, most):
    free = plan_prices(response, constraints=Constraints(most_changed=most))
    least = 1.03 * (1 + free.outcome.enrollments.change)
    constraints = Constraints(most_changed=most, least_enrollments=least)
    candidates = candidate_prices(response, price_bounds(response, constraints), constraints)
    quantity, moved = response.demand_grid(candidates), ~np.isclose(candidates, response.baseline[:, None])
    floor = least * float(response.demand(response.baseline).quantity.sum())
    exact = _integer_program(candidates * quantity, quantity, moved, floor, most, None)
    best = float((candidates * quantity)[np.arange(len(exact)), exact].sum())
    result = plan_prices(response, constraints=constraints).outcome
    assert result.enrollments.planned >= floor * (1 - 1e-9)
    assert result.token_revenue.planned == pytest.approx(best, rel=2e-4)  # each is within 1e-4 of the best


def test_limits_that_bind_are_named(response):
    free = plan_prices(response)
    assert free.binding == ()
    few = plan_prices(response, constraints=Constraints(most_changed=5))
    assert few.binding == ("at most 5 price changes",)
    more = round(1.02 * (1 + free.outcome.enrollments.change), 4)
    saved = plan_prices(response, constraints=Constraints(least_enrollments=more))
    assert saved.binding == (f"at least {more:.0%} of today's enrollments",)
    assert 0 < saved.expected.change < free.expected.change


def test_a_floor_and_a_ceiling_bind_and_are_named(response):
    units = response.units[:3]
    floor = dict(zip(units, response.baseline[:3] * 1.05, strict=True))
    plan = plan_prices(response, "enrollments", Constraints(floor=floor, extrapolate=True))
    rows = plan.table.set_index(plan.table["unit"].astype(str)).loc[units]
    assert rows["recommended"].to_numpy() == pytest.approx(list(floor.values()))
    assert set(rows["bound"]) == {"floor"}


def test_contradictions_name_the_units(response):
    unit = response.units[0]
    floor, ceiling = ({unit: response.baseline[0] * factor} for factor in (1.2, 1.1))
    with pytest.raises(PricingError, match="contradict") as caught:
        plan_prices(response, constraints=Constraints(floor=floor, ceiling=ceiling, extrapolate=True))
    assert "the floor and the ceiling for 1 units" in caught.value.actual
    assert unit in caught.value.where


@pytest.mark.parametrize("joint", [False, True])
def test_unreachable_enrollments_are_refused_with_the_maximum(response, competing, joint):
    with pytest.raises(PricingError, match="minimum enrollments cannot be reached") as caught:
        plan_prices(competing if joint else response, constraints=Constraints(max_change=0.05, least_enrollments=1.9))
    assert "at most" in caught.value.expected


def test_few_changes_are_others_where_the_best_cannot_keep_the_enrollments():
    rivals = market_response(courses=8, seed=3)
    today, low = rivals.demand(rivals.baseline).quantity.sum(), price_bounds(rivals, Constraints()).low
    cuts = np.where(np.eye(len(low), dtype=bool), low, rivals.baseline)
    reached = max(rivals.demand(prices).quantity.sum() for prices in cuts) / today
    least = reached * 0.99
    plan = plan_prices(rivals, constraints=Constraints(most_changed=1, least_enrollments=least))
    assert (plan.table["change"] != 0).sum() == 1
    assert plan.outcome.enrollments.planned >= least * today * (1 - 1e-9)
    with pytest.raises(PricingError, match="cannot be reached") as caught:
        plan_prices(rivals, constraints=Constraints(most_changed=1, least_enrollments=reached * 1.01))
    assert caught.value.expected.endswith("with at most 1 change")


@pytest.mark.parametrize(
    "wrong",
    [{"step": 0.0}, {"step": float("nan")}, {"most_changed": 0}, {"least_enrollments": -0.1}, {"max_change": 2}],
)
def test_values_that_cannot_be_used_are_refused(response, wrong):
    with pytest.raises(PricingError) as caught:
        plan_prices(response, constraints=Constraints(**wrong))
    assert caught.value.expected


@pytest.mark.parametrize("objective", [{"token_revenue": -1.0}, {"enrollments": 0.0}, {"happiness": 1.0}])
def test_objectives_that_cannot_be_used_are_refused(response, objective):
    with pytest.raises(PricingError):
        plan_prices(response, objective)


def test_bounds_for_unknown_units_are_refused(response):
    with pytest.raises(PricingError, match="unknown units"):
        plan_prices(response, constraints=Constraints(floor={"nowhere": 1.0}))
