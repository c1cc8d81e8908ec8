"""Read a stored data set, one or more Parquet files per table, with DuckDB; only this module imports DuckDB."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal, Self
from uuid import uuid4

import duckdb
import pandas as pd
import pyarrow as pa
from pyarrow import parquet
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError, model_validator

from edtech.errors import DataError, DatasetNotFoundError
from edtech.tables.roles import AnyRoles, PanelRoles
from edtech.tables.table_kinds import CONTRACTS

if TYPE_CHECKING:
    from edtech.market import Market

PANEL = "panel"
COURSE_WEEKS = "course_weeks"
MANY_ROWS = 20_000
MARKET = "market"
"""Subfolder of a data set with a market written by `generate_market(out=...)`."""

DatasetKind = Literal["market", "panel", "visits", "labels", "ratings"]
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "memory_limit": "500MB",
    "preserve_insertion_order": True,
}

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
TableName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,60}$")]


@dataclass(frozen=True, slots=True)
class KeyFigures:
    """Totals and ranges of a data set. Revenue is the sum of price times quantity; periods are text."""

    rows: int
    units: int | None
    periods: int | None
    revenue: float
    quantity: float
    views: float | None
    lowest_price: float
    highest_price: float
    first_period: str | None
    last_period: str | None


class Dataset(BaseModel):
    """A stored data set. `digest` identifies its content; `period` is its first and last period as text.

    `source` holds the parameters of the generator or the uploaded file, `derived_from` the id of the data set it was
    derived from, `mapping` the roles of the columns.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)

    version: Literal[1] = 1
    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    name: Text
    kind: DatasetKind
    digest: str
    tables: dict[TableName, int]
    period: tuple[str, str] | None
    created: datetime
    deleted: datetime | None = None
    source: dict[str, JsonValue]
    derived_from: str | None = None
    mapping: AnyRoles = Field(alias="roles")
    folder: Path = Field(exclude=True)

    @model_validator(mode="after")
    def _roles_of_its_kind(self) -> Self:
        wanted = CONTRACTS[PANEL if self.kind == "market" else self.kind].roles
        if not isinstance(self.mapping, wanted) or self.main_table not in self.tables:
            raise ValueError(f"a data set of kind {self.kind} has a table {self.main_table} and {wanted.__name__}")
        return self

    @property
    def roles(self) -> PanelRoles:
        """The roles of the columns of its demand panel.

        Raises:
            DataError: it has another kind of table.
        """
        if not isinstance(self.mapping, PanelRoles):
            raise DataError(
                "The data set is not a demand panel",
                expected="units and periods with prices and quantities",
                actual=f"a {CONTRACTS[self.kind].title}",
                where=self.name,
                fix="Choose a demand panel or a generated market",
            )
        return self.mapping

    @property
    def main_table(self) -> str:
        """Name of the table with the mapped columns."""
        return COURSE_WEEKS if self.kind == "market" else self.kind

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return self.tables[self.main_table]

    def columns(self) -> tuple[str, ...]:
        """Return the names of the main table's columns."""
        with reading(self):
            return tuple(parquet.read_schema(self.files(self.main_table)[0]).names)

    def files(self, table: str) -> list[Path]:
        """Return the Parquet files of a table in order; empty if it is missing."""
        single = self.folder / f"{table}.parquet"
        return (
            [single] if single.is_file() else sorted((self.folder / MARKET / "tables" / table).glob("part-*.parquet"))
        )

    def table(self, name: str, columns: list[str] | None = None) -> pd.DataFrame:
        """Return a table, or some of its columns.

        Raises:
            DatasetNotFoundError: the data set has no such table.
            DataError: its file is missing or damaged.
        """
        self._require(name)
        with reading(self):
            # A handle instead of the path: pyarrow reads `a=b` in a path as a column.
            parts = [_read_file(path, columns) for path in self.files(name)]
            if not parts:
                raise FileNotFoundError(name)
            return pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]

    def batches(self, name: str, rows: int = 50_000) -> Iterator[pd.DataFrame]:
        """Yield a table in batches of `rows`, at least one batch.

        Raises:
            DatasetNotFoundError: the data set has no such table.
            DataError: its file is missing or damaged.
        """
        self._require(name)
        if not self.tables[name]:
            yield self.table(name)
        with reading(self):
            for path in self.files(name):
                with path.open("rb") as handle:
                    for batch in parquet.ParquetFile(handle).iter_batches(rows):
                        yield batch.to_pandas()

    def copy_table(self, name: str, into: BinaryIO) -> int:
        """Write a table as one Parquet file; return its rows. Raises as `batches`."""
        rows = 0
        with reading(self), parquet.ParquetWriter(into, self.table_schema(name), compression="zstd") as writer:
            for path in self.files(name):
                with path.open("rb") as handle:
                    for batch in parquet.ParquetFile(handle).iter_batches():
                        writer.write_batch(batch)
                        rows += batch.num_rows
        return rows

    def table_schema(self, name: str) -> Any:  # noqa: ANN401 - pyarrow has no types
        """Return the names and types of a table's columns. Raises as `table`."""
        self._require(name)
        with reading(self):
            return parquet.read_schema(self.files(name)[0])

    def statistics(self, name: str) -> list[list[Any]]:
        """Return the Parquet statistics of each column and row group of a table. Raises as `table`."""
        self._require(name)
        with reading(self):
            files = [parquet.read_metadata(path) for path in self.files(name)]
            groups = [file.row_group(index) for file in files for index in range(file.num_row_groups)]
            statistics = [[group.column(index).statistics for group in groups] for index in range(files[0].num_columns)]
        return [[group for group in column if group is not None] for column in statistics]

    def _require(self, name: str) -> None:
        if name not in self.tables:
            raise DatasetNotFoundError(f"No table {name!r:.80}", expected=", ".join(self.tables), where=self.name)

    def main(self) -> pd.DataFrame:
        """Return the table with the mapped columns."""
        return self.table(self.main_table)

    def panel(self) -> pd.DataFrame:
        """Return the demand panel.

        Raises:
            DataError: it has no demand panel, or the file is missing or damaged.
        """
        _ = self.roles
        return self.main()

    def market(self) -> "Market":
        """Return the market with its ground truth, as stored or regenerated from its parameters.

        Raises:
            DataError: the data set is not generated, or the current generator gives another market for its parameters.
        """
        if self.kind != "market":
            raise DataError("An uploaded data set has no ground truth", where=self.name)
        from edtech.market import MarketParams, generate_market, open_market  # not needed to read tables

        if (self.folder / MARKET).is_dir():
            return open_market(self.folder / MARKET)
        try:
            market = generate_market(MarketParams.model_validate(self.source.get("params")))
            pd.testing.assert_frame_equal(market.tables[COURSE_WEEKS], self.table(COURSE_WEEKS), rtol=1e-9)
        except (ValidationError, AssertionError) as exc:
            raise DataError(
                "The stored market differs from the one that its parameters generate now",
                expected="equal course-weeks",
                where=self.name,
                fix="Generate the data set again",
            ) from exc
        return market

    def key_figures(self) -> KeyFigures:
        """Return the sums and ranges of the demand panel, from one aggregate over its Parquet file."""
        figures = self._query(
            """SELECT count(*) AS rows, count(DISTINCT unit) AS units, count(DISTINCT period) AS periods,
                      sum(price * quantity) AS revenue, sum(quantity) AS quantity, sum(views) AS views,
                      min(price) AS lowest_price, max(price) AS highest_price,
                      min(period) AS first_period, max(period) AS last_period FROM panel"""
        ).iloc[0]
        timed = self.roles.period is not None
        return KeyFigures(
            rows=int(figures["rows"]),
            units=int(figures["units"]) if self.roles.unit is not None else None,
            periods=int(figures["periods"]) if timed else None,
            revenue=float(figures["revenue"]),
            quantity=float(figures["quantity"]),
            views=float(figures["views"]) if self.roles.views is not None else None,
            lowest_price=float(figures["lowest_price"]),
            highest_price=float(figures["highest_price"]),
            first_period=period_text(figures["first_period"]) if timed else None,
            last_period=period_text(figures["last_period"]) if timed else None,
        )

    def by_period(self) -> pd.DataFrame:
        """Return period, revenue, quantity and views (missing if not mapped) in order; empty without periods."""
        return self._query(
            """SELECT period, sum(price * quantity) AS revenue, sum(quantity) AS quantity, sum(views) AS views
               FROM panel WHERE period IS NOT NULL GROUP BY 1 ORDER BY 1"""
        )

    def by_unit(self) -> pd.DataFrame:
        """Return unit, segment ("all" without one), mean price and mean quantity of each unit.

        Without a unit, each row is a unit, numbered from 0; of more than `MANY_ROWS` rows, every n-th is returned.
        """
        if self.roles.unit is None:
            every = 1 + self.rows // MANY_ROWS
            return self._query("SELECT unit, segment, price, quantity FROM panel WHERE unit % ? = 0 ORDER BY 1", every)
        return self._query(
            """SELECT unit, any_value(segment) AS segment, avg(price) AS price, avg(quantity) AS quantity
               FROM panel GROUP BY 1 ORDER BY 1"""
        )

    def _query(self, sql: str, *values: int) -> pd.DataFrame:
        """Return the result of `sql` on `panel`, the demand panel with its columns named by their roles.

        Columns are addressed by position: names are user input, and DuckDB does not distinguish `Price` and `price`.
        """
        roles, files = self.roles, self.files(self.main_table)
        with reading(self):
            at = {name: f"c{i}" for i, name in enumerate(parquet.read_schema(files[0]).names)}
            query = f"""
                WITH panel AS (
                    SELECT {at[roles.unit] if roles.unit else "row_number() OVER () - 1"} AS unit,
                           {at[roles.period] if roles.period else "NULL::BIGINT"} AS period,
                           {at[roles.segment] if roles.segment else "'all'"} AS segment,
                           {at[roles.price]}::DOUBLE AS price,
                           {at[roles.quantity]}::DOUBLE AS quantity,
                           {at[roles.views] if roles.views else "NULL"}::DOUBLE AS views
                    FROM stored AS file({", ".join(at.values())}))
                {sql}"""  # noqa: S608 - positions only
            with connect({"stored": files}) as connection:
                return _frame(connection.sql(query, params=[*values]))

    def query(self, sql: str, *values: object) -> pd.DataFrame:
        """Return the result of `sql` on the tables of the data set, each a view with its name; `?` are `values`.

        Raises:
            DataError: a file is missing or damaged.
        """
        with reading(self), connect({table: self.files(table) for table in self.tables}) as connection:
            return _frame(connection.sql(sql, params=[*values]))


