"""Teachers, courses, and the prices they ask each week."""

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
    `weight` is how often a course is shown; `usual_price` what a course of this category, level and length costs
    (tokens); `first_week` the week of publication. Arrays (J, W): `shock` of utility, prices in units of 1/100 token,
    `discount` and `price_test` as shares, the flags of what was drawn and `promo_probability` (NaN where not drawn).
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
    promo_drawn: Bools
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
    own = rng.random(params.courses) < 0.85
    category = np.where(own, categories[teacher], rng.choice(len(CATEGORIES), size=params.courses, p=SHARE))
    order = np.argsort(category, kind="stable")
    teacher, category = teacher[order], category[order]
    quality = (teacher_quality[teacher] + rng.standard_normal(params.courses)) / np.sqrt(2)
    level = rng.choice(len(LEVELS), size=params.courses, p=[0.5, 0.33, 0.17])
    hours = np.clip(np.round(10 * np.exp(0.6 * rng.standard_normal(params.courses)), 1), 1, 120)
    usual = USUAL_PRICE[category] * (1 + 0.1 * level) * (hours / 10) ** 0.25
    late = rng.random(params.courses) < params.growth
    first = np.where(late, rng.integers(1, params.weeks, size=params.courses), 0)
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
        usual,
        first,
        **_prices(params, quality, usual, rng),
    )


def _prices(params: MarketParams, quality: Floats, usual: Floats, rng: np.random.Generator) -> dict[str, NDArray]:  # type: ignore[type-arg]
    """Draw shocks and prices: token price = list price x (1 - discount), rounded to 1/100 token."""
    shape = (params.courses, params.weeks)
    shock = _shocks(params, rng)
    base = usual * np.exp(params.quality_in_price * quality + 0.15 * rng.standard_normal(params.courses))
    tested = rng.random(shape) < params.price_test_share
    test = np.where(tested, rng.uniform(-params.price_test_size, params.price_test_size, shape).round(3), 0.0)
    asked = base[:, None] * np.exp(params.endogeneity * shock) * (1 + test)
    list_units = np.maximum(np.rint(asked * UNITS_PER_TOKEN), UNITS_PER_TOKEN).astype(np.int64)

    drawn = rng.random(shape) < params.promo_randomized_share
    # What is not drawn is set by the teacher: a promotion is likelier where demand is weak.
    weak = params.promo_rate * np.exp(-2 * params.endogeneity * shock)
    chance = np.clip(np.where(drawn, params.promo_rate, weak), 0, 0.95)
    promoted = rng.random(shape) < chance
    depth = rng.uniform(params.promo_depth / 4, params.promo_depth, shape).round(2)
    discount = np.where(promoted, depth, 0.0)
    return {
        "shock": shock,
        "list_units": list_units,
        "price_units": np.maximum(np.rint(list_units * (1 - discount)), 1).astype(np.int64),
        "discount": discount,
        "price_test": test,
        "tested": tested,
        "promo_drawn": drawn,
        "promo_probability": np.where(drawn, params.promo_rate, np.nan),
    }


def _shocks(params: MarketParams, rng: np.random.Generator) -> Floats:
    """Return utility shocks (J, W) that fade by 0.6 a week, of the given spread from the first week on."""
    keep = 0.6
    fresh = rng.standard_normal((params.courses, params.weeks)) * params.shock_spread
    fresh[:, 1:] *= np.sqrt(1 - keep**2)
    for week in range(1, params.weeks):
        fresh[:, week] += keep * fresh[:, week - 1]
    return fresh


def names(prefix: str, total: int, numbers: range | None = None) -> "pd.api.extensions.ExtensionArray":
    """Return the identifiers of `numbers` (default: all) out of `total`, of equal length: C00, C01, ..."""
    width = len(str(max(total - 1, 1)))
    return pd.array(
        [f"{prefix}{number:0{width}d}" for number in (range(total) if numbers is None else numbers)], dtype="str"
    )


def text(codes: NDArray[np.integer], values: tuple[str, ...]) -> "pd.api.extensions.ExtensionArray":
    """Return the texts that codes stand for."""
    return pd.array(list(values), dtype="str").take(codes)


def week_start(weeks: NDArray[np.integer]) -> NDArray[np.datetime64]:
    """Return the Monday of each week."""
    return np.asarray(START + weeks * WEEK)


def teacher_table(params: MarketParams, supply: Supply, rng: np.random.Generator) -> pd.DataFrame:
    """Return `teachers`; every teacher has joined before the first course is published."""
    years = np.clip(rng.gamma(2.0, 3.0, params.teachers) + supply.teacher_quality, 0, 40).round(1)
    return pd.DataFrame(
        {
            "teacher_id": names("T", params.teachers),
            "joined_on": START - rng.integers(1, 1_000, params.teachers) * np.timedelta64(1, "D"),
            "specialization": text(supply.teacher_category, CATEGORIES),
            "experience_years": years,
            "verified": rng.random(params.teachers) < 1 / (1 + np.exp(-supply.teacher_quality - 0.5)),
        }
    )


def course_table(params: MarketParams, supply: Supply, rng: np.random.Generator) -> pd.DataFrame:
    """Return `courses`."""
    subcategory = text(rng.integers(len(SUBCATEGORIES), size=params.courses), SUBCATEGORIES)
    ids = names("C", params.courses)
    category = pd.Series(text(supply.category, CATEGORIES))
    return pd.DataFrame(
        {
            "course_id": ids,
            "teacher_id": names("T", params.teachers).take(supply.teacher),
            "title": category + " " + pd.Series(subcategory) + " " + pd.Series(ids).str[1:],
            "category": category,
            "subcategory": subcategory,
            "level": text(supply.level, LEVELS),
            "duration_hours": supply.hours,
            "certificate": supply.certificate,
            "published_on": week_start(supply.first_week),
        }
    )


def course_week_table(params: MarketParams, supply: Supply, views: Ints, enrollments: Ints) -> pd.DataFrame:
    """Return `course_weeks` from the counts (J, W): one row for each course and week from its publication on."""
    course, week = np.nonzero(supply.on_sale)
    at = (course, week)
    drawn = supply.promo_drawn[at]
    randomized = drawn | supply.tested[at]
    # How far the draws left the price below the highest they could have given: one instrument for both kinds of draw.
    factor = (1 + supply.price_test[at]) * (1 - np.where(drawn, supply.discount[at], 0.0))
    highest = 1 + params.price_test_size * (params.price_test_share > 0)
    return pd.DataFrame(
        {
            "course_id": names("C", params.courses).take(course),
            "week": week_start(week),
            "teacher_id": names("T", params.teachers).take(supply.teacher[course]),
            "category": text(supply.category[course], CATEGORIES),
            "list_price": supply.list_units[at] / UNITS_PER_TOKEN,
            "discount_pct": supply.discount[at],
            "token_price": supply.price_units[at] / UNITS_PER_TOKEN,
            "views": views[at],
            "enrollments": enrollments[at],
            "promo_randomized": drawn,
            "promo_probability": supply.promo_probability[at],
            "price_test_pct": supply.price_test[at],
            "price_randomized": randomized,
            "randomized_discount": np.where(randomized, 1 - factor / highest, 0.0).round(6) + 0.0,
        }
    )
