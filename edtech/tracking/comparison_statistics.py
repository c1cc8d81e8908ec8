"""Confidence intervals for comparisons: means over seeds, and the difference in error of two runs."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edtech.errors import TrackingError

_SEED = re.compile(r"(^|[^a-z])(seed|random_state)([^a-z]|$)", re.IGNORECASE)
LEVEL = 0.95
_KEYS = ("unit", "period", "course_id", "week")


def mean_over_seeds(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return one row per group of runs with the same parameters except seeds, the same family and the same data.

    Columns: group (the parameters that distinguish the groups), runs, mean, low, high: the 95% t interval of the mean,
    missing for a single run. Infinite values count as missing. Raises TrackingError if no run has the metric.
    """
    column = f"metrics.{metric}"
    if column not in runs or not np.isfinite(runs[column]).any():
        raise TrackingError(f"None of the runs has the metric {metric!r}", fix="choose another metric")
    valued = runs[np.isfinite(runs[column])]
    params = [name for name in valued if name.startswith("params.") and not _SEED.search(name.removeprefix("params."))]
    keys = valued[[*params, *(name for name in ("tags.model_type", "tags.dataset_digest") if name in valued)]]
    keys = keys.astype(object).where(keys.notna(), "")
    differing = _distinguishing_columns(keys)
    labels = keys[differing].agg(_group_label, axis=1) if differing else pd.Series("all runs", index=valued.index)
    groups = valued[column].groupby(labels, sort=False)
    rows = [_group_row(str(name), values.to_numpy(dtype=float)) for name, values in groups]
    return pd.DataFrame(rows, columns=["group", "runs", "mean", "low", "high"])


def _distinguishing_columns(keys: pd.DataFrame) -> list[str]:
    """Return the columns that distinguish the groups: a single one if it is enough, such as the algorithm, else all."""
    differing = [str(name) for name in keys if keys[name].nunique() > 1]
    groups = len(keys.drop_duplicates())
    sufficient = [name for name in differing if keys[name].nunique() == groups and (keys[name] != "").all()]
    if "params.algorithm" in sufficient:
        return ["params.algorithm"]
    return sufficient[:1] or differing


def _group_label(row: pd.Series) -> str:
    return ", ".join(f"{str(name).partition('.')[2]} {value}" for name, value in row.items() if value != "")


def _group_row(name: str, values: NDArray[np.float64]) -> tuple[str, int, float, float, float]:
    mean, half_width = float(values.mean()), _half_width(values)
    return name, len(values), mean, mean - half_width, mean + half_width


def _half_width(values: NDArray[np.float64]) -> float:
    """Return half the width of the t interval of the mean; NaN for fewer than two values."""
    from scipy.stats import t

    if len(values) < 2:
        return float("nan")
    return float(t.ppf((1 + LEVEL) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Mean absolute error of the second run minus that of the first on the same rows, with its 95% interval.

    `clusters` is the number of units; rows of one unit are not independent, so the interval is that of unit means.
    """

    rows: int
    clusters: int
    difference: float
    low: float
    high: float

    @property
    def summary(self) -> str:
        """The finding in one sentence."""
        where = f"on the same {self.rows:,} rows of {self.clusters:,} units"
        if np.isnan(self.low):
            return f"Too few units to compare the errors of the two runs {where}."
        if self.low <= 0 <= self.high:
            return f"No significant difference in error {where}."
        return f"The {'first' if self.low > 0 else 'second'} run has the smaller error {where}."


def paired_difference(first: pd.DataFrame, second: pd.DataFrame) -> PairedDifference:
    """Compare the errors of two runs on the same rows: frames with actual, predicted and, optionally, unit and period.

    Raises TrackingError if the rows differ.
    """
    for frame in (first, second):
        if not {"actual", "predicted"} <= set(frame.columns):
            raise TrackingError("A run has no logged predictions", expected="columns actual and predicted")
    keys = [name for name in _KEYS if name in first and name in second]
    same = len(first) == len(second) and np.array_equal(first["actual"], second["actual"])
    if not same or any(not first[key].astype(str).equals(second[key].astype(str)) for key in keys):
        raise TrackingError(
            "The runs were not evaluated on the same rows",
            expected="the same units, periods and actual values",
            actual=f"{len(first):,} and {len(second):,} rows",
            fix="compare runs with the same data set and split",
        )
    errors = [(frame["predicted"] - frame["actual"]).abs().to_numpy(dtype=float) for frame in (first, second)]
    difference = pd.Series(errors[1] - errors[0])
    units = first[keys[0]].to_numpy() if keys else np.arange(len(first))
    means = difference.groupby(units).mean().to_numpy(dtype=float)
    half_width, mean = _half_width(means), float(means.mean())
    return PairedDifference(len(first), len(means), mean, mean - half_width, mean + half_width)
