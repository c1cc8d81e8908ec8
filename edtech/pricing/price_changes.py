"""The prices of a what-if: changes of all units or of some of them, or a list of prices."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import AliasChoices, Field

from edtech.errors import PricingError
from edtech.pricing.response import Response
from edtech.tables.arrays import Floats
from edtech.tables.formatting import format_names
from edtech.tables.values import to_number

if TYPE_CHECKING:
    from edtech.data import Dataset

ChangeMode = Literal["percent", "tokens", "set"]
UNIT, SEGMENT, ALL = "unit", "segment", "all"
MAX_PRICE_RATIO = 11
"""Highest price of a what-if, as a multiple of the baseline: a larger one is a typing error."""
FLOOR, CEILING = "floor", "ceiling"


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A price change of the units whose `attribute` is among `names` ("all": of every unit), by `amount`.

    `mode`: `percent` of the price (0.15 is 15% up), `tokens` to add, or the price to `set`. Scenarios of version 0.1
    store `attribute` as `scope` and `mode` as `how`; both are read.
    """

    attribute: Annotated[str, Field(validation_alias=AliasChoices("attribute", "scope"))]
    names: tuple[str, ...]
    mode: Annotated[ChangeMode, Field(validation_alias=AliasChoices("mode", "how"))]
    amount: float

    @property
    def description(self) -> str:
        """The change for reading: category Programming +15%."""
        units = "all" if self.attribute == ALL else f"{self.attribute} {', '.join(self.names)[:200]}"
        amounts = {"percent": f"{self.amount:+.0%}", "tokens": f"{self.amount:+g} tokens", "set": f"to {self.amount:g}"}
        return f"{units} {amounts[self.mode]}"


def unit_table(dataset: "Dataset") -> pd.DataFrame | None:
    """Return level and teacher of a market's courses, indexed by unit; None for other data sets."""
    if dataset.kind != "market":
        return None
    return dataset.table("courses", ["course_id", "level", "teacher_id"]).set_index("course_id")


