"""Bias and coverage of `fixed_effects`, and gain of its plans, on 100 simulated markets; and training times.

python benchmarks/bench_elasticity.py [TERMS]      exits with 1 if a target is missed

With terms, only the sections whose title contains one of them.
"""

import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from edtech.ml.elasticity.algorithms import ALGORITHMS, FixedEffectsParams
from edtech.pricing import price_response, recommend_prices
from edtech.pricing.what_ifs import estimate_effects
from tests.worlds import World, make_world

MARKETS = 100
OTHERS = 40
"""Markets for each other algorithm."""
CASES: dict[str, dict[str, object]] = {
    "price relative to the unit's own level": {},
    "price relative to the segment's level": {"scale": "segment"},
    "no instrument, prices by a schedule, as stated": {"prices": "schedule"},
    "views react to the price, demand exponential in it": {"form": "exponential", "views_react": -0.4},
}


@dataclass(frozen=True, slots=True)
class Target:
    """A measured value and its target, `low` <= value <= `high`."""

    name: str
    value: float
    low: float
    high: float

    @property
    def met(self) -> bool:
        """Whether the value is within its target."""
        return self.low <= self.value <= self.high


def evaluation(world: World, algorithm: str = "fixed_effects") -> dict[str, float]:
    """Return the errors of an algorithm at its defaults on one market, and the gain of its plan."""
    truth = world.elasticity
    stated = {"prices_set": "schedule"} if world.params.prices == "schedule" else {}
    result = world.modeler(**stated).compare_models(world.panel, [algorithm])[algorithm]
    elasticity, by_segment = result.elasticity, result.elasticity_by_segment.set_index("segment")["estimate"]
    prices = recommend_prices(result, world.panel).prices
    return {
        "bias": (elasticity.estimate - truth) / abs(truth),
        "covered": float(elasticity.low <= truth <= elasticity.high),
        "width": (elasticity.high - elasticity.low) / abs(truth),
        "segments": float((by_segment / world.by_segment - 1).abs().mean()),
        "naive": result.naive.estimate,
        "captured": world.captured(prices),
        "harm": float(world.gain(prices) < 0),
    }


def figures(case: str, markets: int) -> Iterator[Target]:
    """Yield the targets over all markets of a case."""
    knobs = CASES[case]
    table = pd.DataFrame([evaluation(make_world(seed=seed, **knobs)) for seed in range(markets)])
    mean = table.mean()
    loose = "views_react" in knobs
    yield Target("mean relative bias", mean["bias"], *((-0.08, 0.08) if loose else (-0.04, 0.04)))
    yield Target("share of intervals that cover the truth", mean["covered"], *((0.8, 1) if loose else (0.88, 0.99)))
    yield Target("mean width of the interval / |truth|", mean["width"], 0, 0.25)
    yield Target("mean relative error of a segment", mean["segments"], 0, np.inf if loose else 0.12)
    yield Target("share of naive slopes with the wrong sign", float((table["naive"] > 0).mean()), -np.inf, np.inf)
    yield Target("captured share of the maximum gain, median", table["captured"].median(), 0.85, np.inf)
    yield Target("captured share, lowest", table["captured"].min(), -np.inf, np.inf)
    yield Target("share of plans that lower revenue", mean["harm"], 0, 0.02)


def others(markets: int) -> Iterator[Target]:
    """Yield bias and coverage of the other algorithms with an interval."""
    for algorithm in ("polynomial", "gam"):
        for scale in ("unit", "segment"):
            table = pd.DataFrame([evaluation(make_world(seed=seed, scale=scale), algorithm) for seed in range(markets)])
            yield Target(f"{algorithm}, {scale}: mean relative bias", table["bias"].mean(), -0.12, 0.12)
            yield Target(f"{algorithm}, {scale}: covered", table["covered"].mean(), -np.inf, np.inf)


