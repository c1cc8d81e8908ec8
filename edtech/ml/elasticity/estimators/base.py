"""The estimators that are stored with a run: small, scikit-learn style, holding arrays and nothing else.

All predict the expected quantity of each row of a frame. What was not in the training data gets one stated rule: a new
unit has its segment's mean effect, a new period the mean effect of the last eight.
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

Codes3 = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]
"""Positions of unit, period and segment among the trained ones, (n,) each, -1 where new."""
STEP = 0.1
"""Half-width, in log price, of the central difference for models that are step functions of the price."""


class DemandEstimator(RegressorMixin, BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn has no types
    """Expected quantity of a panel's rows. `columns` are the panel's roles as a plain dict.

    Where `slope_covariance_` (k, k) is not None the model is smooth in k slopes, and `elasticity_terms` and
    `price_terms` give what intervals are computed from, with `slope_freedom_` (k,) degrees of freedom. `interval_note`
    says what an interval rests on, or why there is none.
    """

    columns: dict[str, Any] | None
    slope_covariance_: Floats | None
    slope_freedom_: Floats
    interval_note = ""
    refits_quickly = False
    """Whether a fit takes so little time that parts of the time can be fitted apart, as a check."""

    @property
    def roles(self) -> PanelRoles:
        """The panel's columns by their role."""
        return PanelRoles(**(self.columns or {}))

    def fit(self, X: pd.DataFrame, y: ArrayLike, ground: Identification | None = None) -> Self:
        """Fit quantity `y` (n,) on the panel's other columns `X`; `ground` saves finding the identification again."""
        roles = self.roles
        panel = X.assign(**{roles.quantity: np.asarray(y, dtype=float)})
        arrays = panel_arrays(panel, roles)
        if roles.views is not None:
            panel = panel[panel[roles.views] > 0]
        self.units_, self.periods_, self.segments_ = arrays.units, arrays.periods, arrays.segments
        self.control_names_ = list(arrays.control_names)
        self.repeated_ = arrays.repeated
        self._fit(panel, arrays, ground or identify(panel, arrays, roles))
        return self

    @abstractmethod
    def _fit(self, panel: pd.DataFrame, arrays: PanelArrays, ground: Identification) -> None: ...

    @abstractmethod
    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the expected quantity of each row, shape (n,)."""

    def elasticities(self, X: pd.DataFrame) -> Floats:
        """Return d log E[quantity] / d log price of each row, shape (n,), by a central difference."""
        price = self.roles.price
        up, down = (
            self.predict(X.assign(**{price: X[price].to_numpy(float) * np.exp(step)})) for step in (STEP, -STEP)
        )
        return (np.log(up) - np.log(down)) / (2 * STEP)

    def encoded(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return `X` with unit, period and segment as categories, which need no look-up when it is predicted again."""
        roles = self.roles
        levels = {roles.unit: self.units_, roles.period: self.periods_, roles.segment: self.segments_}
        return X.assign(
            **{
                name: pd.Categorical.from_codes(_positions(X, name, known), categories=pd.Index(known))
                for name, known in levels.items()
                if name is not None
            }
        )

    def _codes(self, X: pd.DataFrame) -> Codes3:
        """Positions of unit, period and segment among the trained ones, -1 where new."""
        roles = self.roles
        return (
            _positions(X, roles.unit, self.units_),
            _positions(X, roles.period, self.periods_),
            _positions(X, roles.segment, self.segments_),
        )

    def _exposure(self, X: pd.DataFrame) -> Floats:
        views = self.roles.views
        return np.ones(len(X)) if views is None else X[views].to_numpy(dtype=float)

    def _controls(self, X: pd.DataFrame) -> Floats:
        return control_matrix(X, self.roles, self.control_names_).to_numpy(dtype=float)


def _positions(frame: pd.DataFrame, column: str | None, levels: NDArray[np.str_]) -> NDArray[np.intp]:
    if column is None:
        return np.zeros(len(frame), dtype=np.intp)
    values = frame[column]
    if isinstance(values.dtype, pd.CategoricalDtype) and np.array_equal(values.dtype.categories, levels):
        return np.asarray(values.cat.codes, dtype=np.intp)
    return np.asarray(pd.Index(levels).get_indexer(pd.Index(frame[column].astype(str))), dtype=np.intp)


def value_at(values: Floats, positions: NDArray[np.intp], otherwise: Floats | float) -> Floats:
    """Return `values` at `positions`, and `otherwise` where a position is -1."""
    return np.where(positions >= 0, values[positions], otherwise)


def slope_group(
    row: NDArray[np.intp], segment: NDArray[np.intp], tier: NDArray[np.intp], loadings: Floats, by_segment: Floats
) -> tuple[NDArray[np.intp], Floats]:
    """Return the slope group of rows (n,) by their place in `tier`, and the loadings of the groups (groups, k).

    A row that is new (-1) has its segment's, one of a new segment the mean of the segments'.
    """
    known = len(loadings)
    new = np.where(segment >= 0, known + segment, known + len(by_segment))
    rows = np.vstack([loadings, by_segment, by_segment.mean(axis=0)])
    return np.where(row >= 0, tier[row], new), rows
