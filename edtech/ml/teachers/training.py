"""Training of `teacher_quality`: errors come from a holdout fit, all else from a fit of all ratings."""

import time

import numpy as np
import pandas as pd

from edtech.errors import ModelError
from edtech.jobs.progress import Progress
from edtech.ml.base import Algorithm
from edtech.ml.teachers.algorithms import FAMILY, TeacherParams
from edtech.ml.teachers.checks import all_checks, courses_differ, find_sorting
from edtech.ml.teachers.description import WARNING
from edtech.ml.teachers.estimators import MixedRatings, RatingArrays, ShrunkenRatings, TeacherRatings
from edtech.ml.teachers.evaluation import error_metrics, evaluation_rows, permutation_importance, split_ratings
from edtech.ml.teachers.ranks import effect_intervals, rank_intervals, ranks
from edtech.ml.teachers.result import TeacherResult
from edtech.tables.arrays import Floats
from edtech.tables.roles import RatingRoles

_MIN_TEACHERS = 3
_NO_RAW = "No valid interval: a mean of few ratings needs a model of how teachers differ, as the other algorithms have."
_NO_SPREAD = "No valid interval: teachers differ by no more than chance, so the variance of teachers is not identified."
_NO_ERROR = (
    "No valid interval: all ratings of a teacher are equal, so the error variance is not identified and intervals "
    "would have no width."
)
_ROUNDING = 1e-12
"""Share of the variance of teachers below which the error variance is rounding."""
_NO_SHRUNKEN = (
    "No valid interval: ratings of one course are correlated, which this algorithm ignores, so its intervals would be "
    "too narrow. The mixed model includes course effects."
)


def train_ratings(
    rows: pd.DataFrame, roles: RatingRoles, algorithm: Algorithm, params: TeacherParams, progress: Progress
) -> TeacherResult:
    """Train one algorithm on validated ratings.

    Raises ModelError if there are too few teachers or ratings, ConvergenceError if all ratings are equal.
    """
    started = time.perf_counter()
    arrays = RatingArrays.from_frame(rows, rows[roles.rating], roles)
    _require_ratings(arrays)
    progress(0.0, "Fitting the effects")
    model = _fit(rows, roles, algorithm, params)
    progress(0.4, "Fitting the holdout model")
    split = split_ratings(rows, roles, params.evaluation_share)
    held_out = np.zeros(len(rows), dtype=bool) if split.held_out is None else split.held_out
    training_rows, held_out_rows = rows[~held_out], rows[held_out]
    holdout_model = _fit(training_rows, roles, algorithm, params) if len(held_out_rows) else model
    evaluation = evaluation_rows(holdout_model, training_rows, held_out_rows, roles)
    progress(0.7, "Sampling ranks")
    note = _missing_interval_reason(model, arrays)
    draws = None if note else model.draws(rows, arrays.rating, params.draws, params.seed)
    table = league_table(model, arrays, draws, params.seed)
    metrics = {
        **_summary_metrics(model, arrays, len(held_out_rows)),
        **error_metrics(evaluation),
        **_rank_metrics(table),
        "fit_seconds": time.perf_counter() - started,
    }
    notes = (WARNING,) if algorithm.name == "raw_mean" else ()
    if split.held_out is None:
        notes = (*notes, f"Held-out errors are not measured: {split.description}.")
    return TeacherResult(
        family=FAMILY,
        algorithm=algorithm.name,
        params=params,
        model=model,
        metrics=metrics,
        evaluation=evaluation,
        importance=permutation_importance(holdout_model, held_out_rows, roles)
        if len(held_out_rows)
        else _no_importance(),
        split=split.description,
        notes=notes,
        checks=all_checks(model, arrays, metrics, find_sorting(model.effects_, arrays, rows, roles)),
        roles=roles,
        teachers=table,
        interval_note=note,
    )


def _require_ratings(arrays: RatingArrays) -> None:
    if arrays.teachers.size < _MIN_TEACHERS or arrays.rating.size <= arrays.teachers.size:
        raise ModelError(
            "There are too few ratings to compare teachers",
            expected=f"{_MIN_TEACHERS} teachers or more, some of them rated more than once",
            actual=f"{arrays.rating.size} ratings of {arrays.teachers.size} teachers",
            fix="Choose a data set with more ratings, or a later date",
        )


def _fit(rows: pd.DataFrame, roles: RatingRoles, algorithm: Algorithm, params: TeacherParams) -> TeacherRatings:
    model: TeacherRatings = algorithm.new_estimator(params, columns=roles.model_dump())
    return model.fit(rows.drop(columns=roles.rating), rows[roles.rating])


def _missing_interval_reason(model: TeacherRatings, arrays: RatingArrays) -> str:
    """Return why there is no valid interval, empty if there is one."""
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


def _summary_metrics(model: TeacherRatings, arrays: RatingArrays, later: int) -> dict[str, float]:
    metrics = {
        "teachers": float(arrays.teachers.size),
        "ratings_per_teacher": float(np.median(arrays.counts)),
        "rows_train": float(arrays.rating.size),
        "rows_evaluation": float(later),
        "rating_sd": float(np.sqrt(model.error_)),
    }
    if isinstance(model, MixedRatings | ShrunkenRatings):
        metrics |= {"teacher_sd": float(np.sqrt(model.variance_)), "reliability": float(np.mean(model.reliability_))}
    if isinstance(model, MixedRatings):
        metrics["course_sd"] = float(np.sqrt(model.course_variance_))
    return metrics


def _rank_metrics(table: pd.DataFrame) -> dict[str, float]:
    if table["rank_low"].isna().any():
        return {}
    width = np.mean(table["rank_high"] - table["rank_low"] + 1) / len(table)
    return {"rank_interval_width": 100 * float(width)}


def _no_importance() -> pd.DataFrame:
    return pd.DataFrame({"feature": pd.Series(dtype="str"), "importance": pd.Series(dtype=float)})
