"""The checks of a training: each fails on a market made for it, and passes on a market without problems."""

import numpy as np
import pandas as pd
import pytest

from edtech.data.quality.checks import Severity
from edtech.ml import TokenPriceElasticityModeler
from edtech.pricing import estimate_effects, price_response
from edtech.pricing.trust_card import trust_card
from tests.worlds import make_world

ALL = {
    "convergence",
    "identification",
    "elasticity_sign",
    "first_stage",
    "price_support",
    "views_react",
    "stability",
    "baseline",
    "params_on_edge",
}


def checked(panel, modeler, algorithm="fixed_effects", **params):
    result = modeler.compare_models(panel, [algorithm], params={algorithm: params})[algorithm]
    return {check.code: check for check in result.checks}


def test_a_good_training_passes_every_check(results):
    checks = {check.code: check for check in results["fixed_effects"].checks}
    assert set(checks) == ALL
    assert {code for code, check in checks.items() if check.severity is not Severity.PASS} == set()
    assert "by thirds of the time" in checks["stability"].evidence
    folds = results["fixed_effects"].tables["elasticity_by_fold"]
    assert len(folds) == 3
    assert (folds["low"] < results["fixed_effects"].elasticity.estimate).all()


def test_trees_are_checked_for_what_they_have(results):
    codes = {check.code for check in results["random_forest"].checks}
    assert codes == ALL - {"convergence"}
    assert "elasticity_by_fold" not in results["random_forest"].tables


def test_prices_that_follow_demand_give_the_wrong_sign(world):
    # the units' own list prices, without the randomized discounts: what is left follows the shocks
    panel = world.panel.assign(token_price=world.panel["list_price"].round(2))
    check = checked(panel, world.modeler(randomized_discount=None, randomized_flag=None))["elasticity_sign"]
    assert check.severity is Severity.FAIL
    assert "randomize" in check.fix


def test_an_identification_that_supports_no_recommendation_is_named(world):
    unknown = {"randomized_discount": None, "randomized_flag": None}
    check = checked(world.panel, world.modeler(**unknown))["identification"]
    assert check.severity is Severity.REVIEW
    assert check.evidence.endswith("valid if prices do not follow demand")
    stated = checked(world.panel, world.modeler(**unknown, prices_set="schedule"))["identification"]
    assert stated.severity is Severity.PASS


def test_a_weak_instrument_fails(world):
    noise = np.random.default_rng(0).normal(size=len(world.panel))
    modeler = world.modeler(randomized_discount=None, randomized_flag=None, instruments=("noise",))
    check = checked(world.panel.assign(noise=noise), modeler)["first_stage"]
    assert check.severity is Severity.FAIL
    assert "below 10" in check.evidence


def test_prices_that_hardly_move_are_named(world):
    own = world.panel.groupby("course_id")["token_price"].transform("mean")
    panel = world.panel.assign(token_price=own * (world.panel["token_price"] / own) ** 0.05)
    check = checked(panel, world.modeler())["price_support"]
    assert check.severity is Severity.REVIEW


def test_views_that_react_to_the_price_are_detected_and_included():
    world = make_world(seed=2, units=100, weeks=30, views_react=-0.8)
    result = world.modeler().compare_models(world.panel, ["fixed_effects", "linear"])
    checks = {
        name: next(check for check in trained.checks if check.code == "views_react") for name, trained in result.items()
    }
    assert {check.severity for check in checks.values()} == {Severity.REVIEW}
    assert "this is in the elasticity" in checks["fixed_effects"].evidence
    assert "this is not in the elasticity" in checks["linear"].evidence
    elasticity = result["fixed_effects"].elasticity
    # one draw of an interval that covers in 19 of 20: a little more room is left
    assert abs(elasticity.estimate - world.elasticity) < 1.5 * (elasticity.high - elasticity.low) / 2
    # without views the elasticity is complete: -0.8 of views and that of the rate per view
    at_constant_views = world.modeler().compare_models(
        world.panel, ["fixed_effects"], params={"fixed_effects": {"form": "logit"}}
    )
    assert at_constant_views["fixed_effects"].elasticity.estimate > world.elasticity + 0.5


def test_an_elasticity_that_changes_over_time_is_found(world):
    early = make_world(seed=1, units=120, weeks=40, slope=0.5).panel
    late = make_world(seed=1, units=120, weeks=40, slope=3.5).panel
    first = early["week"] < sorted(early["week"].unique())[20]
    check = checked(pd.concat([early[first], late[~first]]), world.modeler())["stability"]
    assert check.severity is Severity.REVIEW
    assert "p = 0.000" in check.evidence


def test_a_model_that_predicts_worse_than_means_is_found(world):
    # rates jump in the held-out weeks, up for some units and down for others, and prices have the wrong sign
    rng = np.random.default_rng(0)
    unit, week = (codes.ravel() for codes in np.indices((60, 20)))
    price = np.where(week < 16, 10 + rng.normal(0, 0.05, unit.size), 20)
    panel = pd.DataFrame({"u": unit, "t": week, "p": price, "q": rng.poisson(50 - 40 * (price - 10) * (week < 16))})
    modeler = TokenPriceElasticityModeler("u", "t", "p", "q", segment=None, views=None, prices_set="schedule")
    assert checked(panel, modeler)["baseline"].severity is Severity.REVIEW


def test_a_hyperparameter_at_the_end_of_its_range_is_named(world):
    check = checked(world.panel, world.modeler(), max_iterations=200)["params_on_edge"]
    assert (check.severity, check.evidence) == (Severity.REVIEW, "max_iterations = 200")


@pytest.mark.parametrize(
    ("without", "title"),
    [
        ((), "Later periods are predicted better than by each unit's mean"),
        (("period",), "Held-out units are predicted better than by the mean of the others"),
        (("period", "unit"), "Held-out offers are predicted better than by the mean of the others"),
    ],
)
def test_held_out_rows_are_named_by_their_kind(world, without, title):
    panel = world.panel.assign(rating=world.panel["course_id"].str[1:].astype(int) % 5)
    modeler = world.modeler(controls=("rating",), **dict.fromkeys(without))
    result = modeler.compare_models(panel, ["linear"])["linear"]
    assert next(check.title for check in result.checks if check.code == "baseline") == title
    response = price_response(result, panel)
    backtest = next(
        check
        for check in trust_card(response, estimate_effects(response, response.baseline))
        if check.code == "backtest"
    )
    assert backtest.title.startswith("The held-out rows" if without else "The last periods")
