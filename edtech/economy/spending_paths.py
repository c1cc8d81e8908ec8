"""Simulated paths of weekly spending: a Gaussian process on its logarithm, with uncertain parameters.

Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, chapters 2 and 5. The covariance is the sum of a
level, a steady trend, a yearly swing, a wandering level (random walk) and noise from week to week. The prior of trend
and swing is assumed. The random walk and the noise are drawn from their posterior on a grid, so short data give wide
intervals and long data narrow ones.
"""

from dataclasses import dataclass

import numpy as np

from edtech.tables.arrays import Floats

YEAR = 365.25 / 7  # weeks
LEVEL = 10.0
NOISE = np.geomspace(0.01, 1.0, 14)
WANDER = np.r_[0.0, np.geomspace(0.003, 0.3, 9)]
HARMONICS = (0.8, 0.6)  # of the swing: once and twice a year


@dataclass(frozen=True, slots=True)
class Prior:
    """The prior standard deviations of the trend per week and of the yearly swing."""

    trend: float
    swing: float


def spending_paths(spent: Floats, horizon: int, draws: int, beliefs: Prior, rng: np.random.Generator) -> Floats:
    """Return simulated paths (draws, horizon) of weekly spending after the weeks `spent` (w,), all above 0."""
    floor = 0.05 * np.median(spent[spent > 0])  # a week without a sale is a very low week, not log(0)
    log = np.log(np.maximum(spent, floor))
    center = log.mean()
    week = np.arange(spent.size + horizon, dtype=float) - spent.size
    smooth = _smooth(week, beliefs)
    walk = np.minimum.outer(week - week[0] + 1, week - week[0] + 1)
    grid = [(noise, wander) for noise in NOISE for wander in WANDER]
    covariances = [smooth + wander**2 * walk + noise**2 * np.eye(week.size) for noise, wander in grid]
    likely = np.array([_log_likelihood(k[: spent.size, : spent.size], log - center) for k in covariances])
    weight = np.exp(likely - likely.max())
    counts = rng.multinomial(draws, weight / weight.sum())
    parts = [
        _conditional_draws(covariances[index], log - center, int(counts[index]), rng)
        for index in np.flatnonzero(counts)
    ]
    return np.asarray(np.exp(center + rng.permutation(np.concatenate(parts))))


def _smooth(week: Floats, beliefs: Prior) -> Floats:
    """Return the covariance (w, w) of level, trend and yearly swing; the trend starts at the last week."""
    apart = 2 * np.pi * np.subtract.outer(week, week) / YEAR
    swing = sum(share**2 * np.cos(number * apart) for number, share in enumerate(HARMONICS, 1))
    return np.asarray(LEVEL**2 + beliefs.trend**2 * np.outer(week, week) + beliefs.swing**2 * swing)


def _log_likelihood(covariance: Floats, values: Floats) -> float:
    lower = np.linalg.cholesky(covariance)
    scaled = np.linalg.solve(lower, values)
    return float(-0.5 * scaled @ scaled - np.log(np.diag(lower)).sum())


def _conditional_draws(covariance: Floats, values: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Return draws (n, h) of the weeks after `values` (w,) under a covariance (w + h, w + h)."""
    w = values.size
    gain = np.linalg.solve(covariance[:w, :w], covariance[:w, w:]).T
    spread = covariance[w:, w:] - gain @ covariance[:w, w:]
    return rng.multivariate_normal(gain @ values, (spread + spread.T) / 2, size=draws, method="cholesky")
