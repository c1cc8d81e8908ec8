"""How right `fixed_effects` and its plans are on 40 markets of another simulator, and how long trainings take.

python benchmarks/bench_elasticity.py      exits with 1 where a promised figure is missed
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from edtech.pricing import recommend_prices
from tests.worlds import World, make_world

MARKETS = 40
SCALES = {"unit": "price relative to the unit's own level", "segment": "price relative to the segment's level"}


@dataclass(frozen=True, slots=True)
class Target:
    """A promised figure: `low` <= value <= `high`."""

    name: str
    value: float
    low: float
    high: float

    @property
    def met(self) -> bool:
        """Whether the figure is inside its limits."""
        return self.low <= self.value <= self.high


def judged(world: World) -> dict[str, float]:
    """Return what one market says of `fixed_effects` and of the plan made from it."""
    truth = world.elasticity
    result = world.modeler().compare_models(world.panel, ["fixed_effects"])["fixed_effects"]
    found = result.elasticity
    prices = recommend_prices(result, world.panel).prices
    return {
        "bias": (found.estimate - truth) / abs(truth),
        "covered": float(found.low <= truth <= found.high),
        "width": (found.high - found.low) / abs(truth),
        "naive": result.naive.estimate,
        "captured": world.captured(prices),
        "harm": float(world.gain(prices) < 0),
    }


def figures(scale: str) -> Iterator[Target]:
    """Yield the figures over all markets whose demand depends on price in this way."""
    table = pd.DataFrame([judged(make_world(seed=seed, scale=scale)) for seed in range(MARKETS)])
    mean = table.mean()
    yield Target("mean relative bias", mean["bias"], -0.08, 0.08)
    yield Target("share of intervals that cover the truth", mean["covered"], 0.75, 1)
    yield Target("mean width of the interval / |truth|", mean["width"], 0, 0.25)
    # Where dear units are the more elastic ones, units compared with each other show that too: no wrong sign is due.
    wrong = -np.inf if scale == "segment" else 0.9
    yield Target("share of naive slopes with the wrong sign", float((table["naive"] > 0).mean()), wrong, 1)
    yield Target("naive slope, mean", mean["naive"], -np.inf, np.inf)
    yield Target("captured share of the possible gain, median", table["captured"].median(), 0.7, np.inf)
    yield Target("captured share, lowest", table["captured"].min(), -np.inf, np.inf)
    yield Target("share of plans that lower revenue", mean["harm"], 0, 0.05)


def training_times() -> Iterator[Target]:
    """Yield the seconds that the default algorithms take on 15,600 course-weeks, each and all together."""
    world = make_world(seed=0)
    start = time.perf_counter()
    results = world.modeler().compare_models(world.panel)
    total = time.perf_counter() - start
    for name, result in results.items():
        yield Target(f"{name} on {len(world.panel):,} rows, s", result.metrics["fit_seconds"], 0, np.inf)
    yield Target(f"all {len(results)}, s", total, 0, 20)


def show(title: str, targets: Iterator[Target]) -> bool:
    """Print a table and return whether every target is met."""
    print(f"\n{title}")
    met = True
    for target in targets:
        limits = f"[{target.low:g}, {target.high:g}]" if np.isfinite([target.low, target.high]).any() else ""
        print(f"  {target.name:<48}{target.value:>8.3f}  {limits:<13}{'' if target.met else 'MISSED'}".rstrip())
        met &= target.met
    return met


def main() -> int:
    """Return the exit code: 0 where every target is met."""
    met = [show(f"{MARKETS} markets, {words}", figures(scale)) for scale, words in SCALES.items()]
    met.append(show("Training time", training_times()))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
