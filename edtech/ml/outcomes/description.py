"""What a training of labels found, in sentences."""

from edtech.ml.outcomes import CHURN, COMPLETION, PROPENSITY
from edtech.ml.outcomes.result import LabelResult

OUTCOMES = {PROPENSITY: ("enroll", "views"), COMPLETION: ("complete", "enrollments"), CHURN: ("leave", "learners")}
"""What a yes means, and what the rows are."""


def finding(result: LabelResult) -> str:
    """Return how well the outcome is told, in one line, fit for a title."""
    m = result.metrics
    held_back = "later data" if "time" in result.evaluation else "rows held back by lot"
    return f"ROC AUC {m['roc_auc']:.3f}{_ends(m, 'roc_auc')} on {held_back}, base rate {m['base_rate']:.1%}"


def sentence(result: LabelResult) -> str:
    """Return what is predicted, how well it was told, and whether the probabilities can be taken as they are."""
    m, (does, rows) = result.metrics, OUTCOMES[result.family]
    better = 1 - m["log_loss"] / m["log_loss_base"]
    drawn = f"Of two {rows}, one that did {does} and one that did not, it gives the higher probability to the right one"
    return " ".join(
        [
            f"{drawn} in {m['roc_auc']:.0%} of cases; half by chance (ROC AUC {m['roc_auc']:.2f}"
            f"{_ends(m, 'roc_auc', 2)}).",
            f"Its log loss is {abs(better):.1%} {'below' if better > 0 else 'above'} that of giving everyone the base "
            f"rate of {m['base_rate']:.1%}.",
            f"Probabilities were off by {m['calibration_error']:.3f} on average over ten equally full bins (right ones "
            f"would exceed {m['calibration_error_chance']:.3f} in 5 % of samples of this size), calibration slope "
            f"{m['calibration_slope']:.2f}{_ends(m, 'calibration_slope', 2)}.",
            f"Measured on {result.split}.",
        ]
    )


def summary(result: LabelResult) -> str:
    """Return a run's description."""
    return "\n\n".join([sentence(result), *result.notes])


def _ends(metrics: dict[str, float], name: str, digits: int = 3) -> str:
    low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
    return "" if low is None or high is None else f" ({low:.{digits}f} to {high:.{digits}f})"
