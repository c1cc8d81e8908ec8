"""Whether answers about prices hold: what-ifs, refusals and plans against the truth of generated markets.

python benchmarks/bench_pricing.py [worlds]      exits with 1 where a promised figure is missed

Each world is a small market of one of the presets. Sound asks are identified and inside the prices seen; planted ones
are outside the prices seen, or asked of prices of which nothing is known.
"""

import sys
from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.bench_elasticity import Target, show
from edtech.market import PRESETS, Market, MarketParams, generate_market
from edtech.ml import ElasticityResult, TokenPriceElasticityModeler
from edtech.pricing import answer, changed_prices, plan_for, price_response
from edtech.pricing.bounds import Constraints
from edtech.pricing.scenario import WhatIf
from edtech.tables.roles import MARKET_ROLES

WORLDS = 60
SIZE = {"learners": 1_500, "teachers": 50, "courses": 100, "weeks": 26}
CHANGE = 0.08
FAR = 1.5
MAX_CHANGE = 0.2


def train(market: Market, **stated: object) -> ElasticityResult:
    """Return the market's `choice_logit`, with what is stated of its prices."""
    modeler = TokenPriceElasticityModeler.from_roles(MARKET_ROLES.model_copy(update=stated))
    panel, visits = market.tables["course_weeks"], market.tables["views"]
    return modeler.compare_models(panel, ["choice_logit"], visits=visits)["choice_logit"]


def revenue(market: Market, prices: pd.Series) -> float:
    """Return the true expected token revenue of the market at constant prices."""
    return float(market.truth.counterfactual(prices).totals["token_revenue"])


def is_marked(outcome: WhatIf) -> bool:
    """Tell whether an answer is refused or says that it extrapolates."""
    return outcome.refused or outcome.extrapolates


def judged(seed: int) -> dict[str, float | str]:
    """Return what one world says of asks and of a plan."""
    preset = list(PRESETS)[seed % len(PRESETS)]
    market = generate_market(MarketParams.preset(preset, **SIZE, seed=seed))
    panel = market.tables["course_weeks"]
    response = price_response(train(market), panel)
    today = pd.Series(response.baseline, index=response.names)
    segment = response.segments.value_counts().index[seed % 3]
    before = revenue(market, today)
    sound = answer(response, changed_prices(response, {segment: CHANGE * (-1) ** seed}))
    truth = revenue(market, sound.prices) / before - 1
    far = answer(response, changed_prices(response, {str(name): FAR for name in response.segments.unique()}))
    unknown = train(market, randomized_discount=None, randomized_flag=None)
    blind = answer(price_response(unknown, panel), response.baseline * (1 + CHANGE))
    plan = plan_for(response, constraints=Constraints(max_change=MAX_CHANGE))
    gained = revenue(market, plan.prices) / before - 1
    low, high = (plan_bounds(response, sign) for sign in (-1, 1))
    best = market.truth.best_prices(MAX_CHANGE).reindex(today.index).clip(low, high)
    possible = revenue(market, best) / before - 1
    return {
        "preset": preset,
        "covered": float(sound.token_revenue.low <= truth <= sound.token_revenue.high),
        "width": sound.token_revenue.high - sound.token_revenue.low,
        "sound but marked": float(is_marked(sound)),
        "outside marked": float(is_marked(far)),
        "unknown marked": float(is_marked(blind) and plan_for(price_response(unknown, panel)).refused),
        "gain": gained,
        "harm": float(gained < 0),
        "captured": gained / max(possible, gained, 1e-9),
        "promised": plan.expected.change,
    }


def plan_bounds(response, sign: int) -> np.ndarray:
    """Return the lowest (-1) or highest (1) price that the plan may give each unit."""
    step, seen = response.baseline * (1 + sign * MAX_CHANGE), response.low if sign < 0 else response.high
    inside = np.maximum(step, seen) if sign < 0 else np.minimum(step, seen)
    return np.minimum(inside, response.baseline) if sign < 0 else np.maximum(inside, response.baseline)


def figures(table: pd.DataFrame) -> Iterator[Target]:
    """Yield the figures over all worlds."""
    mean = table.drop(columns="preset").mean()
    yield Target("true revenue change inside the 95 % interval", mean["covered"], 0.88, 1.0)
    yield Target("sound asks that are refused or marked", mean["sound but marked"], 0.0, 0.05)
    yield Target("asks outside the prices seen that are marked", mean["outside marked"], 0.95, 1.0)
    yield Target("asks without identification that are refused", mean["unknown marked"], 0.95, 1.0)
    yield Target("plans that lower true revenue", mean["harm"], 0.0, 0.03)
    yield Target("captured share of the possible gain, median", float(table["captured"].median()), 0.85, 1.0)


def main() -> None:
    """Measure, print a line for each preset and each figure."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else WORLDS
    table = pd.DataFrame([judged(seed) for seed in range(count)])
    print(table.groupby("preset").mean().round(3).to_string())
    sys.exit(0 if show(f"{count} worlds of {len(PRESETS)} presets", figures(table)) else 1)


if __name__ == "__main__":
    main()
