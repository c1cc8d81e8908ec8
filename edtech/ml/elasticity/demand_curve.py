"""Demand of the same rows at many prices: what no price changes is computed once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edtech.ml.elasticity.fitting.fixed_effects import Basis, price_term
from edtech.ml.elasticity.fitting.irls import DemandForm, mean_rate
from edtech.tables.arrays import Floats

VectorJacobianProduct = Callable[[Floats], Floats]
"""From weights (u,) of units to the derivative (k,) of their weighted demand by the slopes."""


@dataclass(frozen=True, slots=True)
class DemandCurve:
    """Demand of u rows whose own prices move, all else held fixed; smooth in k slopes, the last c those of a curve.

    `exposure`, `scale`, `rest` (eta without what the price does), `before` (the price at which demand is taken as
    known) and `group` are (u,); `loadings` (groups, k - c) says how the slopes make up that of a group of rows.
    """

    form: DemandForm
    exposure: Floats
    scale: Floats
    offset: Floats
    slope_group: NDArray[np.intp]
    slope_design: Floats
    slopes: Floats
    basis: Basis
    reference_price: Floats

    def demand(self, prices: Floats) -> tuple[Floats, VectorJacobianProduct]:
        """Return the expected quantity (u,) at `prices` (u,), and how it moves with the slopes."""
        n_linear = self.slope_design.shape[1]
        term, reference_term = (price_term(self.form, at / self.scale) for at in (prices, self.reference_price))
        curved_terms = self.basis(term)
        price_effect = term * (self.slope_design @ self.slopes[:n_linear])[self.slope_group] + curved_terms @ self.slopes[n_linear:]
        rate = mean_rate(self.form, self.offset + price_effect)
        quantity = self.exposure * rate
        slope = quantity * (1 - rate) if self.form == "logit" else quantity

        def vjp(weights: Floats) -> Floats:
            moved = weights * slope
            by_group = np.bincount(self.slope_group, moved * (term - reference_term), minlength=len(self.slope_design))
            return np.concatenate([by_group @ self.slope_design, moved @ (curved_terms - self.basis(reference_term))])

        return quantity, vjp
