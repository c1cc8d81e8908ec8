"""Metrics of predicted probabilities, with confidence intervals clustered by subject."""

from collections.abc import Callable

import numpy as np
from scipy.special import expit, logit
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score

from edtech.ml.base import Estimate
from edtech.ml.elasticity.fitting.inference import cluster_sums, critical_value
from edtech.tables.arrays import Codes, Floats

BINS = 10
REPEATS = 100
CHANCE_REPEATS = 500
SEED = 20


def all_metrics(actual: Floats, predicted: Floats, cluster: Codes) -> dict[str, float]:
    """Return every metric of probabilities (n,) against outcomes 0 or 1 (n,), with `_low` and `_high` if valid.

    `cluster` (n,) has codes of the subjects. The interval of PR AUC is from a bootstrap of subjects, seed 20; the
    others are analytic.
    """
    slope, intercept = calibration_line(actual, predicted, cluster)
    base = float(actual.mean())
    error, chance = calibration_error(actual, predicted), calibration_error_by_chance(predicted)
    estimates = {
        "roc_auc": roc_auc(actual, predicted, cluster),
        "pr_auc": bootstrap(average_precision_score, actual, predicted, cluster),
        "log_loss": mean_loss(-np.log(np.where(actual == 1, predicted, 1 - predicted)), cluster),
        "brier": mean_loss((actual - predicted) ** 2, cluster),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
        "base_rate": Estimate(base),
        "mean_predicted": Estimate(float(predicted.mean())),
        "log_loss_base": Estimate(float(-(base * np.log(base) + (1 - base) * np.log(1 - base)))),
        "brier_base": Estimate(base * (1 - base)),
        "calibration_error": Estimate(error),
        "calibration_error_chance": Estimate(chance),
    }
    return {
        name: value
        for metric, estimate in estimates.items()
        for name, value in estimate_metrics(metric, estimate).items()
    }


