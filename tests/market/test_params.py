from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from edtech.errors import ParamsError
from edtech.market import PRESETS, MarketParams, generate_market, presets


@pytest.mark.parametrize("name", MarketParams.model_fields)
def test_a_slider_can_be_made_of_every_parameter(name):
    about = MarketParams.model_fields[name]
    assert about.title
    assert about.description
    if about.annotation is not bool:
        low, high = (getattr(bound, kind) for bound, kind in zip(about.metadata, ("ge", "le"), strict=True))
        assert low <= about.default <= high


def test_a_preset_takes_changes_and_wrong_ones_are_all_named():
    assert MarketParams.preset("confounded", seed=7) == PRESETS["confounded"].model_copy(update={"seed": 7})
    with pytest.raises(ParamsError) as error:
        MarketParams.preset("balanced", learners=1, burn_rate=2, cooking=1)
    assert all(word in str(error.value) for word in ("learners", "burn_rate", "cooking"))
    with pytest.raises(ParamsError, match="balanced, confounded"):
        MarketParams.preset("wild")


def test_wrong_input_of_a_form_is_one_error_of_ours():
    assert MarketParams.of({"learners": 50}) == MarketParams(learners=50)
    with pytest.raises(ParamsError, match="2 wrong") as error:
        MarketParams.of({"learners": "many", "season": 7})
    assert len(error.value.details) == 2


def test_parameters_cannot_be_changed():
    with pytest.raises(ValidationError):
        MarketParams().seed = 2


@pytest.fixture(scope="module", params=presets())
def market(request):
    return generate_market(PRESETS[request.param])


def slope(panel):
    """Return the naive elasticity: the pooled slope of log(1 + enrollments) on log price."""
    return np.polyfit(np.log(panel["token_price"]), np.log1p(panel["enrollments"]), 1)[0]


def monthly_churn(market):
    """Return the mean share, over months, of those there at its start who leave in it."""
    left = market.truth.tables["learners"]["left_at"]
    joined = market.tables["learners"]["joined_on"]
    week = market.tables["course_weeks"]["week"]
    starts = np.arange(week.min().to_datetime64(), week.max().to_datetime64(), np.timedelta64(30, "D"))
    there = [(joined <= start) & ~(left < start) for start in starts[:-1]]
    gone = [left.between(start, stop, inclusive="left") for start, stop in pairwise(starts)]
    return np.mean([(here & leaves).sum() / here.sum() for here, leaves in zip(there, gone, strict=True)])


def test_presets_look_like_markets(market):
    panel, enrollments = market.tables["course_weeks"], market.tables["enrollments"]
    assert 0.03 < panel["enrollments"].sum() / panel["views"].sum() < 0.15
    assert 0.1 < enrollments["completed"].mean() < 0.6
    assert 0.02 < monthly_churn(market) < 0.15
    per_course = panel.groupby("course_id")["enrollments"].sum().sort_values(ascending=False)
    assert per_course.iloc[: len(per_course) // 10].sum() > 0.3 * per_course.sum()
    truth = market.truth.tables["courses"].set_index("course_id")
    price = panel.groupby("course_id")["list_price"].mean() / truth["usual_price"]
    assert truth["quality"].corr(np.log(price)) > 0.3
    asked = np.log(panel.groupby("course_id")["list_price"].mean())
    category = market.tables["courses"].set_index("course_id")["category"]
    assert truth["quality"].corr(asked - asked.groupby(category).transform("mean")) > 0.2
    assert -2.6 < market.truth.own_elasticity < -1.3
    assert market.check_identities() == []


@pytest.mark.parametrize("seed", range(5))
def test_the_naive_elasticity_of_the_confounded_preset_has_the_wrong_sign(seed):
    market = generate_market(MarketParams.preset("confounded", seed=seed))
    assert slope(market.tables["course_weeks"]) > 0 > market.truth.own_elasticity


def test_prices_follow_demand_and_draws_do_not():
    market = generate_market(MarketParams.preset("confounded", price_test_share=0.3))
    panel = market.tables["course_weeks"].merge(market.truth.tables["course_weeks"], on=["course_id", "week"])
    noise = 4 / np.sqrt(len(panel))
    assert panel["shock"].corr(np.log(panel["list_price"])) > 0.3
    drawn = panel[panel["promo_randomized"]]
    assert abs(drawn["shock"].corr(drawn["discount_pct"])) < 4 / np.sqrt(len(drawn))
    assert abs(panel["shock"].corr(panel["price_test_pct"])) < noise
    chosen = panel[~panel["promo_randomized"]]
    assert chosen["shock"].corr(chosen["discount_pct"]) < -2 / np.sqrt(len(chosen))
    rate = drawn["promo_probability"].iloc[0]
    assert (drawn["discount_pct"] > 0).mean() == pytest.approx(rate, abs=4 * np.sqrt(rate / len(drawn)))


def test_a_price_test_goes_up_and_down():
    panel = generate_market(PRESETS["price_test"]).tables["course_weeks"]
    tested = panel.loc[panel["price_test_pct"] != 0, "price_test_pct"]
    assert len(tested) == pytest.approx(0.5 * len(panel), rel=0.1)
    assert (tested > 0).mean() == pytest.approx(0.5, abs=0.05)
    # The one instrument is the two draws together, up to a constant where anything was drawn.
    rows = panel[panel["price_randomized"]]
    promo = rows["discount_pct"].where(rows["promo_randomized"], 0)
    drawn = np.log1p(rows["price_test_pct"]) + np.log1p(-promo)
    assert np.ptp(np.log1p(-rows["randomized_discount"]) - drawn) < 1e-4
    assert (panel.loc[~panel["price_randomized"], "randomized_discount"] == 0).all()
