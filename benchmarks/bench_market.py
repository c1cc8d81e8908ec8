"""Time and memory of generating markets, with views, ledger and truth.

python benchmarks/bench_market.py          the sizes a person waits for
python benchmarks/bench_market.py --large  also about 1,000,000 enrollments to Parquet, memory of all processes
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

from edtech.market import MarketParams, generate_market

SMALL = MarketParams(learners=2_000, teachers=100, courses=200, weeks=26)
YEAR = MarketParams(learners=10_000, teachers=500, courses=2_000, weeks=52)
LARGE = MarketParams(learners=180_000, teachers=5_000, courses=10_000, weeks=52)


def measure(title: str, params: MarketParams, out: Path | None = None, workers: int = 1) -> float:
    """Print and return the seconds that one market takes."""
    start = time.perf_counter()
    market = generate_market(params, out=out, workers=workers)
    seconds = time.perf_counter() - start
    panel = market.tables["course_weeks"]
    sold = int(panel["enrollments"].sum())
    views = panel["views"].sum()
    print(f"{title}: {seconds:.2f} s, {sold} enrollments, {views} views, {1e6 * seconds / sold:.0f} us each")
    return seconds


def peak() -> float:
    """Return an upper bound of the memory of this process and its workers at once, in GB."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    largest_child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return (own + 2 * largest_child) / 1024**2


def main() -> None:
    """Run what was asked for, with the limits that the project promises."""
    generate_market(SMALL.model_copy(update={"weeks": 4}))
    assert measure("2,000 learners x 26 weeks", SMALL) < 1
    assert measure("10,000 learners x 52 weeks", YEAR) < 3
    with tempfile.TemporaryDirectory() as folder:
        measure("10,000 learners x 52 weeks to Parquet", YEAR, Path(folder, "year"))
        if "--large" in sys.argv:
            assert measure("180,000 learners x 52 weeks to Parquet, 2 workers", LARGE, Path(folder, "large"), 2) < 45
            print(f"peak memory of all processes: at most {peak():.2f} GB")
            assert peak() < 2


if __name__ == "__main__":
    main()
