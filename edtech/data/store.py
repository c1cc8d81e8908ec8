"""A stored data set, a Parquet file for each table, and what DuckDB says of it; the only importer of DuckDB."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import duckdb
import pandas as pd
import pyarrow as pa
from pyarrow import parquet
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError

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

        try:
            market = generate_market(MarketParams.model_validate(self.source.get("params")))
            pd.testing.assert_frame_equal(market.tables[COURSE_WEEKS], self.table(COURSE_WEEKS), rtol=1e-9)
        except (ValidationError, AssertionError) as exc:
            raise DataError(
                "The stored market is not the one that its parameters make today",
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
        """Return period, revenue, quantity and views (missing where none are given) in order; empty without periods."""
        return self._query(
            """SELECT period, sum(price * quantity) AS revenue, sum(quantity) AS quantity, sum(views) AS views
               FROM panel WHERE period IS NOT NULL GROUP BY 1 ORDER BY 1"""
        )

    def by_unit(self) -> pd.DataFrame:
        """Return unit, segment ("all" without one), mean price and mean quantity of each unit.

        Without a unit every row is one, numbered from 0; of more than `MANY_ROWS` rows every n-th is returned.
        """
        if self.roles.unit is None:
            every = 1 + self.rows // MANY_ROWS
            return self._query("SELECT unit, segment, price, quantity FROM panel WHERE unit % ? = 0 ORDER BY 1", every)
        return self._query(
            """SELECT unit, any_value(segment) AS segment, avg(price) AS price, avg(quantity) AS quantity
               FROM panel GROUP BY 1 ORDER BY 1"""
        )

    def _query(self, sql: str, *values: int) -> pd.DataFrame:
        """Return what `sql` says of `panel`, the demand panel with its columns named by their roles.

        Columns are addressed by position: their names are the user's, and DuckDB holds `Price` and `price` for one.
        """
        file, roles = str(self.file(self.panel_table)), self.roles
        config: dict[str, str | bool | int | float | list[str]] = {"autoinstall_known_extensions": False}
        with _readable(self), duckdb.connect(":memory:", config=config) as connection:
            at = {name: f"c{i}" for i, name in enumerate(parquet.read_schema(file).names)}
            query = f"""
                WITH panel AS (
                    SELECT {at[roles.unit] if roles.unit else "row_number() OVER () - 1"} AS unit,
                           {at[roles.period] if roles.period else "NULL::BIGINT"} AS period,
                           {at[roles.segment] if roles.segment else "'all'"} AS segment,
                           {at[roles.price]}::DOUBLE AS price,
                           {at[roles.quantity]}::DOUBLE AS quantity,
                           {at[roles.views] if roles.views else "NULL"}::DOUBLE AS views
                    FROM read_parquet(?) AS file({", ".join(at.values())}))
                {sql}"""  # noqa: S608 - holds no text but ours
            answer = connection.sql(query, params=[file, *values]).to_arrow_table()
            frame: pd.DataFrame = answer.to_pandas()
            return frame


def period_text(value: object) -> str:
    """Return a period as text: a date without its midnight, a number as it is."""
    return str(value).removesuffix(" 00:00:00")


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
