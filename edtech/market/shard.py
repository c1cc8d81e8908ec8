"""One shard of learners: its random draws, its choices, and its contribution to the market's sums.

Learners do not interact: a market is its supply and shards of learners, each drawn from its own child of the market's
seed. So shards can be generated in any process and order, and memory is bounded by one shard.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np

from edtech.errors import DataError
from edtech.market.demand import Choices, Learners, Visits, draw_learners, draw_visits, simulate_choices
from edtech.market.ledger import matured_earnings
from edtech.market.outcomes import Outcomes, simulate_outcomes
from edtech.market.params import MarketParams
from edtech.market.supply import CATEGORIES, Supply, draw_supply
from edtech.tables.arrays import Bools, Floats, Ints

ShardResult = TypeVar("ShardResult")

SIZE = 5_000  # learners per shard; another size would draw another market


@dataclass(frozen=True, slots=True)
class World:
    """A market's supply, and the seeds of its shards."""

    params: MarketParams
    supply: Supply
    seeds: tuple[np.random.SeedSequence, ...]

    def learner_numbers(self, number: int) -> range:
        """Return the numbers of a shard's learners."""
        return range(number * SIZE, min((number + 1) * SIZE, self.params.learners))


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard's learners and visits; neither depends on prices."""

    learners: Learners
    visits: Visits


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over learners. By course and week (J, W): counts, expected enrollments, and their price derivatives.

    `own` and `segment` are d expected / d log price of this course alone and of all courses of its category; `cross`
    (C, C) is d expected of the row category / d log of all prices of the column category. `matured` holds the
    teachers' earnings by payout date. `churned` counts the learners who left for good.
    """

    views: Ints
    enrollments: Ints
    expected: Floats
    own: Floats
    segment: Floats
    cross: Floats
    completions: Ints
    refunds: Ints
    matured: Ints
    churned: int

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(Sums)))


def draw_world(params: MarketParams) -> World:
    """Draw the supply and the seeds of the shards."""
    shards = -(-params.learners // SIZE)
    first, *shard_seeds = np.random.SeedSequence(params.seed).spawn(1 + shards)
    return World(params, draw_supply(params, np.random.default_rng(first)), tuple(shard_seeds))


def draw_shard(world: World, number: int) -> Shard:
    """Draw a shard's learners and visits."""
    rng = np.random.default_rng(world.seeds[number])
    learners = draw_learners(world.params, len(world.learner_numbers(number)), rng)
    return Shard(learners, draw_visits(world.params, world.supply, learners, rng))


def simulate_shard(world: World, shard: Shard) -> tuple[Choices, Outcomes, Sums]:
    """Simulate a shard's learners at the world's prices: choices, outcomes and their sums."""
    choices = simulate_choices(world.params, world.supply, shard.learners, shard.visits)
    outcomes = simulate_outcomes(world.params, world.supply, shard.learners, shard.visits, choices)
    return choices, outcomes, _sums(world, shard, choices, outcomes)


def _sums(world: World, shard: Shard, choices: Choices, outcomes: Outcomes) -> Sums:
    params, visits = world.params, shard.visits
    shape = (params.courses, params.weeks)
    is_offered = (visits.offered >= 0) & choices.occurred[:, None]
    cell = (visits.offered * params.weeks + visits.week[:, None])[is_offered]
    chance = choices.probability
    own, segment, cross = _derivatives(
        np.where(is_offered, world.supply.category[visits.offered], -1), chance, choices.slope
    )

    def by_cell(values: Floats) -> Floats:
        sums: Floats = np.bincount(cell, values[is_offered], minlength=shape[0] * shape[1]).astype(float)
        return sums.reshape(shape)

    return Sums(
        views=np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape),
        enrollments=_count(outcomes, np.ones(outcomes.course.size, dtype=bool), shape),
        expected=by_cell(chance),
        own=by_cell(own),
        segment=by_cell(segment),
        cross=cross,
        completions=_count(outcomes, outcomes.completed >= 0, shape),
        refunds=_count(outcomes, outcomes.refunded >= 0, shape),
        matured=matured_earnings(params, world.supply, outcomes),
        churned=int(choices.churned.sum()),
    )


def _derivatives(category: Ints, chance: Floats, slope: Floats) -> tuple[Floats, Floats, Floats]:
    """Return d chance / d log price for the own price and for all prices of the own category (N, m), and by pair of
    categories (C, C).

    In a logit, d P_j / d log p_j = -slope_j P_j (1 - P_j) and d P_j / d log p_k = slope_k P_j P_k.
    """
    weighted_slope = chance * slope
    neighbors = np.zeros_like(chance)
    total_slope: Floats = np.bincount(
        category[category >= 0], weighted_slope[category >= 0], minlength=len(CATEGORIES)
    ).astype(float)
    cross = -np.diag(total_slope)
    for position in range(chance.shape[1]):
        other = category[:, [position]]
        neighbors += (category == other) * weighted_slope[:, [position]]
        cross += _by_pair(category, np.broadcast_to(other, category.shape), chance * weighted_slope[:, [position]])
    return -weighted_slope * (1 - chance), chance * neighbors - weighted_slope, cross


def _by_pair(row: Ints, column: Ints, values: Floats) -> Floats:
    size = len(CATEGORIES)
    valid = (row >= 0) & (column >= 0)
    sums: Floats = np.bincount((row * size + column)[valid], values[valid], minlength=size * size).astype(float)
    return sums.reshape(size, size)


def _count(outcomes: Outcomes, happened: Bools, shape: tuple[int, int]) -> Ints:
    counts = np.zeros(shape, dtype=np.int64)
    np.add.at(counts, (outcomes.course[happened], outcomes.week[happened]), 1)
    return counts


def shards_in_order(make: Callable[[int], ShardResult], total: int, workers: int) -> Iterator[ShardResult]:
    """Yield `make(0)`, ..., `make(total - 1)` in order; `make` must be picklable if `workers` > 1.

    Raises DataError if a worker process dies, for example without memory.
    """
    if min(workers, total) <= 1:
        yield from map(make, range(total))
        return
    # Spawned, because the caller may have threads, as the dashboard does.
    pool = ProcessPoolExecutor(min(workers, total), mp_context=multiprocessing.get_context("spawn"))
    try:
        jobs = [pool.submit(make, number) for number in range(total)]
        while jobs:
            yield jobs.pop(0).result()
    except BrokenProcessPool as error:
        raise DataError("A worker process of the market died", fix="use fewer learners or workers=1") from error
    finally:
        pool.shutdown(cancel_futures=True)
