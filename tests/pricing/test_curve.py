"""The revenue curve: its points, its support and its best price, and how they are worded."""

from dataclasses import replace

import numpy as np
import pytest

from edtech.errors import PricingError
from edtech.pricing import changed_prices, estimate_effects, price_response, revenue_curve, what_if
from edtech.pricing.tables import curve_title, effect_rows

SEGMENTS = [f"cat{number}" for number in range(5)]


@pytest.fixture(scope="module")
def curve(response):
    return revenue_curve(response)


def test_a_point_is_the_what_if_of_its_change(response, curve):
    for change in (-0.3, 0.25):
        point = curve.points.iloc[(curve.points["change"] - change).abs().argmin()]
        outcome = estimate_effects(response, changed_prices(response, dict.fromkeys(SEGMENTS, change)))
        assert point["revenue"] == pytest.approx(outcome.token_revenue.planned)
        assert point["quantity"] == pytest.approx(outcome.enrollments.planned)
        assert point["low"] == pytest.approx(outcome.token_revenue.today * (1 + outcome.token_revenue.low))
        assert point["high"] == pytest.approx(outcome.token_revenue.today * (1 + outcome.token_revenue.high))


def test_today_is_on_the_curve_and_certain(curve):
    today = curve.points.set_index("change").loc[0.0]
    assert today["revenue"] == pytest.approx(curve.today)
    assert today["low"] == pytest.approx(curve.today)
    assert today["high"] == pytest.approx(curve.today)
    assert curve.points["change"].is_monotonic_increasing


def test_doubt_grows_away_from_today(curve):
    width = (curve.points["high"] - curve.points["low"]) / curve.points["revenue"]
    up = curve.points["change"] >= 0
    assert width[up].is_monotonic_increasing
    assert width[~up].is_monotonic_decreasing


def test_inside_the_support_nearly_all_revenue_stays_at_observed_prices(response, curve):
    low, high = curve.support
    assert low < 0 < high
    for change, inside in ((low * 0.999, True), (high * 0.999, True), (low - 0.1, False), (high + 0.1, False)):
        outcome = estimate_effects(response, changed_prices(response, dict.fromkeys(SEGMENTS, change)))
        assert outcome.extrapolates is not inside


def test_the_best_price_is_the_top_of_the_curve_inside_the_support(curve):
    inside = curve.points[curve.points["change"].between(*curve.support)]
    assert curve.support[0] <= curve.peak <= curve.support[1]
    best = curve.points.set_index("change").loc[curve.peak, "revenue"]
    assert best == inside["revenue"].max()
    assert curve.peak_at_edge is (curve.peak in curve.support)


def test_the_best_common_change_is_near_the_true_one(world, response):
    """Prices of the elastic segments should fall together; the truth's own curve says how far."""
    segment = int(np.argmax([world.slope[world.segment == number].mean() for number in range(5)]))
    curve = revenue_curve(response, (f"cat{segment}",))
    inside = world.segment == segment
    changes = curve.points["change"][curve.points["change"].between(*curve.support)]
    earned = [world.revenue(world.today * (1 + change))[inside].sum() for change in changes]
    at_best = world.revenue(world.today * (1 + curve.peak))[inside].sum()
    # the top is flat: to be off by some steps may cost a fiftieth of the revenue, not more
    assert at_best >= 0.98 * max(earned)


def test_curves_of_single_segments_add_up_where_nothing_is_substituted(response):
    """Each shows the revenue of all units; only what its own segment gains or loses differs."""
    curves = [revenue_curve(response, (name,)) for name in SEGMENTS]
    whole = revenue_curve(response)
    assert {curve.today for curve in curves} == {whole.today}
    gained = sum(curve.points.set_index("change").loc[0.5, "revenue"] - curve.today for curve in curves)
    assert gained == pytest.approx(whole.points.set_index("change").loc[0.5, "revenue"] - whole.today)


def test_a_model_without_interval_has_a_curve_without_a_band(world, forest):
    points = revenue_curve(price_response(forest, world.panel)).points
    assert points[["low", "high"]].isna().all(axis=None)
    assert np.isfinite(points[["revenue", "quantity"]]).all(axis=None)


def test_titles_state_the_finding_only_if_prices_may_be_recommended(curve):
    best = curve.points.set_index("change").loc[curve.peak, "revenue"]
    title = curve_title(curve, may_recommend=True)
    assert title.startswith(f"Revenue peaks at {curve.peak:+.0%}")
    assert title.endswith(f"{best / curve.today - 1:+.1%} from today")
    assert curve_title(curve, may_recommend=False) == "Expected revenue if the stated condition holds"


def test_effects_are_rows_with_nan_where_there_is_no_interval(world, response, forest):
    outcome = estimate_effects(response, changed_prices(response, {"cat0": 0.1}))
    rows = effect_rows(outcome)
    assert list(rows["name"]) == [
        "Enrollments",
        "Token revenue",
        "Teacher earnings",
        "Commission",
        "Tokens burned",
        "Enrollment rate",
    ]
    assert rows["change"].iloc[1] == outcome.token_revenue.change
    assert np.isfinite(rows.drop(columns="name")).all(axis=None)
    assert effect_rows(what_if(forest, world.panel, {"cat0": 0.1}))[["low", "high"]].isna().all(axis=None)


def test_the_curve_has_demand_and_its_elasticity(world, result, response):
    curve = revenue_curve(response)
    points = curve.points
    assert (points["quantity_low"] <= points["quantity"]).all()
    assert (points["quantity"] <= points["quantity_high"]).all()
    # at today's prices, the elasticity of all units' demand to a common price is about the mean own elasticity
    today = points.loc[points["change"] == 0, "elasticity"].iloc[0]
    assert today == pytest.approx(result.elasticity.estimate, abs=0.25)
    assert points["elasticity"].iloc[-1] < points["elasticity"].iloc[0] < 0
    # randomized prices are among all prices seen
    low, high = curve.randomized_support
    assert curve.support[0] <= low <= 0 <= high <= curve.support[1]


@pytest.mark.parametrize("segments", [("unknown",), ("cat0", "unknown"), ()])
def test_a_curve_of_no_unit_is_refused(response, segments):
    with pytest.raises(PricingError) as caught:
        revenue_curve(response, segments)
    assert ("cat4" in caught.value.expected) is ("unknown" in segments)


@pytest.mark.parametrize("off", [1e-16, -1e-16, 4e-8])
def test_an_end_of_the_support_beside_a_point_of_the_grid_bends_no_curve(response, off):
    ends = dict(low=response.baseline * (0.8 + off), high=response.baseline * (1 + off))
    curve = revenue_curve(replace(response, **ends))
    points = curve.points
    assert np.diff(points["change"]).min() > 1e-6
    assert set(curve.support) <= set(points["change"])
    # the elasticity falls along the curve, without a jump between neighbours 2.5% apart
    assert np.diff(points["elasticity"]).max() <= 0.02
    assert np.diff(points["elasticity"]).min() > -0.2
