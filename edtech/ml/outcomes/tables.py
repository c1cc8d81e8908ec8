"""Tables that are drawn from probabilities and what came of them."""

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.metrics import precision_recall_curve, roc_curve

from edtech.ml.outcomes.metrics import BINS, bins_of, ties_of, within_ties
from edtech.tables.arrays import Floats

POINTS = 200
SHARES = 50


def calibration(actual: Floats, predicted: Floats) -> pd.DataFrame:
    """Return predicted and observed share of the ten bins, with Wilson's 95 % interval and the rows of each."""
    bins = bins_of(predicted)
    rows = np.bincount(bins, minlength=BINS)
    there = rows > 0
    share = np.bincount(bins, within_ties(actual, ties_of(predicted)), BINS)[there] / rows[there]
    low, high = wilson(share, rows[there])
    mean = np.bincount(bins, predicted, BINS)[there] / rows[there]
    return pd.DataFrame({"predicted": mean, "observed": share, "low": low, "high": high, "rows": rows[there]})


def wilson(share: Floats, rows: "np.typing.NDArray[np.int64]") -> tuple[Floats, Floats]:
    """Return the 95 % interval of shares of so many rows (Wilson 1927, JASA 22)."""
    z = norm.ppf(0.975)
    middle = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z / (1 + z**2 / rows) * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    return middle - half, middle + half


def roc(actual: Floats, predicted: Floats) -> pd.DataFrame:
    """Return the ROC curve: false_positive, true_positive, shares at falling thresholds."""
    false, true, _ = roc_curve(actual, predicted)
    return _thinned(pd.DataFrame({"false_positive": false, "true_positive": true}))


def precision_recall(actual: Floats, predicted: Floats) -> pd.DataFrame:
    """Return recall and precision at rising thresholds."""
    precision, recall, _ = precision_recall_curve(actual, predicted)
    return _thinned(pd.DataFrame({"recall": recall, "precision": precision}))


def gain(actual: Floats, predicted: Floats) -> pd.DataFrame:
    """Return, for the likeliest share of the rows, which share of the outcomes they hold (`captured`) and `lift`."""
    count = _counts(len(actual))
    pooled = within_ties(actual, ties_of(predicted))
    caught = np.cumsum(pooled[np.argsort(-predicted, kind="stable")])[count - 1] / actual.sum()
    share = count / len(actual)
    return pd.DataFrame({"share": share, "captured": caught, "lift": caught / share})


def profit(actual: Floats, predicted: Floats, value: Floats, cost: float) -> pd.DataFrame:
    """Return what it earns to act on the rows of the highest expected value, in tokens for 1,000 rows.

    `value` (n,): tokens that a yes brings, `cost`: tokens of acting on a row. `expected` as predicted, `earned` as it
    came; `least` is the smallest expected value among those acted on.
    """
    worth = predicted * value
    order = np.argsort(-worth, kind="stable")
    count = _counts(len(actual))
    came = within_ties(actual * value, ties_of(worth))
    sums = [np.cumsum(part[order] - cost)[count - 1] * 1000 / len(actual) for part in (worth, came)]
    frame = pd.DataFrame({"share": count / len(actual), "least": worth[order][count - 1]})
    return frame.assign(expected=sums[0], earned=sums[1])


def confusion(actual: Floats, flagged: "np.typing.NDArray[np.bool_]") -> pd.DataFrame:
    """Return rows by outcome and by what was said: outcome, said, rows."""
    cells = [
        (outcome, said, int(((actual == (outcome == "yes")) & (flagged == (said == "yes"))).sum()))
        for outcome in ("yes", "no")
        for said in ("yes", "no")
    ]
    return pd.DataFrame(cells, columns=["outcome", "said", "rows"])


def _counts(rows: int) -> "np.typing.NDArray[np.intp]":
    return np.unique(np.ceil(np.linspace(0, 1, SHARES + 1)[1:] * rows).astype(np.intp))


def _thinned(frame: pd.DataFrame) -> pd.DataFrame:
    if len(frame) <= POINTS:
        return frame
    return frame.iloc[np.unique(np.linspace(0, len(frame) - 1, POINTS).astype(int))].reset_index(drop=True)
