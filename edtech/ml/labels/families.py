"""The families of labels as the registry lists them."""

from functools import partial
from typing import TYPE_CHECKING, Any

from edtech.ml.base import Algorithm, Family
from edtech.ml.labels import algorithms as of
from edtech.ml.labels import sources
from edtech.ml.labels.estimators import BoostingProbability, ForestProbability, LogisticProbability
from edtech.ml.labels.plots import plots
from edtech.ml.labels.result import LabelResult
from edtech.ml.labels.training import Task, train
from edtech.ml.labels.words import summary
from edtech.tables.roles import LabelRoles

if TYPE_CHECKING:
    from edtech.data import Dataset

LOGISTIC = ("logistic", "Logistic regression", LogisticProbability)
FOREST = ("random_forest", "Random forest", ForestProbability)
BOOSTING = ("gradient_boosting", "Gradient boosting", BoostingProbability)
HELP = {
    "logistic": "Log odds linear in the columns: says what moves them, with intervals; the one to start with.",
    "random_forest": "An average of trees; steady, finds forms and combinations nobody thought of.",
    "gradient_boosting": "Trees added one by one; mostly the best probabilities where there are many rows.",
}

PROPENSITY = Task("enrollment_propensity", "views", "propensity", sources.views, sources.from_labels)
COMPLETION = Task("course_completion", "enrollments", "completion", sources.enrollments, sources.from_labels)


def _algorithms(*found: tuple[tuple[str, str, type], type]) -> dict[str, Algorithm]:
    return {name: Algorithm(name, title, kind, params, HELP[name]) for (name, title, kind), params in found}


def _fits(task: Task, algorithms: dict[str, Algorithm], dataset: "Dataset") -> tuple[str, ...]:
    if dataset.kind == "market":
        return tuple(algorithms)
    roles = dataset.mapping
    return tuple(algorithms) if isinstance(roles, LabelRoles) and roles.task == task.task else ()


def _family(task: Task, algorithms: dict[str, Algorithm], **words: Any) -> Family:  # noqa: ANN401  # texts
    return Family(
        name=task.family,
        algorithms=algorithms,
        result=LabelResult,
        fits=partial(_fits, task, algorithms),
        train=partial(train, task),
        summary=summary,
        plots=plots,
        **words,
    )


ENROLLMENT_PROPENSITY = _family(
    PROPENSITY,
    _algorithms((LOGISTIC, of.PropensityLogistic), (FOREST, of.PropensityForest), (BOOSTING, of.PropensityBoosting)),
    title="Enrollment propensity",
    question="Who enrolls when a course is shown, and to whom does showing it pay?",
    needs="a generated market, or labeled rows whose outcome is an enrollment (task: propensity)",
)
COURSE_COMPLETION = _family(
    COMPLETION,
    _algorithms((LOGISTIC, of.CompletionLogistic), (FOREST, of.CompletionForest), (BOOSTING, of.CompletionBoosting)),
    title="Course completion",
    question="Who completes the course they took, told at enrollment or some weeks later?",
    needs="a generated market, or labeled rows whose outcome is a completion (task: completion)",
)
