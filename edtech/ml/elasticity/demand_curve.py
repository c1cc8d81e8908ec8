"""Demand of the same rows at many prices: what no price changes is computed once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edtech.ml.elasticity.fitting.fixed_effects import Curve, price_term
from edtech.ml.elasticity.fitting.irls import Form, mean_rate
from edtech.tables.arrays import Floats

Pull = Callable[[Floats], Floats]
"""From weights (u,) of units to the derivative (k,) of their weighted demand by the slopes."""


@dataclass(frozen=True, slots=True)
class Along:
    """Demand of u rows whose own prices move, all else held fixed; smooth in k slopes, the last c those of a curve.

    `exposure`, `scale`, `rest` (eta without what the price does), `before` (the price at which demand is taken as
    known) and `group` are (u,); `loadings` (groups, k - c) says how the slopes make up that of a group of rows.
    """

    form: Form
    exposure: Floats
    scale: Floats
    rest: Floats
    group: NDArray[np.intp]
    loadings: Floats
    slopes: Floats
    curve: Curve
    before: Floats

    def demand(self, prices: Floats) -> tuple[Floats, Pull]:
        """Return the expected quantity (u,) at `prices` (u,), and how it moves with the slopes."""
        lines = self.loadings.shape[1]
        term, known = (price_term(self.form, at / self.scale) for at in (prices, self.before))
        bends = self.curve(term)
        own = term * (self.loadings @ self.slopes[:lines])[self.group] + bends @ self.slopes[lines:]
        rate = mean_rate(self.form, self.rest + own)
        quantity = self.exposure * rate
        slope = quantity * (1 - rate) if self.form == "logit" else quantity

        def pull(weights: Floats) -> Floats:
            moved = weights * slope
            by_group = np.bincount(self.group, moved * (term - known), minlength=len(self.loadings))
            return np.concatenate([by_group @ self.loadings, moved @ (bends - self.curve(known))])

        return quantity, pull
