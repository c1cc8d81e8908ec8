"""The base classes of the estimators that are stored with a run: scikit-learn style, with arrays as attributes.

All estimators predict the expected quantity of each row of a frame. A unit that is not in the training data gets the
mean effect of its segment. A period that is not in the training data gets the mean effect of the last eight periods.
"""

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from edtech.ml.elasticity.identification import Identification, identify
from edtech.ml.elasticity.panel import PanelArrays, control_matrix, panel_arrays
from edtech.tables.arrays import Floats
from edtech.tables.roles import PanelRoles

PanelCodes = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]
"""Codes of unit, period and segment, (n,) each; -1 for a level that is not in the training data."""
LOG_PRICE_STEP = 0.1
"""Half-width, in log price, of the central difference for models that are step functions of the price."""

FORMER_ATTRIBUTES = {
    "tier_": "slope_group_",
    "loadings_": "slope_design_",
    "segment_loadings_": "segment_slope_design_",
    "slope_freedom_": "slope_degrees_of_freedom_",
    "later_effect_": "future_period_effect_",
    "later_rate_": "future_period_rate_",
    "views_slope_": "views_elasticity_",
    "crowd_": "competitor_value_",
    "shelf_unit_": "offered_unit_",
    "shelf_visit_": "offered_visit_",
    "visits_each_": "visit_weight_",
    "rivals_near_": "nest_competitor_value_",
    "rivals_far_": "market_competitor_value_",
    "unsold_": "unsold_share_",
}
"""Attribute names in models stored by version 0.1 -> names now."""


class DemandEstimator(RegressorMixin, BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn has no types
    """Predict the expected quantity of a panel's rows. `columns` holds the panel's roles as a dict.

    If `slope_covariance_` (k, k) is not None, the model is smooth in k slopes. Intervals are then computed from
    `elasticity_terms` or `price_terms`, with `slope_degrees_of_freedom_` (k,). `interval_note` states the assumptions
    of an interval, or why there is none.
    """

    columns: dict[str, Any] | None
    units_: NDArray[np.str_]
    periods_: NDArray[np.str_]
    segments_: NDArray[np.str_]
    slope_covariance_: Floats | None
    slope_degrees_of_freedom_: Floats
    interval_note = ""
    refits_quickly = False
    """Whether a fit is fast enough to refit the model on parts of the time, as a check of stability."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore stored attributes; those with a name of version 0.1 get their name now."""
        super().__setstate__({FORMER_ATTRIBUTES.get(name, name): value for name, value in state.items()})

    @property
    def roles(self) -> PanelRoles:
        """The panel's columns by their role."""
        return PanelRoles(**(self.columns or {}))

    @abstractmethod
    def fit(self, X: pd.DataFrame, y: ArrayLike, identification: Identification | None = None) -> Self:
        """Fit quantity `y` (n,) on the panel's other columns `X`; `identification` saves computing it again."""

    @abstractmethod
    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the expected quantity of each row, shape (n,)."""

    def elasticities(self, X: pd.DataFrame) -> Floats:
        """Return d log E[quantity] / d log price of each row, shape (n,), by a central difference."""
        price = self.roles.price
        up, down = (
            self.predict(X.assign(**{price: X[price].to_numpy(float) * np.exp(step)}))
            for step in (LOG_PRICE_STEP, -LOG_PRICE_STEP)
        )
        return (np.log(up) - np.log(down)) / (2 * LOG_PRICE_STEP)

    def with_category_codes(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return `X` with unit, period and segment as categoricals, so that repeated predictions look up no level."""
        roles = self.roles
        levels = {roles.unit: self.units_, roles.period: self.periods_, roles.segment: self.segments_}
        return X.assign(
            **{
                name: pd.Categorical.from_codes(
                    level_codes(X, name, trained_levels), categories=pd.Index(trained_levels)
                )
                for name, trained_levels in levels.items()
                if name is not None
            }
        )

    def _codes(self, X: pd.DataFrame) -> PanelCodes:
        """Return the codes of unit, period and segment."""
        roles = self.roles
        return (
            level_codes(X, roles.unit, self.units_),
            level_codes(X, roles.period, self.periods_),
            level_codes(X, roles.segment, self.segments_),
        )

    def _exposure(self, X: pd.DataFrame) -> Floats:
        views = self.roles.views
        return np.ones(len(X)) if views is None else X[views].to_numpy(dtype=float)

    def _controls(self, X: pd.DataFrame) -> Floats:
        return control_matrix(X, self.roles, self.control_names_).to_numpy(dtype=float)


class PanelDemandEstimator(DemandEstimator):
    """A demand model that is fitted on the panel alone."""

    def fit(self, X: pd.DataFrame, y: ArrayLike, identification: Identification | None = None) -> Self:
        """Fit quantity `y` (n,) on the panel's other columns `X`; `identification` may come from an earlier call."""
        roles = self.roles
        panel = X.assign(**{roles.quantity: np.asarray(y, dtype=float)})
        arrays = panel_arrays(panel, roles)
        if roles.views is not None:
            panel = panel[panel[roles.views] > 0]
        self.units_, self.periods_, self.segments_ = arrays.units, arrays.periods, arrays.segments
        self.control_names_ = list(arrays.control_names)
        self.repeated_ = arrays.repeated
        self._fit(panel, arrays, identification or identify(panel, arrays, roles))
        return self

    @abstractmethod
    def _fit(self, panel: pd.DataFrame, arrays: PanelArrays, identification: Identification) -> None:
        """Fit on the panel's rows with views and on their arrays."""


def level_codes(frame: pd.DataFrame, column: str | None, levels: NDArray[np.str_]) -> NDArray[np.intp]:
    """Return the code of each row's level (n,), -1 for a level that is not in `levels`."""
    if column is None:
        return np.zeros(len(frame), dtype=np.intp)
    values = frame[column]
    if isinstance(values.dtype, pd.CategoricalDtype) and np.array_equal(values.dtype.categories, levels):
        return np.asarray(values.cat.codes, dtype=np.intp)
    return np.asarray(pd.Index(levels).get_indexer(pd.Index(frame[column].astype(str))), dtype=np.intp)


def values_or_default(values: Floats, codes: NDArray[np.intp], default: Floats | float) -> Floats:
    """Return `values` at `codes` (n,), and `default` where a code is -1."""
    return np.where(codes >= 0, values[codes], default)


def assign_slope_groups(
    unit: NDArray[np.intp],
    segment: NDArray[np.intp],
    slope_group: NDArray[np.intp],
    slope_design: Floats,
    segment_slope_design: Floats,
) -> tuple[NDArray[np.intp], Floats]:
    """Return the slope group of each row (n,) and the slope design of all groups (groups, k).

    A new unit (-1) gets the mean slope of its segment; a unit of a new segment gets the mean of all segments.
    """
    n_groups = len(slope_design)
    new = np.where(segment >= 0, n_groups + segment, n_groups + len(segment_slope_design))
    rows = np.vstack([slope_design, segment_slope_design, segment_slope_design.mean(axis=0)])
    return np.where(unit >= 0, slope_group[unit], new), rows
