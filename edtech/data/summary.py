"""What a data set amounts to and what its columns mean, each from one aggregate query."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from edtech.data.explore import column_types
from edtech.data.store import Dataset, period_text
from edtech.tables.market import MARKET_TABLES, column_dictionary
from edtech.tables.roles import AnyRoles, LabelRoles, RatingRoles, VisitRoles

EXACT_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """A number with its title, unit ("share" for parts of one), and one sentence on what it is; None is not known."""

    title: str
    value: float | None
    unit: str
    help: str


@dataclass(frozen=True, slots=True)
class PanelLabels:
    """How the numbers of a demand panel are called: those of an uploaded one by its own columns.

    `price` and `quantity` are titles of axes, `sold` and `rate` those of figures; `money` is "" where it is not known.
    """

    price_axis: str
    quantity_axis: str
    quantity_title: str
    rate_title: str
    revenue_title: str
    price_unit: str


def panel_labels(dataset: Dataset) -> PanelLabels:
    """Return how the numbers of a market or a demand panel are called."""
    if dataset.kind == "market":
        return PanelLabels(
            "Mean price (tokens)", "enrollments / week", "Enrollments", "Enrollment rate", "Token revenue", "tokens"
        )
    roles = dataset.roles
    per = " per period" if roles.period is not None else ""
    return PanelLabels(roles.price, roles.quantity + per, roles.quantity, f"{roles.quantity} per view", "Revenue", "")


def summary(dataset: Dataset) -> tuple[KeyFigure, ...]:
    """Return the figures that a data set amounts to.

    Raises:
        DataError: a file is missing or damaged.
    """
    match dataset.mapping:
        case VisitRoles() as roles:
            return _visits(dataset, roles)
        case LabelRoles() as roles:
            return _labels(dataset, roles)
        case RatingRoles() as roles:
            return _ratings(dataset, roles)
    return _panel(dataset)


def _panel(dataset: Dataset) -> tuple[KeyFigure, ...]:
    figures, labels = dataset.key_figures(), panel_labels(dataset)
    rate = figures.quantity / figures.views if figures.views else None
    return (
        KeyFigure(
            labels.revenue_title,
            figures.revenue,
            labels.price_unit,
            "Price times quantity, summed over the whole data set.",
        ),
        KeyFigure(labels.quantity_title, figures.quantity, "", "Pieces sold over the whole data set."),
        KeyFigure(
            labels.rate_title, rate, "share", "Pieces sold per view of a course (or whatever is sold) at its price."
        ),
        KeyFigure("Units", figures.units, "", "Different courses (or whatever is sold) in the data set."),
        KeyFigure("Periods", figures.periods, "", "Different weeks (or other periods) in the data set."),
        KeyFigure("Lowest price", figures.lowest_price, labels.price_unit, "Lowest price paid."),
        KeyFigure("Highest price", figures.highest_price, labels.price_unit, "Highest price paid."),
    )


def _visits(dataset: Dataset, roles: VisitRoles) -> tuple[KeyFigure, ...]:
    views, visits, courses, learners, taken, low, high = _aggregate(
        dataset,
        "count(*), count(DISTINCT {visit}), count(DISTINCT {course}), count(DISTINCT {learner}), "
        "count(*) FILTER ({chosen}), min({price}), max({price})",
        roles,
    )
    return (
        KeyFigure("Visits", visits, "", "Different visits in the data set."),
        KeyFigure("Visits that take a course", _ratio(taken, visits), "share", "Visits that end with a course taken."),
        KeyFigure("Conversion of views", _ratio(taken, views), "share", "Courses taken for each course seen."),
        KeyFigure("Courses", courses, "", "Different courses that were seen."),
        KeyFigure("Learners", learners if roles.learner else None, "", "Different learners who came."),
        KeyFigure("Lowest price", low, "tokens", "Lowest price shown."),
        KeyFigure("Highest price", high, "tokens", "Highest price shown."),
    )


def _labels(dataset: Dataset, roles: LabelRoles) -> tuple[KeyFigure, ...]:
    rows, share, subjects = _aggregate(dataset, "count(*), avg({label}::INT::DOUBLE), count(DISTINCT {subject})", roles)
    outcomes = {"propensity": "enrolled", "completion": "completed", "churn": "left"}
    return (
        KeyFigure("Rows", rows, "", "Cases with an outcome."),
        KeyFigure("Outcome", share, "share", f"Cases that {outcomes[roles.task]}."),
        KeyFigure("Features", len(roles.features), "", "Columns known before the outcome that a model may use."),
        KeyFigure("Subjects", subjects if roles.subject else None, "", "Different learners or cases."),
    )


def _ratings(dataset: Dataset, roles: RatingRoles) -> tuple[KeyFigure, ...]:
    rows, teachers, mean, learners, courses = _aggregate(
        dataset,
        "count(*), count(DISTINCT {teacher}), avg({rating}), count(DISTINCT {learner}), count(DISTINCT {course})",
        roles,
    )
    return (
        KeyFigure("Ratings", rows, "", "Ratings in the data set."),
        KeyFigure("Teachers", teachers, "", "Different teachers who are rated."),
        KeyFigure("Mean rating", mean, "", "Mean of all ratings, on the scale of the file."),
        KeyFigure("Learners", learners if roles.learner else None, "", "Different learners who rate."),
        KeyFigure("Courses", courses if roles.course else None, "", "Different courses that are rated."),
    )


def _aggregate(dataset: Dataset, select: str, roles: AnyRoles) -> list[float]:
    """Return aggregates over columns named by their roles; a role without a column is NULL."""
    names = list(column_types(dataset, dataset.main_table))
    played = {role: f"c{names.index(name)}" for name, role in roles.by_column().items()}
    at = dict.fromkeys(type(roles).model_fields, "NULL") | played
    columns = ", ".join(f"c{place}" for place in range(len(names)))
    table = f"{dataset.main_table} AS t({columns})"
    aggregates = dataset.query(f"SELECT {select.format(**at)} FROM {table}")  # noqa: S608 - positions and a checked name
    return [float(value) for value in aggregates.iloc[0]]


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None


def dictionary(dataset: Dataset, table: str) -> pd.DataFrame:
    """Return the dictionary of a table: column, role, meaning, type, missing (share), different, lowest, highest.

    `different` is counted in tables of at most `EXACT_ROWS` rows, else estimated (HyperLogLog, within some percent);
    lowest and highest are texts. What is missing, lowest and highest stands in the Parquet files' own statistics.

    Raises:
        DataError: there is no such table, or its file is missing or damaged.
    """
    types = column_types(dataset, table)
    columns = [f"c{place}" for place in range(len(types))]
    rows = dataset.tables[table]
    distinct = "count(DISTINCT {})" if rows <= EXACT_ROWS else "approx_count_distinct({})"
    view = f"{table} AS t({', '.join(columns)})"
    different = dataset.query(f"SELECT {', '.join(map(distinct.format, columns))} FROM {view}").iloc[0]  # noqa: S608
    meanings, parts = _roles_and_meanings(dataset, table), dataset.statistics(table)
    lines = [
        {
            "column": name,
            "role": meanings.get(name, ("", ""))[0],
            "meaning": meanings.get(name, ("", ""))[1],
            "type": kind,
            "missing": sum(part.null_count or 0 for part in parts[place]) / rows if rows else 0.0,
            "different": int(different.iloc[place]),
            "lowest": _extreme(min, [part.min for part in parts[place] if part.has_min_max]),
            "highest": _extreme(max, [part.max for part in parts[place] if part.has_min_max]),
        }
        for place, (name, kind) in enumerate(types.items())
    ]
    return pd.DataFrame(lines)


def _extreme(which: Callable[[list[Any]], Any], values: list[Any]) -> str | None:
    if not values:
        return None
    end = which(values)
    return period_text(end + 0.0 if isinstance(end, float) else end)[:80]  # -0.0, a lower end of all above 0, is 0.0


def _roles_and_meanings(dataset: Dataset, table: str) -> dict[str, tuple[str, str]]:
    """Return the title of the role and the meaning of each column, where they are known."""
    meanings: dict[str, tuple[str, str]] = {}
    if table == dataset.main_table:
        fields = type(dataset.mapping).model_fields
        roles = {name: fields[role] for name, role in dataset.mapping.by_column().items()}
        meanings = {name: (info.title or "", info.description or "") for name, info in roles.items()}
    if dataset.kind == "market" and table in MARKET_TABLES:
        about = column_dictionary(table)
        meanings = {name: (meanings.get(name, ("", ""))[0], meaning) for name, meaning in about.items()}
    return meanings
