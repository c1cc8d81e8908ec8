"""Ranks and their intervals, from posterior draws of the effects.

Goldstein and Spiegelhalter (1996), "League tables and their limitations", JRSS A 159: a league table needs an interval
for each rank.
"""

import numpy as np

from edtech.tables.arrays import Floats

EFFECT_LEVEL, RANK_LEVEL = 0.95, 0.90


def ranks(effects: Floats) -> Floats:
    """Return the ranks of effects along the last axis, 1 for the highest; ties rank in the order of the array.

    >>> ranks(np.array([0.1, 0.9, -0.4]))
    array([2., 1., 3.])
    """
    order = np.argsort(-effects, axis=-1, kind="stable")
    return np.argsort(order, axis=-1, kind="stable").astype(float) + 1


def rank_intervals(draws: Floats, rank: Floats, seed: int) -> tuple[Floats, Floats]:
    """Return the bounds (T,) of the 90% interval of each rank from draws (S, T) of the effects; ties are random.

    An interval is extended to the `rank` (T,) itself: the true rank of the best of many is likely to be lower.
    """
    order = np.random.default_rng(seed).permutation(draws.shape[1])
    drawn_ranks = np.empty_like(draws)
    drawn_ranks[:, order] = ranks(draws[:, order])
    low, high = np.quantile(drawn_ranks, _tail_quantiles(RANK_LEVEL), axis=0, method="closest_observation")
    return np.minimum(low, rank), np.maximum(high, rank)


def effect_intervals(draws: Floats) -> tuple[Floats, Floats]:
    """Return the bounds (T,) of the 95% interval of each effect relative to the average teacher."""
    low, high = np.quantile(draws - draws.mean(axis=1, keepdims=True), _tail_quantiles(EFFECT_LEVEL), axis=0)
    return low, high


def _tail_quantiles(level: float) -> tuple[float, float]:
    return (1 - level) / 2, (1 + level) / 2
