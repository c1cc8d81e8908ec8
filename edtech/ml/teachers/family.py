"""The family `teacher_quality` as the registry lists it."""

from typing import TYPE_CHECKING

import pandas as pd

from edtech.charts import png
from edtech.jobs.progress import Progress
from edtech.ml.base import Algorithm, Family, FittedModel, Params
from edtech.ml.plots import error_plots, importance_plot
from edtech.ml.teachers.algorithms import ALGORITHMS, FAMILY, TeacherParams
from edtech.ml.teachers.description import finding, summary
from edtech.ml.teachers.estimators import TeacherRatings
from edtech.ml.teachers.result import TeacherResult
from edtech.ml.teachers.training import train_ratings
from edtech.ml.training_support import new_values
from edtech.tables.roles import RatingRoles

if TYPE_CHECKING:
    from edtech.data import Dataset

# Without what the teacher affects: earlier ratings and completions of the course, and the time to complete it.
_LEARNER = ("region", "age_group", "segment", "education_level", "days_since_joining", "preferred")
_EARLIER = ("enrollments_before", "completions_before", "refunds_before")
_COURSE = ("token_price", "category", "level", "duration_hours", "certificate", "days_since_publication")
_TEACHER = ("experience_years", "verified")
MARKET_ROLES = RatingRoles(
    learner="learner_id", course="course_id", time="time", covariates=(*_LEARNER, *_EARLIER, *_COURSE, *_TEACHER)
)
"""Roles of the ratings of a generated market."""


def fits(dataset: "Dataset") -> tuple[str, ...]:
    """Return the algorithms, the recommended one first; none if the data set has no ratings."""
    return tuple(ALGORITHMS) if dataset.kind in ("market", "ratings") else ()


def ratings(dataset: "Dataset") -> tuple[pd.DataFrame, RatingRoles]:
    """Return the ratings of a data set with features as of each rating, and their roles.

    Raises DataError if it has none.
    """
    if isinstance(dataset.mapping, RatingRoles):
        return dataset.main(), dataset.mapping
    from edtech.data.features import features

    end = dataset.table("platform_metrics", ["day"])["day"].max() + pd.Timedelta(days=1)
    names = [name for name in dataset.tables if name not in ("views", "token_ledger")]
    features_frame = features({name: dataset.table(name) for name in names}, FAMILY, end)
    rows = features_frame.frame[list(MARKET_ROLES.covariates)].join(features_frame.ids)
    return rows.assign(rating=features_frame.target.to_numpy(dtype=float))[list(MARKET_ROLES.columns())], MARKET_ROLES


def train(dataset: "Dataset", algorithm: Algorithm, params: Params, progress: Progress) -> FittedModel:
    """Train one algorithm on the data set's ratings."""
    rows, roles = ratings(dataset)
    assert isinstance(params, TeacherParams)  # noqa: S101  # the family's own
    return FittedModel(train_ratings(rows, roles, algorithm, params, progress), rows, roles.rating)


def plots(result: TeacherResult) -> dict[str, bytes]:
    """Return the plots of a run as PNG files by artifact path."""
    images = {
        "evaluation/effects_by_ratings.png": png.effects_by_ratings(
            result.teachers, title="Shrinkage: effect against raw mean, by number of ratings"
        )
    }
    if result.has_intervals:
        images["evaluation/rank_intervals.png"] = png.rank_intervals(result.teachers, title=finding(result))
    errors = error_plots(result, ALGORITHMS[result.algorithm].title, "rating_rmse", "stars")
    return images | errors | importance_plot(result, "increase of mean squared error if shuffled")


def prediction_meaning(_model: TeacherRatings) -> str:
    """Return what a prediction is, as a phrase."""
    return "Expected rating (stars)"


def range_warnings(model: TeacherRatings, rows: pd.DataFrame, _support: pd.DataFrame | None) -> tuple[str, ...]:
    """Return a sentence if `rows` have teachers without ratings in the training data."""
    return tuple(new_values(rows, model.roles.teacher, model.teachers_))


TEACHER_QUALITY = Family(
    name=FAMILY,
    title="Teacher quality",
    question="Which teachers are better, and how certain is their rank?",
    needs="ratings by teacher, or a generated market",
    algorithms=ALGORITHMS,
    result=TeacherResult,
    algorithms_for=fits,
    train=train,
    summary=summary,
    roles=RatingRoles,
    plots=plots,
    prediction_meaning=prediction_meaning,
    range_warnings=range_warnings,
)
