"""Partial pooling of the slopes of segments towards their mean, in a normal hierarchical model.

    slope[j] ~ N(mean, sd²),    estimate ~ N(slope, covariance)

The largest of several noisy estimates is partly noise. A price plan that optimizes over them promises too much (Smith &
Winkler 2006, "The Optimizer's Curse", Management Science 52(3)); pooled slopes reduce this bias.
"""

import numpy as np
from scipy.linalg import helmert
from scipy.special import softmax

from edtech.ml.elasticity.fitting.inference import SlopeInference
from edtech.tables.arrays import Floats

_MIN_SLOPES = 3
"""With fewer slopes, their standard deviation cannot be estimated."""
_GRID_SIZE, _MAX_SD_MULTIPLE = 200, 10.0
"""Grid of the standard deviation: number of points, and its upper end as a multiple of the largest plausible value."""


def partially_pool(slopes: Floats, inference: SlopeInference, n_exchangeable: int) -> tuple[Floats, SlopeInference]:
    """Return the posterior means of slopes (k,), of which the first `n_exchangeable` are exchangeable, and covariance.

    The mean has a flat prior, the standard deviation a flat prior on [0, ∞) over which is averaged (Gelman et al. 2013,
    "Bayesian Data Analysis", 5.4). The other slopes change by their covariance with the pooled ones. Fewer than 3
    slopes are returned unchanged.
    """
    if n_exchangeable < _MIN_SLOPES:
        return slopes, inference
    covariance = inference.covariance
    contrasts = np.zeros((n_exchangeable - 1, slopes.size))
    contrasts[:, :n_exchangeable] = helmert(n_exchangeable)
    noise, axes = np.linalg.eigh(contrasts @ covariance @ contrasts.T)
    observed, gain = axes.T @ contrasts @ slopes, covariance @ contrasts.T @ axes
    max_sd = _MAX_SD_MULTIPLE * max(float(np.abs(observed).max()), float(np.sqrt(noise.max())))
    between_sd = max_sd * (np.arange(_GRID_SIZE) + 0.5) ** 2 / _GRID_SIZE**2
    variance = np.maximum(noise, 0) + between_sd[:, None] ** 2
    likelihood = -0.5 * (np.log(variance) + observed**2 / variance).sum(axis=1)
    weight = softmax(likelihood + 0.5 * np.log(between_sd))  # the grid is denser near 0
    shifts = (observed / variance) @ gain.T
    mean_shift = weight @ shifts
    within = covariance - gain * (weight @ (1 / variance)) @ gain.T
    between = (shifts - mean_shift).T @ ((shifts - mean_shift) * weight[:, None])
    return slopes - mean_shift, SlopeInference(within + between, inference.degrees_of_freedom)
