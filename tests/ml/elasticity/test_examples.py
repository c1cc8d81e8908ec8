"""Real and published data: estimates against published ones, and the rules for refusing recommendations."""

import os
from pathlib import Path

import pandas as pd
import pytest

from edtech.ml import TokenPriceElasticityModeler
from edtech.pricing import recommend_prices, what_if
from edtech.settings import PROJECT

EXAMPLES = Path(os.environ.get("EDTECH_EXAMPLES", PROJECT.parent / "shared" / "examples"))
COVARIATES = (
    "account_age",
    "age",
    "avg_hours",
    "days_visited",
    "friends_count",
    "has_membership",
    "is_US",
    "songs_purchased",
    "income",
)


def example(path: str) -> pd.DataFrame:
    if not (EXAMPLES / path).is_file():
        pytest.skip(f"no real data at {EXAMPLES / path}: set EDTECH_EXAMPLES to the folder of examples")
    return pd.read_csv(EXAMPLES / path)


# ---- 10,000 offers of a media subscription (EconML's pricing example); the truth was published: -0.940


@pytest.fixture(scope="module")
def media() -> pd.DataFrame:
    return example("pricing_media/pricing_sample.csv")


@pytest.fixture(scope="module")
def media_modeler() -> TokenPriceElasticityModeler:
    return TokenPriceElasticityModeler(
        unit=None,
        period=None,
        price="price",
        quantity="demand",
        segment=None,
        views=None,
        controls=COVARIATES,
        weights="equal",
    )


def test_offers_with_covariates_state_their_condition_and_get_no_price(media, media_modeler):
    for result in media_modeler.compare_models(media, ["fixed_effects", "gradient_boosting"]).values():
        assert result.identification == "controls"
        assert result.naive.estimate == pytest.approx(1.55, abs=0.01)  # as published
        plan = recommend_prices(result, media)
        assert plan.refused
        assert len(plan.prices) == len(media)
        assert plan.prices.to_numpy() == pytest.approx(media["price"].to_numpy())
        assert "prices do not follow demand, given the covariates" in plan.reasons[0]
        assert "Test to run" in plan.reasons[1]


def test_the_trees_find_the_falling_demand_of_the_media_offers(media, media_modeler):
    # Prices follow income along a curve, which trees follow and a line does not; a forest pulls -0.94 towards 0.
    results = media_modeler.compare_models(media, ["gradient_boosting", "random_forest"])
    assert all(-1.2 < result.elasticity.estimate < -0.5 for result in results.values())


def test_the_media_offers_by_income_are_near_the_published_truth(media, media_modeler):
    # published: -1.722 below an income of 1, -0.136 from there on, -0.940 in the mean
    panel = media.assign(group=(media["income"] < 1).map({True: "poorer", False: "richer"}))
    modeler = TokenPriceElasticityModeler(**{**media_modeler.roles.model_dump(), "segment": "group"})
    result = modeler.compare_models(panel, ["fixed_effects"])["fixed_effects"]
    assert result.elasticity.estimate == pytest.approx(-0.94, abs=0.1)
    by_group = result.elasticity_by_segment.set_index("segment")["estimate"]
    assert by_group["poorer"] == pytest.approx(-1.722, abs=0.2)
    assert by_group["richer"] == pytest.approx(-0.136, abs=0.1)


def test_double_machine_learning_finds_the_published_truth_of_the_media_offers(media, media_modeler):
    panel = media.assign(group=(media["income"] < 1).map({True: "poorer", False: "richer"}))
    modeler = TokenPriceElasticityModeler(**{**media_modeler.roles.model_dump(), "segment": "group"})
    result = modeler.compare_models(panel, ["dml"])["dml"]
    assert result.identification == "controls"
    assert result.elasticity.estimate == pytest.approx(-0.940, rel=0.1)
    assert result.elasticity.low < -0.940 < result.elasticity.high
    by_group = result.elasticity_by_segment.set_index("segment")
    for group, truth in {"poorer": -1.722, "richer": -0.136}.items():
        assert by_group.loc[group, "estimate"] == pytest.approx(truth, abs=0.1)
        assert by_group.loc[group, "low"] < truth < by_group.loc[group, "high"]
    assert recommend_prices(result, panel).refused


# ---- 24 cereals in 94 city-quarters with 20 instruments (pyblp's fake cereal data); published logit: -3.71


@pytest.fixture(scope="module")
def cereal() -> pd.DataFrame:
    frame = example("cereal_panel/nevo_products.csv.gz")
    return frame.assign(place=frame["city_ids"].astype(str) + " " + frame["product_ids"])


def cereal_result(cereal, unit, period):
    modeler = TokenPriceElasticityModeler(
        unit=unit,
        period=period,
        price="prices",
        quantity="shares",
        segment=None,
        views=None,
        weights="equal",
        instruments=[f"demand_instruments{number}" for number in range(20)],
    )
    return modeler.compare_models(cereal, ["fixed_effects"])["fixed_effects"]


@pytest.fixture(scope="module")
def cereal_shares() -> TokenPriceElasticityModeler:
    return TokenPriceElasticityModeler(
        unit="place",
        period="quarter",
        price="prices",
        quantity="shares",
        segment=None,
        views=None,
        weights="equal",
        controls=("product_ids",),
        market="city_ids",
        instruments=[f"demand_instruments{number}" for number in range(20)],
    )


def test_a_logit_of_shares_with_product_effects_is_the_published_one(cereal, cereal_shares):
    params = {"share_logit": {"unit_effects": False}}
    result = cereal_shares.compare_models(cereal, ["share_logit"], params=params)["share_logit"]
    # published: a price coefficient of -30.0 with error 1.0, which makes a mean own-price elasticity of -3.71
    coefficient = result.model.slopes_[0] / result.model.scale_
    assert coefficient == pytest.approx(-30.0, abs=0.2)
    assert result.elasticity.estimate == pytest.approx(-3.71, rel=0.02)
    assert result.elasticity.low < -3.71 < result.elasticity.high
    answer = what_if(result, cereal, {"all": 0.1})
    assert not answer.refused
    assert not answer.assumes_no_substitution
    # all prices of a market at once lose less than each alone would
    assert result.elasticity.estimate < result.metrics["segment_elasticity"] < 0


def test_with_effects_of_each_place_a_logit_of_shares_is_still_near(cereal, cereal_shares):
    result = cereal_shares.compare_models(cereal, ["share_logit"])["share_logit"]
    assert result.elasticity.estimate == pytest.approx(-3.71, rel=0.1)


def test_cereals_in_a_city_are_compared_over_its_two_quarters(cereal):
    result = cereal_result(cereal, "place", "quarter")
    assert result.identification == "instrument"
    assert result.metrics["first_stage_f"] > 100
    assert result.notes == ("Held-out errors are not measured: only 2 periods, too few to hold any out.",)
    # A city's effect on each product is taken out too, which the published logit leaves in: less elastic.
    assert -3.5 < result.elasticity.estimate < -2
    assert result.elasticity.high < result.naive.estimate
    answer = what_if(result, cereal, {"all": 0.1})
    assert not answer.refused
    assert answer.enrollments.high < 0


def test_cereals_by_product_and_market_agree_with_the_published_logit(cereal):
    markets = cereal.assign(market=pd.factorize(cereal["market_ids"])[0])
    elasticity = cereal_result(markets, "product_ids", "market").elasticity
    assert elasticity.low < -3.71 < elasticity.high
