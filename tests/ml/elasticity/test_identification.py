"""Each kind of identification on simulated data, and the recommendations it supports."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from edtech.ml.elasticity.result import IdentificationKind
from edtech.pricing import recommend_prices
from edtech.tables.roles import PricesSet
from tests.worlds import make_world

NO_DISCOUNT = {"randomized_discount": None, "randomized_flag": None}


def trained(world, panel=None, **roles):
    frame = world.panel if panel is None else panel
    return world.modeler(**roles).compare_models(frame, ["fixed_effects"])["fixed_effects"]


@pytest.fixture(scope="module")
def noise(world):
    return np.random.default_rng(0).normal(size=len(world.panel))


def test_a_randomized_discount_is_the_strongest_identification(results):
    result = results["fixed_effects"]
    assert result.identification == "randomized"
    assert result.condition == "the discounts marked as randomized were assigned independently of demand"
    assert result.metrics["first_stage_f"] > 1000
    assert result.may_recommend


def test_prices_of_a_stated_experiment_need_no_discount_column(world):
    result = trained(world, **NO_DISCOUNT, prices_set="experiment")
    assert result.identification == "randomized"
    assert result.condition.endswith("as you state")
    assert "first_stage_f" not in result.metrics
    both = result.support
    assert (both["low"] == both["randomized_low"]).all()
    assert (both["high"] == both["randomized_high"]).all()


def test_a_strong_instrument_corrects_like_the_randomized_discount(world, results):
    result = trained(world, **NO_DISCOUNT, instruments=("discount_pct",))
    assert result.identification == "instrument"
    assert result.condition == "the instruments affect demand only through the price"
    assert result.elasticity.low < world.elasticity < result.elasticity.high
    assert result.may_recommend
    # the discount itself and not log(1 - discount): the same randomization with another functional form
    assert result.elasticity.estimate == pytest.approx(results["fixed_effects"].elasticity.estimate, rel=0.05)


def test_a_weak_instrument_is_not_used_and_a_note_says_so(world, noise):
    result = trained(world, world.panel.assign(dice=noise), **NO_DISCOUNT, instruments=("dice",))
    assert result.identification == "within_unit"
    assert not result.may_recommend
    assert len(result.notes) == 1
    assert result.notes[0].startswith("The instruments are too weak to be used: effective first-stage F ")
    assert result.notes[0].endswith("10 is needed.")
    assert result.metrics["first_stage_f"] < 10
    without = trained(world, **NO_DISCOUNT)
    assert result.elasticity == without.elasticity


def test_a_constant_discount_identifies_nothing(world):
    result = trained(world, world.panel.assign(discount_pct=0.0, promo_randomized=True))
    assert result.identification == "within_unit"
    assert "randomized discount is too weak" in result.notes[0]


def test_a_strong_instrument_replaces_a_weak_discount(world, noise):
    panel = world.panel.assign(lot=0.2 * (noise > 1), cost=world.panel["discount_pct"])
    result = trained(world, panel, randomized_discount="lot", randomized_flag=None, instruments=("cost",))
    assert result.identification == "instrument"
    assert "randomized discount" in result.notes[0]


@pytest.mark.parametrize(
    ("prices_set", "condition", "may_recommend"),
    [
        ("unknown", "prices do not follow demand", False),
        ("schedule", "prices were not set in response to demand, as you state", True),
    ],
)
def test_changes_within_units_depend_on_how_prices_were_set(world, prices_set, condition, may_recommend):
    result = trained(world, **NO_DISCOUNT, prices_set=prices_set)
    assert (result.identification, result.condition) == ("within_unit", condition)
    assert result.may_recommend is may_recommend


def test_offers_with_covariates_are_compared_at_equal_covariates(world, noise):
    panel = world.panel.assign(income=noise)
    result = trained(world, panel, **NO_DISCOUNT, unit=None, period=None, controls=("income",))
    assert result.identification == "controls"
    assert result.condition == "prices do not follow demand, given the covariates"
    assert not result.may_recommend


def test_offers_without_covariates_support_nothing(world):
    result = trained(world, **NO_DISCOUNT, unit=None, period=None)
    assert result.identification == "none"
    assert not result.may_recommend


@pytest.mark.parametrize(("controls", "kind"), [((), "none"), (("income",), "controls")])
def test_prices_that_differ_only_between_units_are_not_within_unit(world, noise, controls, kind):
    panel = world.panel.assign(token_price=world.panel["course_id"].str[1:].astype(int) + 10.0, income=noise)
    modeler = world.modeler(**NO_DISCOUNT, controls=controls)
    for result in modeler.compare_models(panel, ["fixed_effects", "linear"]).values():
        assert result.identification == kind
        assert not result.may_recommend
        assert recommend_prices(result, panel).refused


def test_units_seen_once_are_offers_of_their_own(world):
    panel = world.panel.drop_duplicates("course_id")
    result = trained(world, panel, **NO_DISCOUNT)
    assert result.identification == "none"
    assert not result.model.repeated_


@pytest.mark.parametrize("kind", get_args(IdentificationKind))
@pytest.mark.parametrize("prices_set", get_args(PricesSet))
def test_recommendations_depend_on_how_prices_were_set(results, kind, prices_set):
    result = results["fixed_effects"]
    result = replace(result, identification=kind, roles=result.roles.model_copy(update={"prices_set": prices_set}))
    allowed = kind in {"randomized", "instrument"} or (kind == "within_unit" and prices_set == "schedule")
    assert result.may_recommend is allowed


def test_rows_that_are_not_randomized_do_not_bias_the_estimate():
    """Promotions where demand is weak, in rows without the flag, treated as randomized would bias the effect."""
    world = make_world(seed=5, units=120, weeks=40, flags="half")
    honest = trained(world).elasticity
    careless = trained(world, randomized_flag=None).elasticity
    assert honest.low < world.elasticity < honest.high
    assert careless.estimate > honest.estimate


def test_the_support_separates_randomized_prices(world):
    half = make_world(seed=5, units=120, weeks=40, flags="half")
    support = trained(half).support.set_index("unit")
    randomized = half.panel[half.panel["promo_randomized"]].groupby("course_id")["token_price"]
    every = half.panel.groupby("course_id")["token_price"]
    expected = pd.DataFrame(
        {
            "low": every.min(),
            "high": every.max(),
            "randomized_low": randomized.min(),
            "randomized_high": randomized.max(),
        }
    )
    pd.testing.assert_frame_equal(support, expected, check_names=False)
