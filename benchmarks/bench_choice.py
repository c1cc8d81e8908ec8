"""Bias and coverage of `choice_logit` on 40 generated markets with eight courses shown per visit.

python benchmarks/bench_choice.py [MARKETS]      exits with 1 if a target is missed

In the first case courses are close substitutes: one course has an elasticity of about -1.4, a category -0.55. In the
second a category is near its optimal price, so the true change is about 0 and its sign is random.
"""

import sys
from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.bench_elasticity import Target, show
from edtech.market import Market, MarketParams, generate_market
from edtech.market.supply import CATEGORIES
from edtech.ml import TokenPriceElasticityModeler
from edtech.pricing import what_if
from edtech.tables.roles import MARKET_ROLES

MARKETS = 40
RISE = 0.15
OFFERS = 8
CLOSE, DEFAULT = "close competition", "default demand"
CASES: dict[str, dict[str, float]] = {CLOSE: {"price_sensitivity": 1.7, "appeal": -0.7}, DEFAULT: {}}


def true_change(market: Market, category: str) -> float:
    """Return the true relative change of revenue if the prices of one category rise by `RISE` from their means."""
    panel = market.tables["course_weeks"]
    today = panel.groupby("course_id")["token_price"].mean()
    is_changed = panel.groupby("course_id")["category"].first() == category
    before, after = (
        market.truth.counterfactual(prices).totals["token_revenue"]
        for prices in (today, today.where(~is_changed, today * (1 + RISE)))
    )
    return float(after / before - 1)


def evaluation(seed: int, case: str = CLOSE) -> dict[str, float]:
    """Return the errors of the own elasticity and of a category-wide price increase on one market."""
    market = generate_market(MarketParams.of({"courses_seen": OFFERS, "seed": seed, **CASES[case]}))
    panel = market.tables["course_weeks"]
    modeler = TokenPriceElasticityModeler.from_roles(MARKET_ROLES)
    result = modeler.compare_models(panel, ["choice_logit"], visits=market.tables["views"])["choice_logit"]
    category = CATEGORIES[seed % len(CATEGORIES)]
    elasticity, answer = result.elasticity, what_if(result, panel, {category: RISE}).token_revenue
    truth, change = market.truth.own_elasticity, true_change(market, category)
    wide = market.truth.segment_elasticity
    return {
        "bias": elasticity.estimate / truth - 1,
        "covered": float(elasticity.low <= truth <= elasticity.high),
        "width": (elasticity.high - elasticity.low) / abs(truth),
        "wide": result.metrics["segment_elasticity"] / wide - 1,
        "change": change,
        "forecast": answer.change,
        "right sign": float(answer.change * change > 0),
        "change covered": float(answer.low <= change <= answer.high),
        "change width": answer.high - answer.low,
    }


def figures(case: str, markets: int) -> Iterator[Target]:
    """Yield the targets over all markets of a case."""
    table = pd.DataFrame([evaluation(seed, case) for seed in range(markets)])
    mean = table.mean()
    yield Target("own elasticity, mean relative bias", mean["bias"], -0.08, 0.08)
    yield Target("share of own intervals that cover the truth", mean["covered"], 0.85, 1)
    yield Target("mean width of the own interval / |truth|", mean["width"], -np.inf, np.inf)
    yield Target("segment-wide elasticity, mean relative bias", mean["wide"], -np.inf, np.inf)
    yield Target("category +15%: right sign", mean["right sign"], 0.95 if case == CLOSE else -np.inf, 1)
    yield Target("category +15%: interval covers the true change", mean["change covered"], 0.85, 1)
    for name, value in (("true change", table["change"]), ("error", table["forecast"] - table["change"])):
        yield Target(f"category +15%: mean {name}", float(value.mean()), -np.inf, np.inf)
    yield Target("category +15%: mean width of the interval", mean["change width"], -np.inf, np.inf)


def main() -> int:
    """Return the exit code: 0 if every target is met."""
    markets = int(sys.argv[1]) if len(sys.argv) > 1 else MARKETS
    met = [show(f"{markets} markets, {OFFERS} offers per visit, {case}", figures(case, markets)) for case in CASES]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
