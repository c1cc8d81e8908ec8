"""Whether answers about prices hold: what-ifs, refusals and plans against the truth of generated markets.

python benchmarks/bench_pricing.py                 exits with 1 where a promised figure is missed
python benchmarks/bench_pricing.py --small --worlds 10 --processes 2

Each world is a market of one of the presets, as big as the preset is; `--small` takes 100 courses and 1,500 learners.
Supported asks are identified and inside the prices seen; planted ones are outside those, or asked of prices of
which nothing is known. What a plan earns, and what the best prices inside the same bounds would, is told by the truth.
"""

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import pandas as pd

from benchmarks.bench_elasticity import Target, show
from edtech.market import PRESETS, Market, MarketParams, generate_market
from edtech.ml import ElasticityResult, TokenPriceElasticityModeler
from edtech.pricing import changed_prices, estimate_effects, plan_prices, price_response
from edtech.pricing.constraints import Constraints, price_bounds
from edtech.pricing.what_ifs import WhatIf
from edtech.tables.roles import MARKET_ROLES

WORLDS = 60
SMALL = {"learners": 1_500, "teachers": 50, "courses": 100, "weeks": 26}
CHANGE = 0.08
FAR = 1.5
LIMITS = Constraints(max_change=0.2)


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


def evaluation(seed: int, small: bool) -> dict[str, float | str]:
    """Return what one world says of asks and of a plan."""
    preset = list(PRESETS)[seed % len(PRESETS)]
    market = generate_market(MarketParams.preset(preset, **(SMALL if small else {}), seed=seed))
    panel = market.tables["course_weeks"]
    response = price_response(train(market), panel)
    today = pd.Series(response.baseline, index=response.names)
    segment = response.segments.value_counts().index[seed % 3]
    before = revenue(market, today)
    supported = estimate_effects(response, changed_prices(response, {segment: CHANGE * (-1) ** seed}))
    truth = revenue(market, supported.prices) / before - 1
    far = estimate_effects(response, changed_prices(response, {str(name): FAR for name in response.segments.unique()}))
    unknown = train(market, randomized_discount=None, randomized_flag=None)
    blind = estimate_effects(price_response(unknown, panel), response.baseline * (1 + CHANGE))
    plan, bounds = plan_prices(response, constraints=LIMITS), price_bounds(response, LIMITS)
    gained = revenue(market, plan.prices) / before - 1
    low, high = (pd.Series(end, index=response.names) for end in (bounds.low, bounds.high))
    best = market.truth.best_prices(within=(low, high)).reindex(response.names)
    possible = revenue(market, best) / before - 1
    return {
        "preset": preset,
        "covered": float(supported.token_revenue.low <= truth <= supported.token_revenue.high),
        "width": supported.token_revenue.high - supported.token_revenue.low,
        "supported but marked": float(is_marked(supported)),
        "outside marked": float(is_marked(far)),
        "unknown marked": float(is_marked(blind) and plan_prices(price_response(unknown, panel)).refused),
        "gain": gained,
        "harm": float(gained < 0),
        "captured": gained / max(possible, gained, 1e-9),
        "promised": plan.expected.change,
        "promise held": float(plan.expected.low <= gained <= plan.expected.high),
    }


def figures(table: pd.DataFrame) -> Iterator[Target]:
    """Yield the figures over all worlds."""
    mean = table.drop(columns="preset").mean()
    yield Target("true revenue change inside the 95% interval", mean["covered"], 0.88, 1.0)
    yield Target("supported asks that are refused or marked", mean["supported but marked"], 0.0, 0.05)
    yield Target("asks outside the prices seen that are marked", mean["outside marked"], 0.95, 1.0)
    yield Target("asks without identification that are refused", mean["unknown marked"], 0.95, 1.0)
    yield Target("plans that lower true revenue", mean["harm"], 0.0, 0.03)
    yield Target("captured share of the possible gain, median", float(table["captured"].median()), 0.85, 1.0)
    yield Target("true gains inside the plan's 95% interval", mean["promise held"], 0.85, 1.0)


def main() -> None:
    """Measure, print a line for each preset and each figure."""
    parser = argparse.ArgumentParser(description="Whether answers about prices hold.")
    parser.add_argument("--worlds", type=int, default=WORLDS)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--small", action="store_true", help="100 courses and 1,500 learners in each world")
    request = parser.parse_args()
    with ProcessPoolExecutor(request.processes, mp_context=get_context("spawn")) as pool:
        rows = []
        for row in pool.map(partial(evaluation, small=request.small), range(request.worlds)):
            rows.append(row)
            print(f"{len(rows)} of {request.worlds}: {row}", file=sys.stderr, flush=True)
    table = pd.DataFrame(rows)
    print(table.groupby("preset").mean().round(3).to_string())
    size = "small worlds" if request.small else "worlds"
    sys.exit(0 if show(f"{request.worlds} {size} of {len(PRESETS)} presets", figures(table)) else 1)


if __name__ == "__main__":
    main()
