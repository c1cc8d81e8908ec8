"""Partial pooling: a published example, its limits, and many worlds whose truth is known."""

import numpy as np
import pytest
from scipy.integrate import quad

from edtech.ml.elasticity.fitting.inference import SlopeInference
from edtech.ml.elasticity.fitting.partial_pooling import partially_pool

# Rubin (1981), "Estimation in Parallel Randomized Experiments", J. Educational Statistics 6; Gelman et al. (2013), 5.5
COACHING = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
ERRORS = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])


def pooled(slopes, covariance, n_exchangeable):
    inference = SlopeInference(covariance, np.full(slopes.size, 30.0))
    means, inference = partially_pool(slopes, inference, n_exchangeable)
    return means, inference.covariance


def by_quadrature(slopes, variances):
    """Posterior means and standard deviations of effects, each integral taken by quadrature (5.17 to 5.21 there)."""

    def conditional(sd):
        weight = 1 / (variances + sd**2)
        middle, room = (weight @ slopes) / weight.sum(), 1 / weight.sum()
        density = np.sqrt(room) * np.prod(np.sqrt(weight) * np.exp(-((slopes - middle) ** 2) * weight / 2))
        own = sd**2 / (variances + sd**2)
        mean = own * slopes + (1 - own) * middle
        return density, mean, own * variances + (1 - own) ** 2 * room + mean**2

    def integral(function):
        return quad(function, 0, 100, limit=300)[0] + quad(function, 100, 5000, limit=300)[0]

    whole = integral(lambda sd: conditional(sd)[0])
    indices = range(slopes.size)
    mean = np.array([integral(lambda t, j=j: conditional(t)[0] * conditional(t)[1][j]) for j in indices]) / whole
    square = np.array([integral(lambda t, j=j: conditional(t)[0] * conditional(t)[2][j]) for j in indices]) / whole
    return mean, np.sqrt(square - mean**2)


def test_the_eight_schools_have_their_published_posterior():
    means, covariance = pooled(COACHING, np.diag(ERRORS**2), 8)
    expected, deviation = by_quadrature(COACHING, ERRORS**2)
    assert means == pytest.approx(expected, abs=0.05)
    assert np.sqrt(np.diag(covariance)) == pytest.approx(deviation, rel=0.01)
    assert 10 < means[0] < 12.5  # the book's median for school A is 10 and its distribution is skewed to the right


def test_distant_slopes_stay_and_similar_slopes_are_pooled():
    errors = np.diag([0.04, 0.05, 0.06, 0.05]) ** 2
    distant = np.array([-1.0, -9.0, -20.0, -30.0])
    means, covariance = pooled(distant, errors, 4)
    assert means == pytest.approx(distant, abs=1e-3)
    assert np.diag(covariance) == pytest.approx(np.diag(errors), rel=1e-3)
    similar = np.full(12, -2.0) + 1e-3 * np.arange(12)
    means, covariance = pooled(similar, np.diag(np.full(12, 0.5**2)), 12)
    assert np.ptp(means) < 0.1 * np.ptp(similar)
    assert (np.sqrt(np.diag(covariance)) < 0.75 * 0.5).all()


def test_other_slopes_change_only_by_their_covariance_with_the_pooled_ones():
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
    means, errors = pooled(slopes, covariance, 4)
    reordered, reordered_errors = pooled(slopes[order], covariance[np.ix_(order, order)], 4)
    assert reordered == pytest.approx(means[order])
    assert reordered_errors == pytest.approx(errors[np.ix_(order, order)])


@pytest.mark.parametrize("n_exchangeable", [0, 1, 2])
def test_fewer_than_three_slopes_are_not_pooled(n_exchangeable):
    slopes, covariance = np.array([-1.0, -3.0]), np.eye(2)
    means, errors = pooled(slopes, covariance, n_exchangeable)
    assert (means == slopes).all()
    assert (errors == covariance).all()


@pytest.mark.parametrize("sd", [0.0, 0.3, 1.0])
def test_over_many_worlds_pooled_slopes_are_closer_and_intervals_cover(sd):
    """Nine segments whose slopes are estimated with errors of .3 to .9, as in a thin market."""
    rng, worlds = np.random.default_rng(2), 400
    errors = np.linspace(0.3, 0.9, 9)
    truth = -2.2 + sd * rng.normal(size=(worlds, 9))
    estimates = truth + errors * rng.normal(size=(worlds, 9))
    every = [pooled(estimate, np.diag(errors**2), 9) for estimate in estimates]
    means = np.array([mean for mean, _ in every])
    half = 1.96 * np.sqrt([np.diag(covariance) for _, covariance in every])
    raw, shrunk = ((values - truth) ** 2 for values in (estimates, means))
    assert np.sqrt(shrunk.mean()) < (0.75, 0.8, 0.95)[(0.0, 0.3, 1.0).index(sd)] * np.sqrt(raw.mean())
    # worlds are 400: with a standard error of a coverage below .01, 93% is within what 95% may show
    assert (np.abs(means - truth) < half).mean() > 0.93
    # the largest of nine estimates is partly noise: unpooled it is too large, pooled it is not
    first = np.arange(worlds), estimates.argmin(axis=1)
    assert (estimates - truth)[first].mean() < -0.3
    assert abs((means - truth)[first].mean()) < 0.4 * abs((estimates - truth)[first].mean())
