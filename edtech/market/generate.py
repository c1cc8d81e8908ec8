"""Generate a market: draw the supply, make the shards, close the books."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from edtech.errors import JobCancelledError
from edtech.jobs.progress import Progress
from edtech.market.ledger import ledger_table, payouts
from edtech.market.params import MarketParams
from edtech.market.platform import daily_flows, platform_table
from edtech.market.price_plans import Plan, PricePlan, market_world, plan_of
from edtech.market.rows import STRIDE, course_truth, shard_rows, teacher_truth
from edtech.market.shard import Sums, World, shards_in_order
from edtech.market.storage import Folder, Market, Memory, Sink, frames_digest, write_part
from edtech.market.supply import course_table, course_week_table, teacher_table
from edtech.market.truth import course_week_truth, segment_truth

Cancelled = Callable[[], bool]
_SUPPLY, _SHARDS = 0.02, 0.93  # shares of the work


@dataclass(slots=True)
class _Accumulator:
    """What is known of the shards made so far; small, whatever their number."""

    sums: Sums
    flows: pd.DataFrame
    digests: list[str]
    rows: Counter[str]
    frames: dict[str, pd.DataFrame]  # of one shard, unless they were written already

    def add(self, other: "_Accumulator") -> None:
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
    `Truth.counterfactual`. `progress` is told the share done and what comes next, within a shard too where this process
    makes it; each time `cancelled` is asked, and JobCancelledError raised where it says so. Raises DataError where
    `out` exists, PricingError for impossible prices.
    """
    report = _reporter(progress, cancelled)
    sink: Sink = Memory() if out is None else Folder(out)
    with sink:
        report(0.0, "supply")
        plan = plan_of(prices)
        world = market_world(params, (plan,))
        books: _Accumulator | None = None
        total = len(world.seeds)
        for number, shard in enumerate(_shards(params, plan, total, workers, sink.folder, report)):
            sink.add(number, shard.frames)
            if books is None:
                books = shard
            else:
                books.add(shard)
            report(_SUPPLY + _SHARDS * (number + 1) / total, f"shard {number + 1} of {total} done")
        report(_SUPPLY + _SHARDS, "closing the books")
        market = _close(world, plan, cast(_Accumulator, books), sink)
    if progress is not None:
        progress(1.0, "done")
    return market


def _reporter(progress: Progress | None, cancelled: Cancelled | None) -> Progress:
    """Return what tells the progress, and raises JobCancelledError where the user cancelled."""

    def report(share: float, what: str) -> None:
        if cancelled is not None and cancelled():
            raise JobCancelledError("The generation was cancelled; nothing was stored", where="market generator")
        if progress is not None:
            progress(share, what)

    return report


def _shards(
    params: MarketParams, plan: PricePlan | None, total: int, workers: int, folder: Path | None, report: Progress
) -> Iterator[_Accumulator]:
    """Yield the shards in order; those made in this process tell how far they are."""
    if min(workers, total) > 1:
        yield from shards_in_order(partial(_make, params, plan, folder, None), total, workers)
        return
    for number in range(total):

        def within(share: float, what: str, number: int = number) -> None:
            report(_SUPPLY + _SHARDS * (number + 0.9 * share) / total, f"shard {number + 1} of {total}: {what}")

        yield _make(params, plan, folder, within, number)


def _make(
    params: MarketParams, plan: PricePlan | None, folder: Path | None, report: Progress | None, number: int
) -> _Accumulator:
    world = market_world(params, (plan,))
    part = shard_rows(world, number) if report is None else shard_rows(world, number, report)
    frames = {f"tables/{name}": frame for name, frame in part.tables.items()}
    frames |= {f"truth/{name}": frame for name, frame in part.truth.items()}
    digest, rows = frames_digest(frames), Counter({name: len(frame) for name, frame in frames.items()})
    if folder is not None:
        write_part(folder, number, frames)
        frames = {}
    return _Accumulator(part.sums, part.flows, [digest], rows, frames)


def _close(world: World, plan: PricePlan | None, books: _Accumulator, sink: Sink) -> Market:
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
    return sink.finish(params, plan, digest, dict(rows))
