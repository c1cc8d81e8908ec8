"""`polynomial` and `gam`: Poisson regressions with unit and period effects whose demand bends with the log price.

Each segment has a slope of its own; how demand bends away from that line is shared by all. Both are fitted as
`fixed_effects` is, with its control function and its errors. `gam` bends with covariates too (Hastie & Tibshirani 1986,
"Generalized Additive Models", Statistical Science 1(3)), by restricted cubic splines (Harrell 2015, "Regression
Modeling Strategies", section 2.4.5): a few knots at quantiles instead of a penalty, so that intervals stay honest, and
straight lines beyond the outer knots.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from edtech.ml.elasticity.estimators.base import Codes3
from edtech.ml.elasticity.estimators.fixed_effects import FixedEffectsDemand
from edtech.ml.elasticity.fitting.fixed_effects import fit_fixed_effects
from edtech.ml.elasticity.identification import Identification
from edtech.ml.elasticity.panel import PanelArrays, relative_to_group
from edtech.tables.arrays import Floats

_EDGES = (0.01, 0.99)
"""Quantiles of the price beyond which demand goes on in a straight line: no power may run away."""
_OUTER = 0.05
"""The outer knots of a spline lie at this quantile and its opposite, as Harrell has them."""


def powers(x: Floats, degree: int, low: float, high: float) -> Floats:
    """Return x squared and up to `degree`, (n, degree - 1), going on in straight lines outside `low` to `high`."""
    inside, orders = np.clip(x, low, high)[:, None], np.arange(2, degree + 1)
    return np.asarray(inside**orders + orders * inside ** (orders - 1) * (x[:, None] - inside))


def power_slopes(x: Floats, degree: int, low: float, high: float) -> Floats:
    """Return the derivatives of `powers`, (n, degree - 1)."""
    orders = np.arange(2, degree + 1)
    return np.asarray(orders * np.clip(x, low, high)[:, None] ** (orders - 1))


def knots_of(x: Floats, count: int) -> Floats:
    """Return at most `count` different values of `x` (n,), at equally spaced quantiles."""
    return np.unique(np.quantile(x, np.linspace(_OUTER, 1 - _OUTER, count), method="nearest"))


def spline(x: Floats, knots: Floats) -> Floats:
    """Return the k - 2 bent columns (n, k - 2) of a restricted cubic spline with k knots; none below three knots."""
    return _restricted(x, knots, 3)


def spline_slopes(x: Floats, knots: Floats) -> Floats:
    """Return the derivatives of `spline`, (n, k - 2)."""
    return 3 * _restricted(x, knots, 2)


def _restricted(x: Floats, knots: Floats, order: int) -> Floats:
    if knots.size < 3:
        return np.empty((x.size, 0))
    cut = np.maximum(x[:, None] - knots, 0) ** order
    last, before = knots[-1], knots[-2]
    ends = cut[:, [-2]] * (last - knots[:-2]) - cut[:, [-1]] * (before - knots[:-2])
    return np.asarray((cut[:, :-2] - ends / (last - before)) / (last - knots[0]) ** 2)


class CurvedDemand(FixedEffectsDemand):
    """What the two share: log demand is a curve of the log price over the unit's mean price."""

    def _fit(self, panel: pd.DataFrame, arrays: PanelArrays, ground: Identification) -> None:
        scale = relative_to_group(arrays.price, arrays.group, int(arrays.group.max()) + 1)
        self._learn_curve(np.log(arrays.price / scale[arrays.group]), panel)
        first = ground.first if self.control_function else None
        found = fit_fixed_effects(
            replace(self._with_views_that_stay(arrays, first), controls=self._controls(panel)),
            first,
            form="log",
            tiers="one",
            segment_slopes=self.segment_slopes,
            curve=self._curve,
            max_iterations=self.max_iterations,
        )
        self._keep(found, arrays)

    def _learn_curve(self, term: Floats, panel: pd.DataFrame) -> None:
        raise NotImplementedError

    def _curve(self, term: Floats) -> Floats:
        raise NotImplementedError

    def _curve_slopes(self, term: Floats) -> Floats:
        raise NotImplementedError

    def _price_terms(self, X: pd.DataFrame, codes: Codes3) -> Floats:
        term = np.log(self._relative_price(X, codes))
        return np.column_stack([term[:, None] * self._loadings(codes), self._curve(term)])

    def elasticity_terms(self, X: pd.DataFrame) -> Floats:
        """Return what the slopes multiply in each row's elasticity, shape (n, k)."""
        codes = self._codes(X)
        return np.column_stack([self._loadings(codes), self._curve_slopes(np.log(self._relative_price(X, codes)))])


class PolynomialDemand(CurvedDemand):
    """Log demand as a polynomial of the log price."""

    def __init__(
        self,
        columns: dict[str, Any] | None = None,
        degree: int = 2,
        segment_slopes: bool = True,
        control_function: bool = True,
        max_iterations: int = 50,
    ) -> None:
        self.columns = columns
        self.degree = degree
        self.segment_slopes = segment_slopes
        self.control_function = control_function
        self.max_iterations = max_iterations

    def _learn_curve(self, term: Floats, panel: pd.DataFrame) -> None:  # noqa: ARG002
        self.low_, self.high_ = (float(edge) for edge in np.quantile(term, _EDGES))

    def _curve(self, term: Floats) -> Floats:
        return powers(term, self.degree, self.low_, self.high_)

    def _curve_slopes(self, term: Floats) -> Floats:
        return power_slopes(term, self.degree, self.low_, self.high_)


class AdditiveDemand(CurvedDemand):
    """Log demand as a sum of splines: of the log price and of each covariate that is a number."""

    def __init__(
        self,
        columns: dict[str, Any] | None = None,
        knots: int = 5,
        segment_slopes: bool = True,
        control_function: bool = True,
        max_iterations: int = 50,
    ) -> None:
        self.columns = columns
        self.knots = knots
        self.segment_slopes = segment_slopes
        self.control_function = control_function
        self.max_iterations = max_iterations

    def _learn_curve(self, term: Floats, panel: pd.DataFrame) -> None:
        self.price_knots_ = knots_of(term, self.knots)
        self.control_knots_ = [knots_of(values, self.knots) for values in super()._controls(panel).T]

    def _curve(self, term: Floats) -> Floats:
        return spline(term, self.price_knots_)

    def _curve_slopes(self, term: Floats) -> Floats:
        return spline_slopes(term, self.price_knots_)

    def _controls(self, X: pd.DataFrame) -> Floats:
        plain = super()._controls(X)
        bent = [spline(values, knots) for values, knots in zip(plain.T, self.control_knots_, strict=True)]
        return np.column_stack([plain, *bent])
