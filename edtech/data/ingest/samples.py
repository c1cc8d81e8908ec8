"""Generate example files to download, one for each kind of table."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from edtech.errors import ContractError

_CATEGORIES = ("Programming", "Design", "Languages", "Data Science")


def sample_panel_csv() -> bytes:
    """Return a demand panel of 40 courses and 26 weeks as CSV, the same on each call.

    Its columns are those of `course_weeks`. Enrollments are binomial in views, with log odds that fall by 0.04 per
    token of price; a tenth of the rows has a randomized discount.
    """
    rng = np.random.default_rng(20_240_101)
    courses, weeks = 40, 26
    unit, week = np.divmod(np.arange(courses * weeks), weeks)
    list_price = rng.uniform(20, 60, courses).round()[unit]
    randomized = rng.random(len(unit)) < 0.1
    discount = np.where(randomized, rng.choice([0.0, 0.1, 0.2, 0.3], len(unit)), 0.0)
    price = (list_price * (1 - discount)).round(2)
    views = rng.poisson(rng.uniform(40, 160, courses)[unit])
    appeal = rng.normal(0, 0.4, courses)[unit] + 0.03 * (list_price - 40)
    frame = pd.DataFrame(
        {
            "course_id": [f"C{i + 1:03d}" for i in unit],
            "week": (pd.Timestamp("2024-01-01") + pd.to_timedelta(7 * week, unit="D")).strftime("%Y-%m-%d"),
            "category": np.array(_CATEGORIES)[unit % len(_CATEGORIES)],
            "list_price": list_price,
            "discount_pct": discount,
            "token_price": price,
            "views": views,
            "enrollments": rng.binomial(views, 1 / (1 + np.exp(0.8 - appeal + 0.04 * price))),
            "price_randomized": randomized,
            "randomized_discount": discount,
        }
    )
    return _csv(frame)


def sample_csv(kind: str) -> bytes:
    """Return an example of a kind of table (`edtech.tables.table_kinds.CONTRACTS`) as CSV.

    Raises:
        ContractError: the kind is unknown.
    """
    if kind not in SAMPLES:
        raise ContractError("Unknown kind of table", expected=", ".join(SAMPLES), actual=repr(kind)[:80])
    return SAMPLES[kind]()


def sample_visits_csv() -> bytes:
    """Return 400 visits with 4 courses each; choices follow a logit in price and appeal with an outside option."""
    rng = np.random.default_rng(20_240_102)
    visits, courses_per_visit, courses = 400, 4, 30
    course = np.argsort(rng.random((visits, courses)), axis=1)[:, :courses_per_visit]
    base, appeal = rng.uniform(20, 60, courses).round(), rng.normal(0, 0.7, courses)
    price = (base[course] * rng.choice([0.8, 0.9, 1.0], (visits, courses_per_visit))).round(2)
    utility = np.column_stack([appeal[course] - 0.05 * price, np.full(visits, -0.5)]) + rng.gumbel(size=(visits, 5))
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 90, visits)), unit="D")
    frame = pd.DataFrame(
        {
            "visit_id": np.repeat([f"V{i + 1:04d}" for i in range(visits)], courses_per_visit),
            "learner_id": np.repeat([f"L{i:03d}" for i in rng.integers(0, 150, visits)], courses_per_visit),
            "date": np.repeat(day.strftime("%Y-%m-%d"), courses_per_visit),
            "course_id": [f"C{i + 1:03d}" for i in course.ravel()],
            "category": np.array(_CATEGORIES)[course.ravel() % len(_CATEGORIES)],
            "token_price": price.ravel(),
            "enrolled": (utility.argmax(axis=1)[:, None] == np.arange(courses_per_visit)).astype(int).ravel(),
        }
    )
    return _csv(frame)


def sample_labels_csv() -> bytes:
    """Return 600 learners with churn within a year and features known when they joined."""
    rng = np.random.default_rng(20_240_103)
    rows = 600
    price, sessions = rng.uniform(15, 60, rows).round(2), rng.poisson(4, rows)
    plan = rng.choice(["monthly", "quarterly", "yearly"], rows, p=[0.5, 0.3, 0.2])
    risk = np.exp(-3.6 + 0.02 * price - 0.15 * sessions + 0.8 * (plan == "monthly"))
    months = np.ceil(rng.exponential(1 / risk)).astype(int)
    frame = pd.DataFrame(
        {
            "learner_id": [f"L{i + 1:04d}" for i in range(rows)],
            "joined_on": (pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 365, rows), unit="D")).strftime(
                "%Y-%m-%d"
            ),
            "plan": plan,
            "first_price": price,
            "sessions_first_week": sessions,
            "tenure": months.clip(1, 12),
            "churned": (months <= 12).astype(int),
        }
    )
    return _csv(frame)


def sample_ratings_csv() -> bytes:
    """Return 800 ratings of 40 teachers, 1 to 5 stars; able learners rate every teacher higher."""
    rng = np.random.default_rng(20_240_104)
    rows, teachers, learners = 800, 40, 250
    teacher, learner = rng.integers(0, teachers, rows), rng.integers(0, learners, rows)
    quality, ability = rng.normal(0, 0.4, teachers), rng.normal(0, 1, learners)
    stars = 3.6 + quality[teacher] + 0.5 * ability[learner] + rng.normal(0, 0.6, rows)
    frame = pd.DataFrame(
        {
            "teacher_id": [f"T{i + 1:03d}" for i in teacher],
            "learner_id": [f"L{i + 1:04d}" for i in learner],
            "course_id": [f"C{i % 90 + 1:03d}" for i in teacher * 3 + rng.integers(0, 3, rows)],
            "date": (pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 365, rows), unit="D")).strftime(
                "%Y-%m-%d"
            ),
            "rating": stars.round().clip(1, 5).astype(int),
            "earlier_grade": (70 + 10 * ability[learner] + rng.normal(0, 3, rows)).round(1),
        }
    )
    return _csv(frame)


def _csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False, lineterminator="\n").encode()


SAMPLES: dict[str, Callable[[], bytes]] = {
    "panel": sample_panel_csv,
    "visits": sample_visits_csv,
    "labels": sample_labels_csv,
    "ratings": sample_ratings_csv,
}
"""The example of each kind of table."""
