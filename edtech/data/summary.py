"""Summarize a data set and describe its columns, each with one aggregate query."""

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
    """A figure with title, unit ("share" for fractions of 1) and one sentence of help; the value None is unknown."""

    title: str
    value: float | None
    unit: str
    help: str


@dataclass(frozen=True, slots=True)
class PanelLabels:
    """The titles of axes and figures of a demand panel; those of an uploaded panel use its own column names.

    `price_unit` is "" if it is unknown.
    """

    price_axis: str
    quantity_axis: str
    quantity_title: str
    rate_title: str
    revenue_title: str
    price_unit: str


def panel_labels(dataset: Dataset) -> PanelLabels:
    """Return the titles of axes and figures of a market or a demand panel."""
    if dataset.kind == "market":
        return PanelLabels(
            "Mean price (tokens)", "enrollments / week", "Enrollments", "Enrollment rate", "Token revenue", "tokens"
        )
    roles = dataset.roles
    per = " per period" if roles.period is not None else ""
    return PanelLabels(roles.price, roles.quantity + per, roles.quantity, f"{roles.quantity} per view", "Revenue", "")


def summary(dataset: Dataset) -> tuple[KeyFigure, ...]:
    """Return the key figures of a data set.

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
            "Price times quantity, summed over the data set.",
        ),
        KeyFigure(labels.quantity_title, figures.quantity, "", "Quantity sold, summed over the data set."),
        KeyFigure(labels.rate_title, rate, "share", "Quantity sold per view."),
        KeyFigure("Units", figures.units, "", "Number of different units, such as courses."),
        KeyFigure("Periods", figures.periods, "", "Number of different periods, such as weeks."),
        KeyFigure("Lowest price", figures.lowest_price, labels.price_unit, "Lowest price in the data set."),
        KeyFigure("Highest price", figures.highest_price, labels.price_unit, "Highest price in the data set."),
    )


def _visits(dataset: Dataset, roles: VisitRoles) -> tuple[KeyFigure, ...]:
    views, visits, courses, learners, choices, low, high = _aggregate(
        dataset,
        "count(*), count(DISTINCT {visit}), count(DISTINCT {course}), count(DISTINCT {learner}), "
        "count(*) FILTER ({chosen}), min({price}), max({price})",
        roles,
    )
    return (
        KeyFigure("Visits", visits, "", "Number of visits."),
        KeyFigure(
            "Visits with a choice", _ratio(choices, visits), "share", "Share of visits that end with a chosen course."
        ),
        KeyFigure("Conversion of views", _ratio(choices, views), "share", "Choices per view."),
        KeyFigure("Courses", courses, "", "Number of different courses viewed."),
        KeyFigure("Learners", learners if roles.learner else None, "", "Number of different learners."),
        KeyFigure("Lowest price", low, "tokens", "Lowest price shown."),
        KeyFigure("Highest price", high, "tokens", "Highest price shown."),
    )


def _labels(dataset: Dataset, roles: LabelRoles) -> tuple[KeyFigure, ...]:
    rows, share, subjects = _aggregate(dataset, "count(*), avg({label}::INT::DOUBLE), count(DISTINCT {subject})", roles)
    outcomes = {"propensity": "enrolled", "completion": "completed", "churn": "churned"}
    return (
        KeyFigure("Rows", rows, "", "Number of cases with an outcome."),
        KeyFigure("Outcome", share, "share", f"Share of cases that {outcomes[roles.task]}."),
        KeyFigure("Features", len(roles.features), "", "Number of columns that a model may use."),
        KeyFigure("Subjects", subjects if roles.subject else None, "", "Number of different learners or cases."),
    )


def _ratings(dataset: Dataset, roles: RatingRoles) -> tuple[KeyFigure, ...]:
    rows, teachers, mean, learners, courses = _aggregate(
        dataset,
        "count(*), count(DISTINCT {teacher}), avg({rating}), count(DISTINCT {learner}), count(DISTINCT {course})",
        roles,
    )
    return (
        KeyFigure("Ratings", rows, "", "Number of ratings."),
        KeyFigure("Teachers", teachers, "", "Number of different teachers."),
        KeyFigure("Mean rating", mean, "", "Mean of all ratings, on the scale of the file."),
        KeyFigure("Learners", learners if roles.learner else None, "", "Number of different learners."),
        KeyFigure("Courses", courses if roles.course else None, "", "Number of different courses."),
    )


def _aggregate(dataset: Dataset, select: str, roles: AnyRoles) -> list[float]:
    """Return aggregates over columns named by their roles; an unmapped role is NULL."""
    names = list(column_types(dataset, dataset.main_table))
    mapped = {role: f"c{names.index(name)}" for name, role in roles.by_column().items()}
    at = dict.fromkeys(type(roles).model_fields, "NULL") | mapped
    columns = ", ".join(f"c{position}" for position in range(len(names)))
    table = f"{dataset.main_table} AS t({columns})"
    aggregates = dataset.query(f"SELECT {select.format(**at)} FROM {table}")  # noqa: S608 - positions and a checked name
    return [float(value) for value in aggregates.iloc[0]]


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None


def dictionary(dataset: Dataset, table: str) -> pd.DataFrame:
    """Return the data dictionary: column, role, meaning, type, missing (share), different, lowest, highest.

    `different` is exact up to `EXACT_ROWS` rows, then estimated (HyperLogLog, within some percent). `lowest` and
    `highest` are text. Missing, lowest and highest values come from the statistics in the Parquet files.

    Raises:
        DataError: the table does not exist, or its file is missing or damaged.
    """
    types = column_types(dataset, table)
    columns = [f"c{position}" for position in range(len(types))]
    rows = dataset.tables[table]
    distinct = "count(DISTINCT {})" if rows <= EXACT_ROWS else "approx_count_distinct({})"
    view = f"{table} AS t({', '.join(columns)})"
    different = dataset.query(f"SELECT {', '.join(map(distinct.format, columns))} FROM {view}").iloc[0]  # noqa: S608
    meanings, statistics = _roles_and_meanings(dataset, table), dataset.statistics(table)
    lines = [
        {
            "column": name,
            "role": meanings.get(name, ("", ""))[0],
            "meaning": meanings.get(name, ("", ""))[1],
            "type": kind,
            "missing": sum(group.null_count or 0 for group in statistics[position]) / rows if rows else 0.0,
            "different": int(different.iloc[position]),
            "lowest": _extreme(min, [group.min for group in statistics[position] if group.has_min_max]),
            "highest": _extreme(max, [group.max for group in statistics[position] if group.has_min_max]),
        }
        for position, (name, kind) in enumerate(types.items())
    ]
    return pd.DataFrame(lines)


def _extreme(which: Callable[[list[Any]], Any], values: list[Any]) -> str | None:
    if not values:
        return None
    value = which(values)
    return period_text(value + 0.0 if isinstance(value, float) else value)[:80]  # turns -0.0 into 0.0


def _roles_and_meanings(dataset: Dataset, table: str) -> dict[str, tuple[str, str]]:
    """Return the role's title and the meaning of each column, as far as known."""
    meanings: dict[str, tuple[str, str]] = {}
    if table == dataset.main_table:
        fields = type(dataset.mapping).model_fields
        roles = {name: fields[role] for name, role in dataset.mapping.by_column().items()}
        meanings = {name: (info.title or "", info.description or "") for name, info in roles.items()}
    if dataset.kind == "market" and table in MARKET_TABLES:
        about = column_dictionary(table)
        meanings = {name: (meanings.get(name, ("", ""))[0], meaning) for name, meaning in about.items()}
    return meanings
