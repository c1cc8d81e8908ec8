"""Plans of other prices, and the world at them."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from edtech.errors import PricingError
from edtech.market.params import MarketParams
from edtech.market.shard import World, draw_world
from edtech.market.supply import CATEGORIES, Supply, names
from edtech.tables.arrays import Ints
from edtech.tables.tokens import UNITS_PER_TOKEN

HIGHEST = 1e6  # tokens, or relative change: far below where integers of units end
Plan = pd.Series | Mapping[str, float] | None
"""Token prices by course_id (a Series), relative changes by category (a mapping), or nothing changed."""


class PricePlan(BaseModel):
    """A plan that can be kept: token prices by course_id, or relative changes by category."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["course_id", "category"]
    prices: tuple[tuple[str, float], ...]


Plans = tuple[PricePlan | None, ...]
"""Plans on top of each other, the first applied first."""


def plan_of(prices: Plan) -> PricePlan | None:
    """Return prices, given as for `Truth.counterfactual`, as a plan."""
    if prices is None:
        return None
    by: Literal["course_id", "category"] = "course_id" if isinstance(prices, pd.Series) else "category"
    return PricePlan(by=by, prices=tuple((str(name), float(value)) for name, value in prices.items()))


@lru_cache(maxsize=1)
def market_world(params: MarketParams, plans: Plans = ()) -> World:
    """Return the world of these parameters at these plans; the last one asked for is kept. Raises PricingError."""
    world = draw_world(params)
    for plan in plans:
        world = reprice(world, plan)
    return world


def reprice(world: World, plan: PricePlan | None) -> World:
    """Return the world at the prices of a plan; a changed price is a list price. Raises PricingError."""
    if plan is None:
        return world
    supply = world.supply
    units = _asked(supply, plan)
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


def _asked(supply: Supply, plan: PricePlan) -> Ints:
    """Return the token prices (J, W) of a plan in units of 1/100 token."""
    units = supply.price_units.copy()
    asked = pd.Index([name for name, _ in plan.prices])
    values = np.array([value for _, value in plan.prices], dtype=float)
    if plan.by == "course_id":
        known = list(names("C", len(units)))
        _check(asked, known, bool(((values >= 1 / UNITS_PER_TOKEN) & (values <= HIGHEST)).all()))
        units[pd.Index(known).get_indexer(asked)] = np.rint(values * UNITS_PER_TOKEN).astype(np.int64)[:, None]
        return units
    _check(asked, list(CATEGORIES), bool(((values > -1) & (values <= HIGHEST)).all()))
    change = np.array([dict(plan.prices).get(category, 0.0) for category in CATEGORIES])[supply.category]
    return np.asarray(np.maximum(np.rint(units * (1 + change)[:, None]), 1), dtype=np.int64)


def _check(asked: "pd.Index[str]", known: list[str], possible: bool) -> None:
    unknown = asked.difference(known, sort=False)
    if len(unknown) or asked.has_duplicates:
        raise PricingError(
            "The plan does not fit this market",
            expected=f"each at most once, out of: {', '.join(known[:8])}" + (", ..." if len(known) > 8 else ""),
            actual=", ".join(repr(name)[:40] for name in unknown[:5]) or "the same name twice",
            where="prices by course_id or changes by category",
        )
    if not possible:
        raise PricingError(
            "A planned price is not possible",
            expected="prices from 0.01 to a million tokens, or relative changes above -1",
            where="prices by course_id or changes by category",
        )
