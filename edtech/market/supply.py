"""Teachers, courses, and weekly prices."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edtech.market.params import MarketParams
from edtech.tables.arrays import Bools, Floats, Ints
from edtech.tables.tokens import UNITS_PER_TOKEN

START = np.datetime64("2024-01-01", "us")  # a Monday; all times are UTC, stored without a zone
WEEK = np.timedelta64(7, "D")

CATEGORIES = ("Business", "Data Science", "Design", "Languages", "Marketing", "Music", "Programming", "Science")
USUAL_PRICE = np.array([45, 70, 40, 30, 42, 28, 60, 35], dtype=float)  # tokens, of a ten-hour beginner course
SHARE = np.array([0.16, 0.15, 0.11, 0.11, 0.10, 0.06, 0.22, 0.09])
SUBCATEGORIES = ("Foundations", "Methods", "Practice", "Projects")
LEVELS = ("beginner", "intermediate", "advanced")
QUALITY_WEIGHT = 0.8  # utility per unit of course quality at the usual price


@dataclass(frozen=True, slots=True)
class Supply:
    """T teachers, J courses (sorted by category, then by number) and W weeks as arrays.

    `category`, `teacher` and `level` are codes (J,); `quality` and `teacher_quality` have mean 0 and spread 1;
    `weight` is the relative frequency of a course among offers; `usual_price` (tokens) depends on category, level and
    length; `first_week` is the week of publication. Arrays (J, W): `shock` of utility, prices in units of 1/100 token,
    `discount` and `price_test` as shares, `tested` and `promo_randomized` as flags of randomized prices and promotions,
    and `promo_probability` (NaN if the promotion is not randomized).
    """

    teacher_quality: Floats
    teacher_category: Ints
    teacher: Ints
    category: Ints
    level: Ints
    hours: Floats
    certificate: Bools
    quality: Floats
    weight: Floats
    usual_price: Floats
    first_week: Ints
    shock: Floats
    list_units: Ints
    price_units: Ints
    discount: Floats
    price_test: Floats
    tested: Bools
    promo_randomized: Bools
    promo_probability: Floats

    @property
    def on_sale(self) -> Bools:
        """Whether a course is published in a week, (J, W)."""
        return np.asarray(np.arange(self.shock.shape[1]) >= self.first_week[:, None])


def draw_supply(params: MarketParams, rng: np.random.Generator) -> Supply:
    """Draw teachers, courses and prices."""
    categories = rng.choice(len(CATEGORIES), size=params.teachers, p=SHARE)
    teacher_quality = rng.standard_normal(params.teachers)
    teacher = rng.integers(params.teachers, size=params.courses)
    in_own_category = rng.random(params.courses) < 0.85
    category = np.where(in_own_category, categories[teacher], rng.choice(len(CATEGORIES), size=params.courses, p=SHARE))
    order = np.argsort(category, kind="stable")
    teacher, category = teacher[order], category[order]
    quality = (teacher_quality[teacher] + rng.standard_normal(params.courses)) / np.sqrt(2)
    level = rng.choice(len(LEVELS), size=params.courses, p=[0.5, 0.33, 0.17])
    hours = np.clip(np.round(10 * np.exp(0.6 * rng.standard_normal(params.courses)), 1), 1, 120)
    usual_price = USUAL_PRICE[category] * (1 + 0.1 * level) * (hours / 10) ** 0.25
    late = rng.random(params.courses) < params.growth
    first_week = np.where(late, rng.integers(1, params.weeks, size=params.courses), 0)
    weight = np.exp(params.popularity_spread * rng.standard_normal(params.courses) + params.quality_in_views * quality)
    return Supply(
        teacher_quality,
        categories,
        teacher,
        category,
        level,
        hours,
        rng.random(params.courses) < 0.4,
        quality,
        weight,
        usual_price,
        first_week,
        **_prices(params, quality, usual_price, rng),
    )


def _prices(params: MarketParams, quality: Floats, usual: Floats, rng: np.random.Generator) -> dict[str, NDArray]:  # type: ignore[type-arg]
    """Draw shocks and prices: token price = list price x (1 - discount), rounded to 1/100 token."""
    shape = (params.courses, params.weeks)
    shock = _shocks(params, rng)
    base = usual * np.exp(params.quality_in_price * quality + 0.15 * rng.standard_normal(params.courses))
    tested = rng.random(shape) < params.price_test_share
    price_test = np.where(tested, rng.uniform(-params.price_test_size, params.price_test_size, shape).round(3), 0.0)
    price = base[:, None] * np.exp(params.endogeneity * shock) * (1 + price_test)
    list_units = np.maximum(np.rint(price * UNITS_PER_TOKEN), UNITS_PER_TOKEN).astype(np.int64)

    randomized = rng.random(shape) < params.promo_randomized_share
    # Teachers set the other promotions: one is more likely if demand is weak.
    weak = params.promo_rate * np.exp(-2 * params.endogeneity * shock)
    chance = np.clip(np.where(randomized, params.promo_rate, weak), 0, 0.95)
    promoted = rng.random(shape) < chance
    depth = rng.uniform(params.promo_depth / 4, params.promo_depth, shape).round(2)
    discount = np.where(promoted, depth, 0.0)
    return {
        "shock": shock,
        "list_units": list_units,
        "price_units": np.maximum(np.rint(list_units * (1 - discount)), 1).astype(np.int64),
        "discount": discount,
        "price_test": price_test,
        "tested": tested,
        "promo_randomized": randomized,
        "promo_probability": np.where(randomized, params.promo_rate, np.nan),
    }


def _shocks(params: MarketParams, rng: np.random.Generator) -> Floats:
    """Return utility shocks (J, W) with a weekly autocorrelation of 0.6 and a constant standard deviation."""
    keep = 0.6
    fresh = rng.standard_normal((params.courses, params.weeks)) * params.shock_spread
    fresh[:, 1:] *= np.sqrt(1 - keep**2)
    for week in range(1, params.weeks):
        fresh[:, week] += keep * fresh[:, week - 1]
    return fresh


def make_ids(prefix: str, total: int, numbers: range | None = None) -> "pd.api.extensions.ExtensionArray":
    """Return identifiers of equal length (C00, C01, ...) for `numbers` (default: all) out of `total`."""
    width = len(str(max(total - 1, 1)))
    return pd.array(
        [f"{prefix}{number:0{width}d}" for number in (range(total) if numbers is None else numbers)], dtype="str"
    )


def decode(codes: NDArray[np.integer], values: tuple[str, ...]) -> "pd.api.extensions.ExtensionArray":
    """Return the value of each code, as text."""
    return pd.array(list(values), dtype="str").take(codes)


def week_start(weeks: NDArray[np.integer]) -> NDArray[np.datetime64]:
    """Return the Monday of each week."""
    return np.asarray(START + weeks * WEEK)


def teacher_table(params: MarketParams, supply: Supply, rng: np.random.Generator) -> pd.DataFrame:
    """Return `teachers`; every teacher joins before the first course is published."""
    years = np.clip(rng.gamma(2.0, 3.0, params.teachers) + supply.teacher_quality, 0, 40).round(1)
    return pd.DataFrame(
        {
            "teacher_id": make_ids("T", params.teachers),
            "joined_on": START - rng.integers(1, 1_000, params.teachers) * np.timedelta64(1, "D"),
            "specialization": decode(supply.teacher_category, CATEGORIES),
            "experience_years": years,
            "verified": rng.random(params.teachers) < 1 / (1 + np.exp(-supply.teacher_quality - 0.5)),
        }
    )


def course_table(params: MarketParams, supply: Supply, rng: np.random.Generator) -> pd.DataFrame:
    """Return `courses`."""
    subcategory = decode(rng.integers(len(SUBCATEGORIES), size=params.courses), SUBCATEGORIES)
    ids = make_ids("C", params.courses)
    category = pd.Series(decode(supply.category, CATEGORIES))
    return pd.DataFrame(
        {
            "course_id": ids,
            "teacher_id": make_ids("T", params.teachers).take(supply.teacher),
            "title": category + " " + pd.Series(subcategory) + " " + pd.Series(ids).str[1:],
            "category": category,
            "subcategory": subcategory,
            "level": decode(supply.level, LEVELS),
            "duration_hours": supply.hours,
            "certificate": supply.certificate,
            "published_on": week_start(supply.first_week),
        }
    )


def course_week_table(params: MarketParams, supply: Supply, views: Ints, enrollments: Ints) -> pd.DataFrame:
    """Return `course_weeks` from the counts (J, W): one row per course and week since its publication."""
    course, week = np.nonzero(supply.on_sale)
    cell = (course, week)
    promo_randomized = supply.promo_randomized[cell]
    randomized = promo_randomized | supply.tested[cell]
    # Relative distance of the randomized price from its maximum: one instrument for price tests and promotions.
    factor = (1 + supply.price_test[cell]) * (1 - np.where(promo_randomized, supply.discount[cell], 0.0))
    highest = 1 + params.price_test_size * (params.price_test_share > 0)
    return pd.DataFrame(
        {
            "course_id": make_ids("C", params.courses).take(course),
            "week": week_start(week),
            "teacher_id": make_ids("T", params.teachers).take(supply.teacher[course]),
            "category": decode(supply.category[course], CATEGORIES),
            "list_price": supply.list_units[cell] / UNITS_PER_TOKEN,
            "discount_pct": supply.discount[cell],
            "token_price": supply.price_units[cell] / UNITS_PER_TOKEN,
            "views": views[cell],
            "enrollments": enrollments[cell],
            "promo_randomized": promo_randomized,
            "promo_probability": supply.promo_probability[cell],
            "price_test_pct": supply.price_test[cell],
            "price_randomized": randomized,
            "randomized_discount": np.where(randomized, 1 - factor / highest, 0.0).round(6) + 0.0,
        }
    )
