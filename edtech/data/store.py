"""A stored data set, a Parquet file for each table, and what DuckDB says of it; the only importer of DuckDB."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import duckdb
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from edtech.errors import DataError, DatasetNotFoundError
from edtech.tables.roles import PanelRoles

if TYPE_CHECKING:
    from edtech.market import Market

PANEL = "panel"
COURSE_WEEKS = "course_weeks"
MANY_ROWS = 20_000

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
TableName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,60}$")]


@dataclass(frozen=True, slots=True)
class KeyFigures:
    """What a data set amounts to. Revenue is the sum of price times quantity; periods are written as text."""

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
    """A stored data set. `digest` is the SHA-256 of its content; `period` is its first and last period as text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    name: Text
    kind: Literal["market", "panel"]
    digest: str
    tables: dict[TableName, int]
    period: tuple[str, str] | None
    created: datetime
    deleted: datetime | None = None
    source: dict[str, JsonValue]
    roles: PanelRoles
    folder: Path = Field(exclude=True)

    @property
    def panel_table(self) -> str:
        """Name of the table that is the demand panel."""
        return COURSE_WEEKS if self.kind == "market" else PANEL

    @property
    def rows(self) -> int:
        """Rows of the demand panel."""
        return self.tables[self.panel_table]

    def file(self, table: str) -> Path:
        """Return where a table is kept."""
        return self.folder / f"{table}.parquet"

    def table(self, name: str, columns: list[str] | None = None) -> pd.DataFrame:
        """Return a table, or some of its columns.

        Raises:
            DatasetNotFoundError: the data set has no such table.
            DataError: its file is missing or damaged.
        """
        if name not in self.tables:
            raise DatasetNotFoundError(f"No table {name!r}", expected=", ".join(self.tables), where=self.name)
        with _readable(self):
            return pd.read_parquet(self.file(name), columns=columns)

    def panel(self) -> pd.DataFrame:
        """Return the demand panel that the roles speak of."""
        return self.table(self.panel_table)

    def market(self) -> "Market":
        """Return the market, made again from its parameters, with its truth.

        Raises:
            DataError: the data set was not generated, or today's generator makes another market of its parameters.
        """
        if self.kind != "market":
            raise DataError("The truth of an uploaded data set is not known", where=self.name)
        from edtech.market import MarketParams, generate_market  # the generator is not needed to read tables

        market = generate_market(MarketParams.model_validate(self.source["params"]))
        try:
            pd.testing.assert_frame_equal(market.tables[COURSE_WEEKS], self.table(COURSE_WEEKS), rtol=1e-9)
        except AssertionError as exc:
            raise DataError(
                "The stored market is not the one that its parameters make today",
                expected="equal course-weeks",
                where=self.name,
                fix="Generate the data set again",
            ) from exc
        return market

    def key_figures(self) -> KeyFigures:
        """Return the sums and ranges of the demand panel, from one aggregate over its Parquet file."""
        answer = self._query(
            """SELECT count(*) AS rows, count(DISTINCT unit) AS units, count(DISTINCT period) AS periods,
                      sum(price * quantity) AS revenue, sum(quantity) AS quantity, sum(views) AS views,
                      min(price) AS lowest_price, max(price) AS highest_price,
                      min(period) AS first_period, max(period) AS last_period FROM panel"""
        )
        figures: dict[str, Any] = answer.to_pylist()[0]
        figures |= {} if self.roles.unit else {"units": None}
        figures |= {} if self.roles.period else {"periods": None}
        ends = {name: figures[name] for name in ("first_period", "last_period")}
        figures |= {name: None if value is None else period_text(value) for name, value in ends.items()}
        return KeyFigures(**figures)

    def by_period(self) -> pd.DataFrame:
        """Return one row for each period in order: period, revenue, quantity, views; empty without periods."""
        if self.roles.period is None:
            return pd.DataFrame(columns=["period", "revenue", "quantity", "views"])
        price, quantity = _quoted(self.roles.price), _quoted(self.roles.quantity)
        return self._frame(f"""
            SELECT {_quoted(self.roles.period)} AS period, sum({price} * {quantity}::DOUBLE) AS revenue,
                   sum({quantity})::DOUBLE AS quantity, sum({_quoted(self.roles.views)})::DOUBLE AS views
            FROM read_parquet(?) GROUP BY 1 ORDER BY 1""")  # noqa: S608 - identifiers are quoted, the path is a parameter

    def by_unit(self) -> pd.DataFrame:
        """Return one row for each unit (each offer where there are none): mean price, quantity, segment."""
        unit = _quoted(self.roles.unit) if self.roles.unit else "file_row_number"
        segment = f"any_value({_quoted(self.roles.segment)}::VARCHAR)" if self.roles.segment else "'all'"
        return self._frame(f"""
            SELECT avg({_quoted(self.roles.price)})::DOUBLE AS price, {segment} AS segment,
                   sum({_quoted(self.roles.quantity)})::DOUBLE AS quantity
            FROM read_parquet(?, file_row_number = true) GROUP BY {unit}""")  # noqa: S608 - as above

    def _frame(self, sql: str) -> pd.DataFrame:
        with _readable(self), _connection() as connection:
            return connection.execute(sql, [str(self.file(self.panel_table))]).df()


def period_text(value: object) -> str:
    """Return a period as text: a date without its midnight, a number as it is."""
    return str(value).removesuffix(" 00:00:00")


def _frame(table: Any) -> pd.DataFrame:  # noqa: ANN401
    frame: pd.DataFrame = table.to_pandas()
    return frame


@contextmanager
def _readable(dataset: Dataset) -> Iterator[None]:
    try:
        yield
    except (OSError, KeyError, pa.ArrowException, duckdb.Error) as exc:
        raise DataError(
            "A file of the data set is missing or damaged",
            found=type(exc).__name__,
            where=dataset.name,
            fix="Delete the data set, then upload or generate it again",
        ) from exc
