"""Effects against the known quality of a generated market's teachers."""

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from edtech.ml.teachers.ranks import ranks
from edtech.ml.teachers.result import TeacherResult
from edtech.tables.arrays import Floats

_TOP = 0.1


def against_truth(result: TeacherResult, rows: pd.DataFrame, truth: pd.DataFrame) -> dict[str, float]:
    """Return errors, rank correlations and coverage against `truth` (teacher_id, quality) on the rated teachers.

    Quality has a scale of its own. The least-squares line of all ratings on the quality of their teachers, which is the
    same for every algorithm, puts it on the scale of stars; both sides are then taken against the average teacher. A
    rank is compared with that of the true quality among the rated.
    """
    table, roles = result.teachers, result.roles
    quality = truth.set_index("teacher_id")["quality"]
    line = np.polyfit(quality.loc[rows[roles.teacher]], rows[roles.rating], 1)
    true = line[0] * _centered(quality.loc[table["teacher"]])
    raw = _centered(table["mean"])
    found = {
        "effect_rmse_truth": _distance(_centered(table["effect"]), true),
        "effect_rmse_truth_raw_mean": _distance(raw, true),
        "rank_correlation_truth": float(spearmanr(table["effect"], true).statistic),
        "rank_correlation_truth_raw_mean": float(spearmanr(raw, true).statistic),
        "decision_value_stars": _best(table["effect"].to_numpy(), true) - _best(raw, true),
    }
    if result.has_intervals:
        rank = ranks(true)
        found["rank_covered"] = float(np.mean((table["rank_low"] <= rank) & (rank <= table["rank_high"])))
        found["effect_covered"] = float(np.mean((table["low"] <= true) & (true <= table["high"])))
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _centered(values: "pd.Series[float]") -> Floats:
    numbers = values.to_numpy(dtype=float)
    return np.asarray(numbers - numbers.mean())


def _distance(one: Floats, other: Floats) -> float:
    return float(np.sqrt(np.mean((one - other) ** 2)))


def _best(scores: Floats, true: Floats) -> float:
    """Return the mean true quality of the tenth with the highest scores, at least one."""
    count = max(1, round(_TOP * scores.size))
    return float(true[np.argsort(-scores, kind="stable")[:count]].mean())