def unknown(markets: int) -> Iterator[Target]:
    """Yield how often prices of unknown origin get a condition and no recommendation."""
    refused = []
    for seed in range(markets):
        world = make_world(seed=seed, prices="schedule", units=60, weeks=30)
        result = world.modeler().compare_models(world.panel, ["fixed_effects"])["fixed_effects"]
        plan = recommend_prices(result, world.panel)
        conditional = result.identification == "within_unit" and "do not follow demand" in result.condition
        refused.append(plan.refused and conditional)
    yield Target("within_unit, its condition and no recommendation", float(np.mean(refused)), 1, 1)


def bootstrap(markets: int, draws: int = 60) -> Iterator[Target]:
    """Yield the standard deviation of a slope over panels of resampled units, relative to its standard error.

    The slope and not the elasticity, which is a mean over the units of a panel: a resampled panel has others.
    """
    ratios = []
    for seed in range(markets):
        world, rng = make_world(seed=seed, units=100, weeks=30), np.random.default_rng(seed)
        groups = [rows for _, rows in world.panel.groupby("course_id")]
        slopes = [_pooled_slope(world, _resampled(groups, rng))[0] for _ in range(draws)]
        ratios.append(float(np.std(slopes)) / _pooled_slope(world, world.panel)[1])
    yield Target(f"bootstrap / standard error, {draws} draws, mean", float(np.mean(ratios)), 0.85, 1.15)


def _resampled(groups: list[pd.DataFrame], rng: np.random.Generator) -> pd.DataFrame:
    selection = rng.integers(0, len(groups), len(groups))
    return pd.concat([groups[item].assign(course_id=f"D{position}") for position, item in enumerate(selection)])


def _pooled_slope(world: World, panel: pd.DataFrame) -> tuple[float, float]:
    params = FixedEffectsParams(tiers="one", segment_slopes=False)
    model = ALGORITHMS["fixed_effects"].new_estimator(params, columns=world.modeler().roles.model_dump())
    model.fit(panel.drop(columns="enrollments"), panel["enrollments"])
    return float(model.slopes_[0]), float(np.sqrt(model.slope_covariance_[0, 0]))


def training_times() -> Iterator[Target]:
    """Yield the seconds of the default algorithms on 15,600 course-weeks."""
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


def large() -> Iterator[Target]:
    """Yield time and memory of a training on 1,000,000 course-weeks, and of a what-if over 100,000 courses."""
    world = make_world(seed=0, units=20_000, weeks=50)
    start, worked = time.perf_counter(), time.process_time()
    world.modeler().compare_models(world.panel, ["fixed_effects"])
    yield Target("fixed_effects, s of one core", time.process_time() - worked, -np.inf, np.inf)
    yield Target(f"fixed_effects on {len(world.panel):,} rows, s", time.perf_counter() - start, 0, 30)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    yield Target("peak memory of this process, GB", peak, 0, 4)
    wide = make_world(seed=0, units=100_000, weeks=4)
    modeler = wide.modeler()
    params = {"fixed_effects": {"tiers": "one"}}
    result = modeler.compare_models(wide.panel, ["fixed_effects"], params=params)["fixed_effects"]
    response = price_response(result, wide.panel)
    start = time.perf_counter()
    estimate_effects(response, response.baseline * 1.1)
    yield Target(f"what-if over {len(response.units):,} courses, s", time.perf_counter() - start, 0, 0.3)


def main() -> int:
    """Return the exit code: 0 if every target is met."""
    terms = sys.argv[1:]
    sections: dict[str, Callable[[], Iterator[Target]]] = {
        **{case: partial(figures, case, MARKETS) for case in CASES},
        "prices of unknown origin": partial(unknown, 20),
        "other algorithms": partial(others, OTHERS),
        "cluster bootstrap": partial(bootstrap, 5),
        "training time": training_times,
        "large panels": large,
    }
    selection = {
        title: section for title, section in sections.items() if not terms or any(term in title for term in terms)
    }
    met = [
        show(f"{title} ({MARKETS} markets)" if title in CASES else title, section())
        for title, section in selection.items()
    ]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
