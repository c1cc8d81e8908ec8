"""The trust grade of a what-if or plan, the reasons of a refusal, and the test that would settle it."""

from collections.abc import Iterable
from enum import StrEnum

import numpy as np

from edtech.data.quality.checks import Check, Severity
from edtech.ml.elasticity.description import IDENTIFICATION
from edtech.ml.elasticity.result import ElasticityResult
from edtech.tables.arrays import Floats

OUTSIDE_SHARE, OUTSIDE_CHANGED = 0.05, 0.5
"""An answer extrapolates if more than this share of today's revenue, or of the revenue whose price changes, gets prices
that were never observed. The second share matters for a single course: its revenue may be a small share of all."""

AT_BOUND = 0.5
"""If more than this share of a plan's gain comes from prices at a bound, the bounds decide the plan, not the data."""

TARGET_HALF_WIDTH = 0.25
_TEST_DISCOUNT = 0.2
_TEST_SHARE = 0.5


class Trust(StrEnum):
    """How far a what-if or a plan is tested.

    REFUSED: the price effect is not identified, or is biased. EXTRAPOLATES: too much is at prices never observed.
    NEEDS_REVIEW: substitution is not modeled, a check did not pass, or most of a plan's gain comes from prices on a
    bound. SUPPORTED: none of these; its identification still holds on the stated condition only. NOT_GRADED: saved
    before the label was computed from the checks.
    """

    REFUSED = "refused"
    EXTRAPOLATES = "extrapolates"
    NEEDS_REVIEW = "needs review"
    SUPPORTED = "supported"
    NOT_GRADED = "not graded"


def trust_state(
    *,
    refused: bool,
    extrapolates: bool,
    models_substitution: bool,
    checks: Iterable[Check],
    gain_at_bound: float = 0.0,
) -> Trust:
    """Return how far an answer is tested; the first state that applies, in the order of `Trust`.

    `checks` are those of the training and of the answer; `gain_at_bound` is the share of a plan's gain that comes from
    prices on a bound.
    """
    if refused:
        return Trust.REFUSED
    if extrapolates:
        return Trust.EXTRAPOLATES
    passed = all(check.severity is Severity.PASS for check in checks)
    return Trust.SUPPORTED if models_substitution and passed and gain_at_bound <= AT_BOUND else Trust.NEEDS_REVIEW


def saved_trust(tag: object) -> Trust:
    """Return the state that a run's tag `trust` names; what earlier versions wrote for passed is not graded."""
    return next((state for state in Trust if state == tag), Trust.NOT_GRADED)


def refusal_reasons(result: ElasticityResult, quantity: Floats) -> tuple[str, ...]:
    """Return why no price is recommended and which test would settle it; empty if a recommendation is allowed.

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
        "The data cannot show whether it does, so no price is recommended.",
        _suggested_test(result, quantity),
    )


def _suggested_test(result: ElasticityResult, quantity: Floats) -> str:
    """Describe the price test that would identify the effect, sized by the variance of the data.

    With a discount given to half of the units at random each period, the variance of the elasticity is about
    dispersion / (quantity sold * variance of the log discount).
    """
    variance = _TEST_SHARE * (1 - _TEST_SHARE) * np.log(1 - _TEST_DISCOUNT) ** 2
    needed = _dispersion(result) * (1.96 / TARGET_HALF_WIDTH) ** 2 / variance
    periods = int(np.ceil(needed / max(float(quantity.sum()), 1e-9)))
    schedule = ""
    if result.identification == "within_unit":
        schedule = " Or state that prices followed a schedule, if they did not respond to demand."
    length = "one period" if periods <= 1 else f"about {periods:,} periods"
    if result.roles.unit is None:
        length = f"about {int(np.ceil(needed)):,} sales"
    return (
        f"Test to run: give a {_TEST_DISCOUNT:.0%} discount to a random half of the units, drawn again each period, "
        f"for {length}. Mark these rows in a column. The elasticity is then known to "
        f"±{TARGET_HALF_WIDTH:g}.{schedule}"
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
