"""The estimators of `polynomial` and `gam`: Poisson regressions with unit and period effects, nonlinear in log price.

    log E[quantity] = unit effect + period effect + slope[segment] * x + g(x) + h(covariates),  x = log relative price

All segments share g. The fit, its control function and its inference are those of `fixed_effects`. In `polynomial`, g
is a polynomial and h linear. In `gam` both are restricted cubic splines with knots at quantiles and linear tails
(Hastie & Tibshirani 1986, "Generalized Additive Models", Statistical Science 1(3); Harrell 2015, "Regression Modeling
Strategies", section 2.4.5). Without a penalty, confidence intervals are valid.
"""

from abc import abstractmethod
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from edtech.ml.elasticity.estimators.base import PanelCodes
from edtech.ml.elasticity.estimators.fixed_effects import FixedEffectsDemand
from edtech.ml.elasticity.fitting.fixed_effects import fit_fixed_effects
from edtech.ml.elasticity.identification import Identification
from edtech.ml.elasticity.panel import PanelArrays, group_means
from edtech.tables.arrays import Floats

_EDGE_QUANTILES = (0.01, 0.99)
"""Quantiles of the price beyond which log demand is linear, so that no power diverges."""
_OUTER_QUANTILE = 0.05
"""Quantile of the lowest knot; the highest is at the opposite quantile (Harrell 2015)."""


def power_basis(x: Floats, degree: int, low: float, high: float) -> Floats:
    """Return the powers 2 to `degree` of x (n,), linear outside `low` to `high`, shape (n, degree - 1).

    >>> power_basis(np.array([1.0, 3.0]), 2, low=0.0, high=2.0)
    array([[1.],
           [8.]])
    """
    inside, orders = np.clip(x, low, high)[:, None], np.arange(2, degree + 1)
    return np.asarray(inside**orders + orders * inside ** (orders - 1) * (x[:, None] - inside))


def power_basis_derivative(x: Floats, degree: int, low: float, high: float) -> Floats:
    """Return the derivatives of `power_basis`, (n, degree - 1)."""
    orders = np.arange(2, degree + 1)
    return np.asarray(orders * np.clip(x, low, high)[:, None] ** (orders - 1))


def quantile_knots(x: Floats, count: int) -> Floats:
    """Return at most `count` distinct values of `x` (n,) at equally spaced quantiles."""
    return np.unique(np.quantile(x, np.linspace(_OUTER_QUANTILE, 1 - _OUTER_QUANTILE, count), method="nearest"))


def spline_basis(x: Floats, knots: Floats) -> Floats:
    """Return the nonlinear columns (n, k - 2) of a restricted cubic spline with k knots, none for k < 3."""
    return _restricted_powers(x, knots, 3)


def spline_basis_derivative(x: Floats, knots: Floats) -> Floats:
    """Return the derivatives of `spline_basis`, (n, k - 2)."""
    return 3 * _restricted_powers(x, knots, 2)


def _restricted_powers(x: Floats, knots: Floats, order: int) -> Floats:
    if knots.size < 3:
        return np.empty((x.size, 0))
    truncated = np.maximum(x[:, None] - knots, 0) ** order
    last, before = knots[-1], knots[-2]
    ends = truncated[:, [-2]] * (last - knots[:-2]) - truncated[:, [-1]] * (before - knots[:-2])
    return np.asarray((truncated[:, :-2] - ends / (last - before)) / (last - knots[0]) ** 2)


class FlexibleDemand(FixedEffectsDemand):
    """Base class: log demand is a nonlinear function of the log relative price."""

    def _fit(self, panel: pd.DataFrame, arrays: PanelArrays, identification: Identification) -> None:
        scale = group_means(arrays.price, arrays.group, int(arrays.group.max()) + 1)
        self._fit_basis(np.log(arrays.price / scale[arrays.group]), panel)
        first_stage = identification.first_stage if self.control_function else None
        fitted = fit_fixed_effects(
            replace(self._without_reacting_views(arrays, first_stage), controls=self._controls(panel)),
            first_stage,
            form="log",
            tiers="one",
            segment_slopes=self.segment_slopes,
            basis=self._basis,
            max_iterations=self.max_iterations,
        )
        self._store_fit(fitted, arrays)

    @abstractmethod
    def _fit_basis(self, term: Floats, panel: pd.DataFrame) -> None: ...

    @abstractmethod
    def _basis(self, term: Floats) -> Floats: ...

    @abstractmethod
    def _basis_derivative(self, term: Floats) -> Floats: ...

    def _price_terms(self, X: pd.DataFrame, codes: PanelCodes) -> Floats:
        term = np.log(self._relative_price(X, codes))
        return np.column_stack([term[:, None] * self._row_slope_design(codes), self._basis(term)])

    def elasticity_terms(self, X: pd.DataFrame) -> Floats:
        """Return the derivative of each row's elasticity with respect to the slopes, shape (n, k)."""
        codes = self._codes(X)
        return np.column_stack(
            [self._row_slope_design(codes), self._basis_derivative(np.log(self._relative_price(X, codes)))]
        )


class PolynomialDemand(FlexibleDemand):
    """Log demand as a polynomial of the log price."""

    def __init__(
        self,
        columns: dict[str, Any] | None = None,
        *,
        degree: int,
        segment_slopes: bool,
        control_function: bool,
        max_iterations: int,
    ) -> None:
        self.columns = columns
        self.degree = degree
        self.segment_slopes = segment_slopes
        self.control_function = control_function
        self.max_iterations = max_iterations

    def _fit_basis(self, term: Floats, panel: pd.DataFrame) -> None:  # noqa: ARG002
        self.low_, self.high_ = (float(edge) for edge in np.quantile(term, _EDGE_QUANTILES))

    def _basis(self, term: Floats) -> Floats:
        return power_basis(term, self.degree, self.low_, self.high_)

    def _basis_derivative(self, term: Floats) -> Floats:
        return power_basis_derivative(term, self.degree, self.low_, self.high_)


class AdditiveDemand(FlexibleDemand):
    """Log demand as a sum of splines of the log price and of each numeric covariate."""

    def __init__(
        self,
        columns: dict[str, Any] | None = None,
        *,
        knots: int,
        segment_slopes: bool,
        control_function: bool,
        max_iterations: int,
    ) -> None:
        self.columns = columns
        self.knots = knots
        self.segment_slopes = segment_slopes
        self.control_function = control_function
        self.max_iterations = max_iterations

    def _fit_basis(self, term: Floats, panel: pd.DataFrame) -> None:
        self.price_knots_ = quantile_knots(term, self.knots)
        self.control_knots_ = [quantile_knots(values, self.knots) for values in super()._controls(panel).T]

    def _basis(self, term: Floats) -> Floats:
        return spline_basis(term, self.price_knots_)

    def _basis_derivative(self, term: Floats) -> Floats:
        return spline_basis_derivative(term, self.price_knots_)

    def _controls(self, X: pd.DataFrame) -> Floats:
        plain = super()._controls(X)
        bent = [spline_basis(values, knots) for values, knots in zip(plain.T, self.control_knots_, strict=True)]
        return np.column_stack([plain, *bent])
