"""`polynomial` and `gam`: their basis functions, and their estimates on nonlinear demand."""

import numpy as np
import pandas as pd
import pytest

from edtech.ml import TokenPriceElasticityModeler
from edtech.ml.elasticity.estimators.additive import (
    power_basis,
    power_basis_derivative,
    quantile_knots,
    spline_basis,
    spline_basis_derivative,
)
from edtech.ml.elasticity.estimators.base import DemandEstimator

BOTH = ("polynomial", "gam")
X = np.linspace(-1, 1, 201)
CURVES = {
    "degree 2": (lambda x: power_basis(x, 2, -0.4, 0.5), lambda x: power_basis_derivative(x, 2, -0.4, 0.5)),
    "degree 3": (lambda x: power_basis(x, 3, -0.4, 0.5), lambda x: power_basis_derivative(x, 3, -0.4, 0.5)),
    "spline": (
        lambda x: spline_basis(x, quantile_knots(X, 5)),
        lambda x: spline_basis_derivative(x, quantile_knots(X, 5)),
    ),
}


@pytest.mark.parametrize("name", CURVES)
def test_slopes_are_the_derivatives_and_curves_end_in_straight_lines(name):
    curve, slopes = CURVES[name]
    step = 1e-5
    assert (curve(X + step) - curve(X - step)) / (2 * step) == pytest.approx(slopes(X), abs=1e-4)
    far = np.array([2.0, 3.0, 4.0, -2.0, -3.0, -4.0])
    bend = np.diff(curve(far).reshape(2, 3, -1), n=2, axis=1)
    assert bend == pytest.approx(0, abs=1e-9)


def test_a_spline_of_few_values_is_a_line():
    assert spline_basis(X, quantile_knots(np.array([0.0, 1.0] * 50), 5)).shape == (X.size, 0)


@pytest.mark.parametrize("algorithm", BOTH)
def test_the_truth_is_inside_the_interval(world, results, algorithm):
    # Seeds are fixed: one draw of an interval that covers in 19 of 20; benchmarks/bench_elasticity.py has the rate.
    elasticity = results[algorithm].elasticity
    assert elasticity.low < world.elasticity < elasticity.high
    assert elasticity.high - elasticity.low < 0.5 * abs(world.elasticity)


@pytest.mark.parametrize("algorithm", BOTH)
def test_closed_form_elasticities_are_the_derivative_of_what_is_predicted(world, results, algorithm):
    model = results[algorithm].model
    rows = world.panel[world.panel["views"] > 0].sample(300, random_state=0)
    near = pytest.approx(DemandEstimator.elasticities(model, rows), abs=0.15)  # knots lie within a step of 10%
    assert model.elasticities(rows) == near


@pytest.mark.parametrize("algorithm", BOTH)
def test_an_elasticity_that_doubles_over_the_prices_is_followed(algorithm):
    rng = np.random.default_rng(0)
    units, weeks = 60, 40
    x = rng.uniform(-0.5, 0.5, units * weeks)
    sold = rng.poisson(40 * np.exp(-1.5 * x - 1.0 * x**2))  # so the elasticity is -1.5 - 2 x
    unit, week = (codes.ravel() for codes in np.indices((units, weeks)))
    panel = pd.DataFrame({"u": unit, "t": week, "p": 10 * np.exp(x), "q": sold})
    modeler = TokenPriceElasticityModeler("u", "t", "p", "q", segment=None, views=None, prices_set="experiment")
    model = modeler.compare_models(panel, [algorithm])[algorithm].model
    ends = model.elasticities(panel.iloc[:2].assign(u="0", p=panel["p"].mean() * np.exp([-0.4, 0.4])))
    assert ends == pytest.approx([-0.7, -2.3], abs=0.35)


def test_gam_follows_a_covariate_along_a_curve():
    # prices follow a covariate along a curve that demand follows too: a straight line leaves the sign wrong
    rng = np.random.default_rng(1)
    z = rng.uniform(-2, 2, 4_000)
    price = np.exp(0.4 * z**2 + rng.normal(0, 0.2, z.size))
    sold = rng.poisson(30 * np.exp(-1.2 * np.log(price) + 0.9 * z**2))
    panel = pd.DataFrame({"p": price, "q": sold, "z": z})
    modeler = TokenPriceElasticityModeler(
        None, None, "p", "q", segment=None, views=None, controls=("z",), weights="equal"
    )
    results = modeler.compare_models(panel, ["gam", "polynomial"])
    assert results["gam"].elasticity.estimate == pytest.approx(-1.2, abs=0.15)
    assert results["polynomial"].elasticity.estimate > 0
