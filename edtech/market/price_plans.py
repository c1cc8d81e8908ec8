"""Price plans, and a market at the prices of a plan."""

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
from edtech.market.supply import CATEGORIES, Supply, make_ids
from edtech.tables.arrays import Ints
from edtech.tables.tokens import UNITS_PER_TOKEN

HIGHEST = 1e6  # tokens, or relative change; far below the overflow of integer units
Plan = pd.Series | Mapping[str, float] | None
"""Token prices by course_id (a Series), relative changes by category (a mapping), or None for unchanged prices."""


class PricePlan(BaseModel):
    """A storable plan: token prices by course_id, or relative changes by category."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["course_id", "category"]
    prices: tuple[tuple[str, float], ...]


Plans = tuple[PricePlan | None, ...]
"""Plans in the order in which they are applied."""


def plan_of(prices: Plan) -> PricePlan | None:
    """Return prices, in the form that `Truth.counterfactual` accepts, as a plan."""
    if prices is None:
        return None
    by: Literal["course_id", "category"] = "course_id" if isinstance(prices, pd.Series) else "category"
    return PricePlan(by=by, prices=tuple((str(name), float(value)) for name, value in prices.items()))


@lru_cache(maxsize=1)
def market_world(params: MarketParams, plans: Plans = ()) -> World:
    """Return the world of these parameters at these plans; the latest is cached. Raises PricingError."""
    world = draw_world(params)
    for plan in plans:
        world = apply_plan(world, plan)
    return world


def apply_plan(world: World, plan: PricePlan | None) -> World:
    """Return the world at the prices of a plan; a changed price is a list price. Raises PricingError."""
    if plan is None:
        return world
    supply = world.supply
    units = _requested_units(supply, plan)
    changed = units != supply.price_units
    new = replace(
        supply,
        price_units=units,
        list_units=np.where(changed, units, supply.list_units),
        discount=np.where(changed, 0.0, supply.discount),
        price_test=np.where(changed, 0.0, supply.price_test),
        tested=supply.tested & ~changed,
        promo_randomized=supply.promo_randomized & ~changed,
        promo_probability=np.where(changed, np.nan, supply.promo_probability),
    )
    return replace(world, supply=new)


def _requested_units(supply: Supply, plan: PricePlan) -> Ints:
    """Return the token prices (J, W) of a plan in units of 1/100 token."""
    units = supply.price_units.copy()
    ids = pd.Index([name for name, _ in plan.prices])
    values = np.array([value for _, value in plan.prices], dtype=float)
    if plan.by == "course_id":
        valid_ids = list(make_ids("C", len(units)))
        _check(ids, valid_ids, bool(((values >= 1 / UNITS_PER_TOKEN) & (values <= HIGHEST)).all()))
        units[pd.Index(valid_ids).get_indexer(ids)] = np.rint(values * UNITS_PER_TOKEN).astype(np.int64)[:, None]
        return units
    _check(ids, list(CATEGORIES), bool(((values > -1) & (values <= HIGHEST)).all()))
    change = np.array([dict(plan.prices).get(category, 0.0) for category in CATEGORIES])[supply.category]
    return np.asarray(np.maximum(np.rint(units * (1 + change)[:, None]), 1), dtype=np.int64)


def _check(ids: "pd.Index[str]", valid_ids: list[str], in_range: bool) -> None:
    unknown = ids.difference(valid_ids, sort=False)
    if len(unknown) or ids.has_duplicates:
        raise PricingError(
            "The price plan does not match this market",
            expected=f"each at most once, from: {', '.join(valid_ids[:8])}" + (", ..." if len(valid_ids) > 8 else ""),
            actual=", ".join(repr(name)[:40] for name in unknown[:5]) or "the same name twice",
            where="prices by course_id or changes by category",
        )
    if not in_range:
        raise PricingError(
            "A planned price is out of range",
            expected="prices from 0.01 to a million tokens, or relative changes above -1",
            where="prices by course_id or changes by category",
        )
