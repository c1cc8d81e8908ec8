"""Generate a market: draw the supply, make the shards, close the books."""

import hashlib
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from edtech.errors import DataError, JobCancelledError
from edtech.market.ledger import ledger_table, payouts
from edtech.market.params import MarketParams
from edtech.market.platform import daily_flows, platform_table
from edtech.market.rows import STRIDE, course_truth, make_part, teacher_truth
from edtech.market.shard import Sums, World, draw_world
from edtech.market.stored import Folder, Market, Memory, Sink, frames_digest, write_part
from edtech.market.supply import course_table, course_week_table, teacher_table
from edtech.market.truth import course_week_truth, reprice, segment_truth

Plan = pd.Series | Mapping[str, float] | None
Progress = Callable[[float, str], None]
Cancelled = Callable[[], bool]


@dataclass(slots=True)
class _Books:
    """What is known of the shards made so far; small, whatever their number."""

    sums: Sums
    flows: pd.DataFrame
    digests: list[str]
    rows: Counter[str]
    frames: dict[str, pd.DataFrame]  # of one shard, unless they were written already

    def add(self, other: "_Books") -> None:
        self.sums += other.sums
        self.flows += other.flows
        self.digests += other.digests
        self.rows += other.rows


def generate_market(
    params: MarketParams,
    *,
    out: Path | None = None,
    workers: int = 1,
    prices: Plan = None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Market:
    """Return a market of these parameters, the same for any number of worker processes.

    With `out`, a folder that does not exist yet, the tables go there as Parquet, shard by shard, and are read when
    asked for; the folder appears whole or not at all. `prices` generates the same world at other prices, given as for
    `Truth.counterfactual`. `progress` is told the share done and what is done; between shards `cancelled` is asked, and
    JobCancelledError raised where it says so. Raises DataError where `out` exists, PricingError for impossible prices.
    """
    world = reprice(draw_world(params), prices)
    tell = progress or (lambda _share, _what: None)
    sink: Sink = Memory() if out is None else Folder(out)
    with sink:
        _stop_if(cancelled)
        books: _Books | None = None
        total = len(world.seeds)
        for number, shard in enumerate(_shards(params, prices, total, workers, sink.folder)):
            sink.add(number, shard.frames)
            if books is None:
                books = shard
            else:
                books.add(shard)
            tell(0.95 * (number + 1) / total, f"learners, shard {number + 1} of {total}")
            _stop_if(cancelled)
        market = _close(world, cast(_Books, books), sink)
    tell(1.0, "books closed")
    return market


def _stop_if(cancelled: Cancelled | None) -> None:
    if cancelled is not None and cancelled():
        raise JobCancelledError("The generation was cancelled; nothing was stored", where="market generator")


def _shards(params: MarketParams, prices: Plan, total: int, workers: int, folder: Path | None) -> Iterator[_Books]:
    """Yield the shards in order, made here or in worker processes."""
    if min(workers, total) <= 1:
        yield from (_make(params, prices, number, folder) for number in range(total))
        return
    # Spawned, because the caller may have threads (a dashboard has).
    pool = ProcessPoolExecutor(min(workers, total), mp_context=multiprocessing.get_context("spawn"))
    try:
        jobs = [pool.submit(_make, params, prices, number, folder) for number in range(total)]
        while jobs:
            yield jobs.pop(0).result()
    except BrokenProcessPool as error:
        raise DataError(
            "A worker process of the generator ended before its time", fix="use fewer learners or workers=1"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _make(params: MarketParams, prices: Plan, number: int, folder: Path | None) -> _Books:
    part = make_part(reprice(_world(params), prices), number)
    frames = {f"tables/{name}": frame for name, frame in part.tables.items()}
    frames |= {f"truth/{name}": frame for name, frame in part.truth.items()}
    digest, rows = frames_digest(frames), Counter({name: len(frame) for name, frame in frames.items()})
    if folder is not None:
        write_part(folder, number, frames)
        frames = {}
    return _Books(part.sums, part.flows, [digest], rows, frames)


_world = lru_cache(maxsize=1)(draw_world)


def _close(world: World, books: _Books, sink: Sink) -> Market:
    """Add what needs all shards: payouts, counts by course and week, platform metrics, the digest."""
    params, sums = world.params, books.sums
    # An own stream, so that a new attribute of a course changes no price and no visit.
    rng = np.random.default_rng(np.random.SeedSequence(params.seed, spawn_key=(0, 0)))
    last = len(world.seeds)
    paid = ledger_table(params, payouts(params, sums.matured), last * STRIDE, range(0))
    segments, cross = segment_truth(world, sums)
    whole = {
        "tables/teachers": teacher_table(params, world.supply, rng),
        "tables/courses": course_table(params, world.supply, rng),
        "tables/course_weeks": course_week_table(params, world.supply, sums.views, sums.enrollments),
        "tables/platform_metrics": platform_table(books.flows + daily_flows(params.weeks, paid)),
        "truth/course_weeks": course_week_truth(world, sums),
        "truth/courses": course_truth(world),
        "truth/teachers": teacher_truth(world),
        "truth/segments": segments,
        "truth/cross": cross,
    }
    more = {"tables/token_ledger": paid}
    sink.add(0, whole)
    sink.add(last, more)
    rows = books.rows + Counter({name: len(frame) for name, frame in (whole | more).items()})
    digests = [*books.digests, frames_digest(whole), frames_digest(more)]
    digest = hashlib.blake2b("\n".join(digests).encode(), digest_size=16).hexdigest()
    return sink.finish(params, digest, dict(rows))
