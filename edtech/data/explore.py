"""Compute the numbers behind the Explore figures, each with one aggregate query over Parquet.

Column names are user input, so queries address columns by position, never by name.
"""

from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from edtech.data.store import MANY_ROWS, Dataset
from edtech.errors import DataError
from edtech.tables.roles import LabelRoles, RatingRoles, VisitRoles
from edtech.tables.tokens import UNITS_PER_TOKEN

BINS = 40
TOP = 20
_NUMBERS = ("int", "uint", "float", "double", "decimal", "halffloat")


def tables_to_explore(dataset: Dataset) -> dict[str, list[str]]:
    """Return the columns of each table that have a distribution."""
    return {name: list(column_types(dataset, name)) for name in dataset.tables}


def distribution(dataset: Dataset, table: str, column: str, bins: int = BINS) -> pd.DataFrame:
    """Return the distribution of a column.

    Numbers and dates: `low`, `high` and `rows` of bins of equal width from the minimum to the maximum (one bin for a
    constant). Text and flags: `value` and `rows` of the `TOP` most frequent values, all others as "(others)". Missing
    and infinite values are excluded.

    Raises:
        DataError: the table or column does not exist.
    """
    kind = _column_kind(dataset, table, column)
    at = list(column_types(dataset, table)).index(column) + 1
    if kind == "text":
        return _frequencies(dataset, table, at)
    number = f"epoch(#{at})" if kind == "time" else f"#{at}::DOUBLE"
    bins_frame = dataset.query(
        f"""WITH given AS (SELECT {number} AS x FROM {table}), v AS (SELECT x FROM given WHERE isfinite(x)),
                 ends AS (SELECT min(x) AS low, (max(x) - min(x)) / ? AS width FROM v),
                 counts AS (
                    SELECT CASE WHEN width > 0 THEN least(floor((x - low) / width)::INT, ? - 1) ELSE 0 END AS bin,
                           count(*) AS rows, any_value(low) AS low, any_value(width) AS width
                    FROM v, ends GROUP BY 1)
            SELECT low + bin * width AS low, low + (bin + 1) * width AS high, rows::BIGINT AS rows
            FROM counts ORDER BY bin""",  # noqa: S608 - a checked table and a position
        bins,
        bins,
    )
    if kind == "time":
        ends = {name: pd.to_datetime(bins_frame[name], unit="s").dt.as_unit("us") for name in ("low", "high")}
        bins_frame = bins_frame.assign(**ends)
    return bins_frame


