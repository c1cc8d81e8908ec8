"""`fixed_effects` as it is stored with a run: arrays, and demand read from them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edtech.errors import ParamsError
from edtech.ml.elasticity.demand_curve import Along
from edtech.ml.elasticity.estimators.base import Codes3, DemandEstimator, slope_group, value_at
from edtech.ml.elasticity.fitting.fixed_effects import (
    FixedEffectsFit,
    fit_fixed_effects,
    no_curve,
    price_term,
    reacts,
    views_slope,
)
from edtech.ml.elasticity.fitting.inference import FirstStage
from edtech.ml.elasticity.fitting.irls import mean_rate
from edtech.ml.elasticity.identification import Identification
from edtech.ml.elasticity.panel import PanelArrays, relative_to_group
from edtech.tables.arrays import Floats


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
