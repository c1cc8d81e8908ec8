"""Partial pooling: a published example, its limits, and many worlds whose truth is known."""

import numpy as np
import pytest
from scipy.integrate import quad

from edtech.ml.elasticity.fitting.inference import SlopeInference
from edtech.ml.elasticity.fitting.partial_pooling import partially_pool

# Rubin (1981), "Estimation in Parallel Randomized Experiments", J. Educational Statistics 6; Gelman et al. (2013), 5.5
COACHING = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
ERRORS = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])


def pooled(slopes, covariance, alike):
    found, errors = partially_pool(slopes, SlopeInference(covariance, np.full(slopes.size, 30.0)), alike)
    return found, errors.covariance


def by_the_book(slopes, variances):
    """Posterior means and standard deviations of effects, each integral taken by quadrature (5.17 to 5.21 there)."""

    def given(spread):
        weight = 1 / (variances + spread**2)
        middle, room = (weight @ slopes) / weight.sum(), 1 / weight.sum()
        density = np.sqrt(room) * np.prod(np.sqrt(weight) * np.exp(-((slopes - middle) ** 2) * weight / 2))
        own = spread**2 / (variances + spread**2)
        mean = own * slopes + (1 - own) * middle
        return density, mean, own * variances + (1 - own) ** 2 * room + mean**2

    def integral(what):
        return quad(what, 0, 100, limit=300)[0] + quad(what, 100, 5000, limit=300)[0]

    whole = integral(lambda spread: given(spread)[0])
    places = range(slopes.size)
    mean = np.array([integral(lambda t, j=j: given(t)[0] * given(t)[1][j]) for j in places]) / whole
    square = np.array([integral(lambda t, j=j: given(t)[0] * given(t)[2][j]) for j in places]) / whole
    return mean, np.sqrt(square - mean**2)


def test_the_eight_schools_are_those_of_the_book():
    found, covariance = pooled(COACHING, np.diag(ERRORS**2), 8)
    mean, deviation = by_the_book(COACHING, ERRORS**2)
    assert found == pytest.approx(mean, abs=0.05)
    assert np.sqrt(np.diag(covariance)) == pytest.approx(deviation, rel=0.01)
    assert 10 < found[0] < 12.5  # the book's median for school A is 10 and its distribution is skewed to the right


def test_slopes_far_apart_stay_and_slopes_alike_become_one():
    errors = np.diag([0.04, 0.05, 0.06, 0.05]) ** 2
    apart = np.array([-1.0, -9.0, -20.0, -30.0])
    found, covariance = pooled(apart, errors, 4)
    assert found == pytest.approx(apart, abs=1e-3)
    assert np.diag(covariance) == pytest.approx(np.diag(errors), rel=1e-3)
    alike = np.full(12, -2.0) + 1e-3 * np.arange(12)
    found, covariance = pooled(alike, np.diag(np.full(12, 0.5**2)), 12)
    assert np.ptp(found) < 0.1 * np.ptp(alike)
    assert (np.sqrt(np.diag(covariance)) < 0.75 * 0.5).all()


def test_what_is_not_of_the_kind_moves_only_with_the_errors_of_what_is():
    slopes, spread = np.array([-1.0, -2.0, -4.0, 7.0]), np.array([0.5, 0.6, 0.9, 0.8])
    alone, _ = pooled(slopes, np.diag(spread**2), 3)
    assert alone[3] == slopes[3]
    together = np.diag(spread**2)
    together[2, 3] = together[3, 2] = 0.9 * spread[2] * spread[3]
    moved, covariance = pooled(slopes, together, 3)
    assert (moved[3] - slopes[3]) / (moved[2] - slopes[2]) == pytest.approx(0.9 * spread[3] / spread[2])
    assert moved[3] > slopes[3] + 0.05
    assert np.linalg.eigvalsh(covariance).min() > 0


def test_an_order_of_the_segments_does_not_matter():
    rng = np.random.default_rng(5)
    root = rng.normal(size=(6, 9))
    slopes, covariance, order = rng.normal(-2, 1, 6), root @ root.T / 9, np.array([3, 1, 0, 2, 4, 5])
    found, errors = pooled(slopes, covariance, 4)
    other, others = pooled(slopes[order], covariance[np.ix_(order, order)], 4)
    assert other == pytest.approx(found[order])
    assert others == pytest.approx(errors[np.ix_(order, order)])


@pytest.mark.parametrize("alike", [0, 1, 2])
def test_too_few_to_tell_how_far_apart_they_are_stay(alike):
    slopes, covariance = np.array([-1.0, -3.0]), np.eye(2)
    found, errors = pooled(slopes, covariance, alike)
    assert (found == slopes).all()
    assert (errors == covariance).all()


@pytest.mark.parametrize("spread", [0.0, 0.3, 1.0])
def test_over_many_worlds_it_is_nearer_and_its_intervals_hold(spread):
    """Nine segments whose slopes are told with errors of .3 to .9, as in a thin market."""
    rng, worlds = np.random.default_rng(2), 400
    errors = np.linspace(0.3, 0.9, 9)
    truth = -2.2 + spread * rng.normal(size=(worlds, 9))
    told = truth + errors * rng.normal(size=(worlds, 9))
    every = [pooled(one, np.diag(errors**2), 9) for one in told]
    found = np.array([mean for mean, _ in every])
    half = 1.96 * np.sqrt([np.diag(covariance) for _, covariance in every])
    raw, drawn = ((of - truth) ** 2 for of in (told, found))
    assert np.sqrt(drawn.mean()) < (0.75, 0.8, 0.95)[(0.0, 0.3, 1.0).index(spread)] * np.sqrt(raw.mean())
    # worlds are 400: with a standard error of a coverage below .01, 93 % is within what 95 % may show
    assert (np.abs(found - truth) < half).mean() > 0.93
    # the largest of nine is large by luck as well: as told it is too large, drawn together it is not
    first = np.arange(worlds), told.argmin(axis=1)
    assert (told - truth)[first].mean() < -0.3
    assert abs((found - truth)[first].mean()) < 0.4 * abs((told - truth)[first].mean())
