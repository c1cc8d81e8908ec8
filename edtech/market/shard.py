"""One shard of learners: what it draws, and its part of every sum over the market.

Learners do not meet each other: a market is its supply and shards of learners, each drawn from an own child of the
market's seed. So a shard can be made anywhere, in any order, and memory is bounded by a shard.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np

from edtech.errors import DataError
from edtech.market.demand import Choices, Learners, Visits, choose, draw_learners, draw_visits
from edtech.market.ledger import matured
from edtech.market.outcomes import Outcomes, follow
from edtech.market.params import MarketParams
from edtech.market.supply import CATEGORIES, Supply, draw_supply
from edtech.tables.arrays import Bools, Floats, Ints

ShardResult = TypeVar("ShardResult")

SIZE = 5_000  # learners; part of the definition of a market: another size draws another market


@dataclass(frozen=True, slots=True)
class World:
    """A market's supply, and the seeds of its shards."""

    params: MarketParams
    supply: Supply
    seeds: tuple[np.random.SeedSequence, ...]

    def people(self, number: int) -> range:
        """Numbers of the learners of a shard."""
        return range(number * SIZE, min((number + 1) * SIZE, self.params.learners))


@dataclass(frozen=True, slots=True)
class Shard:
    """What was drawn for a shard's learners, before any price."""

    learners: Learners
    visits: Visits


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over learners. By course and week (J, W): counts, expected enrollments, and their price derivatives.

    `own` and `segment` are d expected / d log price of this course alone and of all courses of its category; `cross`
    (C, C) is d expected of the row category / d log of all prices of the column category. `matured` is for payouts.
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
    left: int

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(Sums)))


def draw_world(params: MarketParams) -> World:
    """Draw the supply and the seeds of the shards."""
    shards = -(-params.learners // SIZE)
    first, *rest = np.random.SeedSequence(params.seed).spawn(1 + shards)
    return World(params, draw_supply(params, np.random.default_rng(first)), tuple(rest))


def draw_shard(world: World, number: int) -> Shard:
    """Draw a shard's learners and visits."""
    rng = np.random.default_rng(world.seeds[number])
    learners = draw_learners(world.params, len(world.people(number)), rng)
    return Shard(learners, draw_visits(world.params, world.supply, learners, rng))


def play(world: World, shard: Shard) -> tuple[Choices, Outcomes, Sums]:
    """Return what a shard's learners do at the world's prices, and the sums of it."""
    choices = choose(world.params, world.supply, shard.learners, shard.visits)
    done = follow(world.params, world.supply, shard.learners, shard.visits, choices)
    return choices, done, _sums(world, shard, choices, done)


def _sums(world: World, shard: Shard, choices: Choices, done: Outcomes) -> Sums:
    params, visits = world.params, shard.visits
    shape = (params.courses, params.weeks)
    shown = (visits.seen >= 0) & choices.made[:, None]
    cell = (visits.seen * params.weeks + visits.week[:, None])[shown]
    chance = choices.probability
    own, segment, cross = _derivatives(np.where(shown, world.supply.category[visits.seen], -1), chance, choices.slope)

    def by_cell(values: Floats) -> Floats:
        sums: Floats = np.bincount(cell, values[shown], minlength=shape[0] * shape[1]).astype(float)
        return sums.reshape(shape)

    return Sums(
        views=np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape),
        enrollments=_count(done, np.ones(done.course.size, dtype=bool), shape),
        expected=by_cell(chance),
        own=by_cell(own),
        segment=by_cell(segment),
        cross=cross,
        completions=_count(done, done.completed >= 0, shape),
        refunds=_count(done, done.refunded >= 0, shape),
        matured=matured(params, world.supply, done),
        left=int(choices.left.sum()),
    )


def _derivatives(category: Ints, chance: Floats, slope: Floats) -> tuple[Floats, Floats, Floats]:
    """Return d chance / d log price of the own price and of all prices of the own category (N, m), and by pair (C, C).

    A logit's chance P_j answers to its own log price by -slope_j P_j (1 - P_j) and to that of k by slope_k P_j P_k.
    """
    pull = chance * slope
    neighbors = np.zeros_like(chance)
    taken: Floats = np.bincount(category[category >= 0], pull[category >= 0], minlength=len(CATEGORIES)).astype(float)
    cross = -np.diag(taken)
    for place in range(chance.shape[1]):
        other = category[:, [place]]
        neighbors += (category == other) * pull[:, [place]]
        cross += _by_pair(category, np.broadcast_to(other, category.shape), chance * pull[:, [place]])
    return -pull * (1 - chance), chance * neighbors - pull, cross


def _by_pair(row: Ints, column: Ints, values: Floats) -> Floats:
    size = len(CATEGORIES)
    known = (row >= 0) & (column >= 0)
    sums: Floats = np.bincount((row * size + column)[known], values[known], minlength=size * size).astype(float)
    return sums.reshape(size, size)


def _count(done: Outcomes, happened: Bools, shape: tuple[int, int]) -> Ints:
    counts = np.zeros(shape, dtype=np.int64)
    np.add.at(counts, (done.course[happened], done.week[happened]), 1)
    return counts


def shards_in_order(make: Callable[[int], ShardResult], total: int, workers: int) -> Iterator[ShardResult]:
    """Yield `make(0)`, ..., `make(total - 1)` in order; with more than one worker `make` must be picklable.

    Raises DataError where a worker ends before its time, say for want of memory.
    """
    if min(workers, total) <= 1:
        yield from map(make, range(total))
        return
    # Spawned, because the caller may have threads (a dashboard has).
    pool = ProcessPoolExecutor(min(workers, total), mp_context=multiprocessing.get_context("spawn"))
    try:
        jobs = [pool.submit(make, number) for number in range(total)]
        while jobs:
            yield jobs.pop(0).result()
    except BrokenProcessPool as error:
        raise DataError(
            "A worker process of the market ended before its time", fix="use fewer learners or workers=1"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
