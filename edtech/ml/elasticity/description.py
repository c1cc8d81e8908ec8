"""What a training found, in sentences."""

from edtech.ml.base import Estimate
from edtech.ml.elasticity.result import ElasticityResult

IDENTIFICATION = {
    "randomized": "read from prices or discounts drawn at random",
    "instrument": "read from the instruments you named",
    "within_unit": "read from price changes within each unit over time",
    "controls": "read from differences between offers at equal covariates",
    "none": "not identified: prices differ only between units that differ in other ways too",
}


CONDITIONS = {
    "within_unit": "if prices do not follow demand",
    "controls": "if prices do not follow demand at equal covariates",
    "none": "not identified",
}
"""What a title adds where no price may be recommended on a ground."""
BIASED = "biased: too many rows sold nothing"
_MAX_ELASTICITY = 100.0
"""Above it 1.1 to its power is absurd already, and soon no number at all."""


def interval_text(low: float | None, high: float | None, digits: int = 2) -> str:
    """Return a 95 % interval in words."""
    return (
        "no honest interval" if low is None or high is None else f"95 % interval {low:.{digits}f} to {high:.{digits}f}"
    )


def finding(result: ElasticityResult) -> str:
    """Return the elasticity in one line, fit for a title, with its condition where nothing may be built on it yet."""
    elasticity = result.elasticity
    headline = f"Own-price elasticity {elasticity.estimate:.2f} ({interval_text(elasticity.low, elasticity.high)})"
    if result.may_recommend:
        return headline
    return f"{headline}, {CONDITIONS[result.identification] if result.bias_check is None else BIASED}"


def describe(result: ElasticityResult) -> str:
    """Return what was found, how it is identified, on what condition, and how well what was held back was predicted.

    What 10 % do is told as if the elasticity were the same at both prices.
    """
    elasticity = result.elasticity
    sentences = [
        f"{_price_effect(elasticity)}: own-price elasticity {elasticity.estimate:.2f} ({interval_text(elasticity.low, elasticity.high)}), "
        f"{IDENTIFICATION[result.identification]}.",
        f"This holds if {result.condition}.",
    ]
    if result.bias_check is not None:
        sentences.append(f"It is biased all the same: {result.bias_check.evidence}.")
    if "segment_elasticity" in result.metrics:
        sentences.append(
            f"When all prices of a segment move together it is {result.metrics['segment_elasticity']:.2f}, because "
            "units take sales from each other."
        )
    if "rmse" in result.metrics:
        r2 = f", R² {result.metrics['r2']:.2f}" if "r2" in result.metrics else ""
        sentences.append(
            f"On {result.split} it was off by {result.metrics['mae']:.2f} per row on average "
            f"(RMSE {result.metrics['rmse']:.2f}{r2})."
        )
    return " ".join(sentences)


def naive_warning(result: ElasticityResult) -> str:
    """Return the naive estimate, as the warning it is."""
    return (
        f"The naive estimate, a pooled log-log slope that ignores units and how prices were set, says "
        f"{result.naive.estimate:+.2f}. It is shown as a warning, not as an answer."
    )


def summary(result: ElasticityResult) -> str:
    """Return a run's description; plain sentences, so that a name from the data cannot become Markdown."""
    return "\n\n".join([describe(result), naive_warning(result), *result.notes])


def _price_effect(elasticity: Estimate) -> str:
    if elasticity.low is not None and elasticity.high is not None and elasticity.low <= 0 <= elasticity.high:
        return "Whether demand falls or rises with the price is not shown"
    direction = "fall" if elasticity.estimate < 0 else "rise"
    change = 1.1 ** min(elasticity.estimate, _MAX_ELASTICITY) - 1
    return f"A price 10 % higher makes demand {direction} by about {abs(change) * 100:,.1f} %"
