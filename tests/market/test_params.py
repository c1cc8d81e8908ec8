import numpy as np
import pytest
from pydantic import ValidationError

from edtech.errors import ParamsError
from edtech.market import PRESETS, MarketParams, generate_market, presets
from edtech.market.estimate import estimate_size
from edtech.market.realism import EXPONENTIAL_SHARE, measure_realism
from edtech.settings import MEGABYTE


@pytest.mark.parametrize("name", MarketParams.model_fields)
def test_every_parameter_has_what_a_slider_needs(name):
    field = MarketParams.model_fields[name]
    assert field.title
    assert field.description
    if field.annotation is not bool:
        low, high = (getattr(bound, kind) for bound, kind in zip(field.metadata, ("ge", "le"), strict=True))
        assert low <= field.default <= high


def test_a_preset_accepts_changes_and_lists_all_invalid_ones():
    assert MarketParams.preset("confounded", seed=7) == PRESETS["confounded"].model_copy(update={"seed": 7})
    with pytest.raises(ParamsError) as error:
        MarketParams.preset("balanced", learners=1, burn_rate=2, cooking=1)
    assert all(word in str(error.value) for word in ("learners", "burn_rate", "cooking"))
    with pytest.raises(ParamsError, match="balanced, confounded"):
        MarketParams.preset("wild")


def test_invalid_form_input_raises_a_params_error():
    assert MarketParams.of({"learners": 50}) == MarketParams(learners=50)
    with pytest.raises(ParamsError, match="2 market parameters are invalid") as error:
        MarketParams.of({"learners": "many", "season": 7})
    assert len(error.value.details) == 2


def test_parameters_cannot_be_changed():
    with pytest.raises(ValidationError):
        MarketParams().seed = 2


@pytest.fixture(scope="module", params=presets())
def market(request):
    return generate_market(PRESETS[request.param])


def test_presets_look_like_markets(market):
    realism = measure_realism(market)
    assert 0.03 < realism.conversion < 0.15
    assert 0.1 < realism.completion < 0.6
    assert 0.02 < realism.monthly_churn < 0.15
    assert realism.top_share > EXPONENTIAL_SHARE
    assert realism.price_quality > 0.2
    assert -2.6 < realism.true_elasticity < -1.3
    assert market.check_identities() == []


@pytest.mark.parametrize("seed", range(5))
def test_the_naive_elasticity_of_the_confounded_preset_has_the_wrong_sign(seed):
    realism = measure_realism(generate_market(MarketParams.preset("confounded", seed=seed)))
    assert realism.naive_elasticity > 0 > realism.true_elasticity


def test_the_figures_match_the_tables(market):
    realism, panel = measure_realism(market), market.tables["course_weeks"]
    assert realism.conversion == len(market.tables["enrollments"]) / len(market.tables["views"])
    per_course = panel.groupby("course_id")["enrollments"].sum().nlargest(panel["course_id"].nunique() // 10)
    assert realism.top_share == pytest.approx(per_course.sum() / panel["enrollments"].sum())


@pytest.mark.parametrize("name", ["balanced", "thin"])
@pytest.mark.parametrize("changes", [{}, {"weeks": 60, "learners": 3_000}, {"courses_seen": 9, "growth": 0.7}])
def test_the_size_estimate_is_accurate(name, changes, tmp_path):
    # The pilot has at most 20,000 visits of a few hundred learners, so its sampling error is a few percent.
    params = MarketParams.preset(name, **changes)
    estimate = estimate_size(params)
    generated = generate_market(params, out=tmp_path / "m")
    assert estimate.views == pytest.approx(len(generated.tables["views"]), rel=0.1)
    assert estimate.enrollments == pytest.approx(len(generated.tables["enrollments"]), rel=0.15)
    assert estimate.course_weeks == len(generated.tables["course_weeks"])
    disk = sum(path.stat().st_size for path in (tmp_path / "m").rglob("*") if path.is_file()) / MEGABYTE
    assert estimate.disk_mb == pytest.approx(disk, rel=0.35, abs=1)


def test_prices_follow_demand_unless_randomized():
    market = generate_market(MarketParams.preset("confounded", price_test_share=0.3))
    panel = market.tables["course_weeks"].merge(market.truth.tables["course_weeks"], on=["course_id", "week"])
    noise = 4 / np.sqrt(len(panel))
    assert panel["shock"].corr(np.log(panel["list_price"])) > 0.3
    randomized = panel[panel["promo_randomized"]]
    assert abs(randomized["shock"].corr(randomized["discount_pct"])) < 4 / np.sqrt(len(randomized))
    assert abs(panel["shock"].corr(panel["price_test_pct"])) < noise
    set_by_teachers = panel[~panel["promo_randomized"]]
    assert set_by_teachers["shock"].corr(set_by_teachers["discount_pct"]) < -2 / np.sqrt(len(set_by_teachers))
    rate = randomized["promo_probability"].iloc[0]
    assert (randomized["discount_pct"] > 0).mean() == pytest.approx(rate, abs=4 * np.sqrt(rate / len(randomized)))


def test_a_price_test_goes_up_and_down():
    panel = generate_market(PRESETS["price_test"]).tables["course_weeks"]
    tested = panel.loc[panel["price_test_pct"] != 0, "price_test_pct"]
    assert len(tested) == pytest.approx(0.5 * len(panel), rel=0.1)
    assert (tested > 0).mean() == pytest.approx(0.5, abs=0.05)
    # The instrument combines the price test and the promotion, up to a constant on randomized rows.
    rows = panel[panel["price_randomized"]]
    promo = rows["discount_pct"].where(rows["promo_randomized"], 0)
    randomized = np.log1p(rows["price_test_pct"]) + np.log1p(-promo)
    assert np.ptp(np.log1p(-rows["randomized_discount"]) - randomized) < 1e-4
    assert (panel.loc[~panel["price_randomized"], "randomized_discount"] == 0).all()
