"""Whether the band of the forward what-if holds what comes, and how long the figures of the token economy take.

python benchmarks/bench_economy.py                    60 worlds cut after a year, and the times at 1,000,000 enrollments
python benchmarks/bench_economy.py --worlds 60 26     so many worlds, cut after so many weeks
python benchmarks/bench_economy.py --large [FOLDER]   the times alone, of what is kept in FOLDER for next time

Exits with 1 where a promised figure is missed.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edtech.data import Catalogue, Dataset
from edtech.data.point_in_time import PointInTimeTables
from edtech.economy import economy, entries_of, ledger_sums, reconcile, select_period, series, whole_period
from edtech.economy.forecast import forecast
from edtech.economy.observed_flows import observe_flows
from edtech.economy.run_comparison import price_effect
from edtech.economy.simulation import Assumptions, PriceEffect
from edtech.jobs.progress import no_progress
from edtech.market import Market, MarketParams, generate_market
from edtech.market.ledger import ledger_table, payouts
from edtech.market.params import PRESETS
from edtech.market.price_plans import market_world
from edtech.market.rows import STRIDE, shard_rows
from edtech.market.supply import CATEGORIES, START
from edtech.ml.elasticity.algorithms import FAMILY
from edtech.ml.families import get_family
from edtech.pricing import changed_prices, estimate_effects, price_response

LARGE = MarketParams(learners=180_000, teachers=5_000, courses=10_000, weeks=52)
LONGEST = 0.5  # seconds for a figure
HORIZON = 13  # weeks
WORLDS, HISTORY = 60, 52
LEAST, MOST = 0.80, 0.98  # of the 90% bands hold what comes
LARGEST_CHANGE = 0.15  # of a category's prices, up or down: inside what promotions and demand have shown


@dataclass(frozen=True, slots=True)
class Came:
    """What came in the weeks ahead: tokens spent, and the circulating supply at their end."""

    spent: float
    circulating_supply: float


def ledger_after(params: MarketParams, changes: dict[str, float], week: int) -> pd.DataFrame:
    """Return the ledger of the market whose prices change by category from a week on; all draws stay the same."""
    world = market_world(params)
    factor = 1 + np.array([changes[name] for name in CATEGORIES])[world.supply.category]
    units = world.supply.price_units.copy()
    units[:, week:] = np.maximum(np.rint(units[:, week:] * factor[:, None]), 1)
    world = replace(world, supply=replace(world.supply, price_units=units))
    parts = [shard_rows(world, number) for number in range(len(world.seeds))]
    matured = np.sum([section.sums.matured for section in parts], axis=0)
    paid = ledger_table(params, payouts(params, matured), len(parts) * STRIDE, range(0))
    return pd.concat([*(section.tables["token_ledger"] for section in parts), paid])


def came(ledger: pd.DataFrame, start: pd.Timestamp) -> Came:
    """Return what the ledger says of the weeks after `start`, in tokens."""
    learner, circulating = ledger["account_kind"] == "learner", ledger["account_kind"].isin(["learner", "teacher"])
    ahead = learner & (ledger["kind"] == "spend") & (ledger["occurred_at"] >= start)
    return Came(-ledger.loc[ahead, "amount"].sum() / 100, ledger.loc[circulating, "amount"].sum() / 100)


def known_effect(dataset: Dataset, changes: dict[str, float]) -> PriceEffect:
    """Return what `choice_logit`, trained on the data set, says that the changes do."""
    kind = get_family(FAMILY)
    algorithm = kind.algorithm("choice_logit")
    result: Any = kind.train(dataset, algorithm, algorithm.validate_params({}), no_progress).result
    response = price_response(result, dataset.panel())
    request = {name: change for name, change in changes.items() if name in set(response.segments)}
    return price_effect(estimate_effects(response, changed_prices(response, request)))


def evaluation(number: int, history: int) -> dict[str, object]:
    """Return for one world whether the bands held, how far off the medians were, and half the bands' widths."""
    preset = tuple(PRESETS)[number % len(PRESETS)]
    params = MarketParams.preset(preset, seed=number, weeks=history + HORIZON, learners=1_500)
    rng = np.random.default_rng(number)
    changes = {name: float(rng.uniform(-LARGEST_CHANGE, LARGEST_CHANGE)) for name in CATEGORIES}
    cut = pd.Timestamp(START) + pd.Timedelta(weeks=history)
    market = generate_market(params)
    lookup = PointInTimeTables(market.tables, cut)
    tables = {name: lookup[name] for name in lookup}
    with tempfile.TemporaryDirectory() as folder:
        dataset = Catalogue(Path(folder)).add_market(Market(params, tables, market.truth, "cut"), name="cut")
        observed, effect = observe_flows(dataset), known_effect(dataset, changes)
    result = forecast(observed, Assumptions.of(observed, weeks=HORIZON), effect)
    truth = came(ledger_after(params, changes, history), cut)
    row: dict[str, object] = {"preset": preset}
    for name in ("spent", "circulating_supply"):
        figure, value = result.figure(name), getattr(truth, name)
        row |= {
            f"{name}_covered": figure["low"] <= value <= figure["high"],
            f"{name}_error": figure["mid"] / value - 1,
            f"{name}_half": (figure["high"] - figure["low"]) / 2 / value,
        }
    return row


