"""Each ground of identification from data made for it, and what follows from it."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from edtech.ml.elasticity.result import IdentificationKind
from edtech.pricing import recommend_prices
from edtech.tables.roles import PricesSet
from tests.worlds import make_world

NO_LOT = {"randomized_discount": None, "randomized_flag": None}


def trained(world, panel=None, **roles):
    frame = world.panel if panel is None else panel
    return world.modeler(**roles).compare_models(frame, ["fixed_effects"])["fixed_effects"]


@pytest.fixture(scope="module")
def noise(world):
    return np.random.default_rng(0).normal(size=len(world.panel))


def test_a_randomized_discount_is_the_best_ground(results):
    result = results["fixed_effects"]
    assert result.identification == "randomized"
    assert result.condition == "the discounts marked as randomized were drawn without regard to demand"
    assert result.metrics["first_stage_f"] > 1000
    assert result.may_recommend


def test_prices_of_a_stated_experiment_need_no_discount_column(world):
    result = trained(world, **NO_LOT, prices_set="experiment")
    assert result.identification == "randomized"
    assert result.condition.endswith("as you state")
    assert "first_stage_f" not in result.metrics
    both = result.support
    assert (both["low"] == both["randomized_low"]).all()
    assert (both["high"] == both["randomized_high"]).all()


def test_a_strong_instrument_corrects_like_the_lot_it_is(world, results):
    result = trained(world, **NO_LOT, instruments=("discount_pct",))
    assert result.identification == "instrument"
    assert result.condition == "the instruments move demand only through the price"
    assert result.elasticity.low < world.elasticity < result.elasticity.high
    assert result.may_recommend
    # the discount itself and not log(1 - discount): the same lot, read through another curve
    assert result.elasticity.estimate == pytest.approx(results["fixed_effects"].elasticity.estimate, rel=0.05)


def test_a_weak_instrument_is_not_used_and_a_note_says_so(world, noise):
    result = trained(world, world.panel.assign(dice=noise), **NO_LOT, instruments=("dice",))
    assert result.identification == "within_unit"
    assert not result.may_recommend
    assert len(result.notes) == 1
    assert result.notes[0].startswith("The instruments move the price too little to be used: effective F ")
    assert result.notes[0].endswith("needed 10.")
    assert result.metrics["first_stage_f"] < 10
    without = trained(world, **NO_LOT)
    assert result.elasticity == without.elasticity


def test_a_discount_that_never_moves_is_no_lot(world):
    result = trained(world, world.panel.assign(discount_pct=0.0, promo_randomized=True))
    assert result.identification == "within_unit"
    assert "randomized discount moves the price too little" in result.notes[0]


def test_a_weak_lot_gives_way_to_a_strong_instrument(world, noise):
    panel = world.panel.assign(lot=0.2 * (noise > 1), cost=world.panel["discount_pct"])
    result = trained(world, panel, randomized_discount="lot", randomized_flag=None, instruments=("cost",))
    assert result.identification == "instrument"
    assert "randomized discount" in result.notes[0]


@pytest.mark.parametrize(
    ("prices_set", "condition", "may_recommend"),
    [
        ("unknown", "prices do not follow demand", False),
        ("schedule", "prices were not set in answer to demand, as you state", True),
    ],
)
def test_changes_within_units_stand_on_what_is_stated(world, prices_set, condition, may_recommend):
    result = trained(world, **NO_LOT, prices_set=prices_set)
    assert (result.identification, result.condition) == ("within_unit", condition)
    assert result.may_recommend is may_recommend


def test_offers_with_covariates_are_compared_at_equal_covariates(world, noise):
    panel = world.panel.assign(income=noise)
    result = trained(world, panel, **NO_LOT, unit=None, period=None, controls=("income",))
    assert result.identification == "controls"
    assert result.condition == "at equal covariates, prices do not follow demand"
    assert not result.may_recommend


def test_offers_without_covariates_support_nothing(world):
    result = trained(world, **NO_LOT, unit=None, period=None)
    assert result.identification == "none"
    assert not result.may_recommend


@pytest.mark.parametrize(("controls", "kind"), [((), "none"), (("income",), "controls")])
def test_prices_that_differ_only_between_units_are_not_within_unit(world, noise, controls, kind):
    panel = world.panel.assign(token_price=world.panel["course_id"].str[1:].astype(int) + 10.0, income=noise)
    modeler = world.modeler(**NO_LOT, controls=controls)
    for result in modeler.compare_models(panel, ["fixed_effects", "linear"]).values():
        assert result.identification == kind
        assert not result.may_recommend
        assert recommend_prices(result, panel).refused


def test_units_seen_once_are_offers_of_their_own(world):
    panel = world.panel.drop_duplicates("course_id")
    result = trained(world, panel, **NO_LOT)
    assert result.identification == "none"
    assert not result.model.repeated_


@pytest.mark.parametrize("kind", get_args(IdentificationKind))
@pytest.mark.parametrize("prices_set", get_args(PricesSet))
def test_recommending_goes_by_what_is_known_of_the_prices(results, kind, prices_set):
    result = results["fixed_effects"]
    result = replace(result, identification=kind, roles=result.roles.model_copy(update={"prices_set": prices_set}))
    allowed = kind in {"randomized", "instrument"} or (kind == "within_unit" and prices_set == "schedule")
    assert result.may_recommend is allowed


def test_rows_that_no_lot_decided_do_not_spoil_the_others():
    """Promotions where demand is weak, in rows without the flag, taken for drawn ones would bias the effect."""
    world = make_world(seed=5, units=120, weeks=40, flags="half")
    honest = trained(world).elasticity
    careless = trained(world, randomized_flag=None).elasticity
    assert honest.low < world.elasticity < honest.high
    assert careless.estimate > honest.estimate


def test_the_support_tells_drawn_prices_from_all_prices(world):
    half = make_world(seed=5, units=120, weeks=40, flags="half")
    support = trained(half).support.set_index("unit")
    drawn = half.panel[half.panel["promo_randomized"]].groupby("course_id")["token_price"]
    every = half.panel.groupby("course_id")["token_price"]
    expected = pd.DataFrame(
        {"low": every.min(), "high": every.max(), "randomized_low": drawn.min(), "randomized_high": drawn.max()}
    )
    pd.testing.assert_frame_equal(support, expected, check_names=False)
