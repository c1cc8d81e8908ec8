"""What an answer rests on, when it is refused, and which test would tell."""

import numpy as np

from edtech.ml.elasticity.description import IDENTIFICATION
from edtech.ml.elasticity.result import ElasticityResult
from edtech.tables.arrays import Floats

OUTSIDE_SHARE, OUTSIDE_MOVED = 0.05, 0.5
"""An answer extrapolates when more than this share of today's revenue, or of the revenue whose price changes, gets
prices never seen for its units: however little one course sells, an answer about it alone is about nothing else."""

WANTED_HALF_WIDTH = 0.25
_TEST_DISCOUNT = 0.2
_TEST_SHARE = 0.5


def refusal_reasons(result: ElasticityResult, quantity: Floats) -> tuple[str, ...]:
    """Return why no price is recommended, and what would tell; empty where one may be.

    `quantity` (u,) is today's expected quantity of each unit per period.
    """
    if result.may_recommend:
        return ()
    if result.bias_check is not None:
        return (
            f"The price effect is biased: {result.bias_check.evidence}. So no price is recommended.",
            f"What would help: {result.bias_check.fix}.",
        )
    return (
        f"The price effect is {IDENTIFICATION[result.identification]}; it holds only if {result.condition}. "
        "That cannot be seen in the data, so no price is recommended.",
        _what_would_tell(result, quantity),
    )


def _what_would_tell(result: ElasticityResult, quantity: Floats) -> str:
    """Name the test that would tell, sized by the data's own variance.

    With a discount given to half of the units at random each period, the variance of the elasticity is about
    dispersion / (quantity sold * variance of the log discount).
    """
    variance = _TEST_SHARE * (1 - _TEST_SHARE) * np.log(1 - _TEST_DISCOUNT) ** 2
    needed = _dispersion(result) * (1.96 / WANTED_HALF_WIDTH) ** 2 / variance
    periods = int(np.ceil(needed / max(float(quantity.sum()), 1e-9)))
    schedule = ""
    if result.identification == "within_unit":
        schedule = " Or state that prices were set on a schedule, if they were not set in answer to demand."
    length = "one period" if periods <= 1 else f"about {periods:,} periods"
    if result.roles.unit is None:
        length = f"about {int(np.ceil(needed)):,} sales"
    return (
        f"What would tell: give a {_TEST_DISCOUNT:.0%} discount to half of the units, drawn by lot anew each period, "
        f"for {length}, with a column that marks the drawn rows; the elasticity would then be known to "
        f"±{WANTED_HALF_WIDTH:g}.{schedule}"
    )


def _dispersion(result: ElasticityResult) -> float:
    """Pearson dispersion of later quantities around their prediction, at least 1."""
    rows = result.evaluation
    predicted = rows["predicted"].to_numpy(dtype=float)
    if predicted.size == 0 or not np.isfinite(predicted).all():
        return 1.0
    return max(
        1.0, float(np.mean((rows["actual"].to_numpy(dtype=float) - predicted) ** 2 / np.maximum(predicted, 1e-9)))
    )