def estimate_metrics(name: str, estimate: Estimate) -> dict[str, float]:
    """Return an estimate as a metric, with its bounds as `_low` and `_high`."""
    ends = {f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return {name: estimate.estimate, **{bound: end for bound, end in ends.items() if end is not None}}


def roc_auc(actual: Floats, predicted: Floats, cluster: Codes) -> Estimate:
    """Return the area under the ROC curve.

    Interval: DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, clustered by subject as in Obuchowski (1997),
    Biometrics 53; on the logit scale, so that it stays between 0 and 1.

    >>> roc_auc(np.array([0.0, 0, 1, 1]), np.array([0.1, 0.4, 0.3, 0.9]), np.arange(4)).estimate
    0.75
    """
    influence, auc = auc_influence(actual, predicted)
    return _logit_interval(auc, float(np.sqrt((_cluster_totals(influence, cluster) ** 2).sum())), cluster)


def auc_influence(actual: Floats, predicted: Floats) -> tuple[Floats, float]:
    """Return the influence of each row on the AUC (n,), with sum 0, and the AUC."""
    yes = actual == 1
    m, n = int(yes.sum()), int((~yes).sum())
    ranks = rankdata(predicted)
    above = (ranks[yes] - rankdata(predicted[yes])) / n  # share of negatives below each positive
    below = 1 - (ranks[~yes] - rankdata(predicted[~yes])) / m
    auc = float(above.mean())
    influence = np.empty(len(actual))
    influence[yes], influence[~yes] = (above - auc) / m, (below - auc) / n
    return influence, auc


def auc_difference(actual: Floats, first: Floats, second: Floats, cluster: Codes) -> Estimate:
    """Return the AUC of `first` minus that of `second` on the same rows, with its interval (DeLong 1988)."""
    (first_influence, a), (second_influence, b) = auc_influence(actual, first), auc_influence(actual, second)
    half = critical_value(len(np.unique(cluster))) * float(
        np.sqrt((_cluster_totals(first_influence - second_influence, cluster) ** 2).sum())
    )
    return Estimate(a - b, a - b - half, a - b + half)


def mean_loss(loss: Floats, cluster: Codes) -> Estimate:
    """Return the mean of a loss (n,) with its interval."""
    mean = float(loss.mean())
    half = (
        critical_value(len(np.unique(cluster)))
        * float(np.sqrt((_cluster_totals(loss - mean, cluster) ** 2).sum()))
        / len(loss)
    )
    return Estimate(mean, mean - half, mean + half)


def calibration_line(actual: Floats, predicted: Floats, cluster: Codes) -> tuple[Estimate, Estimate]:
    """Return slope and intercept of the outcome's log odds on the predicted log odds, 1 and 0 if calibrated.

    Cox (1958), Biometrika 45. The intercept is that at slope 1 ("calibration in the large"). Standard errors are
    clustered.
    """
    odds = logit(predicted)
    line = _logistic(np.column_stack([odds, np.ones_like(odds)]), actual, np.zeros_like(odds), cluster)
    level = _logistic(np.ones((len(odds), 1)), actual, odds, cluster)
    return line[0], level[0]


def _logistic(design: Floats, actual: Floats, offset: Floats, cluster: Codes) -> list[Estimate]:
    beta = np.zeros(design.shape[1])
    for _ in range(50):
        p = expit(design @ beta + offset)
        weight = p * (1 - p)
        hessian = (design * weight[:, None]).T @ design + 1e-9 * np.eye(len(beta))
        step = np.linalg.solve(hessian, design.T @ (actual - p))
        beta = beta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-9:
            break
    influence = cluster_sums(design * (actual - p)[:, None], cluster) @ np.linalg.inv(hessian)
    half = critical_value(len(influence)) * np.sqrt((influence**2).sum(axis=0))
    return [Estimate(float(b), float(b - h), float(b + h)) for b, h in zip(beta, half, strict=True)]


Ties = tuple[Codes, Codes]
"""Code of each row's group of equal scores (n,), and the rows in each group (t,)."""


def find_ties(score: Floats) -> Ties:
    """Return the groups of rows with equal scores (n,)."""
    _, tie, rows = np.unique(score, return_inverse=True, return_counts=True)
    return tie, rows


def average_ties(values: Floats, ties: Ties) -> Floats:
    """Return the values (n,) averaged over ties, so that no metric depends on the order of tied rows."""
    tie, rows = ties
    return values if len(rows) == len(values) else (np.bincount(tie, values) / rows)[tie]


def decile_bins(predicted: Floats) -> Codes:
    """Return the decile of each probability, by rank, (n,).

    Ties may span deciles: average values with `average_ties` before summing them by decile.

    >>> decile_bins(np.array([0.2, 0.1, 0.3, 0.9, 0.5]))
    array([2, 0, 4, 8, 6])
    """
    return np.asarray((rankdata(predicted, "ordinal") - 1) * BINS // len(predicted), dtype=np.intp)


def calibration_error(actual: Floats, predicted: Floats) -> float:
    """Return the expected calibration error: the mean over deciles of |observed - predicted share|.

    Naeini, Cooper and Hauskrecht (2015), AAAI; equal-mass bins as in Nguyen and O'Connor (2015).
    """
    bins = decile_bins(predicted)
    gaps = np.abs(np.bincount(bins, average_ties(actual, find_ties(predicted)) - predicted, BINS))
    return float(gaps.sum() / len(actual))


def calibration_error_by_chance(predicted: Floats) -> float:
    """Return the 95% quantile of the calibration error of calibrated probabilities in such samples (seed 20)."""
    rng, bins = np.random.default_rng(SEED), decile_bins(predicted)
    order = np.argsort(bins, kind="stable")
    starts = np.searchsorted(bins[order], np.arange(min(BINS, len(predicted))))
    sorted_ = predicted[order]
    ties = find_ties(sorted_)

    def simulated_error() -> float:
        outcome = average_ties((rng.random(len(sorted_)) < sorted_).astype(float), ties)
        return float(np.abs(np.add.reduceat(outcome - sorted_, starts)).sum() / len(sorted_))

    errors = [simulated_error() for _ in range(CHANCE_REPEATS if len(predicted) < 20_000 else 100)]
    return float(np.quantile(errors, 0.95))


def bootstrap(metric: Callable[[Floats, Floats], float], actual: Floats, predicted: Floats, cluster: Codes) -> Estimate:
    """Return a metric with its percentile interval from a bootstrap of subjects (100 replicates, seed 20)."""
    rng = np.random.default_rng(SEED)
    order = np.argsort(cluster, kind="stable")
    names, first, size = np.unique(cluster[order], return_index=True, return_counts=True)
    replicates = []
    for _ in range(REPEATS):
        resample = rng.integers(0, names.size, names.size)
        ends = np.cumsum(size[resample])
        rows = order[np.repeat(first[resample] - ends + size[resample], size[resample]) + np.arange(ends[-1])]
        if 0 < actual[rows].sum() < rows.size:
            replicates.append(float(metric(actual[rows], predicted[rows])))
    low, high = np.quantile(replicates, [0.025, 0.975])
    return Estimate(float(metric(actual, predicted)), float(low), float(high))


def _cluster_totals(values: Floats, cluster: Codes) -> Floats:
    return cluster_sums(values[:, None], cluster)[:, 0]


def _logit_interval(share: float, error: float, cluster: Codes) -> Estimate:
    if not 0 < share < 1:
        return Estimate(share)
    half = critical_value(len(np.unique(cluster))) * error / (share * (1 - share))
    low, high = expit(logit(share) - half), expit(logit(share) + half)
    return Estimate(share, float(low), float(high))