@contextmanager
def connect(tables: Mapping[str, Sequence[Path]], *, spill: Path | None = None) -> Iterator[Any]:
    """Open DuckDB in memory with a view for each table of Parquet files.

    `spill` is the folder for data that do not fit in memory; default: a temporary folder per connection. DuckDB's own
    default is a subfolder of the working folder, which all connections share.
    """
    config = _CONFIG | {"temp_directory": str(spill or Path(gettempdir()) / f"edtech-{uuid4().hex}")}
    try:
        with duckdb.connect(":memory:", config=config) as connection:
            for name, files in tables.items():
                connection.read_parquet([str(file) for file in files]).create_view(name)
            yield connection
    except (duckdb.OutOfMemoryException, duckdb.IOException) as exc:
        if spill is None:
            raise
        raise DataError(
            "Not enough memory or disk space to sort the table",
            actual=str(exc)[:200],
            fix="Free some disk space",
        ) from exc


def _frame(answer: Any) -> pd.DataFrame:  # noqa: ANN401 - pyarrow has no types
    frame: pd.DataFrame = answer.to_arrow_table().to_pandas()
    return frame


def _read_file(path: Path, columns: list[str] | None) -> pd.DataFrame:
    with path.open("rb") as handle:
        return pd.read_parquet(handle, columns=columns)


def period_column(roles: AnyRoles) -> str | None:
    """Return the time column, or None."""
    return roles.period if isinstance(roles, PanelRoles) else roles.time


def period_text(value: object) -> str:
    """Return a period as text: dates without midnight, numbers unchanged."""
    return str(value).removesuffix(" 00:00:00")


@contextmanager
def reading(dataset: Dataset) -> Iterator[None]:
    """Raise DataError if a file of a data set cannot be read."""
    try:
        yield
    except duckdb.OutOfMemoryException as exc:
        raise DataError(
            "Not enough memory or disk space",
            expected=f"{_CONFIG['memory_limit']} of memory, and disk space in {gettempdir()}",
            actual=str(exc).partition("\n")[0][:200],
            where=dataset.name,
            fix="Free some disk space, or choose a smaller table; the data set itself is intact",
        ) from exc
    except (OSError, KeyError, IndexError, pa.ArrowException, duckdb.Error) as exc:
        raise DataError(
            "A file of the data set is missing or damaged",
            actual=type(exc).__name__,
            where=dataset.name,
            fix="Check that its files can be read. If they are damaged, delete the data set, which can be undone, and "
            "upload or generate it again",
        ) from exc
