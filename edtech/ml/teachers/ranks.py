"""The interval of a rank: a league table says more than its data know unless it says how sure each place is.

Goldstein and Spiegelhalter (1996), "League tables and their limitations", JRSS A 159: ranks are drawn by ranking draws
of the effects.
"""

import numpy as np

from edtech.tables.arrays import Floats

EFFECT_LEVEL, RANK_LEVEL = 0.95, 0.90


def ranks(effects: Floats) -> Floats:
    """Return the ranks of effects along the last axis, 1 for the highest; equal ones rank in the order they come."""
    order = np.argsort(-effects, axis=-1, kind="stable")
    return np.argsort(order, axis=-1, kind="stable").astype(float) + 1


def rank_intervals(draws: Floats, rank: Floats, seed: int) -> tuple[Floats, Floats]:
    """Return both ends (T,) of the 90 % interval of each rank from draws (S, T) of the effects; ties fall at random.

    An interval is stretched to the `rank` (T,) itself: the best of many is likely to be lower than its place.
    """
    order = np.random.default_rng(seed).permutation(draws.shape[1])
    drawn = np.empty_like(draws)
    drawn[:, order] = ranks(draws[:, order])
    low, high = np.quantile(drawn, _ends(RANK_LEVEL), axis=0, method="closest_observation")
    return np.minimum(low, rank), np.maximum(high, rank)


def effect_intervals(draws: Floats) -> tuple[Floats, Floats]:
    """Return both ends (T,) of the 95 % interval of each effect against the average teacher."""
    low, high = np.quantile(draws - draws.mean(axis=1, keepdims=True), _ends(EFFECT_LEVEL), axis=0)
    return low, high


def _ends(level: float) -> tuple[float, float]:
    return (1 - level) / 2, (1 + level) / 2
