"""Checks of a trained model's elasticity and forecasts that every answer from it depends on."""

import numpy as np

from edtech.data.quality.checks import Check, Severity, grade
from edtech.ml.elasticity.description import interval_text
from edtech.ml.elasticity.result import ElasticityResult

WIDE = 0.5
"""An interval wider than this share of the elasticity says little about how much a price change does."""
FAR_OFF = 0.15
"""A forecast of what was held back that is off by more than this share of what happened."""

NO_CARD = Check(
    "card", "The training was checked", Severity.REVIEW, "The run holds no diagnostics card.", "Train again."
)


def evidence_checks(result: ElasticityResult) -> tuple[Check, ...]:
    """Return the checks of the training and those made here."""
    return (*(result.checks or (NO_CARD,)), interval_check(result), sign_check(result), backtest_check(result))


def interval_check(result: ElasticityResult) -> Check:
    """Return whether the elasticity has a narrow interval."""
    found = result.elasticity
    if found.low is None or found.high is None:
        return Check(
            "interval",
            "How sure the elasticity is",
            Severity.REVIEW,
            found.note or "There is no interval.",
            "Ask a run of an algorithm with an interval, such as fixed effects.",
        )
    width = (found.high - found.low) / max(abs(found.estimate), 1e-9)
    return grade(
        "interval",
        "How sure the elasticity is",
        review=width > WIDE,
        evidence=f"{found.estimate:.2f}, {interval_text(found.low, found.high)}: {width:.0%} of it wide.",
        fix="More price changes, more periods or one slope for all segments make it narrower.",
    )


def sign_check(result: ElasticityResult) -> Check:
    """Return whether demand falls as the price rises."""
    rising = result.elasticity_by_segment.query("estimate > 0")["segment"]
    return grade(
        "sign",
        "Demand falls as the price rises",
        fail=result.elasticity.estimate > 0,
        review=len(rising) > 0,
        evidence=f"Elasticity {result.elasticity.estimate:.2f}; {len(rising)} of {len(result.elasticity_by_segment)} "
        "segments with a rising demand.",
        fix="Look at the data first: prices that follow demand look like this.",
    )


def backtest_check(result: ElasticityResult) -> Check:
    """Return whether the total of what was held out was forecast well."""
    rows, later = result.evaluation, result.roles.period is not None
    title = "The last periods were forecast well" if later else "What was held back was forecast well"
    predicted = rows["predicted"].to_numpy(dtype=float) if len(rows) else np.array([np.nan])
    if not np.isfinite(predicted).all():
        return Check(
            "backtest",
            title,
            Severity.REVIEW,
            f"No forecast can be checked: {result.split}.",
            "Bring more periods." if later else "Bring more units, or name the periods.",
        )
    actual = float(rows["actual"].sum())
    off = predicted.sum() / max(actual, 1e-9) - 1
    return grade(
        "backtest",
        title,
        review=abs(off) > FAR_OFF,
        evidence=f"On {result.split}, {predicted.sum():,.0f} were forecast and {actual:,.0f} sold: {off:+.1%}.",
        fix="Something changed that the model does not know; train on newer data."
        if later
        else "Units differ in ways the model does not know; name covariates that tell them apart.",
    )