def price_demand(dataset: Dataset) -> pd.DataFrame:
    """Return unit, segment, mean price and mean quantity of each unit.

    At most `MANY_ROWS` units: of more, every n-th. Differences between units are not the effect of a price change.
    """
    units = dataset.by_unit()
    return units.iloc[:: 1 + len(units) // MANY_ROWS].reset_index(drop=True)


def mean_by(dataset: Dataset, value: str, by: str, bins: int = 12) -> pd.DataFrame:
    """Return the mean of a number or flag by another column of the main table.

    Numbers and dates: `low` and `high` of bins with about equal numbers of rows; text and flags: `value`, the `TOP`
    most frequent. Each has `rows`, `mean` and `error`, the half-width of a 95% interval (1.96 standard errors, rows
    independent; missing for a single row). Rows with a missing value are excluded.

    Raises:
        DataError: a column does not exist.
    """
    table, kind = dataset.main_table, _column_kind(dataset, dataset.main_table, by)
    _column_kind(dataset, table, value)
    names = list(column_types(dataset, table))
    x, y = (f"c{names.index(name)}" for name in (by, value))
    number = {"text": f"{x}::VARCHAR", "time": f"epoch({x})", "number": f"{x}::DOUBLE"}[kind]
    rows = f"""SELECT {number} AS x, {y}::DOUBLE AS y FROM {table} AS t({", ".join(f"c{i}" for i in range(len(names)))})
               WHERE {x} IS NOT NULL AND isfinite({y}::DOUBLE)"""  # noqa: S608 - a checked table and positions
    about = "count(*)::BIGINT AS rows, avg(y) AS mean, 1.96 * stddev_samp(y) / sqrt(count(*)) AS error"
    if kind == "text":
        return dataset.query(
            f"SELECT x AS value, {about} FROM ({rows}) GROUP BY 1 ORDER BY rows DESC, value LIMIT ?",  # noqa: S608
            TOP,
        )
    means = dataset.query(
        f"""SELECT min(x) AS low, max(x) AS high, {about}
            FROM (SELECT x, y, floor(percent_rank() OVER (ORDER BY x) * ?)::INT AS bin FROM ({rows}) WHERE isfinite(x))
            GROUP BY least(bin, ? - 1) ORDER BY low""",  # noqa: S608
        bins,
        bins,
    )
    if kind == "time":
        ends = {name: pd.to_datetime(means[name], unit="s").dt.as_unit("us") for name in ("low", "high")}
        means = means.assign(**ends)
    return means


def seasonality(dataset: Dataset) -> pd.DataFrame:
    """Return the mean `enrollments` of a market by `week` of the year (1 to 53) and `weekday` (1 = Monday).

    The mean includes days without an enrollment.
    """
    _require_tables(dataset, "enrollments", "platform_metrics")
    return dataset.query(
        """SELECT week(day)::INT AS week, isodow(day)::INT AS weekday, avg(enrollments)::DOUBLE AS enrollments
           FROM platform_metrics GROUP BY 1, 2 ORDER BY 1, 2"""
    )


def busiest_week(season: pd.DataFrame) -> int:
    """Return the week of the year with the most enrollments, summed over the means of its seven days."""
    weeks = season.groupby("week")["enrollments"].sum()
    return int(weeks.index.to_numpy()[weeks.to_numpy().argmax()])


def cohort_retention(dataset: Dataset) -> pd.DataFrame:
    """Return the retention triangle: `cohort`, `months` after joining, `learners` of the cohort, `active`, `share`.

    A cohort joined in the same month; `active` learners enrolled in a course in the month `months` later. Learners who
    joined before the market starts belong to its first month. The last month of a cohort may be incomplete.
    """
    _require_tables(dataset, "learners", "enrollments", "platform_metrics")
    return dataset.query(
        """WITH ends AS (SELECT min(day) AS first, max(day) AS last FROM platform_metrics),
                people AS (SELECT learner_id, date_trunc('month', greatest(joined_on, first)) AS cohort
                           FROM learners, ends),
                cohorts AS (SELECT cohort, count(*) AS learners FROM people GROUP BY 1),
                acts AS (SELECT DISTINCT learner_id, date_trunc('month', enrolled_at) AS month FROM enrollments),
                counts AS (SELECT cohort, datediff('month', cohort, month) AS months, count(*) AS active
                           FROM acts JOIN people USING (learner_id) GROUP BY 1, 2),
                cells AS (SELECT cohort, learners,
                                 unnest(range(0, datediff('month', cohort, last) + 1)) AS months FROM cohorts, ends)
           SELECT cohort::TIMESTAMP AS cohort, months::INT AS months, learners::BIGINT AS learners,
                  coalesce(active, 0)::BIGINT AS active, coalesce(active, 0) / learners AS share
           FROM cells LEFT JOIN counts USING (cohort, months) ORDER BY 1, 2"""
    )


FLOWS = ("issued", "spent", "refunded", "teacher_earnings", "commission", "burned", "expired", "paid_out")


def token_flows(dataset: Dataset, flows: Sequence[str] = FLOWS) -> pd.DataFrame:
    """Return `day`, `flow` and `tokens` for each day and flow, with circulating supply and treasury."""
    _require_tables(dataset, "platform_metrics")
    names = [*flows, "circulating_supply", "treasury"]
    if unknown := [name for name in flows if name not in FLOWS]:
        raise DataError("Unknown token flow", expected=", ".join(FLOWS), actual=", ".join(map(repr, unknown))[:200])
    return dataset.query(
        f"""SELECT day, flow, units / {UNITS_PER_TOKEN}.0 AS tokens
            FROM (UNPIVOT (SELECT day, {", ".join(names)} FROM platform_metrics)
                  ON {", ".join(names)} INTO NAME flow VALUE units) ORDER BY flow, day"""  # noqa: S608 - checked names
    )


def _frequencies(dataset: Dataset, table: str, at: int) -> pd.DataFrame:
    return dataset.query(
        f"""WITH counts AS (SELECT #{at}::VARCHAR AS value, count(*) AS rows FROM {table} GROUP BY 1),
                 ranked AS (SELECT *, row_number() OVER (ORDER BY rows DESC, value) AS position
                            FROM counts WHERE value IS NOT NULL)
            SELECT CASE WHEN position <= ? THEN value ELSE '(others)' END AS value, sum(rows)::BIGINT AS rows
            FROM ranked GROUP BY 1, position > ? ORDER BY min(position)""",  # noqa: S608 - a checked table and a position
        TOP,
        TOP,
    )


def column_types(dataset: Dataset, table: str) -> dict[str, str]:
    """Return the type of each column of a table, in order.

    Raises:
        DataError: the table does not exist.
    """
    if table not in dataset.tables:
        raise DataError(
            "Unknown table", expected=", ".join(dataset.tables), actual=repr(table)[:80], where=dataset.name
        )
    try:
        schema = parquet.read_schema(dataset.files(table)[0])
    except (OSError, IndexError, pa.ArrowException) as exc:
        raise DataError("A file of the data set is missing or damaged", where=dataset.name) from exc
    return {field.name: str(field.type) for field in schema}


def _column_kind(dataset: Dataset, table: str, column: str) -> str:
    types = column_types(dataset, table)
    if column not in types:
        raise DataError(
            f"Unknown column of {table}",
            expected=", ".join(list(types)[:20]),
            actual=repr(column)[:80],
            where=dataset.name,
        )
    if types[column].startswith(("timestamp", "date")):
        return "time"
    return "number" if types[column].startswith(_NUMBERS) else "text"


def _require_tables(dataset: Dataset, *tables: str) -> None:
    if missing := [name for name in tables if name not in dataset.tables]:
        raise DataError(
            "The data set lacks tables that this figure needs",
            expected=", ".join(tables),
            actual=f"no {', '.join(missing)}",
            where=dataset.name,
            fix="Choose a generated market",
        )


FIGURES = ("distribution", "by-unit", "by-period", "season", "retention", "flows", "outcome", "realism")
"""The figures by name; `likeness` is the former name of `realism` and is still accepted."""


def figure_frame(dataset: Dataset, figure: str, *, table: str | None = None, column: str | None = None) -> pd.DataFrame:
    """Return the numbers behind one of the `FIGURES`; `table` and `column` apply to figures of a column.

    Raises:
        DataError: the figure, table or column does not exist, or the data set has another kind.
    """
    column = column or dataset.mapping.columns()[0]
    match figure:
        case "distribution":
            return distribution(dataset, table or dataset.main_table, column)
        case "by-unit":
            return price_demand(dataset)
        case "by-period":
            return dataset.by_period()
        case "season":
            return seasonality(dataset)
        case "retention":
            return cohort_retention(dataset)
        case "flows":
            return token_flows(dataset)
        case "outcome":
            return mean_by(dataset, outcome_column(dataset), column)
        case "realism" | "likeness":
            from edtech.market.realism import measure_realism  # only this figure reads the ground truth

            return pd.DataFrame([asdict(measure_realism(dataset.market()))])
    raise DataError("Unknown figure", expected=", ".join(FIGURES), actual=repr(figure)[:80])


def outcome_column(dataset: Dataset) -> str:
    """Return the column of the outcome: the label, choice, rating or quantity."""
    match dataset.mapping:
        case LabelRoles() as roles:
            return roles.label
        case VisitRoles() as roles:
            return roles.chosen
        case RatingRoles() as roles:
            return roles.rating
    return dataset.roles.quantity
