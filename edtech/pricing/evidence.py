"""Checks of a trained model's elasticity and forecasts, on which every what-if of the model depends."""

import numpy as np

from edtech.data.quality.checks import Check, Severity, grade
from edtech.ml.elasticity.description import interval_text
from edtech.ml.elasticity.result import ElasticityResult

MAX_INTERVAL_WIDTH = 0.5
"""An interval wider than this share of the elasticity says little about the effect of a price change."""
MAX_FORECAST_ERROR = 0.15
"""A forecast of held-out rows is inaccurate if its error exceeds this share of the actual total."""

NO_CARD = Check("card", "The training was checked", Severity.REVIEW, "The run has no diagnostics.", "Train again.")


def evidence_checks(result: ElasticityResult) -> tuple[Check, ...]:
    """Return the checks of the training, of the interval, of the sign and of the forecast."""
    return (*(result.checks or (NO_CARD,)), interval_check(result), sign_check(result), backtest_check(result))


def interval_check(result: ElasticityResult) -> Check:
    """Return whether the elasticity has a narrow interval."""
    elasticity = result.elasticity
    if elasticity.low is None or elasticity.high is None:
        return Check(
            "interval",
            "Precision of the elasticity",
            Severity.REVIEW,
            elasticity.note or "The algorithm has no interval.",
            "Use a run of an algorithm with an interval, such as fixed effects.",
        )
    width = (elasticity.high - elasticity.low) / max(abs(elasticity.estimate), 1e-9)
    return grade(
        "interval",
        "Precision of the elasticity",
        review=width > MAX_INTERVAL_WIDTH,
        evidence=f"{elasticity.estimate:.2f}, {interval_text(elasticity.low, elasticity.high)}: the width of the "
        f"interval is {width:.0%} of the elasticity.",
        fix="Use more price changes, more periods, or one slope for all segments.",
    )


def sign_check(result: ElasticityResult) -> Check:
    """Return whether demand falls as the price rises."""
    rising = result.elasticity_by_segment.query("estimate > 0")["segment"]
    return grade(
        "sign",
        "Demand falls as the price rises",
        fail=result.elasticity.estimate > 0,
        review=len(rising) > 0,
        evidence=f"The elasticity is {result.elasticity.estimate:.2f}. Demand rises with the price in {len(rising)} of "
        f"{len(result.elasticity_by_segment)} segments.",
        fix="Check the data first: prices that follow demand give this result.",
    )


def backtest_check(result: ElasticityResult) -> Check:
    """Return whether the total of the held-out rows is forecast well."""
    rows, later = result.evaluation, result.roles.period is not None
    title = "The last periods are forecast well" if later else "The held-out rows are forecast well"
    predicted = rows["predicted"].to_numpy(dtype=float) if len(rows) else np.array([np.nan])
    if not np.isfinite(predicted).all():
        return Check(
            "backtest",
            title,
            Severity.REVIEW,
            f"No forecast can be evaluated: {result.split}.",
            "Use more periods." if later else "Use more units, or name the period column.",
        )
    actual = float(rows["actual"].sum())
    error = predicted.sum() / max(actual, 1e-9) - 1
    return grade(
        "backtest",
        title,
        review=abs(error) > MAX_FORECAST_ERROR,
        evidence=f"On {result.split}, the forecast is {predicted.sum():,.0f} and actual sales are {actual:,.0f}: "
        f"{error:+.1%}.",
        fix="Something changed that the model does not capture. Train on newer data."
        if later
        else "Units differ in ways that the model does not capture. Add covariates that explain the difference.",
    )
