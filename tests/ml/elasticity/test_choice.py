"""`choice_logit` on generated markets, where courses compete and the truth is known."""

import numpy as np
import pandas as pd
import pytest

from edtech.errors import ContractError, NotIdentifiedError
from edtech.market import MarketParams, generate_market
from edtech.ml import TokenPriceElasticityModeler
from edtech.ml.elasticity.estimators.choice_logit import visit_arrays
from edtech.ml.elasticity.panel import panel_arrays
from edtech.pricing import price_response, recommend_prices, what_if
from edtech.tables.roles import MARKET_ROLES

ALGORITHM = "choice_logit"


@pytest.fixture(scope="module")
def market():
    return generate_market(MarketParams(learners=2_000, courses=80, teachers=40, weeks=26, seed=11))


@pytest.fixture(scope="module")
def panel(market):
    return market.tables["course_weeks"]


@pytest.fixture(scope="module")
def result(market, panel):
    modeler = TokenPriceElasticityModeler.from_roles(MARKET_ROLES)
    return modeler.compare_models(panel, [ALGORITHM], visits=market.tables["views"])[ALGORITHM]


def true_change(market, panel, prices):
    """Change of the truly expected revenue against the mean prices that plans start from."""
    today = panel.groupby("course_id")["token_price"].mean()
    before, after = (market.truth.counterfactual(plan).course_weeks["token_revenue"].sum() for plan in (today, prices))
    return after / before - 1


def test_own_and_segment_wide_elasticity_are_found(market, result):
    # the interval is 95%; learners differ in taste, which a plain logit leaves out, so a little more room is left
    elasticity, truth = result.elasticity, market.truth.own_elasticity
    half = (elasticity.high - elasticity.low) / 2
    assert abs(elasticity.estimate - truth) < 1.5 * half
    assert half < 0.35 * abs(truth)
    wide = result.metrics["segment_elasticity"]
    assert abs(wide - market.truth.segment_elasticity) < 1.5 * half
    # a category as a whole loses less than one course alone: the difference is what courses take from each other
    assert elasticity.estimate < wide < 0


def test_the_slope_by_price_level_is_recovered(market, panel, result):
    by_course = market.truth.tables["course_weeks"].groupby("course_id")[["own_elasticity", "expected_enrollments"]]
    own = by_course.apply(lambda rows: np.average(rows["own_elasticity"], weights=rows["expected_enrollments"] + 1e-9))
    courses = panel.groupby("course_id").agg(price=("token_price", "mean"), category=("category", "first"))
    price_level = np.log(courses["price"])
    price_level -= price_level.groupby(courses["category"]).transform("mean")
    truth = np.polyfit(price_level, own - own.groupby(courses["category"]).transform("mean"), 1)[0]
    assert truth < 0
    model = result.model
    level_slope, error = model.slopes_[-1], np.sqrt(model.slope_covariance_[-1, -1])
    # 2.5 standard errors: one market in eighty lies further off; the slope is the elasticity's without the logit's room
    assert abs(level_slope - truth) < 2.5 * error
    assert level_slope < -2 * error


def test_few_courses_have_a_slope_for_each_segment_and_none_by_price_level(market, panel):
    few = panel[panel["course_id"].isin(sorted(panel["course_id"].unique())[::9])]
    visits = market.tables["views"]
    modeler = TokenPriceElasticityModeler.from_roles(MARKET_ROLES)
    results = modeler.compare_models(few, [ALGORITHM], visits=visits[visits["course_id"].isin(few["course_id"])])
    assert results[ALGORITHM].model.slopes_.size == few["category"].nunique()


def test_a_what_if_over_a_category_counts_substitution(market, panel, result):
    outcome = what_if(result, panel, {"Programming": 0.15})
    today = panel.groupby("course_id")["token_price"].mean()
    category = panel.groupby("course_id")["category"].first()
    prices = today.where(category != "Programming", today * 1.15)
    revenue = outcome.token_revenue
    half = (revenue.high - revenue.low) / 2
    assert abs(revenue.change - true_change(market, panel, prices)) < 1.5 * half
    assert not outcome.assumes_no_substitution
    alone = TokenPriceElasticityModeler.from_roles(MARKET_ROLES).compare_models(panel, ["fixed_effects"])
    assert what_if(alone["fixed_effects"], panel, {"Programming": 0.15}).token_revenue.change < revenue.change


def test_the_plan_earns_what_it_says(market, panel, result):
    plan = recommend_prices(result, panel)
    assert not plan.refused
    truth = true_change(market, panel, plan.prices)
    half = (plan.expected.high - plan.expected.low) / 2
    assert truth > 0
    assert abs(plan.expected.change - truth) < 2 * half
    response = price_response(result, panel)
    assert (plan.prices.to_numpy() >= response.low - 1e-6).all()
    assert (plan.prices.to_numpy() <= response.high + 1e-6).all()


def test_the_joint_optimum_is_one(panel, result):
    """No single price can be moved, within its bounds, to earn more: checked by brute force on some of them."""
    response = price_response(result, panel)
    plan = recommend_prices(result, panel)
    best = plan.prices.to_numpy()
    value = float(best @ response.demand(best).quantity)
    for unit in np.random.default_rng(0).choice(len(best), 12, replace=False):
        for price in np.linspace(response.low[unit], response.high[unit], 9):
            other = best.copy()
            other[unit] = np.clip(price, response.baseline[unit] * 0.5, response.baseline[unit] * 1.5)
            assert float(other @ response.demand(other).quantity) <= value * (1 + 1e-5)


