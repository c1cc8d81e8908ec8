"""The algorithms of the family `token_elasticity`: hyperparameters with their bounds, and the registry."""

from typing import Literal

from pydantic import Field

from edtech.ml.base import Algorithm, Params
from edtech.ml.elasticity.choice_estimator import ChoiceLogitDemand
from edtech.ml.elasticity.estimators import FixedEffectsDemand
from edtech.ml.elasticity.feature_estimators import GradientBoostingDemand, LinearDemand, RandomForestDemand

FAMILY = "token_elasticity"


class FixedEffectsParams(Params):
    """Hyperparameters of `fixed_effects`."""

    form: Literal["auto", "logit", "exponential", "log"] = Field(
        "auto",
        title="Form of demand",
        description="Logit of quantity per view, exponential in price, or constant elasticity (log); auto: logit where "
        "views are given, else exponential.",
    )
    tiers: Literal["auto", "one", "three"] = Field(
        "auto",
        title="Slopes for each segment",
        description="One, or three for its cheap, middling and dear units; auto: three where the data ask for it.",
    )
    segment_slopes: bool = Field(
        True, title="A slope for each segment", description="Off: one slope for all, steadier where sales are few."
    )
    control_function: bool = Field(
        True,
        title="Use randomized discounts or instruments",
        description="Corrects for prices that follow demand. Off shows what ignoring it would say.",
    )
    max_iterations: int = Field(
        50, ge=10, le=200, title="Most iterations", description="The fit stops with an error when it has not settled."
    )


class ChoiceLogitParams(Params):
    """Hyperparameters of `choice_logit`."""

    segment_slopes: bool = Field(
        True, title="A slope for each segment", description="Off: one slope for all, steadier where sales are few."
    )
    max_visits: int = Field(
        20_000, ge=1_000, le=200_000, title="Visits kept", description="What-ifs play this many visits, drawn by seed."
    )
    max_iterations: int = Field(
        50, ge=10, le=200, title="Most iterations", description="The fit stops with an error when it has not settled."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", description="Same seed, same visits kept.")


class LinearParams(Params):
    """Hyperparameters of `linear`."""

    alpha: float = Field(
        0.0, ge=0.0, le=5.0, title="Ridge penalty", description="Pulls slopes to 0; above 0 there is no interval."
    )
    segment_slopes: bool = Field(
        True, title="A slope for each segment", description="Off: one slope for all, steadier where sales are few."
    )
    max_iterations: int = Field(
        100, ge=20, le=500, title="Most iterations", description="Steps that the solver may take."
    )


class GradientBoostingParams(Params):
    """Hyperparameters of `gradient_boosting`."""

    learning_rate: float = Field(
        0.1,
        ge=0.01,
        le=0.5,
        title="Learning rate",
        description="How much each tree corrects; smaller needs more trees.",
    )
    trees: int = Field(150, ge=20, le=600, title="Trees", description="Rounds of boosting.")
    max_leaf_nodes: int = Field(15, ge=3, le=63, title="Leaves per tree", description="How finely a tree may split.")
    min_samples_leaf: int = Field(
        40, ge=5, le=500, title="Rows per leaf", description="Fewest rows in a leaf; more is smoother."
    )
    l2: float = Field(1.0, ge=0.0, le=50.0, title="L2 penalty", description="Shrinks the leaves' values.")
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", description="Same seed, same model.")


class RandomForestParams(Params):
    """Hyperparameters of `random_forest`."""

    trees: int = Field(60, ge=10, le=300, title="Trees", description="More is steadier and slower.")
    max_depth: int = Field(10, ge=2, le=20, title="Depth", description="How many splits a path may have.")
    min_samples_leaf: int = Field(
        30, ge=5, le=500, title="Rows per leaf", description="Fewest rows in a leaf; more is smoother."
    )
    max_features: float = Field(
        0.7, ge=0.1, le=1.0, title="Share of features per split", description="Less makes trees more different."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", description="Same seed, same model.")


ALGORITHMS: dict[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm(
            "fixed_effects",
            "Fixed effects",
            FixedEffectsDemand,
            FixedEffectsParams,
            "Compares each unit with itself over time, a price slope for each segment; the one to start with.",
        ),
        Algorithm(
            "linear",
            "Log-linear Poisson regression",
            LinearDemand,
            LinearParams,
            "A constant elasticity for each segment, with the units' mean prices and rates held fixed.",
        ),
        Algorithm(
            "gradient_boosting",
            "Gradient boosting",
            GradientBoostingDemand,
            GradientBoostingParams,
            "Trees added one by one, falling in the price; finds forms nobody thought of, gives no interval.",
        ),
        Algorithm(
            "random_forest",
            "Random forest",
            RandomForestDemand,
            RandomForestParams,
            "An average of trees, falling in the price; steady on later weeks, pulls elasticities towards 0.",
        ),
        Algorithm(
            "choice_logit",
            "Choice among offers",
            ChoiceLogitDemand,
            ChoiceLogitParams,
            "Which of the offers seen on a visit is taken: the one that knows what courses take from each other.",
            needs_visits=True,
        ),
    )
}
