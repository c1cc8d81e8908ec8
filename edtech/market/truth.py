"""What is true of a generated market, and what would have happened at other prices."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from edtech.errors import PricingError
from edtech.market.best import best_prices
from edtech.market.outcomes import split
from edtech.market.params import MarketParams
from edtech.market.shard import Sums, World, draw_shard, draw_world, play
from edtech.market.supply import CATEGORIES, UNITS, Floats, Ints, Supply, names, text, week_start

HIGHEST = 1e6  # tokens, or relative change: far below where integers of units end
Plan = pd.Series | Mapping[str, float] | None


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
    the category, so that segment = own + cross.
    """

    params: MarketParams
    tables: Mapping[str, pd.DataFrame] = field(repr=False)

    @property
    def own_elasticity(self) -> float:
        """Mean own-price elasticity."""
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
    def own_elasticity_by_category(self) -> pd.DataFrame:
        """Own elasticity of each category: segment, elasticity."""
        return self._by_category("own_elasticity")

    @property
    def segment_elasticity_by_category(self) -> pd.DataFrame:
        """Segment-wide elasticity of each category: segment, elasticity."""
        return self._by_category("segment_elasticity")

    @property
    def cross_elasticity_by_category(self) -> pd.DataFrame:
        """Cross elasticity within each category: segment, elasticity."""
        return self._by_category("cross_elasticity")

    @property
    def cross(self) -> pd.DataFrame:
        """Elasticity of a category's enrollments (row) to all prices of a category (column)."""
        return self.tables["cross"].set_index("segment")

    def counterfactual(self, prices: Plan = None) -> Counterfactual:
        """Return the market at other prices: same learners, visits, shelves and random draws.

        `prices`: a Series of token prices by course_id, constant over all weeks, discounts included; or relative
        changes by category ({"Programming": 0.15}) of every price asked; None: the prices as they were. Courses and
        categories left out keep theirs. Teachers do not react, and learners buy the tokens they need, as always. A
        learner's later visits depend on the offers seen, because those decide who leaves.

        Raises PricingError for an unknown course or category and for a price that is not above 0 or is absurdly high.
        """
        world = reprice(draw_world(self.params), prices)
        first, *others = (play(world, draw_shard(world, number))[2] for number in range(len(world.seeds)))
        return _counterfactual(world, sum(others, start=first))

    def best_prices(self, max_change: float = 0.5) -> "pd.Series[float]":
        """Return the constant prices by course_id that together earn most tokens; see `best.best_prices`."""

        return best_prices(self.params, max_change)

    def _mean(self, column: str) -> float:
        frame = self.tables["course_weeks"]
        return float(np.average(frame[column].to_numpy(), weights=frame["expected_enrollments"].to_numpy()))

    def _by_category(self, column: str) -> pd.DataFrame:
        return self.tables["segments"][["segment", column]].rename(columns={column: "elasticity"})


def reprice(world: World, prices: Plan) -> World:
    """Return the world at other prices, given as for `Truth.counterfactual`; a changed price is a list price."""
    if prices is None:
        return world
    supply = world.supply
    units = _asked(supply, prices)
    changed = units != supply.price_units
    new = replace(
        supply,
        price_units=units,
        list_units=np.where(changed, units, supply.list_units),
        discount=np.where(changed, 0.0, supply.discount),
        price_test=np.where(changed, 0.0, supply.price_test),
        tested=supply.tested & ~changed,
        promo_drawn=supply.promo_drawn & ~changed,
        promo_probability=np.where(changed, np.nan, supply.promo_probability),
    )
    return replace(world, supply=new)


def _asked(supply: Supply, prices: "pd.Series[float] | Mapping[str, float]") -> Ints:
    """Return the token prices (J, W) of a plan in units of 1/100 token."""
    units = supply.price_units.copy()
    if isinstance(prices, pd.Series):
        known, values = list(names("C", len(units))), prices.to_numpy(dtype=float)
        _check(prices.index, known, bool(((values >= 1 / UNITS) & (values <= HIGHEST)).all()))
        units[pd.Index(known).get_indexer(prices.index)] = np.rint(values * UNITS).astype(np.int64)[:, None]
        return units
    values = np.array(list(prices.values()), dtype=float)
    _check(pd.Index(list(prices)), list(CATEGORIES), bool(((values > -1) & (values <= HIGHEST)).all()))
    change = np.array([prices.get(category, 0.0) for category in CATEGORIES])[supply.category]
    return np.asarray(np.maximum(np.rint(units * (1 + change)[:, None]), 1), dtype=np.int64)


def _check(asked: "pd.Index[str]", known: list[str], possible: bool) -> None:
    unknown = asked.difference(known, sort=False)
    if len(unknown) or asked.has_duplicates:
        raise PricingError(
            "The plan does not fit this market",
            expected=f"each at most once, out of: {', '.join(known[:8])}" + (", ..." if len(known) > 8 else ""),
            found=", ".join(repr(name)[:40] for name in unknown[:5]) or "the same name twice",
            where="prices by course_id or changes by category",
        )
    if not possible:
        raise PricingError(
            "A planned price is not possible",
            expected="prices from 0.01 to a million tokens, or relative changes above -1",
            where="prices by course_id or changes by category",
        )


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
            "token_price": price / UNITS,
            "views": sums.views[at],
            "expected_enrollments": expected,
            "enrollments": sums.enrollments[at],
            "completions": sums.completions[at],
            "refunds": sums.refunds[at],
            "token_revenue": expected * price / UNITS,
            "teacher_earnings": expected * teacher / UNITS,
            "commission": expected * commission / UNITS,
            "burned": expected * burned / UNITS,
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
