"""Whether views react to the price: then a model of sales per view holds a part of the effect fixed, and hides it."""

from dataclasses import replace

import numpy as np

from edtech.errors import ModelError
from edtech.ml.base import Estimate
from edtech.ml.elasticity.fixed_effects import fit_fixed_effects
from edtech.ml.elasticity.inference import FirstStage, half_width
from edtech.ml.elasticity.panel import PanelArrays

SMALL = 0.05
"""An elasticity of views below this is left out: it would change the answer by less than other things do."""


def views_slope(arrays: PanelArrays, first: FirstStage | None) -> Estimate | None:
    """Return the elasticity of views by the price, by the same effects and control function as that of sales.

    None where units do not repeat or it cannot be told.
    """
    if not arrays.repeated or np.ptp(arrays.exposure) == 0:
        return None
    seen = replace(arrays, quantity=arrays.exposure, exposure=np.ones_like(arrays.exposure))
    try:
        fit = fit_fixed_effects(seen, first, form="log", tiers="one", segment_slopes=False)
    except ModelError:
        return None
    slope = float(fit.slopes[0])
    half = half_width(np.ones(1), fit.errors.covariance, fit.errors.freedom)
    return Estimate(slope, slope - half, slope + half)


def reacts(slope: Estimate | None) -> bool:
    """Whether views react to the price by more than chance and by enough to matter."""
    if slope is None or slope.low is None or slope.high is None:
        return False
    return abs(slope.estimate) > SMALL and (slope.low > 0 or slope.high < 0)
