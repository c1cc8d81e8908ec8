"""Whether views react to the price: then a model of sales per view holds a part of the effect fixed, and hides it."""

from dataclasses import replace

import numpy as np

from edtech.errors import ModelError
from edtech.ml.elasticity.estimators.fixed_effects import fit_fixed_effects
from edtech.ml.elasticity.inference import FirstStage, half_width
from edtech.ml.elasticity.panel import PanelArrays
from edtech.tables.arrays import Floats

SMALL = 0.05
"""An elasticity of views below this is left out: it would change the answer by less than other things do."""


def views_slope(arrays: PanelArrays, first: FirstStage | None) -> Floats | None:
    """Return the elasticity of views by the price and its 95 % interval (3,), with the effects that sales have.

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
    return np.array([slope, slope - half, slope + half])


def reacts(slope: Floats | None) -> bool:
    """Whether views react to the price by more than chance and by enough to matter."""
    return slope is not None and abs(slope[0]) > SMALL and (slope[1] > 0 or slope[2] < 0)
