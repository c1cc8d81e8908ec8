"""Which prices a what-if asks for: changes of all units or of some of them, or a list of prices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edtech.errors import PricingError
from edtech.pricing.response import Response
from edtech.tables.arrays import Floats
from edtech.tables.values import listed, to_number

if TYPE_CHECKING:
    from edtech.data import Dataset

How = Literal["percent", "tokens", "set"]
UNIT, SEGMENT, ALL = "unit", "segment", "all"
FLOOR, CEILING = "floor", "ceiling"


@dataclass(frozen=True, slots=True)
class PriceChange:
    """One change: of the units whose attribute `scope` is among `names` ("all": of every unit), by `amount`.

    `how`: `percent` of today's price (0.15 is 15 % up), `tokens` to add, or the price to `set`.
    """

    scope: str
    names: tuple[str, ...]
    how: How
    amount: float

    @property
    def words(self) -> str:
        """The change in words: category Programming +15%."""
        whom = "all" if self.scope == ALL else f"{self.scope} {', '.join(self.names)[:200]}"
        amounts = {"percent": f"{self.amount:+.0%}", "tokens": f"{self.amount:+g} tokens", "set": f"to {self.amount:g}"}
        return f"{whom} {amounts[self.how]}"


def unit_table(dataset: "Dataset") -> pd.DataFrame | None:
    """Return what is known of a data set's units beside their segment, indexed by unit; None where nothing is."""
    if dataset.kind != "market":
        return None
    return dataset.table("courses", ["course_id", "level", "teacher_id"]).set_index("course_id")


