"""One training of `teacher_quality`: errors from a fit without the last ratings, all else from the whole."""

import time

import numpy as np
import pandas as pd

from edtech.errors import ModelError
from edtech.jobs.progress import Progress
from edtech.ml.base import Algorithm
from edtech.ml.teachers.algorithms import FAMILY, TeacherParams
from edtech.ml.teachers.checks import card, courses_differ, sorting
from edtech.ml.teachers.description import WARNING
from edtech.ml.teachers.estimators import MixedRatings, RatingArrays, ShrunkenRatings, TeacherRatings
from edtech.ml.teachers.evaluation import errors, evaluation_rows, permutation_importance, split_ratings
from edtech.ml.teachers.ranks import effect_intervals, rank_intervals, ranks
from edtech.ml.teachers.result import TeacherResult
from edtech.tables.arrays import Floats
from edtech.tables.roles import RatingRoles

_FEWEST = 3
_NO_RAW = "A mean of few ratings has no honest interval without saying how teachers differ; the other algorithms do."
_NO_SPREAD = "No interval is given: teachers differ by no more than chance, and how far apart they may be is not known."
_NO_ERROR = (
    "No interval is given: all ratings of a teacher are the same, so how much a rating owes to chance cannot be told, "
    "and its intervals would be of no width."
)
_ROUNDING = 1e-12
"""Share of the teachers' variance below which that of a teacher's own ratings is rounding."""
_NO_SHRUNKEN = (
    "No interval is given: ratings of one course go together here, and this algorithm takes each for itself, so its "
    "intervals would be too narrow. The mixed model counts that."
)


def train_ratings(
    rows: pd.DataFrame, roles: RatingRoles, algorithm: Algorithm, params: TeacherParams, progress: Progress
) -> TeacherResult:
    """Train one algorithm on ratings that keep their contract.

    Raises ModelError where there are too few teachers or ratings, ConvergenceError where the ratings are all the same.
    """
    started = time.perf_counter()
    arrays = RatingArrays.of(rows, rows[roles.rating], roles)
    _require(arrays)
    progress(0.0, "Fitting the effects")
    model = _fit(rows, roles, algorithm, params)
    progress(0.4, "Foreseeing later ratings")
    split = split_ratings(rows, roles, params.evaluation_share)
    held_back = np.zeros(len(rows), dtype=bool) if split.held_back is None else split.held_back
    early, later = rows[~held_back], rows[held_back]
    first = _fit(early, roles, algorithm, params) if len(later) else model
    evaluation = evaluation_rows(first, early, later, roles)
    progress(0.7, "Drawing ranks")
    note = _no_interval(model, arrays)
    draws = None if note else model.draws(rows, arrays.rating, params.draws, params.seed)
    table = league_table(model, arrays, draws, params.seed)
    metrics = {
        **_sizes(model, arrays, len(later)),
        **errors(evaluation),
        **_precision(table),
        "fit_seconds": time.perf_counter() - started,
    }
    notes = (WARNING,) if algorithm.name == "raw_mean" else ()
    if split.held_back is None:
        notes = (*notes, f"Errors on later ratings are not measured: {split.words}.")
    return TeacherResult(
        family=FAMILY,
        algorithm=algorithm.name,
        params=params,
        model=model,
        metrics=metrics,
        evaluation=evaluation,
        importance=permutation_importance(first, later, roles) if len(later) else _no_importance(),
        split=split.words,
        notes=notes,
        checks=card(model, arrays, metrics, sorting(model.effects_, arrays, rows, roles)),
        roles=roles,
        teachers=table,
        interval_note=note,
    )


def _require(arrays: RatingArrays) -> None:
    if arrays.teachers.size < _FEWEST or arrays.rating.size <= arrays.teachers.size:
        raise ModelError(
            "There are too few ratings to compare teachers",
            expected=f"{_FEWEST} teachers or more, some of them rated more than once",
            actual=f"{arrays.rating.size} ratings of {arrays.teachers.size} teachers",
            fix="Choose a data set with more ratings, or a later date",
        )


def _fit(rows: pd.DataFrame, roles: RatingRoles, algorithm: Algorithm, params: TeacherParams) -> TeacherRatings:
    model: TeacherRatings = algorithm.new_estimator(params, columns=roles.model_dump())
    return model.fit(rows.drop(columns=roles.rating), rows[roles.rating])


def _no_interval(model: TeacherRatings, arrays: RatingArrays) -> str:
    """Return why no interval is given, empty where one is."""
    if isinstance(model, MixedRatings):
        return ""
    if not isinstance(model, ShrunkenRatings):
        return _NO_RAW
    if not model.variance_:
        return _NO_SPREAD
    if model.error_ <= _ROUNDING * model.variance_:
        return _NO_ERROR
    return _NO_SHRUNKEN if courses_differ(arrays) else ""


def league_table(model: TeacherRatings, arrays: RatingArrays, draws: Floats | None, seed: int) -> pd.DataFrame:
    """Return the teachers, the best first; see `TeacherResult.teachers`."""
    rank = ranks(model.effects_)
    missing = np.full((2, arrays.teachers.size), np.nan)
    low, high = missing if draws is None else effect_intervals(draws)
    rank_low, rank_high = missing if draws is None else rank_intervals(draws, rank, seed)
    table = pd.DataFrame(
        {
            "teacher": arrays.teachers,
            "ratings": arrays.counts.astype(int),
            "mean": arrays.means,
            "effect": model.effects_,
            "low": low,
            "high": high,
            "rank": rank,
            "rank_low": rank_low,
            "rank_high": rank_high,
        }
    )
    return table.sort_values("rank", ignore_index=True)


def _sizes(model: TeacherRatings, arrays: RatingArrays, later: int) -> dict[str, float]:
    found = {
        "teachers": float(arrays.teachers.size),
        "ratings_per_teacher": float(np.median(arrays.counts)),
        "rows_train": float(arrays.rating.size),
        "rows_evaluation": float(later),
        "rating_sd": float(np.sqrt(model.error_)),
    }
    if isinstance(model, MixedRatings | ShrunkenRatings):
        found |= {"teacher_sd": float(np.sqrt(model.variance_)), "reliability": float(np.mean(model.reliability_))}
    if isinstance(model, MixedRatings):
        found["course_sd"] = float(np.sqrt(model.course_variance_))
    return found


def _precision(table: pd.DataFrame) -> dict[str, float]:
    if table["rank_low"].isna().any():
        return {}
    width = np.mean(table["rank_high"] - table["rank_low"] + 1) / len(table)
    return {"rank_interval_width": 100 * float(width)}


def _no_importance() -> pd.DataFrame:
    return pd.DataFrame({"feature": pd.Series(dtype="str"), "importance": pd.Series(dtype=float)})
