"""Holdout splits of ratings, and errors on held-out ratings."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from edtech.ml.teachers.estimators import TeacherRatings
from edtech.tables.roles import RatingRoles

_SEED = 20
_MIN_RATINGS = 30
_MIN_LATER_RATINGS = 3
_MIN_TEACHERS = 5
_MAX_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Split:
    """A mask (n,) of the held-out rows and their description; the mask is None if there are too few ratings."""

    held_out: NDArray[np.bool_] | None
    description: str


def split_ratings(rows: pd.DataFrame, roles: RatingRoles, share: float) -> Split:
    """Hold out the latest ratings; without times, those of random courses; without courses, random ratings."""
    if len(rows) < _MIN_RATINGS:
        return Split(None, f"only {len(rows)} ratings, too few to hold any out")
    if roles.time is not None:
        times = np.sort(rows[roles.time].to_numpy())
        later = (rows[roles.time] >= times[int((1 - share) * len(rows))]).to_numpy()
        if not later.all():
            return Split(later, f"the last {later.sum():,} of {len(rows):,} ratings")
    rng = np.random.default_rng(_SEED)
    if roles.course is not None and rows[roles.course].nunique() > _MIN_TEACHERS:
        names = np.sort(rows[roles.course].unique())
        held_out_courses = rng.permutation(names)[: max(1, round(share * names.size))]
        held_out = rows[roles.course].isin(held_out_courses).to_numpy()
        return Split(
            held_out, f"{held_out_courses.size:,} of {names.size:,} courses, none of their ratings in training"
        )
    held_out = np.zeros(len(rows), dtype=bool)
    held_out[rng.permutation(len(rows))[: round(share * len(rows))]] = True
    return Split(
        held_out, f"{held_out.sum():,} of {len(rows):,} random ratings, because there is no time and no course"
    )


def evaluation_rows(
    model: TeacherRatings, training: pd.DataFrame, held_out: pd.DataFrame, roles: RatingRoles
) -> pd.DataFrame:
    """Return teacher, actual, predicted and raw_mean (the teacher's training mean, else the overall one)."""
    so_far = training[roles.rating].groupby(training[roles.teacher]).mean()
    raw = held_out[roles.teacher].map(so_far).fillna(training[roles.rating].mean())
    return pd.DataFrame(
        {
            "teacher": held_out[roles.teacher].astype("str").to_numpy(),
            "actual": held_out[roles.rating].to_numpy(dtype=float),
            "predicted": model.predict(held_out),
            "raw_mean": raw.to_numpy(dtype=float),
        }
    )


def error_metrics(evaluation: pd.DataFrame) -> dict[str, float]:
    """Return errors of single ratings, and of held-out means of teachers with three or more, and the raw mean's."""
    if evaluation.empty:
        return {}
    actual, predicted, raw = (evaluation[name].to_numpy() for name in ("actual", "predicted", "raw_mean"))
    metrics = {
        "rating_rmse": root_mean_squared_error(actual, predicted),
        "rating_mae": mean_absolute_error(actual, predicted),
        "rating_rmse_raw_mean": root_mean_squared_error(actual, raw),
    }
    later = evaluation.groupby("teacher").agg(
        actual=("actual", "mean"), predicted=("predicted", "mean"), raw_mean=("raw_mean", "mean"), n=("actual", "size")
    )
    later = later[later["n"] >= _MIN_LATER_RATINGS]
    if len(later) >= _MIN_TEACHERS:
        metrics |= _mean_metrics(later)
    return {name: float(value) for name, value in metrics.items()}


def _mean_metrics(later: pd.DataFrame) -> dict[str, float]:
    metrics = {
        f"teacher_mean_rmse{suffix}": float(
            np.sqrt(np.average((later[name] - later["actual"]) ** 2, weights=later["n"]))
        )
        for name, suffix in (("predicted", ""), ("raw_mean", "_raw_mean"))
    }
    for name, suffix in (("predicted", ""), ("raw_mean", "_raw_mean")):
        if later[name].nunique() > 1 and later["actual"].nunique() > 1:
            metrics[f"rank_correlation_later{suffix}"] = float(spearmanr(later[name], later["actual"]).statistic)
    return metrics


def permutation_importance(model: TeacherRatings, later: pd.DataFrame, roles: RatingRoles) -> pd.DataFrame:
    """Return the increase of the mean squared error of later ratings if a column is shuffled: feature, importance.

    Breiman (2001), "Random Forests", Machine Learning 45. Importance measures what predictions depend on; it is not a
    causal effect.
    """
    rng = np.random.default_rng(_SEED)
    if len(later) > _MAX_ROWS:
        later = later.iloc[np.sort(rng.choice(len(later), _MAX_ROWS, replace=False))]
    actual = later[roles.rating].to_numpy(dtype=float)

    def loss(frame: pd.DataFrame) -> float:
        return float(np.mean((model.predict(frame) - actual) ** 2))

    base = loss(later)
    columns = [name for name in (roles.teacher, roles.course, *roles.covariates) if name is not None]
    increases = []
    for name in columns:
        order = rng.permutation(len(later))
        increases.append((name, loss(later.assign(**{name: later[name].to_numpy()[order]})) - base))
    table = pd.DataFrame(increases, columns=["feature", "importance"])
    return table.sort_values("importance", ascending=False, ignore_index=True)
