"""Runs that differ in nothing but the seed: their mean and how sure it is; and two runs on the same rows."""

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
    """Return one row for each group of runs with the same parameters, family and data, seeds left aside.

    Columns: group (the parameters that tell the groups apart), runs, mean, low, high: the 95 % t interval of the mean,
    missing for a single run. Infinite values count as missing. Raises TrackingError where no run has the metric.
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
    rows = [
        _group_row(str(name), part[column].to_numpy(dtype=float)) for name, part in valued.groupby(labels, sort=False)
    ]
    return pd.DataFrame(rows, columns=["group", "runs", "mean", "low", "high"])


def _distinguishing_columns(keys: pd.DataFrame) -> list[str]:
    """Return the columns that tell the groups apart: one where one is enough, such as the algorithm, else all."""
    differing = [str(name) for name in keys if keys[name].nunique() > 1]
    groups = len(keys.drop_duplicates())
    enough = [name for name in differing if keys[name].nunique() == groups and (keys[name] != "").all()]
    if "params.algorithm" in enough:
        return ["params.algorithm"]
    return enough[:1] or differing


def _group_label(row: pd.Series) -> str:
    return ", ".join(f"{str(name).partition('.')[2]} {value}" for name, value in row.items() if value != "")


def _group_row(name: str, values: NDArray[np.float64]) -> tuple[str, int, float, float, float]:
    reach = _half_width(values)
    return name, len(values), float(values.mean()), float(values.mean() - reach), float(values.mean() + reach)


def _half_width(values: NDArray[np.float64]) -> float:
    """Half the width of Student's interval of the mean; NaN for fewer than two values."""
    from scipy.stats import t

    if len(values) < 2:
        return float("nan")
    return float(t.ppf((1 + LEVEL) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Mean absolute error of the second run minus that of the first on the same rows, with its 95 % interval.

    `clusters` is how many units the rows are of; rows of one unit are not independent, so each unit counts once.
    """

    rows: int
    clusters: int
    difference: float
    low: float
    high: float

    @property
    def summary(self) -> str:
        """What it says, in one sentence."""
        where = f"on the same {self.rows:,} rows of {self.clusters:,} units"
        if np.isnan(self.low):
            return f"Too few units to say which of the two is off by less {where}."
        if self.low <= 0 <= self.high:
            return f"Neither run is shown to be off by less {where}."
        return f"The {'first' if self.low > 0 else 'second'} run is off by less {where}."


def paired_difference(first: pd.DataFrame, second: pd.DataFrame) -> PairedDifference:
    """Compare two runs on the rows both predicted: frames with actual, predicted and, where known, unit and period.

    Raises TrackingError where they are not of the same rows.
    """
    for frame in (first, second):
        if not {"actual", "predicted"} <= set(frame.columns):
            raise TrackingError("A run logged no predictions", expected="columns actual and predicted")
    keys = [name for name in _KEYS if name in first and name in second]
    same = len(first) == len(second) and np.array_equal(first["actual"], second["actual"])
    if not same or any(not first[key].astype(str).equals(second[key].astype(str)) for key in keys):
        raise TrackingError(
            "The runs were not evaluated on the same rows",
            expected="the same units, periods and actual values in both",
            actual=f"{len(first):,} and {len(second):,} rows",
            fix="compare runs on one data set with one split",
        )
    errors = [(frame["predicted"] - frame["actual"]).abs().to_numpy(dtype=float) for frame in (first, second)]
    difference = pd.Series(errors[1] - errors[0])
    units = first[keys[0]].to_numpy() if keys else np.arange(len(first))
    means = difference.groupby(units).mean().to_numpy(dtype=float)
    reach, mean = _half_width(means), float(means.mean())
    return PairedDifference(len(first), len(means), mean, mean - reach, mean + reach)
