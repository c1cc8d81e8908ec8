"""The estimator of `fixed_effects`; its fit is in `fitting.fixed_effects`."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edtech.errors import ParamsError
from edtech.ml.elasticity.demand_curve import DemandCurve
from edtech.ml.elasticity.estimators.base import (
    PanelCodes,
    PanelDemandEstimator,
    assign_slope_groups,
    values_or_default,
)
from edtech.ml.elasticity.fitting.fixed_effects import (
    FixedEffectsFit,
    fit_fixed_effects,
    no_basis,
    price_term,
    views_elasticity,
    views_react,
)
from edtech.ml.elasticity.fitting.inference import FirstStage
from edtech.ml.elasticity.fitting.irls import mean_rate
from edtech.ml.elasticity.identification import Identification
from edtech.ml.elasticity.panel import PanelArrays, group_means
from edtech.tables.arrays import Floats


class FixedEffectsDemand(PanelDemandEstimator):
    """Unit and period effects with price slopes by segment."""

    refits_quickly = True
    views_react_ = False
    views_elasticity_: Floats | None = None

    def __init__(
        self,
        columns: dict[str, Any] | None = None,
        *,
        form: str,
        tiers: str,
        segment_slopes: bool,
        control_function: bool,
        max_iterations: int,
    ) -> None:
        self.columns = columns
        self.form = form
        self.tiers = tiers
        self.segment_slopes = segment_slopes
        self.control_function = control_function
        self.max_iterations = max_iterations

    def _fit(self, panel: pd.DataFrame, arrays: PanelArrays, identification: Identification) -> None:  # noqa: ARG002
        first_stage = identification.first_stage if self.control_function else None
        form = self.form
        if form == "logit" and self.roles.views is None:
            raise ParamsError(
                "A logit of sales per view needs views",
                expected="a column with the number of views of each offer",
                actual="form 'logit' and no column of views",
                fix="name the column of views, or choose the form 'auto', 'exponential' or 'log'",
            )
        if form == "auto":
            arrays = self._without_reacting_views(arrays, first_stage)
            form = "logit" if self.roles.views and not self.views_react_ else "exponential"
        fitted = fit_fixed_effects(
            arrays,
            first_stage,
            form=form,  # type: ignore[arg-type]
            tiers=self.tiers,  # type: ignore[arg-type]
            segment_slopes=self.segment_slopes,
            max_iterations=self.max_iterations,
        )
        self._store_fit(fitted, arrays)

    def _without_reacting_views(self, arrays: PanelArrays, first_stage: FirstStage | None) -> PanelArrays:
        """Return the arrays without views if views react to the price, so that sales contain the whole effect."""
        self.views_elasticity_ = views_elasticity(arrays, first_stage)
        self.views_react_ = views_react(self.views_elasticity_)
        return replace(arrays, exposure=np.ones_like(arrays.exposure)) if self.views_react_ else arrays

    def _exposure(self, X: pd.DataFrame) -> Floats:
        return np.ones(len(X)) if self.views_react_ else super()._exposure(X)

    def _store_fit(self, fitted: FixedEffectsFit, arrays: PanelArrays) -> None:
        self.form_, self.scale_, self.slope_group_ = fitted.form, fitted.scale, fitted.slope_group
        self.segment_slope_design_ = fitted.segment_slope_design
        self.slope_design_, self.slopes_ = fitted.slope_design, fitted.slopes
        self.slope_covariance_, self.slope_degrees_of_freedom_ = (
            fitted.inference.covariance,
            fitted.inference.degrees_of_freedom,
        )
        self.covariate_slopes_ = fitted.covariate_slopes
        self.group_effects_, self.segment_effects_ = fitted.group_effects, fitted.segment_effects
        self.period_effects_, self.future_period_effect_ = fitted.period_effects, fitted.future_period_effect
        self.iterations_ = fitted.iterations
        self.segment_scale_ = group_means(arrays.price, arrays.segment, arrays.segments.size)

    def price_terms(self, X: pd.DataFrame) -> Floats:
        """Return the derivative of eta with respect to the slopes, shape (n, k)."""
        return self._price_terms(X, self._codes(X))

    def _price_terms(self, X: pd.DataFrame, codes: PanelCodes) -> Floats:
        return price_term(self.form_, self._relative_price(X, codes))[:, None] * self._row_slope_design(codes)

    def _row_slope_design(self, codes: PanelCodes) -> Floats:
        """Return the matrix (n, k) that maps the slopes to each row's slope."""
        group, slope_design = self._slope_groups(codes)
        return np.asarray(slope_design[group])

    def _slope_groups(self, codes: PanelCodes) -> tuple[NDArray[np.intp], Floats]:
        """Return the slope group of each row (n,) and the slope design of all groups (groups, k)."""
        unit, _, segment = codes
        return assign_slope_groups(
            unit if self.repeated_ else segment,
            segment,
            self.slope_group_,
            self.slope_design_,
            self.segment_slope_design_,
        )

    def _relative_price(self, X: pd.DataFrame, codes: PanelCodes) -> Floats:
        unit, _, segment = codes
        at_segment = values_or_default(self.segment_scale_, segment, self.segment_scale_.mean())
        scale = values_or_default(self.scale_, unit, at_segment) if self.repeated_ else at_segment
        return np.asarray(X[self.roles.price].to_numpy(dtype=float) / scale)

    def eta(self, X: pd.DataFrame) -> Floats:
        """Return the linear predictor of each row, shape (n,)."""
        return self._eta(X, self._codes(X))

    def _eta(self, X: pd.DataFrame, codes: PanelCodes) -> Floats:
        unit, period, segment = codes
        at_segment = values_or_default(self.segment_effects_, segment, self.segment_effects_.mean())
        group = values_or_default(self.group_effects_, unit, at_segment) if self.repeated_ else at_segment
        period_effect = values_or_default(self.period_effects_, period, self.future_period_effect_)
        price_effect = self._price_terms(X, codes) @ self.slopes_
        return np.asarray(group + period_effect + price_effect + self._controls(X) @ self.covariate_slopes_)

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the expected quantity of each row, shape (n,)."""
        return self._exposure(X) * mean_rate(self.form_, self.eta(X))

    def _basis(self, term: Floats) -> Floats:
        return no_basis(term)

    def demand_curve(self, X: pd.DataFrame) -> DemandCurve:
        """Return the demand of the rows as a function of their prices."""
        codes, price = self._codes(X), X[self.roles.price].to_numpy(dtype=float)
        group, slope_design = self._slope_groups(codes)
        return DemandCurve(
            form=self.form_,
            exposure=self._exposure(X),
            scale=price / self._relative_price(X, codes),
            offset=self._eta(X, codes) - self._price_terms(X, codes) @ self.slopes_,
            slope_group=group,
            slope_design=slope_design,
            slopes=self.slopes_,
            basis=self._basis,
            reference_price=price,
        )

    def elasticity_terms(self, X: pd.DataFrame) -> Floats:
        """Return the derivative of each row's elasticity with respect to the slopes, shape (n, k)."""
        codes = self._codes(X)
        if self.form_ == "log":
            return self._row_slope_design(codes)
        unsold_probability = (
            1 - mean_rate(self.form_, self._eta(X, codes)) if self.form_ == "logit" else np.ones(len(X))
        )
        return (unsold_probability * self._relative_price(X, codes))[:, None] * self._row_slope_design(codes)

    def elasticities(self, X: pd.DataFrame) -> Floats:
        """Return d log E[quantity] / d log price of each row, shape (n,), in closed form."""
        return self.elasticity_terms(X) @ self.slopes_
