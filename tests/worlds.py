"""A second simulator of course-weeks with a known truth, which shares no code with `edtech.market`.

The enrollments of a course in a week are binomial in its views, with

    log odds = base + quality + season + shock - slope[segment] * (price / level - 1)

Courses do not compete: the revenue of a unit depends on its own price alone. List prices follow quality and the demand
shocks, so the naive slope of log quantity on log price is positive, although every true elasticity is negative.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from edtech.ml import TokenPriceElasticityModeler
from edtech.tables.arrays import Floats

SEGMENTS = 5


@dataclass(frozen=True, slots=True)
class WorldParams:
    """The parameters of a world.

    `scale`: prices are relative to the level of the unit, or of its segment, which makes expensive units more elastic.
    `endogeneity`: how much log list prices follow half the shock. `prices`: "promotions" on top of list prices, or a
    "schedule" of steps every four weeks that ignores demand. `flags` of promotions: "all" rows are randomized and
    flagged; only the "promoted" rows are flagged; "half" of the rows are randomized, and the others have promotions in
    weeks of weak demand. `form`: the rate is a logit of the price, or exponential in it. `views_react`: the price
    elasticity of views.
    """

    seed: int = 0
    units: int = 300
    weeks: int = 52
    views: float = 60.0
    slope: float = 1.7
    scale: Literal["unit", "segment"] = "unit"
    endogeneity: float = 0.6
    prices: Literal["promotions", "schedule"] = "promotions"
    promo_share: float = 0.12
    flags: Literal["all", "promoted", "half"] = "all"
    form: Literal["logit", "exponential"] = "logit"
    views_react: float = 0.0


@dataclass(frozen=True)
class World:
    """A world of u units and w weeks: the observed `panel`, and the truth.

    `utility` (u, w) is the log odds at the price `level` (u,), `slope` (u,) its fall per relative price.
    """

    params: WorldParams
    panel: pd.DataFrame
    segment: NDArray[np.intp]
    slope: Floats
    level: Floats
    utility: Floats
    views: Floats
    prices: Floats

    def odds(self, prices: Floats) -> Floats:
        """Return the log odds of enrolling (u, w) at `prices` (u, w) or (u, 1)."""
        return self.utility - self.slope[:, None] * (prices / self.level[:, None] - 1)

    def rate(self, prices: Floats) -> Floats:
        """Return the chance that a view enrolls (u, w) at `prices` (u, w) or (u, 1)."""
        odds = self.odds(prices)
        return expit(odds) if self.params.form == "logit" else np.exp(np.minimum(odds, 0.0))

    def expected(self, prices: Floats) -> Floats:
        """Return the expected enrollments (u, w) at `prices` (u, w) or (u, 1)."""
        return self.views * (prices / self.prices) ** self.params.views_react * self.rate(prices)

    @cached_property
    def _elasticities(self) -> Floats:
        """d log E[enrollments] / d log price of each row (u, w)."""
        room = 1 - self.rate(self.prices) if self.params.form == "logit" else 1.0
        return self.params.views_react - self.slope[:, None] * self.prices / self.level[:, None] * room

    @property
    def elasticity(self) -> float:
        """The own-price elasticity, rows weighted by expected enrollments."""
        return float(np.average(self._elasticities, weights=self.expected(self.prices)))

    @property
    def by_segment(self) -> "pd.Series[float]":
        """The same by segment."""
        weights = self.expected(self.prices)
        means = [np.average(self._elasticities[rows], weights=weights[rows]) for rows in self._segments]
        return pd.Series(means, index=[f"cat{number}" for number in range(SEGMENTS)])

    @property
    def _segments(self) -> list[NDArray[np.bool_]]:
        return [self.segment == number for number in range(SEGMENTS)]

    @property
    def today(self) -> "pd.Series[float]":
        """Mean price of each unit, the baseline of plans."""
        return pd.Series(self.prices.mean(axis=1), index=[f"C{unit:04d}" for unit in range(len(self.slope))])

    def enrollments(self, prices: "pd.Series[float]") -> Floats:
        """Return each unit's expected enrollments per week (u,) at constant `prices` by unit."""
        return self.expected(self._by_unit(prices)).mean(axis=1)

    def revenue(self, prices: "pd.Series[float]") -> Floats:
        """Return each unit's expected token revenue per week (u,) at constant `prices` by unit."""
        return self.enrollments(prices) * self._by_unit(prices)[:, 0]

    def _by_unit(self, prices: "pd.Series[float]") -> Floats:
        return prices.loc[self.today.index].to_numpy(dtype=float)[:, None]

    def best_revenue(self, steps: int = 101) -> Floats:
        """Return the maximum revenue (u,) of a constant price within the observed prices of each unit."""
        low, high = self.prices.min(axis=1), self.prices.max(axis=1)
        shares = np.linspace(0, 1, steps)
        candidates = [pd.Series(low + share * (high - low), index=self.today.index) for share in shares]
        return np.max([self.revenue(prices) for prices in [*candidates, self.today]], axis=0)

    def gain(self, prices: "pd.Series[float]") -> float:
        """Return the relative gain of total revenue from `prices` against today's."""
        today = float(self.revenue(self.today).sum())
        return float(self.revenue(prices).sum()) / today - 1

    def captured(self, prices: "pd.Series[float]") -> float:
        """Return the gain of `prices` as a share of the maximum gain within the observed prices."""
        today = float(self.revenue(self.today).sum())
        return (float(self.revenue(prices).sum()) - today) / (float(self.best_revenue().sum()) - today)

    def modeler(self, **roles: object) -> TokenPriceElasticityModeler:
        """Return a modeler with the panel's randomized promotions as roles, if it has any."""
        promotion_roles = {"randomized_discount": "discount_pct", "randomized_flag": "promo_randomized"}
        return TokenPriceElasticityModeler(
            **{**(promotion_roles if self.params.prices == "promotions" else {}), **roles}
        )


