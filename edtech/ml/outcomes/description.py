"""Sentences that describe the result of a training."""

from edtech.ml.outcomes import CHURN, COMPLETION, PROPENSITY
from edtech.ml.outcomes.result import OutcomeResult

OUTCOMES = {PROPENSITY: ("enroll", "views"), COMPLETION: ("complete", "enrollments"), CHURN: ("leave", "learners")}
"""The verb of a positive outcome, and the name of the rows."""


def finding(result: OutcomeResult) -> str:
    """Return the held-out ROC AUC as a title."""
    m = result.metrics
    rows = "later data" if "time" in result.evaluation else "random held-out rows"
    return f"ROC AUC {m['roc_auc']:.3f}{_interval_text(m, 'roc_auc')} on {rows}, base rate {m['base_rate']:.1%}"


def describe(result: OutcomeResult) -> str:
    """Return discrimination, gain over the base rate, and calibration."""
    m, (verb, rows) = result.metrics, OUTCOMES[result.family]
    gain = 1 - m["log_loss"] / m["log_loss_base"]
    return " ".join(
        [
            f"ROC AUC {m['roc_auc']:.2f}{_interval_text(m, 'roc_auc', 2)}: of two {rows}, one that did {verb} and one "
            f"that did not, the model ranks them correctly in {m['roc_auc']:.0%} of cases (50% by chance).",
            f"Its log loss is {abs(gain):.1%} {'below' if gain > 0 else 'above'} that of predicting the base rate of "
            f"{m['base_rate']:.1%} for all.",
            f"The calibration error is {m['calibration_error']:.3f} on average over deciles; calibrated probabilities "
            f"exceed {m['calibration_error_chance']:.3f} in 5% of samples of this size. The calibration slope is "
            f"{m['calibration_slope']:.2f}{_interval_text(m, 'calibration_slope', 2)}.",
            f"Measured on {result.split}.",
        ]
    )


def summary(result: OutcomeResult) -> str:
    """Return a run's description."""
    return "\n\n".join([describe(result), *result.notes])


def _interval_text(metrics: dict[str, float], name: str, digits: int = 3) -> str:
    low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
    return "" if low is None or high is None else f" ({low:.{digits}f} to {high:.{digits}f})"
