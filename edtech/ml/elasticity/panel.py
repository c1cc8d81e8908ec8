"""A demand panel as arrays, on which every estimator is fitted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edtech.errors import NotIdentifiedError
from edtech.tables.arrays import Codes, Floats
from edtech.tables.roles import PanelRoles

MAX_LEVELS = 50
ALL = "all"


@dataclass(frozen=True, slots=True)
class PanelArrays:
    """The n rows of a panel as arrays of shape (n,), if not stated otherwise.

    `unit`, `period` and `segment` are codes into `units`, `periods` and `segments`; a missing column has one level,
    "all". `exposure` is the views, or 1. `repeated` is False if units do not repeat or never change their price: then
    unit effects would absorb all price variation.
    """

    price: Floats
    quantity: Floats
    exposure: Floats
    unit: Codes
    period: Codes
    segment: Codes
    units: NDArray[np.str_]
    periods: NDArray[np.str_]
    segments: NDArray[np.str_]
    controls: Floats  # (n, k)
    control_names: tuple[str, ...]
    repeated: bool

    @property
    def group(self) -> Codes:
        """Codes of the cross-sectional effect: the unit if units repeat, else the segment."""
        return self.unit if self.repeated else self.segment

    @property
    def effects(self) -> NDArray[np.uint64]:
        """Codes of the group and period effects, shape (n, 2)."""
        return np.column_stack([self.group, self.period]).astype(np.uint64)

    @property
    def cluster(self) -> Codes:
        """Cluster of each row for standard errors: its unit, or the row itself without units."""
        return self.unit if self.units.size > 1 else np.arange(self.price.size)


def encode_levels(frame: pd.DataFrame, column: str | None) -> tuple[Codes, NDArray[np.str_]]:
    """Return the codes of a column and its sorted levels; a missing column has one level."""
    if column is None:
        return np.zeros(len(frame), dtype=np.intp), np.array([ALL])
    codes, levels = pd.factorize(frame[column], sort=True)
    return codes.astype(np.intp), np.asarray(levels.astype(str), dtype=np.str_)


def control_matrix(frame: pd.DataFrame, roles: PanelRoles, names: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the covariates as numbers; text becomes indicators of all levels except the first.

    `names` are the columns of an earlier call; new levels get no column. Raises NotIdentifiedError if a text covariate
    has more than 50 levels, which would overfit.
    """
    columns: list[pd.DataFrame] = []
    for name in roles.controls:
        column = frame[name]
        if pd.api.types.is_numeric_dtype(column):
            columns.append(column.astype(float).to_frame())
            continue
        levels = column.nunique()
        if levels > MAX_LEVELS:
            raise NotIdentifiedError(
                "A covariate has too many levels to control for",
                expected=f"at most {MAX_LEVELS} levels",
                actual=f"{levels:,} levels",
                where=f"column {name!r}",
                fix="leave the column out of the covariates, or group its levels",
            )
        columns.append(pd.get_dummies(column.astype(str), prefix=name, drop_first=names is None, dtype=float))
    matrix = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=frame.index)
    return matrix if names is None else matrix.reindex(columns=list(names), fill_value=0.0)


def original_labels(labels: pd.Series | pd.Index, frame: pd.DataFrame, column: str | None) -> pd.Index:
    """Return text labels as the values in the user's data: the contract turns a unit or segment 7 into "7"."""
    originals: dict[str, object] = {}
    if column is not None and column in frame.columns:
        own = frame[column].dropna().unique()
        originals = {str(value): value for value in own} if own.dtype.kind in "iu" else {}
    labels_in_data: pd.Index = pd.Index([originals.get(str(label), label) for label in labels])
    return labels_in_data


def panel_arrays(panel: pd.DataFrame, roles: PanelRoles) -> PanelArrays:
    """Return a validated panel as arrays.

    Rows without views are dropped: they hold no information on demand. Raises NotIdentifiedError if all prices are
    equal or nothing was sold.
    """
    if roles.views is not None:
        panel = panel[panel[roles.views] > 0]
    price = panel[roles.price].to_numpy(dtype=float)
    quantity = panel[roles.quantity].to_numpy(dtype=float)
    _require_sales_and_price_variation(price, quantity, roles)
    unit, units = encode_levels(panel, roles.unit)
    period, periods = encode_levels(panel, roles.period)
    segment, segments = encode_levels(panel, roles.segment)
    controls = control_matrix(panel, roles)
    return PanelArrays(
        price=price,
        quantity=quantity,
        exposure=np.ones_like(price) if roles.views is None else panel[roles.views].to_numpy(dtype=float),
        unit=unit,
        period=period,
        segment=segment,
        units=units,
        periods=periods,
        segments=segments,
        controls=controls.to_numpy(dtype=float),
        control_names=tuple(controls.columns),
        repeated=roles.unit is not None and price.size >= 2 * units.size and _prices_vary(price, unit),
    )


def _require_sales_and_price_variation(price: Floats, quantity: Floats, roles: PanelRoles) -> None:
    if price.size == 0 or quantity.sum() <= 0:
        raise NotIdentifiedError(
            "Nothing was sold, so there is no demand to estimate",
            expected=f"rows with {roles.quantity!r} above 0",
            actual=f"{price.size:,} rows, all with 0",
            fix="choose a longer period or other units",
        )
    if np.ptp(price) == 0:
        raise NotIdentifiedError(
            "An elasticity cannot be estimated from a single price",
            expected="at least two different prices",
            actual=f"the price {price[0]:g} in all {price.size:,} rows",
            where=f"column {roles.price!r}",
            fix="change prices for some units at random for some weeks, or add data from before the last price change",
        )


def _prices_vary(price: Floats, unit: Codes) -> bool:
    """Return whether any unit was sold at more than one price."""
    prices = pd.Series(price).groupby(unit)
    return bool((prices.max() > prices.min()).any())


def group_means(values: Floats, group: Codes, size: int) -> Floats:
    """Return the mean of `values` (n,) in each group, shape (size,); NaN for a group without rows.

    >>> group_means(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 1]), 2)
    array([2., 5.])
    """
    count = np.bincount(group, minlength=size)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.bincount(group, weights=values, minlength=size) / count, dtype=float)
