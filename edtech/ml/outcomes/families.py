"""The outcome families as the registry lists them."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from edtech.ml import outcomes
from edtech.ml.base import Algorithm, Family
from edtech.ml.outcomes import algorithms as of
from edtech.ml.outcomes import sources
from edtech.ml.outcomes.churn_estimators import BoostingChurn, CoxChurn, LogisticChurn, SurvivalEstimator
from edtech.ml.outcomes.description import summary
from edtech.ml.outcomes.encoding import Encoder
from edtech.ml.outcomes.estimators import (
    BoostingProbability,
    Correction,
    ForestProbability,
    LogisticProbability,
    ProbabilityModel,
)
from edtech.ml.outcomes.plots import plots
from edtech.ml.outcomes.result import OutcomeResult
from edtech.ml.outcomes.seasonality import Season
from edtech.ml.outcomes.training import OutcomeTask, train
from edtech.ml.training_support import beyond_range, new_values
from edtech.tables.roles import LabelRoles

if TYPE_CHECKING:
    from edtech.data import Dataset

LOGISTIC = ("logistic", "Logistic regression", LogisticProbability)
FOREST = ("random_forest", "Random forest", ForestProbability)
BOOSTING = ("gradient_boosting", "Gradient boosting", BoostingProbability)
CHURN_LOGISTIC = ("logistic", "Person-period logistic", LogisticChurn)
CHURN_BOOSTING = ("gradient_boosting", "Person-period boosting", BoostingChurn)
COX = ("cox", "Cox proportional hazards", CoxChurn)
HELP = {
    "cox": "Each column multiplies the hazard by a constant. The baseline hazard comes from durations.",
    "logistic": "Log odds are linear in the columns, with odds ratios and intervals. Start with this algorithm.",
    "random_forest": "An average of trees. Stable, and fits nonlinear effects and interactions.",
    "gradient_boosting": "Sequential trees. Often the most accurate probabilities if there are many rows.",
}

VIEWS = OutcomeTask(outcomes.PROPENSITY, "views", "propensity", sources.views, sources.from_labels)
ENROLLMENTS = OutcomeTask(outcomes.COMPLETION, "enrollments", "completion", sources.enrollments, sources.from_labels)
LEARNERS = OutcomeTask(outcomes.CHURN, "learners", "churn", sources.learners, sources.churn_labels)


def _algorithms(*definitions: tuple[tuple[str, str, type], type]) -> dict[str, Algorithm]:
    return {name: Algorithm(name, title, kind, params, HELP[name]) for (name, title, kind), params in definitions}


def _fits(task: OutcomeTask, algorithms: dict[str, Algorithm], dataset: "Dataset") -> tuple[str, ...]:
    if dataset.kind == "market":
        return tuple(algorithms)
    roles = dataset.mapping
    return tuple(algorithms) if isinstance(roles, LabelRoles) and roles.task == task.task else ()


def _fits_churn(task: OutcomeTask, algorithms: dict[str, Algorithm], dataset: "Dataset") -> tuple[str, ...]:
    """Return all algorithms if there are durations, else those that need none."""
    fitting = _fits(task, algorithms, dataset)
    timed = dataset.kind == "market" or getattr(dataset.mapping, "duration", None) is not None
    return tuple(name for name in fitting if timed or name != "cox")


def range_warnings(
    model: ProbabilityModel | CoxChurn, rows: pd.DataFrame, _support: pd.DataFrame | None
) -> tuple[str, ...]:
    """Return a sentence for each column of `rows` with values outside the training data."""
    return tuple(_range_warnings(model.encoder_, _encoded_columns(model, rows)))


def _encoded_columns(model: ProbabilityModel | CoxChurn, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that the encoder gets unchanged; a season replaces or changes columns of times."""
    season = model.season if isinstance(model, SurvivalEstimator) else None
    encoded = rows if season is None else season.adjust_features(rows)
    return rows[[name for name in rows if name in encoded and encoded[name].equals(rows[name])]]


def _range_warnings(encoder: Encoder, rows: pd.DataFrame) -> Iterator[str]:
    for name, trained in encoder.categories_.items():
        if name in rows:
            yield from new_values(rows, name, trained)
    for index, name in enumerate(encoder.numbers_):
        if name in rows:
            low, high = (
                np.expm1(bound[index]) if encoder.logs_[index] else bound[index]
                for bound in (encoder.lows_, encoder.highs_)
            )
            yield from beyond_range(rows, name, np.full(len(rows), low), np.full(len(rows), high))


def _family(task: OutcomeTask, algorithms: dict[str, Algorithm], **texts: Any) -> Family:  # noqa: ANN401  # Family's fields
    return Family(
        name=task.family,
        algorithms=algorithms,
        result=OutcomeResult,
        algorithms_for=partial(_fits_churn if task is LEARNERS else _fits, task, algorithms),
        train=partial(train, task),
        summary=summary,
        roles=LabelRoles,
        stored_types=(Encoder, Correction, Season),
        plots=plots,
        range_warnings=range_warnings,
        **texts,
    )


ENROLLMENT_PROPENSITY = _family(
    VIEWS,
    _algorithms((LOGISTIC, of.PropensityLogistic), (FOREST, of.PropensityForest), (BOOSTING, of.PropensityBoosting)),
    title="Enrollment propensity",
    question="Who enrolls if a course is shown, and when is it profitable to show it?",
    needs="a generated market, or labeled rows whose outcome is an enrollment (task: propensity)",
    prediction_meaning=lambda _model: "Probability of enrolling",
)
COURSE_COMPLETION = _family(
    ENROLLMENTS,
    _algorithms((LOGISTIC, of.CompletionLogistic), (FOREST, of.CompletionForest), (BOOSTING, of.CompletionBoosting)),
    title="Course completion",
    question="Who completes a course, predicted at enrollment or some weeks later?",
    needs="a generated market, or labeled rows whose outcome is a completion (task: completion)",
    prediction_meaning=lambda _model: "Probability of completing",
)
CHURN_PREDICTION = _family(
    LEARNERS,
    _algorithms((COX, of.ChurnCox), (CHURN_LOGISTIC, of.ChurnLogistic), (CHURN_BOOSTING, of.ChurnBoosting)),
    title="Churn prediction",
    question="Who leaves by a horizon, and how long do learners stay?",
    needs="a generated market, or labeled rows whose outcome is leaving (task: churn), best with a duration",
    prediction_meaning=lambda model: f"Probability of leaving within {model.horizon:g} days",
)
