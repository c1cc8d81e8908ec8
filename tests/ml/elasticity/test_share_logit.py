"""`share_logit` on nested logit markets whose truth is known."""

import numpy as np
import pandas as pd
import pytest
from skops.io import dumps

from edtech.data.quality.checks import Severity
from edtech.errors import ContractError, NotIdentifiedError
from edtech.ml import TokenPriceElasticityModeler, trust_checks
from edtech.ml.elasticity.algorithms import available_algorithms
from edtech.ml.elasticity.description import describe, finding
from edtech.ml.elasticity.estimators.base import DemandEstimator
from edtech.ml.elasticity.fitting.share_logit import Nests
from edtech.pricing import price_response, recommend_prices, what_if
from edtech.pricing.trust_card import trust_card
from edtech.tracking.trusted_types import load_trusted

SLOPE, SIGMA, CITIES, UNITS, WEEKS = -2.0, 0.5, 8, 12, 60


def simulate(sigma: float, utility: float = 1.0) -> pd.DataFrame:
    """Prices follow demand; `cost` moves them alone, and units come and go, which moves shares in a nest alone."""
    rng = np.random.default_rng(3)
    city, product, week = (codes.ravel() for codes in np.indices((CITIES, UNITS, WEEKS)))
    nest = product % 3
    quality, shock, cost = rng.normal(0, 0.5, (CITIES, UNITS))[city, product], *rng.normal(0, 0.25, (2, city.size))
    price = 1.5 + cost + 0.4 * shock + 0.2 * quality
    there = rng.random(city.size) < 0.75
    frame = pd.DataFrame(
        {"city": city, "unit": city * 100 + product, "week": week, "nest": nest, "price": price, "cost": cost}
    )[there]
    value = (utility + SLOPE * price + quality + shock)[there]
    nests = Nests.from_segments((city * WEEKS + week)[there], nest[there])
    return frame.assign(sold=50_000 * nests.shares(value, sigma)[0], size=50_000.0)


def modeler(**more):
    return TokenPriceElasticityModeler(
        "unit",
        "week",
        "price",
        "sold",
        segment="nest",
        views=None,
        instruments=("cost",),
        market="city",
        market_size="size",
        **more,
    )


@pytest.fixture(scope="module", params=[0.0, SIGMA], ids=["plain", "nested"])
def case(request):
    panel = simulate(request.param)
    params = {"share_logit": {"nested": request.param > 0}}
    return panel, modeler().compare_models(panel, ["share_logit"], params=params)["share_logit"], request.param


def test_slope_and_sigma_are_recovered_if_prices_follow_demand(case):
    _, result, sigma = case
    errors = np.sqrt(np.diag(result.model.slope_covariance_))
    estimates = result.model.slopes_ / [result.model.scale_, 1.0][: result.model.slopes_.size]
    truth = np.array([SLOPE, SIGMA])[: estimates.size]
    assert (np.abs(estimates - truth) < 3.5 * errors / [result.model.scale_, 1.0][: estimates.size]).all()
    assert result.identification == "instrument"
    assert result.model.sigma_ == pytest.approx(sigma, abs=0.1)


def test_closed_form_elasticities_are_the_derivative_of_what_is_predicted(case):
    panel, result, _ = case
    rows = panel.sample(200, random_state=0)
    assert result.model.elasticities(rows) == pytest.approx(DemandEstimator.elasticities(result.model, rows), rel=0.03)


def test_gradients_are_those_of_finite_differences(case):
    _, result, _ = case
    model = result.model
    prices, margin = model.mean_price_ * 1.1, model.mean_price_
    _, slope = model.joint_value(prices, margin)
    for unit in (0, 17, 60):
        step = np.zeros_like(prices)
        step[unit] = 1e-4
        up, down = (float(margin @ model.joint_value(prices + sign * step, margin)[0]) for sign in (1, -1))
        assert slope[unit] == pytest.approx((up - down) / 2e-4, rel=1e-4)


