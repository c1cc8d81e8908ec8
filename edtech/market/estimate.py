"""Estimate a market's size and generation time from a small pilot market."""

from dataclasses import dataclass

from edtech.market.params import MarketParams
from edtech.market.shard import SIZE, draw_shard, draw_world, simulate_shard
from edtech.settings import MEGABYTE

PILOT_VISITS = 20_000
PILOT_CELLS = 2_500_000  # courses x weeks; up to here the supply is the market's own
# Measured on two cores by benchmarks/bench_market.py, which also prints the error of these estimates.
_FIXED_SECONDS, _VIEW_SECONDS, _CELL_SECONDS = 0.15, 4.0e-6, 1.1e-6
_START_SECONDS, _SHARED = 2.5, 0.8  # two workers: start-up time, and relative time of the work
_VIEW_BYTES, _ENROLLMENT_BYTES, _CELL_BYTES = 23.0, 165.0, 17.0
_FIXED_MB, _WORKER_MB, _SHARD_VIEW_BYTES, _CELL_MEMORY = 150.0, 80.0, 900.0, 330.0


@dataclass(frozen=True, slots=True)
class SizeEstimate:
    """Expected rows, megabytes on disk and in memory, and seconds of a market."""

    views: int
    enrollments: int
    course_weeks: int
    disk_mb: float
    memory_mb: float
    seconds: float

    def __str__(self) -> str:
        return (
            f"About {_round(self.enrollments):,} enrollments, {_round(self.views):,} views and "
            f"{_round(self.course_weeks):,} course-weeks; {_time(self.seconds)} on a two-core machine, "
            f"{_size(self.disk_mb)} on disk, {_size(self.memory_mb)} of memory."
        )


def estimate_size(params: MarketParams, workers: int = 1) -> SizeEstimate:
    """Estimate the size of a market of these parameters.

    Views and enrollments per learner come from a pilot of up to `PILOT_VISITS` visits; costs were measured on two
    cores. Counts are accurate within a few percent, seconds within a factor of about two on such an idle machine.
    """
    learners = min(params.learners, max(10, int(PILOT_VISITS / (params.visits_per_week * params.weeks))))
    courses = min(params.courses, max(1, PILOT_CELLS // params.weeks))
    small = {"learners": learners, "courses": courses, "teachers": params.teachers}
    world = draw_world(params.model_copy(update=small))
    sums = simulate_shard(world, draw_shard(world, 0))[2]
    scale = params.learners / learners
    views, enrollments = int(sums.views.sum() * scale), int(sums.enrollments.sum() * scale)
    cells = int(world.supply.on_sale.sum() * params.courses / courses)
    work = views * _VIEW_SECONDS
    shards = -(-params.learners // SIZE)
    shared = min(workers, shards) > 1
    seconds = _FIXED_SECONDS + cells * _CELL_SECONDS + (_START_SECONDS + _SHARED * work if shared else work)
    disk = (views * _VIEW_BYTES + enrollments * _ENROLLMENT_BYTES + cells * _CELL_BYTES) / MEGABYTE
    shard = (views / shards * _SHARD_VIEW_BYTES + cells * _CELL_MEMORY) / MEGABYTE
    memory = _FIXED_MB + (min(workers, shards) * (shard + _WORKER_MB) if shared else shard)
    return SizeEstimate(views, enrollments, cells, disk, memory, seconds)


def _round(count: int) -> int:
    """Round a count to two significant digits, its accuracy."""
    digits = max(len(str(count)) - 2, 0)
    return round(count, -digits)


def _time(seconds: float) -> str:
    return (
        f"{seconds:.0f} s" if 2 <= seconds < 120 else f"{seconds:.1f} s" if seconds < 2 else f"{seconds / 60:.0f} min"
    )


def _size(megabytes: float) -> str:
    return f"{megabytes:.0f} MB" if megabytes < 1_000 else f"{megabytes / 1_000:.1f} GB"
