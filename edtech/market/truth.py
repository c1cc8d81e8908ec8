"""What is true of a generated market, and what would have happened at other prices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd

from edtech.market.optimal_prices import Range, optimal_prices
from edtech.market.outcomes import split
from edtech.market.params import MarketParams
from edtech.market.price_plans import Plan, Plans, PricePlan, market_world, plan_of
from edtech.market.shard import Sums, World, draw_shard, play, shards_in_order
from edtech.market.supply import CATEGORIES, names, text, week_start
from edtech.tables.arrays import Floats
from edtech.tables.tokens import UNITS_PER_TOKEN


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """A market at given prices.

    `course_weeks` has for each course and week on sale: token_price, views, expected_enrollments (the sum of the
    choice probabilities of those who came), enrollments, completions and refunds as they then happen, and expected
    token_revenue, teacher_earnings, commission and burned, in tokens and before refunds. `totals` sums these;
    `learners_left` counts who left for good.
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
    """The truth of a market. `tables` holds the frames by name, read when asked:

    `course_weeks` (shock, expected_enrollments, own_elasticity, segment_elasticity), `segments`, `cross`, `courses` and
    `teachers` (quality), `learners` (ability, price_sensitivity, left_at), `views` (enrollment_probability), `visits`
    (churn_probability), `enrollments` (completion_probability, refund_probability).

    Elasticities are averages over course-weeks weighted by expected enrollments, of the visits that happened: own, of
    one course's price alone; segment, of all prices of the category together; cross, of the prices of all the others in
    the category, so that segment = own + cross. `prices` is the plan that the market was generated with, if any.
    """

    params: MarketParams
    tables: Mapping[str, pd.DataFrame] = field(repr=False)
    prices: PricePlan | None = None

    @property
    def own_elasticity(self) -> float:
        """Mean own-price elasticity; NaN, as the others, where nobody saw a course."""
        return self._mean("own_elasticity")

    @property
    def segment_elasticity(self) -> float:
        """Mean elasticity where all prices of the course's category move together."""
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
        """Return the market at other prices: same learners, visits, shelves and random draws.

        `prices`: a Series of token prices by course_id, constant over all weeks, discounts included; or relative
        changes by category ({"Programming": 0.15}) of every price asked; None: the prices as they were. Courses and
        categories left out keep theirs. Teachers do not react, and learners buy the tokens they need, as always. A
        learner's later visits depend on the offers seen, because those decide who leaves. The answer is the same for
        any number of worker processes, which pay from some ten thousand learners on.

        Raises PricingError for an unknown course or category and for a price that is not above 0 or is absurdly high.
        """
        plans = (self.prices, plan_of(prices))
        world = market_world(self.params, plans)
        first, *others = shards_in_order(partial(_played, self.params, plans), len(world.seeds), workers)
        return _counterfactual(world, sum(others, start=first))

    def best_prices(self, max_change: float = 0.5, within: Range | None = None) -> "pd.Series[float]":
        """Return the constant prices by course_id that together earn most tokens; see `best.best_prices`."""
        return optimal_prices(market_world(self.params, (self.prices,)), max_change, within)

    def _mean(self, column: str) -> float:
        frame = self.tables["course_weeks"]
        expected = frame["expected_enrollments"].to_numpy()
        return float(np.average(frame[column].to_numpy(), weights=expected)) if expected.sum() > 0 else float("nan")


def _played(params: MarketParams, plans: Plans, number: int) -> Sums:
    world = market_world(params, plans)
    return play(world, draw_shard(world, number))[2]


def _counterfactual(world: World, sums: Sums) -> Counterfactual:
    supply, params = world.supply, world.params
    at = np.nonzero(supply.on_sale)
    expected, price = sums.expected[at], supply.price_units[at]
    teacher, commission, burned = split(params, price)
    frame = pd.DataFrame(
        {
            "course_id": names("C", params.courses).take(at[0]),
            "week": week_start(at[1]),
            "category": text(supply.category[at[0]], CATEGORIES),
            "token_price": price / UNITS_PER_TOKEN,
            "views": sums.views[at],
            "expected_enrollments": expected,
            "enrollments": sums.enrollments[at],
            "completions": sums.completions[at],
            "refunds": sums.refunds[at],
            "token_revenue": expected * price / UNITS_PER_TOKEN,
            "teacher_earnings": expected * teacher / UNITS_PER_TOKEN,
            "commission": expected * commission / UNITS_PER_TOKEN,
            "burned": expected * burned / UNITS_PER_TOKEN,
        }
    )
    return Counterfactual(frame, sums.left)


def course_week_truth(world: World, sums: Sums) -> pd.DataFrame:
    """Return the truth of each course and week; elasticities of a week without visits are 0 and weigh nothing."""
    at = np.nonzero(world.supply.on_sale)
    expected = sums.expected[at]
    return pd.DataFrame(
        {
            "course_id": names("C", world.params.courses).take(at[0]),
            "week": week_start(at[1]),
            "shock": world.supply.shock[at],
            "expected_enrollments": expected,
            "own_elasticity": _ratio(sums.own[at], expected),
            "segment_elasticity": _ratio(sums.segment[at], expected),
        }
    )


def segment_truth(world: World, sums: Sums) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the elasticities of each category, and those between categories, of categories that are ever taken."""

    def by_category(values: Floats) -> Floats:
        return np.bincount(world.supply.category, values.sum(axis=1), minlength=len(CATEGORIES)).astype(float)

    expected, own, segment = (by_category(values) for values in (sums.expected, sums.own, sums.segment))
    some = expected > 0
    labels = np.array(CATEGORIES)[some]
    cross = pd.DataFrame(sums.cross[np.ix_(some, some)] / expected[some, None], columns=labels)
    cross.insert(0, "segment", labels)
    segments = pd.DataFrame(
        {
            "segment": labels,
            "expected_enrollments": expected[some],
            "own_elasticity": own[some] / expected[some],
            "segment_elasticity": segment[some] / expected[some],
            "cross_elasticity": (segment - own)[some] / expected[some],
        }
    )
    return segments, cross


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.asarray(np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0))
