"""Generate a market: draw the supply, simulate the shards, add the totals."""

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
from edtech.market.storage import FolderSink, Market, MemorySink, Sink, frames_digest, write_part
from edtech.market.supply import course_table, course_week_table, teacher_table
from edtech.market.truth import course_week_truth, segment_truth

Cancelled = Callable[[], bool]
_SUPPLY, _SHARDS = 0.02, 0.93  # fractions of the progress


@dataclass(slots=True)
class _Accumulator:
    """Totals over the generated shards; their size does not depend on the number of shards."""

    sums: Sums
    flows: pd.DataFrame
    digests: list[str]
    rows: Counter[str]
    frames: dict[str, pd.DataFrame]  # of one shard; empty if already written

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
    """Generate a market of these parameters; the result is the same for any number of worker processes.

    `out`: a folder that does not exist yet. The tables are written to it as Parquet, shard by shard, and read on
    access; the folder appears only when complete. `prices`: the same market at other prices, as in
    `Truth.counterfactual`. `progress` receives the completed fraction and the next step. Before each report
    `cancelled` is called.

    Raises JobCancelledError if it returns True, DataError if `out` exists, PricingError for invalid prices.
    """
    report = _reporter(progress, cancelled)
    sink: Sink = MemorySink() if out is None else FolderSink(out)
    with sink:
        report(0.0, "supply")
        plan = plan_of(prices)
        world = market_world(params, (plan,))
        totals: _Accumulator | None = None
        total = len(world.seeds)
        for number, shard in enumerate(_shards(params, plan, total, workers, sink.folder, report)):
            sink.add(number, shard.frames)
            if totals is None:
                totals = shard
            else:
                totals.add(shard)
            report(_SUPPLY + _SHARDS * (number + 1) / total, f"shard {number + 1} of {total} done")
        report(_SUPPLY + _SHARDS, "totals")
        market = _finish(world, plan, cast(_Accumulator, totals), sink)
    if progress is not None:
        progress(1.0, "done")
    return market


def _reporter(progress: Progress | None, cancelled: Cancelled | None) -> Progress:
    """Return a progress function that raises JobCancelledError if the user cancelled."""

    def report(share: float, what: str) -> None:
        if cancelled is not None and cancelled():
            raise JobCancelledError("The generation was cancelled; nothing was stored", where="market generator")
        if progress is not None:
            progress(share, what)

    return report


def _shards(
    params: MarketParams, plan: PricePlan | None, total: int, workers: int, folder: Path | None, report: Progress
) -> Iterator[_Accumulator]:
    """Yield the shards in order; shards generated in this process report their progress."""
    if min(workers, total) > 1:
        yield from shards_in_order(partial(_make_shard, params, plan, folder, None), total, workers)
        return
    for number in range(total):

        def report_shard(share: float, what: str, number: int = number) -> None:
            report(_SUPPLY + _SHARDS * (number + 0.9 * share) / total, f"shard {number + 1} of {total}: {what}")

        yield _make_shard(params, plan, folder, report_shard, number)


def _make_shard(
    params: MarketParams, plan: PricePlan | None, folder: Path | None, report: Progress | None, number: int
) -> _Accumulator:
    world = market_world(params, (plan,))
    shard = shard_rows(world, number) if report is None else shard_rows(world, number, report)
    frames = {f"tables/{name}": frame for name, frame in shard.tables.items()}
    frames |= {f"truth/{name}": frame for name, frame in shard.truth.items()}
    digest, rows = frames_digest(frames), Counter({name: len(frame) for name, frame in frames.items()})
    if folder is not None:
        write_part(folder, number, frames)
        frames = {}
    return _Accumulator(shard.sums, shard.flows, [digest], rows, frames)


def _finish(world: World, plan: PricePlan | None, totals: _Accumulator, sink: Sink) -> Market:
    """Add the tables that need all shards: payouts, counts by course and week, platform metrics, and the digest."""
    params, sums = world.params, totals.sums
    # A separate random stream, so that a new attribute of a course changes no price and no visit.
    rng = np.random.default_rng(np.random.SeedSequence(params.seed, spawn_key=(0, 0)))
    payout_number = len(world.seeds)
    payout_entries = ledger_table(params, payouts(params, sums.matured), payout_number * STRIDE, range(0))
    segments, cross = segment_truth(world, sums)
    complete_tables = {
        "tables/teachers": teacher_table(params, world.supply, rng),
        "tables/courses": course_table(params, world.supply, rng),
        "tables/course_weeks": course_week_table(params, world.supply, sums.views, sums.enrollments),
        "tables/platform_metrics": platform_table(totals.flows + daily_flows(params.weeks, payout_entries)),
        "truth/course_weeks": course_week_truth(world, sums),
        "truth/courses": course_truth(world),
        "truth/teachers": teacher_truth(world),
        "truth/segments": segments,
        "truth/cross": cross,
    }
    payout_tables = {"tables/token_ledger": payout_entries}
    sink.add(0, complete_tables)
    sink.add(payout_number, payout_tables)
    rows = totals.rows + Counter({name: len(frame) for name, frame in (complete_tables | payout_tables).items()})
    digests = [*totals.digests, frames_digest(complete_tables), frames_digest(payout_tables)]
    digest = hashlib.blake2b("\n".join(digests).encode(), digest_size=16).hexdigest()
    return sink.finish(params, plan, digest, dict(rows))
