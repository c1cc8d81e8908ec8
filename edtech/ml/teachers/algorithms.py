"""The algorithms of the family `teacher_quality`: hyperparameters with their bounds, and the registry."""

from typing import Any

from pydantic import Field

from edtech.ml.base import Algorithm, Params
from edtech.ml.teachers.estimators import MixedRatings, RawMeanRatings, ShrunkenRatings

FAMILY = "teacher_quality"


class TeacherParams(Params):
    """The hyperparameters that all algorithms share."""

    evaluation_share: float = Field(
        0.2,
        ge=0.1,
        le=0.4,
        title="Test share (latest ratings)",
        description="The errors of a holdout fit are measured on these ratings.",
    )
    draws: int = Field(
        2_000, ge=200, le=10_000, title="Draws", description="Posterior draws of the effects, for intervals."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", description="The same seed gives the same intervals.")

    def estimator_arguments(self) -> dict[str, Any]:
        """Return what the estimator's constructor takes."""
        return self.model_dump(exclude={"evaluation_share", "draws", "seed"})


class MixedParams(TeacherParams):
    """Hyperparameters of `mixed_model`."""

    controls: bool = Field(
        True,
        title="Control for learners and courses",
        description="Compares teachers at equal covariates. Off shows the bias of ignoring them.",
    )
    attributes: bool = Field(
        True,
        title="Use teacher attributes",
        description="Shrinks effects to the mean of teachers with the same attributes, not to the mean of all.",
    )
    course_effects: bool = Field(
        True,
        title="Course effects",
        description="Ratings of one course are correlated, so they are less informative about the teacher.",
    )


ALGORITHMS: dict[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm(
            "mixed_model",
            "Mixed model",
            MixedRatings,
            MixedParams,
            "Teachers at equal learners and courses, with shrinkage to the mean. Start with this algorithm.",
        ),
        Algorithm(
            "empirical_bayes",
            "Empirical Bayes",
            ShrunkenRatings,
            TeacherParams,
            "Shrinks each mean to the overall mean, more with fewer ratings. Does not control for covariates.",
        ),
        Algorithm(
            "raw_mean",
            "Raw means (not recommended)",
            RawMeanRatings,
            TeacherParams,
            "Mean ratings: teachers with few ratings are at both ends of the list.",
        ),
    )
}
