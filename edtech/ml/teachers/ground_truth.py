"""Metrics of effects against the true quality of a generated market's teachers."""

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from edtech.ml.teachers.ranks import ranks
from edtech.ml.teachers.result import TeacherResult
from edtech.tables.arrays import Floats

_TOP = 0.1


def compare_with_truth(result: TeacherResult, rows: pd.DataFrame, truth: pd.DataFrame) -> dict[str, float]:
    """Return errors, rank correlations and coverage against `truth` (teacher_id, quality) on the rated teachers.

    Quality has another scale. The least-squares line of all ratings on quality, the same for all algorithms, converts
    it to stars. Effects and truth are then centered. Ranks are compared with those of the true quality of rated
    teachers.
    """
    table, roles = result.teachers, result.roles
    quality = truth.set_index("teacher_id")["quality"]
    line = np.polyfit(quality.loc[rows[roles.teacher]], rows[roles.rating], 1)
    true = line[0] * _centered(quality.loc[table["teacher"]])
    raw = _centered(table["mean"])
    metrics = {
        "effect_rmse_truth": _rmse(_centered(table["effect"]), true),
        "effect_rmse_truth_raw_mean": _rmse(raw, true),
        "rank_correlation_truth": float(spearmanr(table["effect"], true).statistic),
        "rank_correlation_truth_raw_mean": float(spearmanr(raw, true).statistic),
        "decision_value_stars": _mean_of_top(table["effect"].to_numpy(), true) - _mean_of_top(raw, true),
    }
    if result.has_intervals:
        rank = ranks(true)
        metrics["rank_covered"] = float(np.mean((table["rank_low"] <= rank) & (rank <= table["rank_high"])))
        metrics["effect_covered"] = float(np.mean((table["low"] <= true) & (true <= table["high"])))
    return {name: value for name, value in metrics.items() if np.isfinite(value)}


def _centered(values: "pd.Series[float]") -> Floats:
    numbers = values.to_numpy(dtype=float)
    return np.asarray(numbers - numbers.mean())


def _rmse(first: Floats, second: Floats) -> float:
    return float(np.sqrt(np.mean((first - second) ** 2)))


def _mean_of_top(scores: Floats, true: Floats) -> float:
    """Return the mean true quality of the tenth of teachers with the highest scores, at least one."""
    count = max(1, round(_TOP * scores.size))
    return float(true[np.argsort(-scores, kind="stable")[:count]].mean())