def unit_attributes(response: Response, units: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the attributes by which units can be selected, as text, in the order of the response.

    The columns are unit, segment and those of `units` (indexed by unit), such as level and teacher.
    """
    attributes = pd.DataFrame({UNIT: response.units.to_numpy(), SEGMENT: response.segments.to_numpy()})
    if units is None:
        return attributes
    more = units.set_axis(units.index.astype(str)).reindex(response.units).astype("str").reset_index(drop=True)
    return pd.concat([attributes, more.drop(columns=[UNIT, SEGMENT], errors="ignore")], axis=1)


def select_units(attributes: pd.DataFrame, attribute: str, values: Iterable[str]) -> NDArray[np.bool_]:
    """Return the units (u,) whose attribute is among `values`, every unit for `all`.

    `attributes` is what `unit_attributes` returns. Raises PricingError for an attribute or value that does not exist.
    """
    if attribute == ALL:
        return np.ones(len(attributes), dtype=bool)
    if attribute not in attributes:
        raise PricingError(
            "Units cannot be selected by this attribute",
            expected=f"one of {format_names([ALL, *attributes.columns])}",
            actual=repr(attribute)[:80],
            fix="choose an attribute of the list",
        )
    column, values = attributes[attribute], set(values)
    if unknown := sorted(values - set(column.unique())):
        raise PricingError(
            f"There is no such {attribute}",
            expected=f"one of {format_names(sorted(column.unique()))}",
            actual=format_names(unknown, 5),
            fix=f"name a {attribute} of the data set that the model was trained on",
        )
    return column.isin(values).to_numpy()


def changed_prices(
    response: Response,
    changes: Mapping[str, float] | Sequence[PriceChange],
    attributes: pd.DataFrame | None = None,
) -> Floats:
    """Return the units' prices (u,) after changes, each applied to the prices that the previous ones left.

    `changes` are price changes, or relative changes by segment (0.15 is 15% up). `attributes` is what
    `unit_attributes` returns; by default unit and segment. Raises PricingError as `select_units` does, and for a change
    that leaves a price at or below zero, or at more than eleven times the baseline.
    """
    if isinstance(changes, Mapping):
        changes = [PriceChange(SEGMENT, (str(name),), "percent", amount) for name, amount in changes.items()]
    attributes = unit_attributes(response) if attributes is None else attributes
    prices = response.baseline.copy()
    for change in changes:
        selected = select_units(attributes, change.attribute, change.names)
        changed = {
            "percent": prices * (1 + change.amount),
            "tokens": prices + change.amount,
            "set": np.full_like(prices, change.amount),
        }[change.mode]
        prices = np.where(selected, changed, prices)
    wrong = ~((prices > 0) & (prices <= MAX_PRICE_RATIO * response.baseline))
    if wrong.any():
        raise PricingError(
            "The price change leaves no usable price",
            expected=f"prices above 0 and at most {MAX_PRICE_RATIO} times today's",
            actual=f"{int(wrong.sum()):,} units with other prices, first {format_names(response.units[wrong][:5])}",
            fix="use a smaller change",
        )
    return np.asarray(prices, dtype=float)


def price_list(response: Response, frame: pd.DataFrame, unit: str, price: str) -> Floats:
    """Return the units' prices (u,), the baseline for units that an uploaded list leaves out.

    `unit` and `price` are columns of `frame`. Raises PricingError that lists every invalid row: an unknown unit, a
    repeated unit, a price that is not a number above zero.
    """
    if missing := [name for name in (unit, price) if name not in frame.columns]:
        raise PricingError(
            "The price list lacks columns",
            expected="a column with the unit and one with its new price",
            actual=f"no {format_names(missing)} among {format_names(map(str, frame.columns))}",
            fix="name the two columns",
        )
    frame = frame.reset_index(drop=True)
    new_prices = _prices_by_unit(
        frame[unit],
        frame[price],
        "The price list has invalid rows",
        "correct these rows or remove them: units that are not listed keep their price",
        response.units,
    )
    prices = response.baseline.copy()
    prices[response.units.get_indexer(new_prices.index)] = new_prices
    return prices


def price_bounds_by_unit(frame: pd.DataFrame) -> tuple[dict[str, float] | None, dict[str, float] | None]:
    """Return the lowest and highest prices by the unit in the first column, None without such a column.

    A blank price is no bound. Raises PricingError if both columns are missing, or that lists every invalid row as
    `price_list` does.
    """
    if not {FLOOR, CEILING} & set(frame.columns):
        raise PricingError(
            "The file holds no bounds",
            expected=f"a column {FLOOR!r} or {CEILING!r} beside the units",
            actual=f"the columns {', '.join(map(repr, map(str, frame.columns[:10])))}",
            fix="rename the column of the lowest or of the highest prices",
        )
    return _bounds(frame, FLOOR), _bounds(frame, CEILING)


def _bounds(frame: pd.DataFrame, column: str) -> dict[str, float] | None:
    if column not in frame:
        return None
    frame = frame.reset_index(drop=True)
    filled = frame[frame[column].notna() & (frame[column].astype("str").str.strip() != "")]
    problem = f"The bounds in the column {column!r} have invalid rows"
    fix = "correct these rows, or leave the cell blank if a unit has no bound"
    return {
        str(unit): price for unit, price in _prices_by_unit(filled.iloc[:, 0], filled[column], problem, fix).items()
    }


def _prices_by_unit(
    units: pd.Series, values: pd.Series, problem: str, fix: str, valid_units: pd.Index | None = None
) -> pd.Series:
    """Return prices by unit. Raises PricingError that lists every row with an unknown or repeated unit, or a price that
    is not a number above zero.
    """
    units, prices = units.astype("str").str.strip(), to_number(values)  # their index numbers the rows of the file
    faults = {
        "the data set has no such unit": ~units.isin(units if valid_units is None else valid_units).to_numpy(),
        "the unit occurs more than once": units.duplicated(keep=False).to_numpy(),
        "the price is not a number above 0": ~(np.isfinite(prices) & (prices > 0)).to_numpy(),
    }
    if details := [_fault(text, rows, units, values) for text, rows in faults.items() if rows.any()]:
        raise PricingError(
            problem,
            expected="each unit once, with a price above 0",
            actual=f"{int(np.logical_or.reduce(list(faults.values())).sum()):,} of {len(values):,} rows are invalid",
            fix=fix,
            details=details,
        )
    return prices.astype(float).set_axis(pd.Index(units))


def _fault(text: str, rows: NDArray[np.bool_], units: pd.Series, prices: pd.Series) -> str:
    first = [
        f"row {units.index[row] + 1}: {units.iloc[row]!s:.40}, {prices.iloc[row]!s:.20}"
        for row in np.flatnonzero(rows)[:5]
    ]
    return f"{text} ({int(rows.sum()):,} {'row' if rows.sum() == 1 else 'rows'}, e.g. {'; '.join(first)})"
