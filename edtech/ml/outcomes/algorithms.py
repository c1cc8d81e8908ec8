"""Hyperparameters of the outcome families, with their bounds."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from edtech.ml.base import Params, Presets
from edtech.ml.outcomes.estimators import Calibration

NOT_ESTIMATOR_PARAMS = ("evaluation_share", "seed", "weeks", "horizon_days", "cost", "value")
"""Parameters of the prediction task and its evaluation, not of the estimator."""


class OutcomeParams(Params):
    """The hyperparameters that all algorithms share."""

    seed: int = Field(
        0,
        ge=0,
        le=2**31 - 1,
        title="Seed",
        description="The same seed gives the same model and, without a time, the same held-out rows.",
    )

    def estimator_arguments(self) -> dict[str, Any]:
        """Return what the estimator's constructor takes."""
        return self.model_dump(exclude=set(NOT_ESTIMATOR_PARAMS))


class _Logistic(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    penalty: float = Field(
        10.0, ge=0.0, le=100.0, title="Ridge penalty", description="Shrinks the effect of each column towards 0."
    )
    calibration: Calibration = Field(
        "none",
        title="Calibration",
        description="Correction of the probabilities: linear in log odds (platt), a step function (isotonic), or none.",
    )
    max_iterations: int = Field(
        500,
        ge=50,
        le=5_000,
        title="Maximum iterations",
        description="The fit stops with an error if it has not converged.",
    )


class _Trees(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    min_samples_leaf: int = Field(
        30, ge=5, le=500, title="Rows per leaf", description="Minimum rows in a leaf; more are smoother."
    )
    calibration: Calibration = Field(
        "platt",
        title="Calibration",
        description="Correction of the probabilities: linear in log odds (platt), a step function (isotonic), or none.",
    )


class _Forest(_Trees):
    PRESETS: ClassVar[Presets] = {"quick": {"trees": 20, "max_depth": 8}, "thorough": {"trees": 250, "max_depth": 14}}

    trees: int = Field(50, ge=10, le=300, title="Trees", description="More are more stable and slower.")
    max_depth: int = Field(10, ge=2, le=20, title="Depth", description="Maximum splits of a path.")
    max_features: float = Field(
        0.3, ge=0.1, le=1.0, title="Features per split", description="Share of features; fewer decorrelate the trees."
    )


class _Boosting(_Trees):
    PRESETS: ClassVar[Presets] = {
        "quick": {"trees": 40, "learning_rate": 0.15},
        "thorough": {"trees": 500, "learning_rate": 0.02},
    }

    learning_rate: float = Field(
        0.05, ge=0.01, le=0.5, title="Learning rate", description="Weight of each tree; a smaller one needs more trees."
    )
    trees: int = Field(100, ge=20, le=600, title="Trees", description="Boosting iterations.")
    max_leaf_nodes: int = Field(
        15, ge=3, le=63, title="Leaves per tree", description="Maximum leaves; more are more flexible."
    )
    l2: float = Field(1.0, ge=0.0, le=50.0, title="L2 penalty", description="Shrinks the values of leaves.")


class _Profit(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    cost: float = Field(
        0.5, ge=0.0, le=20.0, title="Cost of showing", description="Cost of showing a course once, in tokens."
    )
    value: float = Field(
        6.0,
        ge=0.0,
        le=200.0,
        title="Value per enrollment",
        description="Value in tokens, for uploads. In generated markets it is the commission.",
    )


class _Completion(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    weeks: int = Field(
        0, ge=0, le=26, title="Weeks after enrollment", description="Time of the prediction; 0: at enrollment."
    )
    horizon_days: int = Field(56, ge=7, le=365, title="Horizon", description="Days from enrollment to completion.")


class _Churn(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    horizon_days: int = Field(
        0,
        ge=0,
        le=365,
        title="Horizon",
        description="Days without a visit after which a learner has left (0: 56). For uploads in the unit of the "
        "duration (0: the longest at which four fifths of the outcomes are known).",
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
    """Hyperparameters of `gradient_boosting` for churn; the season is in its features, so calibration is off."""

    calibration: Calibration = Field(
        "none",
        title="Calibration",
        description="Correction of the probabilities: linear in log odds (platt), a step function (isotonic), or none.",
    )
    max_leaf_nodes: int = Field(
        5, ge=3, le=63, title="Leaves per tree", description="Maximum leaves; more are more flexible."
    )
    min_samples_leaf: int = Field(
        60, ge=5, le=500, title="Rows per leaf", description="Minimum rows in a leaf; a row counts once in each period."
    )


class ChurnCox(_Churn, OutcomeParams):
    """Hyperparameters of `cox`."""