def attributes(response: Response, units: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return what units can be chosen by, as text, in the order of the response: unit, segment and the columns of
    `units` (indexed by unit), such as level and teacher.
    """
    known = pd.DataFrame({UNIT: response.units.to_numpy(), SEGMENT: response.segments.to_numpy()})
    if units is None:
        return known
    more = units.set_axis(units.index.astype(str)).reindex(response.units).astype("str").reset_index(drop=True)
    return pd.concat([known, more.drop(columns=[UNIT, SEGMENT], errors="ignore")], axis=1)


def chosen(change: PriceChange, known: pd.DataFrame) -> NDArray[np.bool_]:
    """Return the units (u,) that a change is of. Raises PricingError for a scope or names that do not exist."""
    if change.scope == ALL:
        return np.ones(len(known), dtype=bool)
    if change.scope not in known:
        raise PricingError(
            "Prices cannot be chosen like this",
            expected=f"one of {listed([ALL, *known.columns])}",
            found=repr(change.scope)[:80],
            fix="choose from the list",
        )
    values = known[change.scope]
    if unknown := sorted(set(change.names) - set(values.unique())):
        raise PricingError(
            f"There is no such {change.scope}",
            expected=f"one of {listed(sorted(values.unique()))}",
            found=listed(unknown, 5),
            fix=f"name a {change.scope} of the data set that the model was trained on",
        )
    return values.isin(change.names).to_numpy()


def asked_prices(response: Response, known: pd.DataFrame, changes: Sequence[PriceChange]) -> Floats:
    """Return the units' prices (u,) after the changes, each applied to what the ones before it left.

    `known` is what `attributes` returns. Raises PricingError as `chosen` does, and for a change that leaves a price at
    or below zero, or more than eleven times today's.
    """
    prices = response.baseline.copy()
    for change in changes:
        where = chosen(change, known)
        moved = {
            "percent": prices * (1 + change.amount),
            "tokens": prices + change.amount,
            "set": np.full_like(prices, change.amount),
        }[change.how]
        prices = np.where(where, moved, prices)
    wrong = ~((prices > 0) & (prices <= 11 * response.baseline))
    if wrong.any():
        raise PricingError(
            "The price change is not one that leaves a price",
            expected="prices above 0 and at most eleven times today's",
            found=f"{int(wrong.sum()):,} units with others, first {listed(response.units[wrong][:5])}",
            fix="ask for a smaller change",
        )
    return np.asarray(prices, dtype=float)


def price_list(response: Response, frame: pd.DataFrame, unit: str, price: str) -> Floats:
    """Return the units' prices (u,) with those of an uploaded list in place of today's.

    `unit` and `price` are columns of `frame`. Raises PricingError that lists every row which cannot be used: an unknown
    unit, one that stands twice, a price that is no number above zero.
    """
    if missing := [name for name in (unit, price) if name not in frame.columns]:
        raise PricingError(
            "The price list lacks columns",
            expected="a column with the unit and one with its new price",
            found=f"no {listed(missing)} among {listed(map(str, frame.columns))}",
            fix="name the two columns",
        )
    frame = frame.reset_index(drop=True)
    listed_prices = _by_unit(
        frame[unit],
        frame[price],
        "The price list cannot be used",
        "correct these rows, or leave them out: units that are not listed keep their price",
        response.units,
    )
    full = response.baseline.copy()
    full[response.units.get_indexer(listed_prices.index)] = listed_prices
    return full


def bounds_in(frame: pd.DataFrame) -> tuple[dict[str, float] | None, dict[str, float] | None]:
    """Return the lowest and highest prices by the unit in the first column, None where there is no such column.

    Raises PricingError where there is neither, or that lists every row which cannot be used, as `price_list` does; a
    blank price is no bound.
    """
    if not {FLOOR, CEILING} & set(frame.columns):
        raise PricingError(
            "The file holds no bounds",
            expected=f"a column {FLOOR!r} or {CEILING!r} beside the units",
            found=f"the columns {', '.join(map(repr, map(str, frame.columns[:10])))}",
            fix="rename the column of the lowest or of the highest prices",
        )
    return _bounds_of(frame, FLOOR), _bounds_of(frame, CEILING)


def _bounds_of(frame: pd.DataFrame, column: str) -> dict[str, float] | None:
    if column not in frame:
        return None
    frame = frame.reset_index(drop=True)
    given = frame[frame[column].notna() & (frame[column].astype("str").str.strip() != "")]
    problem = f"The bounds in the column {column!r} cannot be used"
    fix = "correct these rows, or leave the cell blank where a unit has no bound"
    return {str(unit): price for unit, price in _by_unit(given.iloc[:, 0], given[column], problem, fix).items()}


def _by_unit(units: pd.Series, given: pd.Series, problem: str, fix: str, known: pd.Index | None = None) -> pd.Series:
    """Return prices by unit. Raises PricingError with every row that is not of one of the known units, once, with a
    price above zero.
    """
    units, prices = units.astype("str").str.strip(), to_number(given)  # their index numbers the rows of the file
    faults = {
        "the data set has no such unit": ~units.isin(units if known is None else known).to_numpy(),
        "the unit stands more than once": units.duplicated(keep=False).to_numpy(),
        "the price is not a number above 0": ~(np.isfinite(prices) & (prices > 0)).to_numpy(),
    }
    if details := [_fault(words, rows, units, given) for words, rows in faults.items() if rows.any()]:
        raise PricingError(
            problem,
            expected="each unit once, with a price above 0",
            found=f"{int(np.logical_or.reduce(list(faults.values())).sum()):,} of {len(given):,} rows that cannot",
            fix=fix,
            details=details,
        )
    return prices.astype(float).set_axis(pd.Index(units))


def _fault(words: str, rows: NDArray[np.bool_], units: pd.Series, prices: pd.Series) -> str:
    first = [
        f"row {units.index[at] + 1}: {units.iloc[at]!s:.40}, {prices.iloc[at]!s:.20}" for at in np.flatnonzero(rows)[:5]
    ]
    return f"{words} ({int(rows.sum()):,} {'row' if rows.sum() == 1 else 'rows'}, e.g. {'; '.join(first)})"
