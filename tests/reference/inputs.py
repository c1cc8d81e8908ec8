"""The fixed inputs of the reference figures: parameters of markets, and files that are uploaded. All are synthetic."""

from typing import Any

import numpy as np
import pandas as pd

MARKETS: dict[str, dict[str, Any]] = {
    "price_test": {
        "learners": 320, "teachers": 12, "courses": 24, "weeks": 16, "courses_seen": 4, "completion_rate": 0.6,
        "seed": 5,
    },
    "confounded": {"learners": 250, "teachers": 10, "courses": 20, "weeks": 14, "seed": 8},
}  # fmt: skip
"""Preset -> what is changed in it."""

QUICK = {"trees": 20, "horizon_days": 28, "draws": 400, "min_samples_leaf": 15, "knots": 4, "folds": 3}
"""Hyperparameters of any algorithm that has them, so that small data are learned from in little time."""

PANEL_ROLES: dict[str, Any] = {
    "unit": "sku",
    "period": "week_start",
    "price": "price",
    "quantity": "units_sold",
    "segment": "product_group",
    "views": "page_views",
    "controls": ("rating", "channel"),
    "market_size": "buyers",
    "randomized_discount": "promo_share",
    "randomized_flag": "promo_randomized",
    "instruments": ("unit_cost",),
}
_UNKNOWN = {"randomized_discount": None, "randomized_flag": None, "instruments": ()}
VARIANTS: dict[str, dict[str, Any]] = {
    "unknown": _UNKNOWN,
    "schedule": {**_UNKNOWN, "prices_set": "schedule"},
    "instrument": {"randomized_discount": None, "randomized_flag": None},
    "equal_weights": {"instruments": (), "weights": "equal", "segment": None},
}
"""Other roles of the columns of the uploaded panel: how the price effect is identified then."""
ROLES_OF = {"share_logit": "instrument"}
"""The variant that an algorithm is trained with: 0.1.0 cannot train this one with covariates and a randomized flag."""

OFFER_ROLES: dict[str, Any] = {
    "task": "propensity",
    "label": "converted",
    "subject": "learner_id",
    "time": "date",
    "features": ("offer_price", "visits", "plan"),
}


def panel_csv() -> bytes:
    """Return a panel of 24 products by 26 weeks, written with semicolons and decimal commas.

    Prices follow demand; a fifth of the rows have a discount that was drawn, and costs move prices alone.
    """
    rng = np.random.default_rng(20_251_201)
    products, weeks = 24, 26
    unit, week = np.divmod(np.arange(products * weeks), weeks)
    group = np.arange(products) % 3
    level = rng.uniform(18, 60, products).round(1)
    shock = rng.normal(0, 0.25, unit.size)
    cost = (0.5 * level[unit] * np.exp(rng.normal(0, 0.12, unit.size))).round(2)
    sample = rng.random(unit.size) < 0.5
    promo = np.where(sample & (rng.random(unit.size) < 0.4), rng.choice([0.1, 0.2, 0.3], unit.size), 0.0)
    rating = rng.uniform(2.5, 5, unit.size).round(1)
    channel = rng.choice(["shop", "web"], unit.size)
    listed = level[unit] * np.exp(0.3 * shock + 0.25 * (cost / (0.5 * level[unit]) - 1) + 0.02 * (rating - 4))
    price = (listed * (1 - promo)).round(2)
    views = rng.poisson(40 + 60 * rng.random(products)[unit])
    slope = np.array([1.2, 1.8, 2.4])[group][unit]
    odds = -0.6 + shock + 0.3 * (rating - 4) + 0.2 * (channel == "web") - slope * (price / level[unit] - 1)
    frame = pd.DataFrame(
        {
            "sku": [f"P{code + 1:02d}" for code in unit],
            "week_start": (pd.Timestamp("2024-01-01") + pd.to_timedelta(7 * week, unit="D")).strftime("%Y-%m-%d"),
            "product_group": np.array(["audio", "books", "games"])[group][unit],
            "price": price,
            "units_sold": rng.binomial(views, 1 / (1 + np.exp(-odds))),
            "page_views": views,
            "promo_share": promo,
            "promo_randomized": sample.astype(int),
            "unit_cost": cost,
            "rating": rating,
            "channel": channel,
            "buyers": 6_000 + 40 * week,
        }
    )
    return frame.to_csv(index=False, sep=";", decimal=",", lineterminator="\n").encode()


def offers_csv() -> bytes:
    """Return 500 offers that were taken or not, some without the number of visits."""
    rng = np.random.default_rng(20_251_202)
    rows = 500
    price, visits = rng.uniform(10, 60, rows).round(2), rng.poisson(3, rows)
    plan = rng.choice(["basic", "plus", "pro"], rows)
    taken = rng.random(rows) < 1 / (1 + np.exp(0.5 + 0.03 * price - 0.3 * visits - 0.6 * (plan == "pro")))
    day = pd.Timestamp("2024-02-01") + pd.to_timedelta(np.arange(rows) // 5, unit="D")
    frame = pd.DataFrame(
        {
            "learner_id": [f"L{code:03d}" for code in rng.integers(0, 150, rows)],
            "date": day.strftime("%Y-%m-%d"),
            "offer_price": price,
            "visits": pd.Series(visits, dtype="Int64").mask(pd.Series(rng.random(rows) < 0.1)),
            "plan": plan,
            "converted": taken.astype(int),
        }
    )
    return frame.to_csv(index=False, lineterminator="\n").encode()
