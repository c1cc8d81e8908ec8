import numpy as np
import pandas as pd
import pytest

from edtech.errors import PricingError
from edtech.market import MarketParams, generate_market

# If churn does not depend on prices, the counterfactual of a small change gives the elasticity by definition.
STILL = MarketParams(learners=1_500, teachers=60, courses=120, weeks=10, churn_price_response=0)


@pytest.fixture(scope="module")
def truth():
    return generate_market(STILL).truth


def test_the_counterfactual_at_the_same_prices_is_the_market(truth):
    market = generate_market(STILL)
    same = truth.counterfactual()
    panel = market.tables["course_weeks"]
    assert (same.course_weeks["enrollments"] == panel["enrollments"]).all()
    assert (same.course_weeks["token_price"] == panel["token_price"]).all()
    assert same.totals["enrollments"] == len(market.tables["enrollments"])
    paid = market.tables["enrollments"]["tokens_spent"].sum() / 100
    assert same.totals["token_revenue"] == pytest.approx(paid, rel=0.05)
    components = same.totals[["teacher_earnings", "commission", "burned"]].sum()
    assert components == pytest.approx(same.totals["token_revenue"])


def test_elasticities_match_the_counterfactual(truth):
    step = 0.01
    up, down = (truth.counterfactual({"Programming": sign * step}) for sign in (1, -1))
    category = up.course_weeks["category"] == "Programming"
    sold = [counterfactual.course_weeks.loc[category, "expected_enrollments"].sum() for counterfactual in (up, down)]
    measured = np.log(sold[0] / sold[1]) / np.log((1 + step) / (1 - step))
    table = truth.tables["segments"].set_index("segment").loc["Programming"]
    assert measured == pytest.approx(table["segment_elasticity"], abs=0.003)
    assert table["own_elasticity"] < table["segment_elasticity"] - 0.2
    assert truth.cross.loc["Programming", "Programming"] == pytest.approx(table["segment_elasticity"])
    assert (truth.cross.loc["Programming"].drop("Programming") >= 0).all()


def test_own_elasticity_matches_a_price_change_of_one_course(truth):
    # The elasticity is computed at the original prices, not at constant ones, hence the tolerance.
    weeks = truth.tables["course_weeks"]
    top = weeks.groupby("course_id")["expected_enrollments"].sum().idxmax()
    prices = truth.counterfactual().course_weeks.query("course_id == @top")["token_price"]
    sold = []
    for factor in (0.98, 1.02):
        plan = pd.Series({top: prices.mean() * factor})
        counterfactual = truth.counterfactual(plan).course_weeks.query("course_id == @top")
        assert counterfactual["token_price"].nunique() == 1
        sold.append(counterfactual["expected_enrollments"].sum())
    rows = weeks[weeks["course_id"] == top]
    own = np.average(rows["own_elasticity"], weights=rows["expected_enrollments"])
    assert np.log(sold[1] / sold[0]) / np.log(1.02 / 0.98) == pytest.approx(own, abs=0.1)


def test_offers_do_not_depend_on_prices():
    base, repriced = generate_market(STILL), generate_market(STILL, prices={"Programming": 0.5, "Music": -0.3})
    columns = ["view_id", "visit_id", "learner_id", "course_id", "viewed_at"]
    pd.testing.assert_frame_equal(base.tables["views"][columns], repriced.tables["views"][columns])
    assert repriced.check_identities() == []
    assert repriced.digest != base.digest


def test_expensive_offers_raise_churn():
    params = STILL.model_copy(update={"churn_price_response": 2.0})
    truth = generate_market(params).truth
    all_categories = dict.fromkeys(truth.tables["segments"]["segment"], 0.5)
    assert truth.counterfactual(all_categories).learners_left > truth.counterfactual().learners_left


@pytest.mark.parametrize(
    "plan",
    [
        {"Cooking": 0.1},
        {"Music": -1.0},
        {"Music": float("nan")},
        pd.Series({"C999": 5.0}),
        pd.Series({"C001": 0.0}),
        pd.Series({"C001": 1e12}),
        pd.Series([5.0, 6.0], index=["C001", "C001"]),
    ],
)
def test_invalid_plans_raise(truth, plan):
    with pytest.raises(PricingError) as error:
        truth.counterfactual(plan)
    assert error.value.expected


def test_best_prices_maximize_revenue_within_their_bounds(truth):
    best = truth.best_prices(max_change=0.3)

    def revenue(prices):
        return truth.counterfactual(prices).totals["token_revenue"]

    weeks = generate_market(STILL).tables["course_weeks"]
    sold = weeks.groupby("course_id")["enrollments"].sum()
    mean = (weeks["token_price"] * weeks["enrollments"]).groupby(weeks["course_id"]).sum() / sold
    mean = mean.fillna(weeks.groupby("course_id")["token_price"].mean())
    assert (best / mean).between(0.699, 1.301).all()
    assert revenue(best) > 1.02 * revenue(mean)
    rng = np.random.default_rng(0)
    for _ in range(5):
        other = best * np.exp(0.1 * rng.standard_normal(len(best)))
        assert revenue(other.clip(mean * 0.7, mean * 1.3)) < revenue(best)
    near = truth.best_prices(within=(0.95 * mean, 1.02 * mean))
    assert (near / mean).between(0.949, 1.021).all()
    assert revenue(mean) < revenue(near) < revenue(best)
    with pytest.raises(PricingError, match="share"):
        truth.best_prices(max_change=1.5)


def test_a_counterfactual_does_not_depend_on_the_number_of_workers():
    params = MarketParams(learners=5_200, teachers=20, courses=40, weeks=5)
    truth = generate_market(params).truth
    alone, shared = (truth.counterfactual({"Music": 0.2}, workers=workers) for workers in (1, 2))
    pd.testing.assert_frame_equal(alone.course_weeks, shared.course_weeks, check_exact=True)
    assert alone.learners_left == shared.learners_left
    assert alone.course_weeks["enrollments"].sum() < truth.counterfactual().course_weeks["enrollments"].sum()


def test_without_views_there_is_no_elasticity():
    truth = generate_market(MarketParams(learners=10, weeks=4, visits_per_week=0.02, seed=3)).truth
    assert np.isnan([truth.own_elasticity, truth.segment_elasticity, truth.cross_elasticity]).all()
