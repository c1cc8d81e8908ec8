"""`linear`, `gradient_boosting` and `random_forest`: their estimates, and no interval that is not valid."""

import numpy as np
import pytest

from edtech.ml.elasticity.estimators.base import DemandEstimator

TREES = ("gradient_boosting", "random_forest")
FEATURES = ("linear", *TREES)


def trained(world, algorithm, **params):
    return world.modeler().compare_models(world.panel, [algorithm], params={algorithm: params})[algorithm]


@pytest.mark.parametrize("algorithm", FEATURES)
def test_demand_falls_with_the_price_where_the_naive_slope_rises(results, algorithm):
    result = results[algorithm]
    assert result.naive.estimate > 0
    assert result.elasticity.estimate < 0
    assert (result.elasticity_by_segment["estimate"] < 0).all()


@pytest.mark.parametrize(("algorithm", "share"), [("linear", 0.6), ("gradient_boosting", 0.4), ("random_forest", 0.1)])
def test_how_much_of_the_effect_each_finds(world, results, algorithm, share):
    # A constant elasticity reads a logit demand about a sixth too flat, trees pull further to 0, a forest most of all:
    # the floors keep what their help says true, and nobody may find much more than there is.
    assert share < results[algorithm].elasticity.estimate / world.elasticity < 1.3


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_constant_elasticity_has_no_interval_and_says_why(world, results, alpha):
    result = trained(world, "linear", alpha=alpha)
    assert (result.elasticity.low, result.elasticity.high) == (None, None)
    assert "it would assume a constant elasticity" in result.elasticity.note
    assert result.elasticity_by_segment[["low", "high"]].isna().all(axis=None)
    assert not {"price_elasticity_low", "price_elasticity_high"} & result.metrics.keys()


def test_a_penalty_pulls_slopes_to_0(world, results):
    assert abs(trained(world, "linear", alpha=1.0).elasticity.estimate) < abs(results["linear"].elasticity.estimate)


@pytest.mark.parametrize("algorithm", TREES)
def test_trees_have_no_interval_and_say_why(results, algorithm):
    elasticity = results[algorithm].elasticity
    assert (elasticity.low, elasticity.high) == (None, None)
    assert "step function" in elasticity.note
    assert results[algorithm].model.slope_covariance_ is None


@pytest.mark.parametrize("algorithm", TREES)
def test_trees_never_predict_more_demand_at_a_higher_price(world, results, algorithm):
    model = results[algorithm].model
    rows = world.panel.sample(300, random_state=0)
    steps = [model.predict(rows.assign(token_price=rows["token_price"] * factor)) for factor in (0.5, 0.8, 1, 1.3, 2)]
    assert (np.diff(steps, axis=0) <= 1e-12).all()
    assert (np.array(steps) > 0).all()


@pytest.mark.parametrize("algorithm", ["fixed_effects", *FEATURES])
def test_the_same_seed_gives_the_same_model_to_the_last_bit(world, results, algorithm):
    again = trained(world, algorithm)
    first = results[algorithm]
    assert again.elasticity == first.elasticity
    assert np.array_equal(again.model.predict(world.panel), first.model.predict(world.panel))


def test_another_seed_grows_another_forest(world, results):
    other = trained(world, "random_forest", seed=1)
    assert other.elasticity.estimate != results["random_forest"].elasticity.estimate


@pytest.mark.parametrize("algorithm", ["fixed_effects", "linear"])
def test_closed_form_elasticities_are_the_derivative_of_what_is_predicted(world, results, algorithm):
    model = results[algorithm].model
    rows = world.panel[world.panel["views"] > 0].sample(300, random_state=0)
    # A central difference over ±10% of price: its error is of the second order, below 2% at these elasticities.
    assert model.elasticities(rows) == pytest.approx(DemandEstimator.elasticities(model, rows), rel=0.02, abs=1e-3)


@pytest.mark.parametrize("algorithm", FEATURES)
def test_new_units_periods_and_segments_are_predicted(world, results, algorithm):
    rows = world.panel.head(20).assign(course_id="<b>new</b>", week="2040-01-02", category="unheard of")
    assert (results[algorithm].model.predict(rows) > 0).all()
    assert np.isfinite(results[algorithm].model.predict(rows)).all()


def test_another_elasticity_is_found_where_there_is_one(world):
    # Prices drawn anew for each row and a constant elasticity: what `linear` assumes, and so finds.
    rng = np.random.default_rng(0)
    price = 10 * np.exp(rng.uniform(-0.5, 0.5, len(world.panel)))
    sold = rng.poisson(world.panel["views"] * 0.2 * (price / 10) ** -0.8)
    panel = world.panel.assign(token_price=price, enrollments=np.minimum(sold, world.panel["views"]))
    modeler = world.modeler(randomized_discount=None, randomized_flag=None, prices_set="experiment")
    for name, result in modeler.compare_models(panel, ["linear", *TREES]).items():
        # some 60,000 sales: the slope's standard error is about 0.01; a step of a tree is coarser
        assert result.elasticity.estimate == pytest.approx(-0.8, abs=0.05 if name == "linear" else 0.25), name
