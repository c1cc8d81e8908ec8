"""Measure the time of all Overview and Explore figures, the accounting identities and the features.

python benchmarks/bench_explore.py [FOLDER]  about 1,000,000 enrollments, stored in FOLDER for the next run
python benchmarks/bench_explore.py --medium  about 100,000 enrollments, and the features of each family
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edtech.data import Catalogue, Dataset
from edtech.data import explore as figures
from edtech.data.features import FAMILIES, features
from edtech.data.quality.health import check_identities
from edtech.data.summary import dictionary, summary
from edtech.market import MarketParams

MEDIUM = MarketParams(learners=18_000, teachers=500, courses=1_000, weeks=52)
LARGE = MarketParams(learners=180_000, teachers=5_000, courses=10_000, weeks=52)
MAX_SECONDS = 0.5  # per figure


def timed(title: str, compute: Callable[[], Any]) -> float:
    """Print and return the seconds of a computation, the minimum of two runs."""
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        compute()
        seconds.append(time.perf_counter() - start)
    print(f"{title}: {min(seconds):.3f} s")
    return min(seconds)


def explore(dataset: Dataset) -> float:
    """Return the seconds of the slowest figure."""
    times = [
        timed("key figures", lambda: summary(dataset)),
        timed("by week", dataset.by_period),
        timed("price and demand by course", lambda: figures.price_demand(dataset)),
        timed("season", lambda: figures.seasonality(dataset)),
        timed("cohort retention", lambda: figures.cohort_retention(dataset)),
        timed("token flows", lambda: figures.token_flows(dataset)),
    ]
    times += [timed(f"dictionary of {name}", lambda name=name: dictionary(dataset, name)) for name in dataset.tables]
    times += [
        timed(f"enrollments by {name}", lambda name=name: figures.mean_by(dataset, "enrollments", name))
        for name in ("token_price", "category", "week")
    ]
    for table, columns in figures.tables_to_explore(dataset).items():
        seconds = {column: timed_quietly(dataset, table, column) for column in columns}
        slowest = max(seconds, key=seconds.__getitem__)
        print(f"distributions of {table}: at most {seconds[slowest]:.3f} s ({slowest})")
        times += seconds.values()
    return max(times)


def timed_quietly(dataset: Dataset, table: str, column: str) -> float:
    """Return the seconds of a distribution."""
    start = time.perf_counter()
    figures.distribution(dataset, table, column)
    return time.perf_counter() - start


def main() -> None:
    """Run the benchmark."""
    arguments = sys.argv[1:]
    large = "--medium" not in arguments
    folders = [name for name in arguments if name != "--medium"]
    with tempfile.TemporaryDirectory() as folder:
        catalogue = Catalogue(Path(folders[0] if folders else folder))
        stored = [item for item in catalogue.list() if item.name == "explored"]
        dataset = (
            stored[0] if stored else catalogue.add_generated(LARGE if large else MEDIUM, name="explored", workers=2)
        )
        print({name: f"{rows:,}" for name, rows in dataset.tables.items()})
        slowest = explore(dataset)
        print(f"the slowest figure: {slowest:.3f} s")
        assert slowest < MAX_SECONDS
        start = time.perf_counter()
        assert check_identities(dataset) == []
        print(f"accounting identities: {time.perf_counter() - start:.1f} s")
        if not large:
            tables = dataset.market().tables
            for family in FAMILIES:
                timed(f"features of {family}", lambda family=family: features(tables, family, "2024-10-07"))
        print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2:.2f} GB")


if __name__ == "__main__":
    main()
