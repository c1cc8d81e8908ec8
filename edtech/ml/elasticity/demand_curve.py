"""Demand of the same rows at many prices, with everything that does not depend on the price computed once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edtech.ml.elasticity.fitting.fixed_effects import Basis, price_term
from edtech.ml.elasticity.fitting.irls import DemandForm, mean_rate
from edtech.tables.arrays import Floats

VectorJacobianProduct = Callable[[Floats], Floats]
"""Maps weights (u,) of units to the derivative (k,) of weighted demand with respect to the slopes."""


@dataclass(frozen=True, slots=True)
class DemandCurve:
    """Demand of u rows as a function of their own prices, all else equal.

    It is smooth in k slopes, of which the last c belong to the basis. `exposure`, `scale`, `offset` (eta without the
    price effect), `slope_group` and `reference_price` (at which demand is treated as known) are (u,). `slope_design`
    (groups, k - c) maps the linear slopes to the slope of each group.
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
        """Return the expected quantity (u,) at `prices` (u,) and its vector-Jacobian product by the slopes."""
        n_linear = self.slope_design.shape[1]
        term, reference_term = (price_term(self.form, at / self.scale) for at in (prices, self.reference_price))
        curved_terms = self.basis(term)
        group_slopes = self.slope_design @ self.slopes[:n_linear]
        price_effect = term * group_slopes[self.slope_group] + curved_terms @ self.slopes[n_linear:]
        rate = mean_rate(self.form, self.offset + price_effect)
        quantity = self.exposure * rate
        slope = quantity * (1 - rate) if self.form == "logit" else quantity

        def vjp(weights: Floats) -> Floats:
            weighted = weights * slope
            by_group = np.bincount(
                self.slope_group, weighted * (term - reference_term), minlength=len(self.slope_design)
            )
            curved_change = curved_terms - self.basis(reference_term)
            return np.concatenate([by_group @ self.slope_design, weighted @ curved_change])

        return quantity, vjp
