"""Time and memory of market generation, with views, ledger and ground truth; realism of the presets.

python benchmarks/bench_market.py          interactive sizes; about 1,000,000 enrollments to Parquet versus 100,000
                                           (seconds per enrollment, memory of all processes, a counterfactual on two
                                           workers); the figures of docs/market.md
python benchmarks/bench_market.py --small  without the two large sizes
"""

import resource
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from edtech.market import Market, MarketParams, generate_market, presets
from edtech.market.estimate import estimate_size
from edtech.market.realism import EXPONENTIAL_SHARE, measure_realism

SMALL = MarketParams(learners=2_000, teachers=100, courses=200, weeks=26)
YEAR = MarketParams(learners=10_000, teachers=500, courses=2_000, weeks=52)
MEDIUM = MarketParams(learners=18_000, teachers=500, courses=1_000, weeks=52)
LARGE = MarketParams(learners=180_000, teachers=5_000, courses=10_000, weeks=52)


def measure(title: str, params: MarketParams, out: Path | None = None, workers: int = 1) -> tuple[Market, float, float]:
    """Return a market, the seconds to generate it, and the seconds per enrollment."""
    start = time.perf_counter()
    market = generate_market(params, out=out, workers=workers)
    seconds = time.perf_counter() - start
    panel = market.tables["course_weeks"]
    sold = int(panel["enrollments"].sum())
    views = panel["views"].sum()
    print(f"{title}: {seconds:.2f} s, {sold} enrollments, {views} views, {1e6 * seconds / sold:.0f} us per enrollment")
    compare_with_estimate(params, seconds, sold, workers)
    return market, seconds, seconds / sold


def peak() -> float:
    """Return an upper bound of the memory of this process and its workers at once, in GB."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    largest_child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return (own + 2 * largest_child) / 1024**2


def measure_presets() -> None:
    """Compare each preset, over five seeds, with the ranges in docs/market.md."""
    for name in presets():
        result = pd.DataFrame(
            [asdict(measure_realism(generate_market(MarketParams.preset(name, seed=s)))) for s in range(1, 6)]
        )
        print(
            f"{name}: "
            + ", ".join(f"{c} {result[c].mean():.3f} ({result[c].min():.3f} to {result[c].max():.3f})" for c in result)
        )
        assert result["conversion"].between(0.03, 0.15).all()
        assert result["completion"].between(0.1, 0.6).all()
        assert result["monthly_churn"].between(0.02, 0.15).all()
        assert (result["top_share"] > EXPONENTIAL_SHARE).all()
        assert (result["price_quality"] > 0).all()
        assert name != "confounded" or (result["naive_elasticity"] > 0).all()


def compare_with_estimate(params: MarketParams, seconds: float, sold: int, workers: int) -> None:
    """Print the estimated and the actual size and time."""
    estimate = estimate_size(params, workers)
    print(
        f"  estimate (actual): {estimate.seconds:.1f} s ({seconds:.1f} s), "
        f"{estimate.enrollments:,} enrollments ({sold:,}), "
        f"{estimate.disk_mb:.0f} MB on disk, {estimate.memory_mb:.0f} MB of memory"
    )


def large(folder: Path) -> None:
    """Compare about 1,000,000 enrollments with about 100,000."""
    _, _, each = measure("18,000 learners x 52 weeks to Parquet, 1 process", MEDIUM, folder / "medium")
    _, _, shared = measure("18,000 learners x 52 weeks to Parquet, 2 workers", MEDIUM, folder / "shared", 2)
    market, seconds, each_large = measure("180,000 learners x 52 weeks to Parquet, 2 workers", LARGE, folder / "big", 2)
    print(f"peak memory of all processes: at most {peak():.2f} GB")
    print(f"seconds per enrollment, 1,000,000 versus 100,000, 2 workers: {each_large / shared:.2f} x")
    assert seconds < 45
    assert peak() < 2
    assert each_large < 1.3 * min(each, shared)
    start = time.perf_counter()
    totals = market.truth.counterfactual({"Music": 0.1}, workers=2).totals
    print(f"counterfactual, 2 workers: {time.perf_counter() - start:.1f} s, {totals['enrollments']:.0f} sold")


def main() -> None:
    """Run the benchmark and check its limits."""
    generate_market(SMALL.model_copy(update={"weeks": 4}))
    assert measure("2,000 learners x 26 weeks", SMALL)[1] < 1
    assert measure("10,000 learners x 52 weeks", YEAR)[1] < 3
    with tempfile.TemporaryDirectory() as folder:
        measure("10,000 learners x 52 weeks to Parquet", YEAR, Path(folder, "year"))
        if "--small" not in sys.argv:
            large(Path(folder))
    measure_presets()


if __name__ == "__main__":
    main()
