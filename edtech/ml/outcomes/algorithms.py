"""Hyperparameters of the families of labels, with their bounds."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from edtech.ml.base import Params, Presets
from edtech.ml.outcomes.estimators import Calibration

NOT_ESTIMATOR_PARAMS = ("evaluation_share", "seed", "weeks", "horizon_days", "cost", "value")
"""Fields that say what is predicted and judged, and are not the classifier's."""


class OutcomeParams(Params):
    """What all share."""

    seed: int = Field(
        0,
        ge=0,
        le=2**31 - 1,
        title="Seed",
        description="Same seed, same model and, without a time, same rows held back.",
    )

    def estimator_arguments(self) -> dict[str, Any]:
        """Return what the estimator's constructor takes."""
        return self.model_dump(exclude=set(NOT_ESTIMATOR_PARAMS))


class _Logistic(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    penalty: float = Field(
        10.0, ge=0.0, le=100.0, title="Ridge penalty", description="Pulls the effect of each column towards none."
    )
    calibration: Calibration = Field(
        "none",
        title="Calibration",
        description="What corrects the probabilities: a line in the log odds (platt), steps (isotonic), or nothing.",
    )
    max_iterations: int = Field(
        500,
        ge=50,
        le=5_000,
        title="Most iterations",
        description="The fit stops with an error where it has not settled.",
    )


class _Trees(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    min_samples_leaf: int = Field(
        30, ge=5, le=500, title="Rows per leaf", description="Fewest rows in a leaf; more is smoother."
    )
    calibration: Calibration = Field(
        "platt",
        title="Calibration",
        description="What corrects the probabilities: a line in the log odds (platt), steps (isotonic), or nothing.",
    )


class _Forest(_Trees):
    PRESETS: ClassVar[Presets] = {"quick": {"trees": 20, "max_depth": 8}, "thorough": {"trees": 250, "max_depth": 14}}

    trees: int = Field(50, ge=10, le=300, title="Trees", description="More is steadier and slower.")
    max_depth: int = Field(10, ge=2, le=20, title="Depth", description="How many splits a path may have.")
    max_features: float = Field(
        0.3, ge=0.1, le=1.0, title="Share of features per split", description="Less makes trees more different."
    )


class _Boosting(_Trees):
    PRESETS: ClassVar[Presets] = {
        "quick": {"trees": 40, "learning_rate": 0.15},
        "thorough": {"trees": 500, "learning_rate": 0.02},
    }

    learning_rate: float = Field(
        0.05, ge=0.01, le=0.5, title="Learning rate", description="How much each tree corrects; smaller needs more."
    )
    trees: int = Field(100, ge=20, le=600, title="Trees", description="Rounds of boosting.")
    max_leaf_nodes: int = Field(15, ge=3, le=63, title="Leaves per tree", description="How finely a tree may split.")
    l2: float = Field(1.0, ge=0.0, le=50.0, title="L2 penalty", description="Shrinks the leaves' values.")


class _Profit(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    cost: float = Field(
        0.5, ge=0.0, le=20.0, title="Cost of showing", description="Tokens that it costs to show a course once."
    )
    value: float = Field(
        6.0,
        ge=0.0,
        le=200.0,
        title="Value of an enrollment",
        description="Tokens that an enrollment brings, for uploads; in generated markets it is the commission.",
    )


class _Completion(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    weeks: int = Field(
        0, ge=0, le=26, title="Weeks after enrollment", description="When the prediction is made; 0: at enrollment."
    )
    horizon_days: int = Field(
        56, ge=7, le=365, title="Horizon", description="Days from the enrollment within which it is to be completed."
    )


class _Churn(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    horizon_days: int = Field(
        0,
        ge=0,
        le=365,
        title="Horizon",
        description="Days without a visit after which a learner has left (0: 56); in uploads in the file's unit "
        "(0: the longest by which four fifths of the outcomes are known).",
    )


class PropensityLogistic(_Profit, _Logistic, OutcomeParams):
    """Hyperparameters of `logistic` for enrollments."""


class PropensityForest(_Profit, _Forest, OutcomeParams):
    """Hyperparameters of `random_forest` for enrollments."""


class PropensityBoosting(_Profit, _Boosting, OutcomeParams):
    """Hyperparameters of `gradient_boosting` for enrollments."""


class CompletionLogistic(_Completion, _Logistic, OutcomeParams):
    """Hyperparameters of `logistic` for completions."""


class CompletionForest(_Completion, _Forest, OutcomeParams):
    """Hyperparameters of `random_forest` for completions."""


class CompletionBoosting(_Completion, _Boosting, OutcomeParams):
    """Hyperparameters of `gradient_boosting` for completions."""


class ChurnLogistic(_Churn, _Logistic, OutcomeParams):
    """Hyperparameters of `logistic` for churn."""


class ChurnBoosting(_Churn, _Boosting, OutcomeParams):
    """Hyperparameters of `gradient_boosting` for churn; the season is in its features, not left to a correction."""

    calibration: Calibration = Field(
        "none",
        title="Calibration",
        description="What corrects the probabilities: a line in the log odds (platt), steps (isotonic), or nothing.",
    )
    max_leaf_nodes: int = Field(5, ge=3, le=63, title="Leaves per tree", description="How finely a tree may split.")
    min_samples_leaf: int = Field(
        60, ge=5, le=500, title="Rows per leaf", description="Fewest rows in a leaf; a row counts once in each period."
    )


class ChurnCox(_Churn, OutcomeParams):
    """Hyperparameters of `cox`."""
