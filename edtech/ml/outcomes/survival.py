"""Survival curves, and metrics of predicted survival curves that account for censoring."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from edtech.tables.arrays import Bools, Floats

MAX_PAIRED_ROWS = 4_000
GRID_SIZE = 20
SEED = 20
MAX_COHORTS = 5


def kaplan_meier(duration: Floats, event: Bools) -> pd.DataFrame:
    """Return the survival curve: time, share, low, high, at 0 and each event time.

    Kaplan and Meier (1958), JASA 53; 95% interval with Greenwood's variance on the log-log scale, which stays between 0
    and 1.

    >>> kaplan_meier(np.array([1.0, 2.0, 3.0]), np.array([True, False, True]))["share"].round(3).tolist()
    [1.0, 0.667, 0.0]
    """
    times, gone, risk = _event_counts(duration, event)
    share = np.cumprod(1 - gone / risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(gone / (risk * (risk - gone)))
        half = norm.ppf(0.975) * np.sqrt(greenwood) / np.abs(np.log(share))
        low, high = share ** np.exp(half), share ** np.exp(-half)
    frame = pd.DataFrame({"time": times, "share": share, "low": low, "high": high})
    start = pd.DataFrame({"time": [0.0], "share": [1.0], "low": [1.0], "high": [1.0]})
    return pd.concat([start, frame], ignore_index=True)


def by_cohort(lifetimes: pd.DataFrame) -> pd.DataFrame:
    """Return the survival curve of each of the largest cohorts: cohort, time, share, low, high.

    `lifetimes` has cohort, duration and event (left) of each subject.
    """
    largest = lifetimes["cohort"].value_counts().index[:MAX_COHORTS]
    curves = [
        kaplan_meier(rows["duration"].to_numpy(dtype=float), rows["event"].to_numpy(dtype=bool)).assign(cohort=name)
        for name, rows in lifetimes[lifetimes["cohort"].isin(largest)].groupby("cohort")
    ]
    return pd.concat(curves, ignore_index=True)[["cohort", "time", "share", "low", "high"]]


def step_at(times: Floats, share: Floats, at: Floats) -> Floats:
    """Return the value of a survival curve at times `at`; 1 before its first time."""
    index = np.searchsorted(times, at, side="right")
    return np.asarray(np.concatenate([[1.0], share])[index])


def concordance(duration: Floats, event: Bools, risk: Floats, horizon: float) -> dict[str, float]:
    """Return the share of pairs in which the row of higher `risk` has the event first, within the horizon.

    Harrell, Lee and Mark (1996), Statistics in Medicine 15; with pairs weighted for censoring, Uno et al. (2011),
    Statistics in Medicine 30. At most 4,000 random rows (seed 20).
    """
    rows = np.arange(len(duration))
    if rows.size > MAX_PAIRED_ROWS:
        rows = np.random.default_rng(SEED).choice(rows, MAX_PAIRED_ROWS, replace=False)
    time, risk = duration[rows], risk[rows]
    happened = event[rows] & (time < horizon)
    weight = np.where(happened, 1 / _uncensored_probability(duration, event, time) ** 2, 0.0)
    first = happened[:, None] & (time[:, None] < time[None, :])
    right = np.where(risk[:, None] == risk[None, :], 0.5, risk[:, None] > risk[None, :])
    pairs = first.sum(axis=1)
    hits = (first * right).sum(axis=1)
    if pairs.sum() == 0:
        return {}
    return {
        "concordance": float(hits.sum() / pairs.sum()),
        "concordance_uno": float((weight * hits).sum() / (weight * pairs).sum()),
    }


def integrated_brier(duration: Floats, event: Bools, survival: Floats, times: Floats) -> float:
    """Return the mean over `times` (t,) of the Brier score of `survival` (n, t).

    Graf et al. (1999), Statistics in Medicine 18, with inverse probability of censoring weights.
    """
    scores = []
    at_end = _uncensored_probability(duration, event, duration)
    for column, time in enumerate(times):
        gone = (duration <= time) & event
        there = duration > time
        weight = np.where(gone, 1 / at_end, 0.0) + there / _uncensored_probability(
            duration, event, np.array([time]), after=True
        )
        scores.append(float((weight * (there - survival[:, column]) ** 2).mean()))
    return float(np.trapezoid(scores, times) / (times[-1] - times[0]))


def _uncensored_probability(duration: Floats, event: Bools, at: Floats, after: bool = False) -> Floats:
    """Return the probability of no censoring before each time, or with `after` up to it."""
    times, gone, risk = _event_counts(duration, ~event)
    share = np.cumprod(1 - gone / risk)
    index = np.searchsorted(times, at, side="right" if after else "left")
    return np.asarray(np.maximum(np.concatenate([[1.0], share])[index], 1e-3))


def _event_counts(duration: Floats, event: Bools) -> tuple[Floats, Floats, Floats]:
    """Return the event times, the events at each, and the rows at risk just before."""
    order = np.sort(duration)
    times, gone = np.unique(duration[event], return_counts=True)
    risk = len(order) - np.searchsorted(order, times, side="left")
    return times, gone.astype(float), risk.astype(float)