def coverage(worlds: int, history: int) -> bool:
    """Print how often the bands held and return whether both shares are as promised."""
    rows = []
    for number in range(worlds):
        rows.append(evaluation(number, history))
        print(f"world {number + 1} of {worlds}", end="\r", file=sys.stderr, flush=True)
    table, met = pd.DataFrame(rows), True
    print(f"{worlds} worlds of {len(PRESETS)} presets, cut after {history} weeks, other prices for {HORIZON} weeks")
    for name in ("spent", "circulating_supply"):
        share = table[f"{name}_covered"].mean()
        met &= LEAST <= share <= MOST
        print(
            f"  {name:<20} 90% band covers {share:.0%} [{LEAST:.0%}, {MOST:.0%}], median off by "
            f"{table[f'{name}_error'].mean():+.1%} (spread {table[f'{name}_error'].std():.1%}), "
            f"half width {table[f'{name}_half'].mean():.1%}"
        )
    print(table.groupby("preset")[["spent_covered", "circulating_supply_covered"]].mean().round(2).to_string())
    return bool(met)


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
    period = select_period(dataset)
    assert period is not None
    of_period = {
        "sums of the ledger (supply, flows, debts)": ledger_sums,
        "balances by day (velocity, chart)": series.daily_balances,
        "Gini, top shares, Lorenz curve": series.concentration,
        "buyers and repurchase": series.buyers,
        "active learners": series.active_learners,
        "retention": series.retention,
    }
    yield "whole period", seconds(partial(whole_period, dataset)), True
    for title, figure in of_period.items():
        yield title, seconds(partial(figure, dataset, period)), True
    yield "price index", seconds(partial(series.price_index, dataset)), True
    yield "entries behind a figure", seconds(partial(entries_of, dataset, "spent", period)), True
    yield "all figures of the page", seconds(partial(economy, dataset, period)), False
    yield "the proof", seconds(partial(reconcile, dataset, period)), False
    observed = observe_flows(dataset)
    yield "what a forecast starts from", seconds(partial(observe_flows, dataset)), False
    yield "a forecast", seconds(partial(forecast, observed, Assumptions.of(observed))), True


def timed(params: MarketParams, folder: Path) -> bool:
    """Print the times and return whether each figure is as quick as promised."""
    catalogue, met = Catalogue(folder), True
    dataset = next(iter(catalogue.list()), None) or catalogue.add_generated(params, name="timed", workers=2)
    print({name: f"{rows:,}" for name, rows in dataset.tables.items()})
    for title, taken, limited in times(dataset):
        missed = limited and taken > LONGEST
        met &= not missed
        print(f"  {title:<45}{taken:7.3f} s{'  MISSED' if missed else ''}")
    return met


def main() -> int:
    """Return the exit code: 0 where every promised figure is met."""
    what, *more = sys.argv[1:] or ["all"]
    with tempfile.TemporaryDirectory() as temporary:
        if what == "--large":
            return 0 if timed(LARGE, Path(more[0] if more else temporary)) else 1
        if what == "--worlds":
            return 0 if coverage(int(more[0]), int(more[1])) else 1
        return 0 if all([timed(LARGE, Path(temporary)), coverage(WORLDS, HISTORY)]) else 1


if __name__ == "__main__":
    sys.exit(main())
