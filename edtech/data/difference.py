"""Compare two data sets by aggregate queries: columns, rows and distributions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from edtech.data.store import Dataset, connect, reading

TOP_LEVELS = 10
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True)
class ColumnDifference:
    """A column of both data sets; `before` and `after` describe it, `distance` runs from 0 (equal) to 1 (disjoint).

    Numbers, dates and flags: mean, sd, quantiles and the share of missing values (dates as text); the distance is the
    two-sample Kolmogorov-Smirnov statistic. Text: shares of the most frequent levels; the distance is the total
    variation, half the sum of the absolute differences of all shares. The distance is NaN if one side has no values.
    """

    table: str
    column: str
    kind: str
    distance: float
    before: dict[str, Any]
    after: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """The differences between two data sets. Columns are named `table.column`.

    `rows` has the number of rows of each table before and after, `retyped` the column types before and after.
    """

    same_content: bool
    tables_added: tuple[str, ...]
    tables_removed: tuple[str, ...]
    rows: dict[str, tuple[int, int]]
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    retyped: dict[str, tuple[str, str]]
    columns: tuple[ColumnDifference, ...]

    def lines(self) -> tuple[str, ...]:
        """Return one sentence for each difference in tables, rows and columns."""
        lines = [
            (f"{title}: {', '.join(names[:20])}" + (f" and {len(names) - 20} more." if len(names) > 20 else "."))
            for title, names in (
                ("Tables added", self.tables_added),
                ("Tables removed", self.tables_removed),
                ("Columns added", self.columns_added),
                ("Columns removed", self.columns_removed),
            )
            if names
        ]
        lines += [f"Type of {name}: {old}, now {new}." for name, (old, new) in list(self.retyped.items())[:20]]
        rows = [f"Rows of {name}: {old:,}, now {new:,} ({new - old:+,})." for name, (old, new) in self.rows.items()]
        return ("The content is the same." if self.same_content else "The content differs.", *lines, *rows)

    def table(self) -> pd.DataFrame:
        """Return the shared columns as table, column, kind, distance, and mean and sd before and after."""
        rows = [
            {"table": column.table, "column": column.column, "kind": column.kind, "distance": column.distance}
            | {
                f"{name} {side}": moments.get(name)
                for name in ("mean", "sd", "missing")
                for side, moments in (("before", column.before), ("after", column.after))
            }
            for column in self.columns
        ]
        return (
            pd.DataFrame(rows).sort_values("distance", ascending=False, ignore_index=True) if rows else pd.DataFrame()
        )


def difference(before: Dataset, after: Dataset, *, main_only: bool = False) -> Difference:
    """Return the differences from `before` to `after` in all tables, or only in the main tables (`main_only`).

    Tables are paired by name; main tables are paired whatever their names.

    Raises:
        DataError: a file is missing or damaged.
    """
    pairs = [(before.main_table, after.main_table)]
    if not main_only and before.main_table == after.main_table:
        pairs = [(name, name) for name in before.tables if name in after.tables]
    with reading(before), reading(after):
        schemas = [(table, _schema(before, table), _schema(after, other)) for table, other in pairs]
        shared = [
            (table, name)
            for table, old, new in schemas
            for name in old
            if name in new and _column_kind(old[name]) == _column_kind(new[name])
        ]
        columns = []
        for pair, (_, *pair_schemas) in zip(pairs, schemas, strict=True):
            names = [name for table, name in shared if table == pair[0]]
            columns += _compare_columns(before, after, pair, names, pair_schemas)
    return Difference(
        same_content=before.digest == after.digest,
        tables_added=tuple(
            name for name in after.tables if name not in {other for _, other in pairs} | set(before.tables)
        ),
        tables_removed=tuple(
            name for name in before.tables if name not in {table for table, _ in pairs} | set(after.tables)
        ),
        rows={table: (before.tables[table], after.tables[other]) for table, other in pairs},
        columns_added=tuple(f"{table}.{name}" for table, old, new in schemas for name in new if name not in old),
        columns_removed=tuple(f"{table}.{name}" for table, old, new in schemas for name in old if name not in new),
        retyped={
            f"{table}.{name}": (str(old[name]), str(new[name]))
            for table, old, new in schemas
            for name in old
            if name in new and _column_kind(old[name]) != _column_kind(new[name])
        },
        columns=tuple(columns),
    )


def _schema(dataset: Dataset, table: str) -> dict[str, Any]:
    schema = parquet.read_schema(dataset.files(table)[0])
    return dict(zip(schema.names, schema.types, strict=True))


def _column_kind(kind: Any) -> str:  # noqa: ANN401 - pyarrow has no types
    types = pa.types
    if types.is_timestamp(kind) or types.is_date(kind):
        return "date"
    numbers = types.is_integer(kind) or types.is_floating(kind)
    return "number" if numbers else "flag" if types.is_boolean(kind) else "text"


def _compare_columns(
    before: Dataset, after: Dataset, tables: tuple[str, str], names: Sequence[str], schemas: Sequence[dict[str, Any]]
) -> list[ColumnDifference]:
    files = {"a": before.files(tables[0]), "b": after.files(tables[1])}
    differences = []
    with connect(files) as connection:
        for name in names:
            columns = [list(schema) for schema in schemas]
            kind = _column_kind(schemas[0][name])
            sides = [
                _column_query(view, names_.index(name), names_) for view, names_ in zip("ab", columns, strict=True)
            ]
            describe = _compare_levels if kind == "text" else _compare_moments
            distance, described_before, described_after = describe(connection, sides, kind)
            differences.append(ColumnDifference(tables[0], name, kind, distance, described_before, described_after))
    return differences


def _column_query(view: str, position: int, names: Sequence[str]) -> str:
    """Return a query of a column as `x`, addressed by position, because its name is user input."""
    return f"SELECT c{position} AS x FROM {view} AS t({', '.join(f'c{i}' for i in range(len(names)))})"  # noqa: S608


def _compare_moments(connection: Any, sides: Sequence[str], kind: str) -> tuple[float, dict[str, Any], dict[str, Any]]:  # noqa: ANN401
    value = "epoch_us(x)::DOUBLE" if kind == "date" else "x::DOUBLE"
    sides = [f"SELECT CASE WHEN isfinite(v) THEN v END AS v FROM (SELECT {value} AS v FROM ({side}))" for side in sides]  # noqa: S608
    about = []
    for side in sides:
        sql = f"""SELECT avg(v) AS mean, stddev_samp(v) AS sd, quantile_cont(v, {list(_QUANTILES)}) AS q,
                         1 - count(v) / count(*) AS missing FROM ({side})"""  # noqa: S608
        mean, sd, quantiles, missing = connection.sql(sql).fetchall()[0]
        points = {f"q{100 * at:.0f}": point for at, point in zip(_QUANTILES, quantiles or [None] * 5, strict=True)}
        about.append({"mean": mean, "sd": sd, **points, "missing": missing})
    if kind == "date":
        about = [{name: _readable_moment(name, value) for name, value in moments.items()} for moments in about]
    a, b = sides
    gap = connection.sql(
        f"""WITH counts AS (
                SELECT v, sum(a) AS a, sum(b) AS b
                FROM (SELECT v, 1 AS a, 0 AS b FROM ({a}) UNION ALL SELECT v, 0, 1 FROM ({b}))
                WHERE v IS NOT NULL GROUP BY v)
            SELECT max(abs(below_a / nullif(all_a, 0) - below_b / nullif(all_b, 0))) FROM (
                SELECT sum(a) OVER (ORDER BY v) AS below_a, sum(b) OVER (ORDER BY v) AS below_b,
                       sum(a) OVER () AS all_a, sum(b) OVER () AS all_b FROM counts)"""  # noqa: S608
    ).fetchall()[0][0]
    return float("nan") if gap is None else float(gap), about[0], about[1]


def _readable_moment(name: str, value: Any) -> Any:  # noqa: ANN401
    """Return a mean or quantile in microseconds as text, a standard deviation in days, and other values unchanged."""
    if value is None or name == "missing":
        return value
    return value / 86_400e6 if name == "sd" else str(pd.Timestamp(int(value), unit="us"))[:19]


def _compare_levels(connection: Any, sides: Sequence[str], _kind: str) -> tuple[float, dict[str, Any], dict[str, Any]]:  # noqa: ANN401
    a, b = sides
    shares = f"""WITH a AS (SELECT x, count(*) / sum(count(*)) OVER () AS s FROM ({a}) WHERE x IS NOT NULL GROUP BY x),
                      b AS (SELECT x, count(*) / sum(count(*)) OVER () AS s FROM ({b}) WHERE x IS NOT NULL GROUP BY x),
                      shares AS (SELECT x, coalesce(a.s, 0) AS a, coalesce(b.s, 0) AS b FROM a FULL JOIN b USING (x))"""  # noqa: S608
    top = connection.sql(f"{shares} SELECT x, a, b FROM shares ORDER BY a + b DESC, x LIMIT {TOP_LEVELS}").fetchall()  # noqa: S608
    sql = f"{shares} SELECT sum(abs(a - b)) / 2, sum(a), sum(b) FROM shares"  # noqa: S608
    gap, total_a, total_b = connection.sql(sql).fetchall()[0]
    distance = float(gap) if total_a and total_b else float("nan")
    about = [
        {"levels": {str(row[0]): row[column] for row in top if row[column]}, "missing": _missing(connection, side)}
        for column, side in enumerate(sides, 1)
    ]
    return distance, about[0], about[1]


def _missing(connection: Any, side: str) -> float:  # noqa: ANN401
    share: float | None = connection.sql(f"SELECT 1 - count(x) / count(*) FROM ({side})").fetchall()[0][0]  # noqa: S608
    return float("nan") if share is None else share