def test_units_of_a_nest_take_most_from_each_other_and_a_segment_loses_less_than_a_unit(case):
    panel, result, sigma = case
    response = price_response(result, panel)
    today, prices = response.demand(response.baseline).quantity, response.baseline.copy()
    prices[0] *= 1.2
    gained = response.demand(prices).quantity / today - 1
    same_city = np.array([name // 100 == response.names[0] // 100 for name in response.names])
    same_nest = response.segments.to_numpy() == response.segments.iloc[0]
    assert gained[0] < 0
    assert gained[~same_city] == pytest.approx(0)
    near, far = gained[same_city & same_nest][1:].mean(), gained[same_city & ~same_nest].mean()
    assert near > far > 0 if sigma else near == pytest.approx(far)
    assert result.elasticity.estimate < result.metrics["segment_elasticity"] < 0


def test_what_ifs_and_plans_count_substitution(case):
    panel, result, _ = case
    answer = what_if(result, panel, {"0": 0.1})
    assert not answer.assumes_no_substitution
    assert answer.enrollments.low < answer.enrollments.change < answer.enrollments.high < 0
    plan = recommend_prices(result, panel)
    assert not plan.refused
    assert plan.expected.change >= 0


def test_missing_inputs_are_refused():
    panel = simulate(0.0)
    plain = TokenPriceElasticityModeler("unit", "week", "price", "sold", segment="nest", views=None)
    with pytest.raises(NotIdentifiedError, match="repeated units and a market"):
        plain.compare_models(panel, ["share_logit"])
    assert "share_logit" not in available_algorithms(plain.roles, has_visits=False)
    with pytest.raises(ContractError, match="outside share is not positive"):
        modeler().compare_models(panel.assign(size=100.0), ["share_logit"])


def sampled(size: int) -> pd.DataFrame:
    """A market without nests, with `size` potential buyers in each city and week, most of whom buy nothing."""
    panel = simulate(0.0, utility=-1.0)
    sold = np.random.default_rng(0).poisson(panel["sold"] * size / panel["size"])
    return panel.assign(sold=sold, size=float(size))


@pytest.mark.parametrize(
    ("size", "unsold", "severity"),
    [(2_000, 0.0, Severity.PASS), (250, 0.06, Severity.REVIEW), (100, 0.25, Severity.FAIL), (60, 0.4, Severity.FAIL)],
)
def test_rows_without_sales_remove_first_the_interval_then_the_recommendation(size, unsold, severity):
    panel = sampled(size)
    assert (panel["sold"] == 0).mean() == pytest.approx(unsold, abs=0.02)
    result = modeler().compare_models(panel, ["share_logit"])["share_logit"]
    assert {check.code: check.severity for check in result.checks}["unsold_rows"] is severity
    # the truth is -2.77; at the mean of the last two it is -1.4
    assert (result.elasticity.estimate < -2.3) == (severity is not Severity.FAIL)
    assert (result.elasticity.low is None) == (severity is not Severity.PASS)
    assert ("have no sales" in result.elasticity.note) == (severity is not Severity.PASS)
    assert result.may_recommend == (severity is not Severity.FAIL)


def test_an_estimate_that_unsold_rows_bias_is_not_used_anywhere():
    panel = sampled(100)
    result = modeler().compare_models(panel, ["share_logit"])["share_logit"]
    assert "have no sales" in trust_checks.blocking_reason(result.checks)
    assert "biased" in finding(result)
    assert "The estimate is biased" in describe(result)
    plan = recommend_prices(result, panel)
    assert plan.refused
    assert "biased" in plan.reasons[0]
    assert "longer periods" in plan.reasons[1]
    cards = {check.code: check for check in trust_card(price_response(result, panel), plan.outcome)}
    assert cards["identification"].severity is Severity.FAIL
    assert "biased" in cards["identification"].evidence


def test_it_is_stored_and_loaded_by_our_list_of_types_alone(case):
    model, rows = case[1].model, case[0].head(50)
    again = load_trusted(dumps(model), "m")
    assert (again.predict(rows) == model.predict(rows)).all()
