"""Slopes of segments drawn towards each other, as far as their own data leave them open.

The largest of several noisy slopes is large by luck too, and a plan looks for just that: it raises what seems to sell
at any price, cuts what seems to sell by its price, and promises more than it earns (Smith & Winkler 2006, "The
Optimizer's Curse", Management Science 52(3)). Slopes that are drawn together first promise less in vain.
"""

import numpy as np
from scipy.linalg import helmert
from scipy.special import softmax

from edtech.ml.elasticity.fitting.inference import SlopeErrors
from edtech.tables.arrays import Floats

_FEWEST = 3
"""Of fewer slopes how far they are apart cannot be told."""
_SPREADS, _WIDEST = 200, 10.0
"""The spread is averaged over at so many values, up to so many times the largest that the slopes suggest."""


def partially_pooled(slopes: Floats, errors: SlopeErrors, alike: int) -> tuple[Floats, SlopeErrors]:
    """Return slopes (k,) and their errors once it counts that the first `alike` are of one kind.

    They are normal about a mean of which nothing is known, with a spread of which nothing is known but that it is at
    least 0, and over which is averaged (Gelman et al. 2013, "Bayesian Data Analysis", 5.4). The other slopes follow as
    far as their errors go together. Fewer than 3 stay as they are.
    """
    if alike < _FEWEST:
        return slopes, errors
    covariance = errors.covariance
    apart = np.zeros((alike - 1, slopes.size))
    apart[:, :alike] = helmert(alike)
    noise, axes = np.linalg.eigh(apart @ covariance @ apart.T)
    seen, pull = axes.T @ apart @ slopes, covariance @ apart.T @ axes
    widest = _WIDEST * max(float(np.abs(seen).max()), float(np.sqrt(noise.max())))
    spread = widest * (np.arange(_SPREADS) + 0.5) ** 2 / _SPREADS**2
    variance = np.maximum(noise, 0) + spread[:, None] ** 2
    likelihood = -0.5 * (np.log(variance) + seen**2 / variance).sum(axis=1)
    weight = softmax(likelihood + 0.5 * np.log(spread))  # the values lie closer together near 0
    moves = (seen / variance) @ pull.T
    move = weight @ moves
    within = covariance - pull * (weight @ (1 / variance)) @ pull.T
    between = (moves - move).T @ ((moves - move) * weight[:, None])
    return slopes - move, SlopeErrors(within + between, errors.freedom)
