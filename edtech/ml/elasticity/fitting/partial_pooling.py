"""Slopes of segments drawn towards each other, as far as their own data leave them open.

The largest of several noisy slopes is large by luck too, and a plan looks for just that: it raises what seems to sell
at any price, cuts what seems to sell by its price, and promises more than it earns (Smith & Winkler 2006, "The
Optimizer's Curse", Management Science 52(3)). Slopes that are drawn together first promise less in vain.
"""

import numpy as np
from scipy.linalg import helmert
from scipy.special import softmax

from edtech.ml.elasticity.fitting.inference import SlopeInference
from edtech.tables.arrays import Floats

_MIN_SLOPES = 3
"""Of fewer slopes how far they are apart cannot be told."""
_GRID_SIZE, _MAX_SD_MULTIPLE = 200, 10.0
"""The spread is averaged over at so many values, up to so many times the largest that the slopes suggest."""


def partially_pool(slopes: Floats, inference: SlopeInference, n_exchangeable: int) -> tuple[Floats, SlopeInference]:
    """Return slopes (k,) and their errors once it counts that the first `alike` are of one kind.

    They are normal about a mean of which nothing is known, with a spread of which nothing is known but that it is at
    least 0, and over which is averaged (Gelman et al. 2013, "Bayesian Data Analysis", 5.4). The other slopes follow as
    far as their errors go together. Fewer than 3 stay as they are.
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
    weight = softmax(likelihood + 0.5 * np.log(between_sd))  # the values lie closer together near 0
    shifts = (observed / variance) @ gain.T
    mean_shift = weight @ shifts
    within = covariance - gain * (weight @ (1 / variance)) @ gain.T
    between = (shifts - mean_shift).T @ ((shifts - mean_shift) * weight[:, None])
    return slopes - mean_shift, SlopeInference(within + between, inference.degrees_of_freedom)
