"""Sentences that describe the result of a training."""

from edtech.ml.base import Estimate
from edtech.ml.elasticity.result import ElasticityResult

IDENTIFICATION = {
    "randomized": "identified from randomized prices or discounts",
    "instrument": "identified from the instruments you named",
    "within_unit": "identified from price changes within units over time",
    "controls": "identified from differences between offers with equal covariates",
    "none": "not identified: prices differ only between units that differ in other ways too",
}


CONDITIONS = {
    "within_unit": "if prices do not follow demand",
    "controls": "if prices do not follow demand, given the covariates",
    "none": "not identified",
}
"""What a title adds if the identification does not support recommended prices."""
BIASED = "biased: too many rows have no sales"
_MAX_ELASTICITY = 100.0
"""Bound of the exponent in 1.1 ** elasticity, which would overflow."""


def interval_text(low: float | None, high: float | None, digits: int = 2) -> str:
    """Return a 95% interval as text.

    >>> interval_text(-2.1, -1.4)
    '95% interval -2.10 to -1.40'
    """
    if low is None or high is None:
        return "no valid confidence interval"
    return f"95% interval {low:.{digits}f} to {high:.{digits}f}"


def finding(result: ElasticityResult) -> str:
    """Return the elasticity as a title, with its condition if no price may be recommended."""
    elasticity = result.elasticity
    headline = f"Own-price elasticity {elasticity.estimate:.2f} ({interval_text(elasticity.low, elasticity.high)})"
    if result.may_recommend:
        return headline
    return f"{headline}, {CONDITIONS[result.identification] if result.bias_check is None else BIASED}"


def describe(result: ElasticityResult) -> str:
    """Return the elasticity, its identification and condition, and the held-out error.

    The effect of a 10% price increase assumes a constant elasticity.
    """
    elasticity = result.elasticity
    interval = interval_text(elasticity.low, elasticity.high)
    sentences = [
        f"{_price_effect(elasticity)}: own-price elasticity {elasticity.estimate:.2f} ({interval}), "
        f"{IDENTIFICATION[result.identification]}.",
        f"This is valid if {result.condition}.",
    ]
    if result.bias_check is not None:
        sentences.append(f"The estimate is biased: {result.bias_check.evidence}.")
    if "segment_elasticity" in result.metrics:
        sentences.append(
            f"If all prices of a segment change together, it is {result.metrics['segment_elasticity']:.2f}, because "
            "units are substitutes."
        )
    if "rmse" in result.metrics:
        r2 = f", R² {result.metrics['r2']:.2f}" if "r2" in result.metrics else ""
        sentences.append(
            f"Held-out error on {result.split}: MAE {result.metrics['mae']:.2f}, RMSE {result.metrics['rmse']:.2f}{r2}."
        )
    return " ".join(sentences)


def naive_warning(result: ElasticityResult) -> str:
    """Return a sentence that warns of the naive estimate."""
    return (
        f"The naive estimate is {result.naive.estimate:+.2f}: a pooled log-log slope that ignores units and how prices "
        "were set. Do not use it for decisions."
    )


def summary(result: ElasticityResult) -> str:
    """Return a run's description, without Markdown, because names come from the data."""
    return "\n\n".join([describe(result), naive_warning(result), *result.notes])


def _price_effect(elasticity: Estimate) -> str:
    if elasticity.low is not None and elasticity.high is not None and elasticity.low <= 0 <= elasticity.high:
        return "The data do not show whether demand falls or rises with the price"
    verb = "lowers" if elasticity.estimate < 0 else "raises"
    change = 1.1 ** min(elasticity.estimate, _MAX_ELASTICITY) - 1
    return f"A 10% price increase {verb} demand by about {abs(change) * 100:,.1f}%"