def make_world(params: WorldParams | None = None, **knobs: object) -> World:
    """Return the world of these parameters, or of the defaults with some `knobs` changed."""
    params = params or WorldParams(**knobs)  # type: ignore[arg-type]
    rng = np.random.default_rng(params.seed)
    u, w = shape = params.units, params.weeks
    segment = rng.integers(0, SEGMENTS, u)
    slope = (params.slope * rng.uniform(0.6, 1.4, SEGMENTS))[segment]
    quality = rng.normal(0, 0.6, u)
    own_level = np.exp(rng.normal(4, 0.35, u) + 0.5 * quality)
    shock = _shocks(rng, u, w)
    if params.prices == "schedule":
        list_price, discount, flag = _schedule(rng, own_level, w), np.zeros(shape), np.zeros(shape, dtype=bool)
    else:
        follow = params.endogeneity * 0.5 * shock
        list_price = own_level[:, None] * np.exp(follow + rng.normal(0, 0.05, shape))
        discount, flag = _promotions(rng, params, shock)
    prices = np.maximum(np.round(list_price * (1 - discount)), 1.0)
    level = own_level
    if params.scale == "segment":
        level = np.array([own_level[segment == number].mean() for number in range(SEGMENTS)])[segment]
    expected_views = np.exp(rng.normal(0, 0.8, u))[:, None] * (prices / level[:, None]) ** params.views_react
    views = rng.poisson(params.views * expected_views, shape).astype(float)
    season = 0.2 * np.sin(2 * np.pi * np.arange(w) / 52)
    world = World(params, pd.DataFrame(), segment, slope, level, quality[:, None] - 3.2 + season + shock, views, prices)
    sold = rng.binomial(views.astype(int), world.rate(prices))
    panel = _panel(segment, list_price, discount, prices, views, sold, flag)
    return replace(world, panel=panel)


def _shocks(rng: np.random.Generator, units: int, weeks: int) -> Floats:
    """Autoregressive demand shocks (u, w)."""
    news = 0.8 * rng.normal(0, 0.35, (units, weeks))
    shock = np.zeros((units, weeks))
    for week in range(weeks):
        shock[:, week] = news[:, week] + (0.6 * shock[:, week - 1] if week else 0)
    return shock


def _schedule(rng: np.random.Generator, level: Floats, weeks: int) -> Floats:
    """List prices (u, w) that change by about a fifth every four weeks, independently of demand."""
    steps = rng.normal(0, 0.2, (level.size, -(-weeks // 4)))
    return np.asarray(level[:, None] * np.exp(np.repeat(steps, 4, axis=1)[:, :weeks]))


def _promotions(rng: np.random.Generator, params: WorldParams, shock: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Discounts (u, w) and flags of randomized rows, according to `flags`."""
    promo = rng.random(shock.shape) < params.promo_share
    depth = rng.uniform(0.1, 0.4, shock.shape)
    flag = np.ones(shock.shape, dtype=bool)
    if params.flags == "half":
        flag = rng.random(shock.shape) < 0.5
        weak = shock < np.quantile(shock, params.promo_share)
        promo = np.where(flag, promo, weak)
    elif params.flags == "promoted":
        flag = promo
    return np.where(promo, depth, 0.0), flag


def _panel(
    segment: NDArray[np.intp],
    list_price: Floats,
    discount: Floats,
    prices: Floats,
    views: Floats,
    sold: NDArray[np.int64],
    flag: NDArray[np.bool_],
) -> pd.DataFrame:
    """The columns of `course_weeks` that a demand panel needs, one row for each unit and week."""
    unit, week = (codes.ravel() for codes in np.indices(prices.shape))
    return pd.DataFrame(
        {
            "course_id": [f"C{code:04d}" for code in unit],
            "week": pd.Timestamp("2025-01-06") + pd.to_timedelta(7 * week, unit="D"),
            "category": [f"cat{code}" for code in segment[unit]],
            "list_price": list_price.ravel(),
            "discount_pct": discount.ravel(),
            "token_price": prices.ravel(),
            "views": views.astype(np.int64).ravel(),
            "enrollments": sold.ravel(),
            "promo_randomized": flag.ravel(),
        }
    )
