"""How good probabilities are, with intervals that count a subject's rows as one."""

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
    """Return every metric of probabilities (n,) against outcomes 0 or 1 (n,), with `_low` and `_high` where honest.

    `cluster` (n,) numbers the subjects. The interval of PR AUC is that of a bootstrap of subjects, seed 20; the others
    are analytic.
    """
    slope, intercept = calibration_line(actual, predicted, cluster)
    base = float(actual.mean())
    error, chance = calibration_error(actual, predicted), calibration_error_by_chance(predicted)
    found = {
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
    return {name: value for one, estimate in found.items() for name, value in flat(one, estimate).items()}


def flat(name: str, found: Estimate) -> dict[str, float]:
    """Return an estimate as metrics of these names."""
    ends = {f"{name}_low": found.low, f"{name}_high": found.high}
    return {name: found.estimate, **{one: end for one, end in ends.items() if end is not None}}


def roc_auc(actual: Floats, predicted: Floats, cluster: Codes) -> Estimate:
    """Return the area under the ROC curve.

    Interval: DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, with a subject's rows summed as in Obuchowski
    (1997), Biometrics 53; on the logit scale, so that it stays inside 0 and 1.
    """
    influence, auc = auc_influence(actual, predicted)
    return _logit_interval(auc, float(np.sqrt((_sums(influence, cluster) ** 2).sum())), cluster)


def auc_influence(actual: Floats, predicted: Floats) -> tuple[Floats, float]:
    """Return how much each row moves the AUC (n,), summing to 0, and the AUC."""
    yes = actual == 1
    m, n = int(yes.sum()), int((~yes).sum())
    ranks = rankdata(predicted)
    above = (ranks[yes] - rankdata(predicted[yes])) / n  # share of the others that each yes is above
    below = 1 - (ranks[~yes] - rankdata(predicted[~yes])) / m
    auc = float(above.mean())
    influence = np.empty(len(actual))
    influence[yes], influence[~yes] = (above - auc) / m, (below - auc) / n
    return influence, auc


def auc_difference(actual: Floats, first: Floats, second: Floats, cluster: Codes) -> Estimate:
    """Return the AUC of `first` minus that of `second` on the same rows, with its interval (DeLong 1988)."""
    (one, a), (two, b) = auc_influence(actual, first), auc_influence(actual, second)
    half = critical_value(len(np.unique(cluster))) * float(np.sqrt((_sums(one - two, cluster) ** 2).sum()))
    return Estimate(a - b, a - b - half, a - b + half)


def mean_loss(loss: Floats, cluster: Codes) -> Estimate:
    """Return the mean of a loss (n,) with its interval."""
    mean = float(loss.mean())
    half = (
        critical_value(len(np.unique(cluster))) * float(np.sqrt((_sums(loss - mean, cluster) ** 2).sum())) / len(loss)
    )
    return Estimate(mean, mean - half, mean + half)


def calibration_line(actual: Floats, predicted: Floats, cluster: Codes) -> tuple[Estimate, Estimate]:
    """Return slope and intercept of the outcome's log odds on the predicted ones: 1 and 0 where all is right.

    Cox (1958), Biometrika 45; the intercept is that at a slope of 1, "calibration in the large". Clustered errors.
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
"""The number of each row's tie (n,), and the rows in each tie (t,)."""


def ties_of(score: Floats) -> Ties:
    """Return which rows have the same score (n,)."""
    _, tie, rows = np.unique(score, return_inverse=True, return_counts=True)
    return tie, rows


def within_ties(values: Floats, ties: Ties) -> Floats:
    """Return the mean of the values (n,) over each row's tie (n,): then no figure depends on the order of tied rows."""
    tie, rows = ties
    return values if len(rows) == len(values) else (np.bincount(tie, values) / rows)[tie]


def bins_of(predicted: Floats) -> Codes:
    """Return the number of the tenth of the rows that each probability falls in, by rank, (n,).

    A tie may fall in several tenths: what is summed in them is first to be averaged `within_ties`.
    """
    return np.asarray((rankdata(predicted, "ordinal") - 1) * BINS // len(predicted), dtype=np.intp)


def calibration_error(actual: Floats, predicted: Floats) -> float:
    """Return the expected calibration error: the mean over ten equally full bins of |share observed - predicted|.

    Naeini, Cooper and Hauskrecht (2015), AAAI; equal-mass bins as in Nguyen and O'Connor (2015).
    """
    bins = bins_of(predicted)
    gaps = np.abs(np.bincount(bins, within_ties(actual, ties_of(predicted)) - predicted, BINS))
    return float(gaps.sum() / len(actual))


def calibration_error_by_chance(predicted: Floats) -> float:
    """Return the calibration error that right probabilities would exceed in 5 % of samples of this size (seed 20)."""
    rng, bins = np.random.default_rng(SEED), bins_of(predicted)
    order = np.argsort(bins, kind="stable")
    starts = np.searchsorted(bins[order], np.arange(min(BINS, len(predicted))))
    sorted_ = predicted[order]
    ties = ties_of(sorted_)

    def drawn() -> float:
        came = within_ties((rng.random(len(sorted_)) < sorted_).astype(float), ties)
        return float(np.abs(np.add.reduceat(came - sorted_, starts)).sum() / len(sorted_))

    found = [drawn() for _ in range(CHANCE_REPEATS if len(predicted) < 20_000 else 100)]
    return float(np.quantile(found, 0.95))


def bootstrap(figure: Callable[[Floats, Floats], float], actual: Floats, predicted: Floats, cluster: Codes) -> Estimate:
    """Return a figure with the percentile interval of a bootstrap of subjects (100 repeats, seed 20)."""
    rng = np.random.default_rng(SEED)
    order = np.argsort(cluster, kind="stable")
    names, first, size = np.unique(cluster[order], return_index=True, return_counts=True)
    found = []
    for _ in range(REPEATS):
        drawn = rng.integers(0, names.size, names.size)
        ends = np.cumsum(size[drawn])
        rows = order[np.repeat(first[drawn] - ends + size[drawn], size[drawn]) + np.arange(ends[-1])]
        if 0 < actual[rows].sum() < rows.size:
            found.append(float(figure(actual[rows], predicted[rows])))
    low, high = np.quantile(found, [0.025, 0.975])
    return Estimate(float(figure(actual, predicted)), float(low), float(high))


def _sums(values: Floats, cluster: Codes) -> Floats:
    return cluster_sums(values[:, None], cluster)[:, 0]


def _logit_interval(share: float, error: float, cluster: Codes) -> Estimate:
    if not 0 < share < 1:
        return Estimate(share)
    half = critical_value(len(np.unique(cluster))) * error / (share * (1 - share))
    low, high = expit(logit(share) - half), expit(logit(share) + half)
    return Estimate(share, float(low), float(high))
