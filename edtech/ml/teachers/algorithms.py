"""The algorithms of the family `teacher_quality`: hyperparameters with their bounds, and the registry."""

from typing import Any

from pydantic import Field

from edtech.ml.base import Algorithm, Params
from edtech.ml.teachers.estimators import MixedRatings, RawMeanRatings, ShrunkenRatings

FAMILY = "teacher_quality"


class TeacherParams(Params):
    """What all algorithms of the family share."""

    evaluation_share: float = Field(
        0.2,
        ge=0.1,
        le=0.4,
        title="Share of later ratings held back",
        description="The last ratings are kept out of a first fit and its errors are measured on them.",
    )
    draws: int = Field(
        2_000, ge=200, le=10_000, title="Draws", description="Draws of all effects from which intervals are read."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", description="Same seed, same intervals.")

    def estimator_arguments(self) -> dict[str, Any]:
        """Return what the estimator's constructor takes."""
        return self.model_dump(exclude={"evaluation_share", "draws", "seed"})


class MixedParams(TeacherParams):
    """Hyperparameters of `mixed_model`."""

    controls: bool = Field(
        True,
        title="Hold fixed who enrolls",
        description="Compares teachers at equal learners and courses. Off shows what ignoring it would say.",
    )
    attributes: bool = Field(
        True,
        title="Use what is known of teachers",
        description="Pulls few ratings to the mean of teachers with the same attributes, not to that of all.",
    )
    course_effects: bool = Field(
        True,
        title="Courses differ",
        description="Ratings of one course go together, so they say less of the teacher than as many of several.",
    )


ALGORITHMS: dict[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm(
            "mixed_model",
            "Mixed model",
            MixedRatings,
            MixedParams,
            "Teachers at equal learners and courses, few ratings pulled to the mean; the one to start with.",
        ),
        Algorithm(
            "empirical_bayes",
            "Empirical Bayes",
            ShrunkenRatings,
            TeacherParams,
            "Each mean is pulled to the mean of all, the more, the fewer its ratings; takes learners as they come.",
        ),
        Algorithm(
            "raw_mean",
            "Raw means (a warning)",
            RawMeanRatings,
            TeacherParams,
            "The mean of the stars, as shops show it: both ends of the list are held by teachers with few ratings.",
        ),
    )
}
