"""Ratings held back, and how well they were foreseen."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from edtech.ml.teachers.estimators import TeacherRatings
from edtech.tables.roles import RatingRoles

_SEED = 20
_FEWEST_RATINGS = 30
_FEWEST_LATER = 3
_FEWEST_TEACHERS = 5
_MOST_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Split:
    """Rows held back as a mask (n,), and in words which; None where too few ratings are there to hold any back."""

    held_back: NDArray[np.bool_] | None
    words: str


def split_ratings(rows: pd.DataFrame, roles: RatingRoles, share: float) -> Split:
    """Hold back the last ratings; without times those of whole courses; without courses, some of each by lot."""
    if len(rows) < _FEWEST_RATINGS:
        return Split(None, f"only {len(rows)} ratings, too few to hold any back")
    if roles.time is not None:
        times = np.sort(rows[roles.time].to_numpy())
        later = (rows[roles.time] >= times[int((1 - share) * len(rows))]).to_numpy()
        if not later.all():
            return Split(later, f"the last {later.sum():,} of {len(rows):,} ratings")
    rng = np.random.default_rng(_SEED)
    if roles.course is not None and rows[roles.course].nunique() > _FEWEST_TEACHERS:
        names = np.sort(rows[roles.course].unique())
        chosen = rng.permutation(names)[: max(1, round(share * names.size))]
        held = rows[roles.course].isin(chosen).to_numpy()
        return Split(held, f"{chosen.size:,} of {names.size:,} courses, none of their ratings in training")
    held = np.zeros(len(rows), dtype=bool)
    held[rng.permutation(len(rows))[: round(share * len(rows))]] = True
    return Split(held, f"{held.sum():,} of {len(rows):,} ratings, drawn by lot: they have no time and no course")


def evaluation_rows(
    model: TeacherRatings, early: pd.DataFrame, later: pd.DataFrame, roles: RatingRoles
) -> pd.DataFrame:
    """Return teacher, actual, predicted and raw_mean (the teacher's mean so far, else that of all) of later ratings."""
    so_far = early[roles.rating].groupby(early[roles.teacher]).mean()
    raw = later[roles.teacher].map(so_far).fillna(early[roles.rating].mean())
    return pd.DataFrame(
        {
            "teacher": later[roles.teacher].astype("str").to_numpy(),
            "actual": later[roles.rating].to_numpy(dtype=float),
            "predicted": model.predict(later),
            "raw_mean": raw.to_numpy(dtype=float),
        }
    )


def errors(evaluation: pd.DataFrame) -> dict[str, float]:
    """Return errors of single ratings, and of the later means of teachers with three or more, beside the raw mean's."""
    if evaluation.empty:
        return {}
    actual, predicted, raw = (evaluation[name].to_numpy() for name in ("actual", "predicted", "raw_mean"))
    found = {
        "rating_rmse": root_mean_squared_error(actual, predicted),
        "rating_mae": mean_absolute_error(actual, predicted),
        "rating_rmse_raw_mean": root_mean_squared_error(actual, raw),
    }
    later = evaluation.groupby("teacher").agg(
        actual=("actual", "mean"), predicted=("predicted", "mean"), raw_mean=("raw_mean", "mean"), n=("actual", "size")
    )
    later = later[later["n"] >= _FEWEST_LATER]
    if len(later) >= _FEWEST_TEACHERS:
        found |= _of_means(later)
    return {name: float(value) for name, value in found.items()}


def _of_means(later: pd.DataFrame) -> dict[str, float]:
    found = {
        f"teacher_mean_rmse{suffix}": float(
            np.sqrt(np.average((later[name] - later["actual"]) ** 2, weights=later["n"]))
        )
        for name, suffix in (("predicted", ""), ("raw_mean", "_raw_mean"))
    }
    for name, suffix in (("predicted", ""), ("raw_mean", "_raw_mean")):
        if later[name].nunique() > 1 and later["actual"].nunique() > 1:
            found[f"rank_correlation_later{suffix}"] = float(spearmanr(later[name], later["actual"]).statistic)
    return found


def permutation_importance(model: TeacherRatings, later: pd.DataFrame, roles: RatingRoles) -> pd.DataFrame:
    """Return how much the mean squared error of later ratings rises when one column is shuffled: feature, importance.

    Breiman (2001), "Random Forests", Machine Learning 45. It says what predictions lean on; it is no effect.
    """
    rng = np.random.default_rng(_SEED)
    if len(later) > _MOST_ROWS:
        later = later.iloc[np.sort(rng.choice(len(later), _MOST_ROWS, replace=False))]
    actual = later[roles.rating].to_numpy(dtype=float)

    def loss(frame: pd.DataFrame) -> float:
        return float(np.mean((model.predict(frame) - actual) ** 2))

    base = loss(later)
    columns = [name for name in (roles.teacher, roles.course, *roles.covariates) if name is not None]
    found = []
    for name in columns:
        order = rng.permutation(len(later))
        found.append((name, loss(later.assign(**{name: later[name].to_numpy()[order]})) - base))
    table = pd.DataFrame(found, columns=["feature", "importance"])
    return table.sort_values("importance", ascending=False, ignore_index=True)
