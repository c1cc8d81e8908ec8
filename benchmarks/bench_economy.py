"""How long the figures of the token economy take.

python benchmarks/bench_economy.py --large [FOLDER]   about 1,000,000 enrollments, kept in FOLDER for the next time
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edtech.data import Catalogue, Dataset
from edtech.economy import chosen_period, economy, entries_behind, ledger_sums, reconcile, series, whole_period
from edtech.economy.observed import observe
from edtech.market import MarketParams

LARGE = MarketParams(learners=180_000, teachers=5_000, courses=10_000, weeks=52)
LONGEST = 0.5  # seconds for a figure


def seconds(answer: Callable[[], Any]) -> float:
    """Return how long an answer takes, the better of two."""
    taken = []
    for _ in range(2):
        start = time.perf_counter()
        answer()
        taken.append(time.perf_counter() - start)
    return min(taken)


def times(dataset: Dataset) -> Iterator[tuple[str, float, bool]]:
    """Yield title, seconds, and whether the limit for a figure holds for it."""
    period = chosen_period(dataset)
    assert period is not None
    figures: dict[str, Callable[[], Any]] = {
        "whole period": lambda: whole_period(dataset),
        "sums of the ledger (supply, flows, debts)": lambda: ledger_sums(dataset, period),
        "balances by day (velocity, chart)": lambda: series.daily_balances(dataset, period),
        "Gini, top shares, Lorenz curve": lambda: series.concentration(dataset, period),
        "buyers and repurchase": lambda: series.buyers(dataset, period),
        "active learners": lambda: series.active_learners(dataset, period),
        "price index": lambda: series.price_index(dataset),
        "retention": lambda: series.retention(dataset, period),
        "entries behind a figure": lambda: entries_behind(dataset, "spent", period),
    }
    for title, answer in figures.items():
        yield title, seconds(answer), True
    yield "all figures of the page", seconds(lambda: economy(dataset, period)), False
    yield "the proof", seconds(lambda: reconcile(dataset, period)), False
    yield "what a forecast starts from", seconds(lambda: observe(dataset)), False


def main() -> int:
    """Return the exit code: 0 where every promised figure is met."""
    met = True
    with tempfile.TemporaryDirectory() as temporary:
        catalogue = Catalogue(Path(sys.argv[2]) if len(sys.argv) > 2 else Path(temporary) / "data")
        dataset = next(iter(catalogue.list()), None) or catalogue.add_generated(LARGE, name="large", workers=2)
        print({name: f"{rows:,}" for name, rows in dataset.tables.items()})
        for title, taken, limited in times(dataset):
            missed = limited and taken > LONGEST
            met &= not missed
            print(f"{title:<45}{taken:7.3f} s{'  MISSED' if missed else ''}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
