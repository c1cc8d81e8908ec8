"""The ground truth of a generated market, and counterfactuals at other prices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd

from edtech.market.optimal_prices import Range, optimal_prices
from edtech.market.outcomes import split_payment
from edtech.market.params import MarketParams
from edtech.market.price_plans import Plan, Plans, PricePlan, market_world, plan_of
from edtech.market.shard import Sums, World, draw_shard, shards_in_order, simulate_shard
from edtech.market.supply import CATEGORIES, decode, make_ids, week_start
from edtech.tables.arrays import Floats
from edtech.tables.tokens import UNITS_PER_TOKEN


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """A market at given prices.

    `course_weeks` has for each course and week on sale: token_price, views, expected_enrollments (the sum of the
    choice probabilities over visits), simulated enrollments, completions and refunds, and expected
    token_revenue, teacher_earnings, commission and burned, in tokens and before refunds. `totals` sums these;
    `learners_left` counts churned learners.
    """

    course_weeks: pd.DataFrame
    learners_left: int

    @property
    def totals(self) -> "pd.Series[float]":
        """Sums over all courses and weeks."""
        columns = self.course_weeks.columns.drop(["course_id", "week", "category", "token_price"])
        return self.course_weeks[columns].sum().astype(float)


@dataclass(frozen=True, slots=True)
class Truth:
    """The ground truth of a market. `tables` holds the frames by name, read on access:

    `course_weeks` (shock, expected_enrollments, own_elasticity, segment_elasticity), `segments`, `cross`, `courses` and
    `teachers` (quality), `learners` (ability, price_sensitivity, left_at), `views` (enrollment_probability), `visits`
    (churn_probability), `enrollments` (completion_probability, refund_probability).

    Elasticities are averages over course-weeks weighted by expected enrollments, on the visits that occurred. Own: the
    price of one course changes; segment: all prices of its category change together; cross: the prices of all others
    in the category change. So segment = own + cross. `prices` is the price plan of the market, if any.
    """

    params: MarketParams
    tables: Mapping[str, pd.DataFrame] = field(repr=False)
    prices: PricePlan | None = None

    @property
    def own_elasticity(self) -> float:
        """Mean own-price elasticity; NaN, like the others, without any view."""
        return self._mean("own_elasticity")

    @property
    def segment_elasticity(self) -> float:
        """Mean elasticity if all prices of the course's category change together."""
        return self._mean("segment_elasticity")

    @property
    def cross_elasticity(self) -> float:
        """Mean elasticity of a course's demand to the prices of all others in its category together."""
        return self.segment_elasticity - self.own_elasticity

    @property
    def cross(self) -> pd.DataFrame:
        """Elasticity of a category's enrollments (row) to all prices of a category (column)."""
        return self.tables["cross"].set_index("segment")

    def counterfactual(self, prices: Plan = None, *, workers: int = 1) -> Counterfactual:
        """Return the market at other prices, with the same learners, visits, offers and random draws.

        `prices`: a Series of token prices by course_id, constant over all weeks, after discounts; or relative changes
        of all prices by category ({"Programming": 0.15}); None: unchanged prices. Other courses and categories keep
        their prices. Teachers do not react, and learners buy the tokens they need. A learner's later visits depend on
        the offers, because offers affect churn. The result is the same for any number of worker processes; several are
        faster from about ten thousand learners.

        Raises PricingError for an unknown or repeated course or category and for a price or change out of range.
        """
        plans = (self.prices, plan_of(prices))
        world = market_world(self.params, plans)
        first, *others = shards_in_order(partial(_simulate, self.params, plans), len(world.seeds), workers)
        return _counterfactual(world, sum(others, start=first))

    def best_prices(self, max_change: float = 0.5, within: Range | None = None) -> "pd.Series[float]":
        """Return the constant prices by course_id that maximize token revenue; see `optimal_prices`."""
        return optimal_prices(market_world(self.params, (self.prices,)), max_change, within)

    def _mean(self, column: str) -> float:
        frame = self.tables["course_weeks"]
        expected = frame["expected_enrollments"].to_numpy()
        return float(np.average(frame[column].to_numpy(), weights=expected)) if expected.sum() > 0 else float("nan")


def _simulate(params: MarketParams, plans: Plans, number: int) -> Sums:
    world = market_world(params, plans)
    return simulate_shard(world, draw_shard(world, number))[2]


def _counterfactual(world: World, sums: Sums) -> Counterfactual:
    supply, params = world.supply, world.params
    cell = np.nonzero(supply.on_sale)
    expected, price = sums.expected[cell], supply.price_units[cell]
    teacher, commission, burned = split_payment(params, price)
    frame = pd.DataFrame(
        {
            "course_id": make_ids("C", params.courses).take(cell[0]),
            "week": week_start(cell[1]),
            "category": decode(supply.category[cell[0]], CATEGORIES),
            "token_price": price / UNITS_PER_TOKEN,
            "views": sums.views[cell],
            "expected_enrollments": expected,
            "enrollments": sums.enrollments[cell],
            "completions": sums.completions[cell],
            "refunds": sums.refunds[cell],
            "token_revenue": expected * price / UNITS_PER_TOKEN,
            "teacher_earnings": expected * teacher / UNITS_PER_TOKEN,
            "commission": expected * commission / UNITS_PER_TOKEN,
            "burned": expected * burned / UNITS_PER_TOKEN,
        }
    )
    return Counterfactual(frame, sums.churned)


def course_week_truth(world: World, sums: Sums) -> pd.DataFrame:
    """Return the truth of each course and week; elasticities of a week without visits are 0 with weight 0."""
    cell = np.nonzero(world.supply.on_sale)
    expected = sums.expected[cell]
    return pd.DataFrame(
        {
            "course_id": make_ids("C", world.params.courses).take(cell[0]),
            "week": week_start(cell[1]),
            "shock": world.supply.shock[cell],
            "expected_enrollments": expected,
            "own_elasticity": _ratio(sums.own[cell], expected),
            "segment_elasticity": _ratio(sums.segment[cell], expected),
        }
    )


def segment_truth(world: World, sums: Sums) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the elasticities of each category and between categories, for categories with demand."""

    def by_category(values: Floats) -> Floats:
        return np.bincount(world.supply.category, values.sum(axis=1), minlength=len(CATEGORIES)).astype(float)

    expected, own, segment = (by_category(values) for values in (sums.expected, sums.own, sums.segment))
    has_demand = expected > 0
    labels = np.array(CATEGORIES)[has_demand]
    cross = pd.DataFrame(sums.cross[np.ix_(has_demand, has_demand)] / expected[has_demand, None], columns=labels)
    cross.insert(0, "segment", labels)
    segments = pd.DataFrame(
        {
            "segment": labels,
            "expected_enrollments": expected[has_demand],
            "own_elasticity": own[has_demand] / expected[has_demand],
            "segment_elasticity": segment[has_demand] / expected[has_demand],
            "cross_elasticity": (segment - own)[has_demand] / expected[has_demand],
        }
    )
    return segments, cross


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    return np.asarray(np.divide(numerator, denominator, out=np.zeros_like(denominator), where=denominator > 0))
