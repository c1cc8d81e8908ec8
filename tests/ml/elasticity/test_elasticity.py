"""The modeler: its results, the inputs it refuses, and the registry of algorithms."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from edtech.errors import ContractError, NotIdentifiedError, ParamsError
from edtech.metrics import METRICS
from edtech.ml import ALGORITHMS, TokenPriceElasticityModeler
from edtech.ml.base import Estimate
from edtech.ml.elasticity.description import describe, finding, naive_warning
from edtech.ml.elasticity.modeler import naive_elasticity
from edtech.ml.elasticity.panel import panel_arrays
from edtech.tables.roles import PanelRoles

ALONE = ("fixed_effects", "linear", "polynomial", "gam", "gradient_boosting", "random_forest")


def refused(error, match, panel, algorithms=("fixed_effects",), params=None, **roles):
    with pytest.raises(error, match=match) as caught:
        TokenPriceElasticityModeler(**roles).compare_models(panel, algorithms, params=params)
    return caught.value


# ---- what comes out


def test_the_default_algorithms_are_those_that_need_the_panel_only(results):
    assert tuple(results) == ALONE


@pytest.mark.parametrize("algorithm", ALONE)
def test_a_result_holds_what_was_promised(world, results, algorithm):
    result = results[algorithm]
    assert (result.family, result.algorithm) == ("token_elasticity", algorithm)
    assert list(result.elasticity_by_segment) == ["segment", "estimate", "low", "high"]
    assert set(result.elasticity_by_segment["segment"]) == set(world.panel["category"])
    assert list(result.support) == ["unit", "low", "high", "randomized_low", "randomized_high"]
    assert len(result.support) == world.params.units
    assert result.metrics["price_elasticity_coefficient"] == result.elasticity.estimate
    assert result.metrics["naive_elasticity"] == result.naive.estimate
    assert {"r2", "rmse", "mae", "poisson_deviance", "token_revenue_predicted"} <= result.metrics.keys()
    assert all(np.isfinite(value) for value in result.metrics.values())


@pytest.mark.parametrize("algorithm", ALONE)
def test_every_metric_is_described_with_direction_unit_and_help(results, algorithm):
    assert results[algorithm].metrics.keys() <= METRICS.keys()


def test_later_periods_are_predicted_better_than_by_their_mean(results):
    assert all(result.metrics["r2"] > 0.3 for result in results.values())


def test_progress_is_reported_from_the_first_step_to_the_last(world):
    reports = []
    world.modeler().compare_models(
        world.panel, ["linear", "fixed_effects"], progress=lambda share, text: reports.append((share, text))
    )
    assert [share for share, _ in reports] == [0, 0.5, 1]
    assert [text for _, text in reports] == [
        "Training Log-linear Poisson regression",
        "Training Fixed effects",
        "Trained",
    ]


def test_rows_weigh_by_quantity_or_equally(world, results):
    model, rows = results["fixed_effects"].model, world.panel[world.panel["views"] > 0]
    equal = world.modeler(weights="equal").compare_models(world.panel, ["fixed_effects"])["fixed_effects"]
    each = model.elasticities(rows)
    weighted = np.average(each, weights=rows["enrollments"])
    assert results["fixed_effects"].elasticity.estimate == pytest.approx(weighted)
    assert equal.elasticity.estimate == pytest.approx(each.mean())
    # courses sell most where they are cheap and demand is least elastic
    assert equal.elasticity.estimate < weighted


def test_the_naive_slope_is_the_pooled_one():
    price = np.array([1.0, 2.0, 4.0, 8.0])
    roles = PanelRoles(unit=None, period=None, segment=None, views=None)
    panel = pd.DataFrame({"token_price": price, "enrollments": 640 * price**-1.5})
    assert naive_elasticity(panel_arrays(panel, roles)).estimate == pytest.approx(-1.5)


@pytest.mark.parametrize(
    ("estimate", "effect"),
    [
        (-12.0, "lowers demand by about 68.1%"),
        (-1.0, "lowers demand by about 9.1%"),
        (-0.1, "lowers demand by about 0.9%"),
        (1.0, "raises demand by about 10.0%"),
        (1e5, "raises demand by about 1,377,"),
    ],
)
def test_demand_cannot_fall_by_more_than_all_of_it(results, estimate, effect):
    steep = replace(results["fixed_effects"], elasticity=Estimate(estimate, estimate - 0.01, estimate + 0.01))
    assert f"A 10% price increase {effect}" in describe(steep)


def test_an_interval_that_contains_zero_is_described_as_inconclusive(results):
    unsure = replace(results["fixed_effects"], elasticity=Estimate(-0.85, -2.84, 1.14))
    text = describe(unsure)
    assert text.startswith(
        "The data do not show whether demand falls or rises with the price: own-price elasticity -0.85 (95%"
    )
    assert "price increase" not in text


def test_the_description_has_estimate_identification_condition_and_error(results):
    text = describe(results["fixed_effects"])
    elasticity = results["fixed_effects"].elasticity
    assert (
        f"own-price elasticity {elasticity.estimate:.2f} (95% interval {elasticity.low:.2f} to {elasticity.high:.2f})"
        in text
    )
    assert "identified from randomized prices or discounts" in text
    assert "This is valid if the discounts marked as randomized were assigned independently of demand." in text
    assert "Held-out error on the last 8 of 40 periods: MAE" in text
    assert "no valid confidence interval" in describe(results["random_forest"])
    assert finding(results["fixed_effects"]).endswith(f"{elasticity.low:.2f} to {elasticity.high:.2f})")
    conditional = replace(results["fixed_effects"], identification="within_unit")
    assert finding(conditional).endswith(", if prices do not follow demand")
    naive = results["fixed_effects"].naive.estimate
    assert f"The naive estimate is {naive:+.2f}:" in naive_warning(results["fixed_effects"])


def test_names_from_the_data_are_data(world):
    hostile = ["<script>alert(1)</script>", "=1+1", "**bold** ![](https://evil.example/x.png)", "a,b\n\"c'", "naïve"]
    names = dict(zip(sorted(world.panel["category"].unique()), hostile, strict=True))
    result = world.modeler().compare_models(world.panel.replace({"category": names}), ["fixed_effects"])
    assert set(result["fixed_effects"].elasticity_by_segment["segment"]) == set(hostile)


# ---- what is refused


def test_a_single_price_is_refused_with_the_experiment_that_would_help(world):
    error = refused(NotIdentifiedError, "single price", world.panel.assign(token_price=9.5))
    assert error.actual == f"the price 9.5 in all {(world.panel['views'] > 0).sum():,} rows"
    assert "at random" in error.fix


def test_nothing_sold_is_refused(world):
    refused(NotIdentifiedError, "Nothing was sold", world.panel.assign(enrollments=0))


def test_nothing_seen_is_refused(world):
    refused(NotIdentifiedError, "Nothing was sold", world.panel.assign(views=0, enrollments=0))


def test_a_covariate_of_many_levels_is_refused(world):
    panel = world.panel.assign(teacher="T" + world.panel["course_id"])
    error = refused(NotIdentifiedError, "too many levels", panel, controls=("teacher",))
    assert (error.expected, error.actual) == ("at most 50 levels", "120 levels")


def test_an_empty_panel_and_a_missing_column_break_the_contract(world):
    refused(ContractError, "no rows", world.panel.head(0))
    error = refused(ContractError, "lacks the column 'views'", world.panel.drop(columns="views"))
    assert "'token_price'" in error.actual


def test_an_unknown_algorithm_lists_those_there_are(world):
    error = refused(ParamsError, "no such algorithm", world.panel, ["fixed_effects", "neural_net"])
    assert error.actual == "'neural_net'"
    assert all(name in error.expected for name in ALONE)


def test_hyperparameters_of_an_unknown_algorithm_are_refused(world):
    error = refused(ParamsError, "no such algorithm", world.panel, params={"fixed_efects": {"tiers": "one"}})
    assert error.actual == "'fixed_efects'"


@pytest.mark.parametrize(
    ("role", "value"), [("prices_set", "expriment"), ("weights", "views"), ("price", None), ("unit", 7)]
)
def test_a_role_that_cannot_be_so_is_named(role, value):
    with pytest.raises(ContractError) as caught:
        TokenPriceElasticityModeler(**{role: value})
    assert role in str(caught.value)


@pytest.mark.parametrize(
    ("algorithm", "values", "listed"),
    [
        ("random_forest", {"trees": 1_000_000}, "trees from 10 to 300"),
        ("gradient_boosting", {"learning_rate": 0}, "learning_rate from 0.01 to 0.5"),
        ("linear", {"alpha": "much"}, "alpha from 0.0 to 5.0"),
        ("fixed_effects", {"form": "cubic"}, "'logit', 'exponential', 'log'"),
        ("fixed_effects", {"evaluation_share": float("nan")}, "evaluation_share from 0.1 to 0.4"),
        ("fixed_effects", {"depth": 3}, "max_iterations from 10 to 200"),
    ],
)
def test_a_value_out_of_range_lists_what_is_allowed_and_nothing_is_trained(world, algorithm, values, listed):
    trained = []
    with pytest.raises(ParamsError) as caught:
        world.modeler().compare_models(
            world.panel, params={algorithm: values}, progress=lambda *report: trained.append(report)
        )
    assert listed in caught.value.expected
    assert next(iter(values)) in caught.value.actual
    assert trained == []


# ---- the registry


@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS)
def test_an_algorithm_and_each_of_its_params_are_explained_and_bounded(algorithm):
    assert algorithm.title
    assert algorithm.help.endswith(".")
    for name, info in algorithm.params.model_fields.items():
        assert info.title, name
        assert info.description.endswith("."), name
        number = info.annotation in (int, float)
        limits = {type(item).__name__ for item in info.metadata}
        assert not number or {"Ge", "Le"} <= limits, f"{name} has no bounds"
    defaults = algorithm.validate_params(None)
    assert algorithm.validate_params(defaults.model_dump()) == defaults


@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS)
def test_an_estimator_takes_exactly_its_params(algorithm):
    arguments = algorithm.validate_params(None).estimator_arguments()
    estimator = algorithm.estimator(columns=PanelRoles().model_dump(), **arguments)
    assert {name: estimator.get_params()[name] for name in arguments} == arguments
    assert set(estimator.get_params()) == {"columns", *arguments}
