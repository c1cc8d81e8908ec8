"""The estimators that are stored with a run: small, scikit-learn style, holding arrays and nothing else.

All predict the expected quantity of each row of a frame. What was not in the training data gets one stated rule: a new
unit has its segment's mean effect, a new period the mean effect of the last eight.
"""

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from edtech.errors import ParamsError
from edtech.ml.elasticity.demand_curve import Along
from edtech.ml.elasticity.estimators.fixed_effects import FixedEffectsFit, fit_fixed_effects, no_curve, price_term
from edtech.ml.elasticity.identification import Identification, identify
from edtech.ml.elasticity.inference import FirstStage
from edtech.ml.elasticity.irls import mean_rate
from edtech.ml.elasticity.panel import PanelArrays, control_matrix, panel_arrays, relative_to_group
from edtech.ml.elasticity.view_response import reacts, views_slope
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


class FixedEffectsDemand(DemandEstimator):
    """Unit and period effects with a price slope for each segment; see `fixed_effects`."""

    refits_quickly = True
    views_react_ = False
    views_slope_: Floats | None = None

    def __init__(
        self,
        columns: dict[str, Any] | None = None,
        form: str = "auto",
        tiers: str = "auto",
        segment_slopes: bool = True,
        control_function: bool = True,
        max_iterations: int = 50,
    ) -> None:
        self.columns = columns
        self.form = form
        self.tiers = tiers
        self.segment_slopes = segment_slopes
        self.control_function = control_function
        self.max_iterations = max_iterations

    def _fit(self, panel: pd.DataFrame, arrays: PanelArrays, ground: Identification) -> None:  # noqa: ARG002
        first = ground.first if self.control_function else None
        form = self.form
        if form == "logit" and self.roles.views is None:
            raise ParamsError(
                "A logit of sales per view needs views",
                expected="a column that says how often each offer was seen",
                found="form 'logit' and no column of views",
                fix="name the column of views, or choose the form 'auto', 'exponential' or 'log'",
            )
        if form == "auto":
            arrays = self._with_views_that_stay(arrays, first)
            form = "logit" if self.roles.views and not self.views_react_ else "exponential"
        found = fit_fixed_effects(
            arrays,
            first,
            form=form,  # type: ignore[arg-type]
            tiers=self.tiers,  # type: ignore[arg-type]
            segment_slopes=self.segment_slopes,
            max_iterations=self.max_iterations,
        )
        self._keep(found, arrays)

    def _with_views_that_stay(self, arrays: PanelArrays, first: FirstStage | None) -> PanelArrays:
        """Return the arrays without views where these react to the price, so that sales tell the whole effect."""
        self.views_slope_ = views_slope(arrays, first)
        self.views_react_ = reacts(self.views_slope_)
        return replace(arrays, exposure=np.ones_like(arrays.exposure)) if self.views_react_ else arrays

    def _exposure(self, X: pd.DataFrame) -> Floats:
        return np.ones(len(X)) if self.views_react_ else super()._exposure(X)

    def _keep(self, found: FixedEffectsFit, arrays: PanelArrays) -> None:
        self.form_, self.scale_, self.tier_ = found.form, found.scale, found.tier
        self.segment_loadings_ = found.segment_loadings
        self.loadings_, self.slopes_ = found.loadings, found.slopes
        self.slope_covariance_, self.slope_freedom_ = found.errors.covariance, found.errors.freedom
        self.covariate_slopes_ = found.covariate_slopes
        self.group_effects_, self.segment_effects_ = found.group_effects, found.segment_effects
        self.period_effects_, self.later_effect_ = found.period_effects, found.later_effect
        self.iterations_ = found.iterations
        self.segment_scale_ = relative_to_group(arrays.price, arrays.segment, arrays.segments.size)

    def price_terms(self, X: pd.DataFrame) -> Floats:
        """Return what the slopes multiply, shape (n, k)."""
        return self._price_terms(X, self._codes(X))

    def _price_terms(self, X: pd.DataFrame, codes: Codes3) -> Floats:
        return price_term(self.form_, self._relative_price(X, codes))[:, None] * self._loadings(codes)

    def _loadings(self, codes: Codes3) -> Floats:
        """What the slopes have in each row's slope, shape (n, k); a new unit has its segment's mean."""
        group, loadings = self._grouped(codes)
        return np.asarray(loadings[group])

    def _grouped(self, codes: Codes3) -> tuple[NDArray[np.intp], Floats]:
        """Slope group of each row (n,), and how the slopes make up those of the groups, (groups, k)."""
        unit, _, segment = codes
        return slope_group(
            unit if self.repeated_ else segment, segment, self.tier_, self.loadings_, self.segment_loadings_
        )

    def _relative_price(self, X: pd.DataFrame, codes: Codes3) -> Floats:
        unit, _, segment = codes
        at_segment = value_at(self.segment_scale_, segment, self.segment_scale_.mean())
        scale = value_at(self.scale_, unit, at_segment) if self.repeated_ else at_segment
        return np.asarray(X[self.roles.price].to_numpy(dtype=float) / scale)

    def eta(self, X: pd.DataFrame) -> Floats:
        """Return the linear predictor of each row, shape (n,)."""
        return self._eta(X, self._codes(X))

    def _eta(self, X: pd.DataFrame, codes: Codes3) -> Floats:
        unit, period, segment = codes
        at_segment = value_at(self.segment_effects_, segment, self.segment_effects_.mean())
        group = value_at(self.group_effects_, unit, at_segment) if self.repeated_ else at_segment
        when = value_at(self.period_effects_, period, self.later_effect_)
        priced = self._price_terms(X, codes) @ self.slopes_
        return np.asarray(group + when + priced + self._controls(X) @ self.covariate_slopes_)

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the expected quantity of each row, shape (n,)."""
        return self._exposure(X) * mean_rate(self.form_, self.eta(X))

    def _curve(self, term: Floats) -> Floats:
        return no_curve(term)

    def along(self, X: pd.DataFrame) -> Along:
        """Return demand of the rows at other prices than theirs."""
        codes, price = self._codes(X), X[self.roles.price].to_numpy(dtype=float)
        group, loadings = self._grouped(codes)
        return Along(
            form=self.form_,
            exposure=self._exposure(X),
            scale=price / self._relative_price(X, codes),
            rest=self._eta(X, codes) - self._price_terms(X, codes) @ self.slopes_,
            group=group,
            loadings=loadings,
            slopes=self.slopes_,
            curve=self._curve,
            before=price,
        )

    def elasticity_terms(self, X: pd.DataFrame) -> Floats:
        """Return what the slopes multiply in each row's elasticity, shape (n, k)."""
        codes = self._codes(X)
        if self.form_ == "log":
            return self._loadings(codes)
        room = 1 - mean_rate(self.form_, self._eta(X, codes)) if self.form_ == "logit" else np.ones(len(X))
        return (room * self._relative_price(X, codes))[:, None] * self._loadings(codes)

    def elasticities(self, X: pd.DataFrame) -> Floats:
        """Return d log E[quantity] / d log price of each row, shape (n,), in closed form."""
        return self.elasticity_terms(X) @ self.slopes_
