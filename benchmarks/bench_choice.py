"""How right `choice_logit` is where courses compete: 40 generated markets, eight courses seen on a visit.

python benchmarks/bench_choice.py [markets]      exits with 1 where a promised figure is missed
"""

import sys
from collections.abc import Iterator

import pandas as pd

from benchmarks.bench_elasticity import Target, show
from edtech.market import Market, MarketParams, generate_market
from edtech.market.supply import CATEGORIES
from edtech.ml import TokenPriceElasticityModeler
from edtech.pricing import what_if
from edtech.tables.roles import MARKET_ROLES

MARKETS = 40
RISE = 0.15
SEEN = 8


def true_change(market: Market, category: str) -> float:
    """Return the true relative change of all revenue where one category's mean prices rise and stay."""
    panel = market.tables["course_weeks"]
    today = panel.groupby("course_id")["token_price"].mean()
    moved = panel.groupby("course_id")["category"].first() == category
    before, after = (
        market.truth.counterfactual(prices).totals["token_revenue"]
        for prices in (today, today.where(~moved, today * (1 + RISE)))
    )
    return float(after / before - 1)


def judged(seed: int) -> dict[str, float]:
    """Return what one market says of the own elasticity and of a category-wide rise."""
    market = generate_market(MarketParams(courses_seen=SEEN, seed=seed))
    panel = market.tables["course_weeks"]
    modeler = TokenPriceElasticityModeler.from_roles(MARKET_ROLES)
    result = modeler.compare_models(panel, ["choice_logit"], visits=market.tables["views"])["choice_logit"]
    category = CATEGORIES[seed % len(CATEGORIES)]
    found, answer = result.elasticity, what_if(result, panel, {category: RISE}).token_revenue
    truth, change = market.truth.own_elasticity, true_change(market, category)
    wide = market.truth.segment_elasticity
    return {
        "bias": found.estimate / truth - 1,
        "covered": float(found.low <= truth <= found.high),
        "width": (found.high - found.low) / abs(truth),
        "wide": result.metrics["segment_elasticity"] / wide - 1,
        "change": change,
        "said": answer.change,
        "right sign": float(answer.change * change > 0),
        "change covered": float(answer.low <= change <= answer.high),
        "change width": answer.high - answer.low,
    }


def figures(table: pd.DataFrame) -> Iterator[Target]:
    """Yield the figures over all markets."""
    mean = table.mean()
    yield Target("own elasticity, mean relative bias", mean["bias"], -0.08, 0.08)
    yield Target("share of own intervals that cover the truth", mean["covered"], 0.85, 1)
    yield Target("mean width of the own interval / |truth|", mean["width"], 0, 0.25)
    yield Target("segment-wide elasticity, mean relative bias", mean["wide"], -0.08, 0.08)
    yield Target("category +15 %: right sign", mean["right sign"], 0.95, 1)
    yield Target("category +15 %: interval covers the true change", mean["change covered"], 0.85, 1)
    yield Target("category +15 %: mean true change", mean["change"], -1, 1)
    yield Target("category +15 %: mean error", (table["said"] - table["change"]).mean(), -1, 1)
    yield Target("category +15 %: mean width", mean["change width"], 0, 1)


def main() -> int:
    """Return the exit code: 0 where every target is met."""
    markets = int(sys.argv[1]) if len(sys.argv) > 1 else MARKETS
    table = pd.DataFrame([judged(seed) for seed in range(markets)])
    if len(sys.argv) > 2:
        table.to_csv(sys.argv[2], index=False)
    return 0 if show(f"{markets} generated markets, {SEEN} courses seen on a visit", figures(table)) else 1


if __name__ == "__main__":
    sys.exit(main())
