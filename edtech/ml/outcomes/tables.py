"""Tables of curves of predicted probabilities against outcomes."""

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.metrics import precision_recall_curve, roc_curve

from edtech.ml.outcomes.metrics import BINS, average_ties, decile_bins, find_ties
from edtech.tables.arrays import Floats

MAX_POINTS = 200
STEPS = 50


def calibration(actual: Floats, predicted: Floats) -> pd.DataFrame:
    """Return predicted and observed share by decile, with Wilson's 95% interval and the number of rows."""
    bins = decile_bins(predicted)
    rows = np.bincount(bins, minlength=BINS)
    there = rows > 0
    share = np.bincount(bins, average_ties(actual, find_ties(predicted)), BINS)[there] / rows[there]
    low, high = wilson(share, rows[there])
    mean = np.bincount(bins, predicted, BINS)[there] / rows[there]
    return pd.DataFrame({"predicted": mean, "observed": share, "low": low, "high": high, "rows": rows[there]})


def wilson(share: Floats, rows: "np.typing.NDArray[np.int64]") -> tuple[Floats, Floats]:
    """Return the 95% interval of observed shares of `rows` (Wilson 1927, JASA 22)."""
    z = norm.ppf(0.975)
    middle = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z / (1 + z**2 / rows) * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    return middle - half, middle + half


def roc(actual: Floats, predicted: Floats) -> pd.DataFrame:
    """Return the ROC curve: false_positive and true_positive rates at decreasing thresholds."""
    false, true, _ = roc_curve(actual, predicted)
    return _thin(pd.DataFrame({"false_positive": false, "true_positive": true}))


def precision_recall(actual: Floats, predicted: Floats) -> pd.DataFrame:
    """Return recall and precision at increasing thresholds."""
    precision, recall, _ = precision_recall_curve(actual, predicted)
    return _thin(pd.DataFrame({"recall": recall, "precision": precision}))


def gain(actual: Floats, predicted: Floats) -> pd.DataFrame:
    """Return, for the top `share` of rows by probability, the share of positives (`captured`) and the `lift`."""
    count = _row_counts(len(actual))
    pooled = average_ties(actual, find_ties(predicted))
    caught = np.cumsum(pooled[np.argsort(-predicted, kind="stable")])[count - 1] / actual.sum()
    share = count / len(actual)
    return pd.DataFrame({"share": share, "captured": caught, "lift": caught / share})


def profit(actual: Floats, predicted: Floats, value: Floats, cost: float) -> pd.DataFrame:
    """Return the profit of acting on the rows of the highest expected value, in tokens per 1,000 rows.

    `value` (n,): tokens of a positive outcome; `cost`: tokens of acting on a row. `expected` is the predicted and
    `earned` the actual profit; `least` is the lowest expected value among these rows.
    """
    expected_value = predicted * value
    order = np.argsort(-expected_value, kind="stable")
    count = _row_counts(len(actual))
    actual_value = average_ties(actual * value, find_ties(expected_value))
    sums = [
        np.cumsum(values[order] - cost)[count - 1] * 1000 / len(actual) for values in (expected_value, actual_value)
    ]
    frame = pd.DataFrame({"share": count / len(actual), "least": expected_value[order][count - 1]})
    return frame.assign(expected=sums[0], earned=sums[1])


def confusion(actual: Floats, flagged: "np.typing.NDArray[np.bool_]") -> pd.DataFrame:
    """Return the number of rows by outcome and prediction (`said`): outcome, said, rows."""
    cells = [
        (outcome, said, int(((actual == (outcome == "yes")) & (flagged == (said == "yes"))).sum()))
        for outcome in ("yes", "no")
        for said in ("yes", "no")
    ]
    return pd.DataFrame(cells, columns=["outcome", "said", "rows"])


def _row_counts(rows: int) -> "np.typing.NDArray[np.intp]":
    return np.unique(np.ceil(np.linspace(0, 1, STEPS + 1)[1:] * rows).astype(np.intp))


def _thin(frame: pd.DataFrame) -> pd.DataFrame:
    if len(frame) <= MAX_POINTS:
        return frame
    return frame.iloc[np.unique(np.linspace(0, len(frame) - 1, MAX_POINTS).astype(int))].reset_index(drop=True)