def test_gradients_are_those_of_finite_differences(result):
    model = result.model
    prices, margin = model.mean_price_ * 1.1, model.mean_price_
    _, slope = model.joint_value(prices, margin)
    for unit in (0, 7, 31):
        step = np.zeros_like(prices)
        step[unit] = 1e-4 * prices[unit]
        up, down = (float(margin @ model.joint_value(prices + sign * step, margin)[0]) for sign in (1, -1))
        assert slope[unit] == pytest.approx((up - down) / (2 * step[unit]), rel=1e-4, abs=1e-6)
    quantity, vjp = model.joint_demand(prices, model.mean_price_)
    slopes = model.slopes_.copy()
    step = np.full_like(slopes, 1e-5)
    # the gradient is that of the change from the reference prices, so the values there are held fixed
    base = model.unit_effects_.copy()
    relative = (model.mean_price_ / model.scale_)[:, None] * model.slope_design_[model.slope_group_]
    model.slopes_ = slopes + step
    model.unit_effects_ = base - relative @ step
    after = model.joint_demand(prices, model.mean_price_)[0]
    model.slopes_, model.unit_effects_ = slopes, base
    for weights in (model.mean_price_, np.eye(len(prices))[3]):
        assert weights @ (after - quantity) == pytest.approx(vjp(weights) @ step, rel=1e-3, abs=1e-9)


def test_missing_visits_are_refused(market, panel):
    modeler = TokenPriceElasticityModeler.from_roles(MARKET_ROLES)
    with pytest.raises(NotIdentifiedError, match="visits"):
        modeler.compare_models(panel, [ALGORITHM])
    views = market.tables["views"]
    with pytest.raises(ContractError, match="visit_id"):
        modeler.compare_models(panel, [ALGORITHM], visits=views.drop(columns="visit_id"))
    late = views.assign(viewed_at=views["viewed_at"] - pd.Timedelta(days=4_000))
    with pytest.raises(ContractError, match="No visit matches the panel"):
        modeler.compare_models(panel, [ALGORITHM], visits=late)


def changed(views, column, values):
    """The views with other values in the first rows of a column."""
    return views.assign(**{column: np.r_[values, views[column].to_numpy()[len(values) :]]})


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda v: changed(v, "token_price", [np.nan]), r"'token_price': must not be missing.*1 row"),
        (lambda v: changed(v, "token_price", [-3.0, 0.0, np.inf]), r"'token_price': must be above 0.*2 rows"),
        (lambda v: v.assign(enrolled=v["enrolled"].map({True: "taken", False: "left"})), "must be true or false"),
        (lambda v: v.assign(enrolled=2 * v["enrolled"]), "must be true or false"),
        (lambda v: v.assign(enrolled=v["visit_id"] % 2 == 0), "at most one course may be chosen"),
        (lambda v: pd.concat([v, v.head(3)]), r"must occur once for each visit and course.*6 rows"),
        (lambda v: v.assign(token_price=100 * v["token_price"]), "a median ratio of 100"),
        (lambda v: v.assign(token_price=v["token_price"] / 2), "a median ratio of 0.5"),
        (lambda v: v.assign(viewed_at=v["viewed_at"].dt.day_of_year), "Found: numbers"),
        (lambda v: v.assign(viewed_at="soon"), "'viewed_at': must be a date"),
        (lambda v: v.drop(columns="viewed_at"), "viewed_at"),
        (lambda v: v.head(0), "no rows"),
    ],
)
def test_invalid_visits_are_refused(market, panel, spoil, says):
    modeler = TokenPriceElasticityModeler.from_roles(MARKET_ROLES)
    with pytest.raises(ContractError, match=says):
        modeler.compare_models(panel, [ALGORITHM], visits=spoil(market.tables["views"]))


def test_visits_may_have_other_formats(market, panel):
    views, roles = market.tables["views"], MARKET_ROLES
    arrays = panel_arrays(panel, roles)
    written = views.assign(
        viewed_at=views["viewed_at"].dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"),
        token_price=views["token_price"].astype(str),
        enrolled=np.where(views["enrolled"], "yes", "no"),
    )
    viewed = panel[panel["views"] > 0]
    first, second = (visit_arrays(visits, viewed, arrays, roles) for visits in (views, written))
    for name in ("visit", "unit", "panel_row", "price", "choice"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name
    text = views.assign(viewed_at=views["viewed_at"].astype(str))
    assert np.array_equal(visit_arrays(text, viewed, arrays, roles).panel_row, first.panel_row)


def test_by_default_it_is_trained_only_where_there_are_visits(panel):
    small = panel[panel["course_id"].isin(sorted(panel["course_id"].unique())[:30])]
    names = TokenPriceElasticityModeler.from_roles(MARKET_ROLES).compare_models(small)
    assert "fixed_effects" in names
    assert not {ALGORITHM, "dml", "share_logit"} & names.keys()


def test_visits_after_the_end_of_the_panel_are_ignored(market, panel):
    """Held-out periods must not reach the holdout fit through their visits."""
    views, weeks = market.tables["views"], sorted(panel["week"].unique())
    early = panel[panel["week"] < weeks[-5]]
    earlier = views[views["viewed_at"] < weeks[-5]]
    modeler = TokenPriceElasticityModeler.from_roles(MARKET_ROLES)
    both = [modeler.compare_models(early, [ALGORITHM], visits=visits)[ALGORITHM] for visits in (views, earlier)]
    assert len(earlier) < len(views)
    # Not to the last bit: how a sum is split over a processor's lanes depends on where its numbers lie.
    assert both[0].model.slopes_ == pytest.approx(both[1].model.slopes_, rel=1e-9)
    assert both[0].metrics["rmse"] == pytest.approx(both[1].metrics["rmse"], rel=1e-9)
