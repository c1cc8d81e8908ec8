"""`dml` on offers whose covariates have nonlinear effects on price and demand, with known elasticities."""

import numpy as np
import pandas as pd
import pytest
from skops.io import dumps

from edtech.errors import ConvergenceError, NotIdentifiedError
from edtech.ml import TokenPriceElasticityModeler
from edtech.ml.elasticity.algorithms import available_algorithms
from edtech.ml.elasticity.estimators.base import DemandEstimator
from edtech.ml.elasticity.estimators.double_ml import solve_moment
from edtech.pricing import recommend_prices, what_if
from edtech.tracking.trusted_types import load_trusted

TRUTH = {"a": -1.8, "b": -0.7}


@pytest.fixture(scope="module")
def offers() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    z, w = rng.uniform(-2, 2, (2, 4_000))
    group = rng.choice(list(TRUTH), z.size)
    log_price = 0.5 * np.sin(2 * z) + 0.2 * w**2 + rng.normal(0, 0.3, z.size)
    slope = pd.Series(group).map(TRUTH).to_numpy()
    sold = rng.poisson(np.exp(0.5 + 1.2 * np.sin(2 * z) + 0.3 * w**2 + slope * log_price))
    return pd.DataFrame({"price": np.exp(log_price), "sold": sold, "z": z, "w": w, "group": group})


@pytest.fixture(scope="module")
def modeler() -> TokenPriceElasticityModeler:
    return TokenPriceElasticityModeler(
        None, None, "price", "sold", segment="group", views=None, controls=("z", "w"), weights="equal"
    )


@pytest.fixture(scope="module")
def result(offers, modeler):
    return modeler.compare_models(offers, ["dml"], params={"dml": {"folds": 3, "trees": 40}})["dml"]


def test_the_truth_of_each_segment_is_inside_its_interval_where_the_naive_slope_is_far_off(result):
    table = result.elasticity_by_segment.set_index("segment")
    for group, truth in TRUTH.items():
        assert table.loc[group, "low"] < truth < table.loc[group, "high"]
        assert table.loc[group, "estimate"] == pytest.approx(truth, abs=0.15)
    assert result.naive.estimate > -0.3
    assert "boosting" in result.elasticity.note


def test_it_stands_on_the_covariates_and_recommends_nothing(offers, result):
    assert result.identification == "controls"
    assert recommend_prices(result, offers).refused
    answer = what_if(result, offers, {"a": 0.1})
    assert answer.refused
    # -1.8 at half of the offers' sales: about 1.1^-1.8 of them are left
    assert answer.enrollments.low < answer.enrollments.change < answer.enrollments.high < 0


def test_closed_form_elasticities_are_the_derivative_of_what_is_predicted(offers, result):
    rows = offers.head(200)
    assert result.model.elasticities(rows) == pytest.approx(DemandEstimator.elasticities(result.model, rows))
    assert result.model.predict(offers).sum() == pytest.approx(offers["sold"].sum(), rel=1e-6)


def test_small_errors_of_what_boosting_learned_do_not_matter():
    """The moment is Neyman orthogonal: the derivative of the solution by either nuisance is near 0."""
    rng = np.random.default_rng(2)
    v, x = rng.normal(0, 0.3, 200_000), rng.normal(0, 1, 200_000)
    ratio = np.exp(-1.5 * v) * rng.gamma(4, 0.25, v.size)

    def slope(error_of_rate, error_of_price):
        rate, price = np.exp(error_of_rate * x), v + error_of_price * x
        return solve_moment(ratio / rate, price[:, None], np.ones_like(v)).coefficients[0]

    exact = slope(0, 0)
    assert exact == pytest.approx(-1.5, abs=0.02)
    assert slope(0.05, 0) == pytest.approx(exact, abs=0.01)
    assert slope(0, 0.05) == pytest.approx(exact, abs=0.06)  # of the second order: 0.05 squared over 0.3 squared


@pytest.mark.parametrize("weights", ["equal", "quantity"])
def test_a_segment_that_sold_nothing_has_no_slope(offers, modeler, weights):
    panel = offers.assign(sold=offers["sold"].where(offers["group"] == "a", 0))
    roles = {**modeler.roles.model_dump(), "weights": weights}
    with pytest.raises(ConvergenceError, match=r"rows without a sale.*one slope for all segments"):
        TokenPriceElasticityModeler(**roles).compare_models(panel, ["dml"], params={"dml": {"folds": 2, "trees": 20}})


def test_sales_in_one_fold_alone_teach_the_others_nothing(offers, modeler):
    panel = offers.assign(sold=np.arange(len(offers)) == 7, group="all")
    with pytest.raises(NotIdentifiedError, match="rows without sales outside one fold"):
        modeler.compare_models(panel, ["dml"])


def test_without_covariates_it_is_refused(offers):
    modeler = TokenPriceElasticityModeler(None, None, "price", "sold", segment="group", views=None)
    with pytest.raises(NotIdentifiedError, match="needs covariates"):
        modeler.compare_models(offers, ["dml"])
    assert "dml" not in available_algorithms(modeler.roles, has_visits=False)


def test_it_is_stored_and_loaded_by_our_list_of_types_alone(offers, result):
    model, rows = result.model, offers.head(50)
    again = load_trusted(dumps(model), "m")
    assert (again.predict(rows) == model.predict(rows)).all()
