"""The algorithms of the family `token_elasticity`: hyperparameters with their bounds, and the registry."""

from typing import ClassVar, Literal

from pydantic import Field

from edtech.ml.base import Algorithm, Params, Presets
from edtech.ml.elasticity.estimators.additive import AdditiveDemand, PolynomialDemand
from edtech.ml.elasticity.estimators.choice_logit import ChoiceLogitDemand
from edtech.ml.elasticity.estimators.double_ml import DoubleMLDemand
from edtech.ml.elasticity.estimators.feature_models import GradientBoostingDemand, LinearDemand, RandomForestDemand
from edtech.ml.elasticity.estimators.fixed_effects import FixedEffectsDemand
from edtech.ml.elasticity.estimators.share_logit import ShareLogitDemand, has_market_roles
from edtech.tables.roles import PanelRoles

FAMILY = "token_elasticity"
VISITS, COVARIATES, MARKET = "visits", "covariates", "market"
"""What an algorithm may require besides the panel."""


class FixedEffectsParams(Params):
    """Hyperparameters of `fixed_effects`."""

    form: Literal["auto", "logit", "exponential", "log"] = Field(
        "auto",
        title="Demand form",
        description="Logit of quantity per view, exponential in price, or constant elasticity (log). Auto: logit if "
        "there are views that do not react to the price, else exponential.",
    )
    tiers: Literal["auto", "one", "three"] = Field(
        "auto",
        title="Slopes per segment",
        description="One, or three for cheap, middle and expensive units. Auto: three if this lowers the AIC.",
    )
    segment_slopes: bool = Field(
        True, title="Slopes by segment", description="Off: one slope for all segments, more stable with few sales."
    )
    control_function: bool = Field(
        True,
        title="Use randomized discounts or instruments",
        description="Corrects for prices that follow demand. Off shows the bias of ignoring this.",
    )
    max_iterations: int = Field(
        50,
        ge=10,
        le=200,
        title="Maximum iterations",
        description="The fit stops with an error if it has not converged.",
    )


class ChoiceLogitParams(Params):
    """Hyperparameters of `choice_logit`."""

    segment_slopes: bool = Field(
        True, title="Slopes by segment", description="Off: one slope for all segments, more stable with few sales."
    )
    max_visits: int = Field(
        20_000, ge=1_000, le=200_000, title="Sampled visits", description="What-ifs simulate this many random visits."
    )
    max_iterations: int = Field(
        50,
        ge=10,
        le=200,
        title="Maximum iterations",
        description="The fit stops with an error if it has not converged.",
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", description="The same seed samples the same visits.")


class LinearParams(Params):
    """Hyperparameters of `linear`."""

    alpha: float = Field(
        0.0, ge=0.0, le=5.0, title="Ridge penalty", description="Shrinks slopes towards 0: less variance, more bias."
    )
    segment_slopes: bool = Field(
        True, title="Slopes by segment", description="Off: one slope for all segments, more stable with few sales."
    )
    max_iterations: int = Field(
        100, ge=20, le=500, title="Maximum iterations", description="Maximum steps of the solver."
    )


class _FlexibleParams(Params):
    """The hyperparameters that `polynomial` and `gam` share."""

    segment_slopes: bool = Field(
        True, title="Slopes by segment", description="Off: one slope for all segments, more stable with few sales."
    )
    control_function: bool = Field(
        True,
        title="Use randomized discounts or instruments",
        description="Corrects for prices that follow demand. Off shows the bias of ignoring this.",
    )
    max_iterations: int = Field(
        50,
        ge=10,
        le=200,
        title="Maximum iterations",
        description="The fit stops with an error if it has not converged.",
    )


class PolynomialParams(_FlexibleParams):
    """Hyperparameters of `polynomial`."""

    degree: int = Field(2, ge=2, le=3, title="Degree", description="Highest power of the log price.")


class AdditiveParams(_FlexibleParams):
    """Hyperparameters of `gam`."""

    knots: int = Field(
        5,
        ge=3,
        le=9,
        title="Knots",
        description="Knots of the splines of price and covariates; more are more flexible.",
    )


class DoubleMLParams(Params):
    """Hyperparameters of `dml`."""

    folds: int = Field(
        5, ge=2, le=10, title="Folds", description="Each fold is predicted by models of the other folds."
    )
    learning_rate: float = Field(
        0.1,
        ge=0.01,
        le=0.5,
        title="Learning rate",
        description="Weight of each tree; a smaller one needs more trees.",
    )
    trees: int = Field(60, ge=20, le=300, title="Trees", description="Boosting iterations of each nuisance model.")
    max_leaf_nodes: int = Field(
        15, ge=3, le=63, title="Leaves per tree", description="Maximum leaves; more are more flexible."
    )
    min_samples_leaf: int = Field(
        20, ge=5, le=500, title="Rows per leaf", description="Minimum rows in a leaf; more are smoother."
    )
    segment_slopes: bool = Field(
        True, title="Slopes by segment", description="Off: one slope for all segments, more stable with few sales."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", description="The same seed gives the same folds and trees.")


class ShareLogitParams(Params):
    """Hyperparameters of `share_logit`."""

    nested: bool = Field(False, title="Segments as nests", description="Units of a segment compete more closely.")
    unit_effects: bool = Field(
        True,
        title="Unit effects",
        description="Off: controls only for periods and covariates, such as the product of a unit.",
    )


class GradientBoostingParams(Params):
    """Hyperparameters of `gradient_boosting`."""

    PRESETS: ClassVar[Presets] = {
        "quick": {"trees": 50, "learning_rate": 0.25},
        "thorough": {"trees": 500, "learning_rate": 0.04},
    }

    learning_rate: float = Field(
        0.1,
        ge=0.01,
        le=0.5,
        title="Learning rate",
        description="Weight of each tree; a smaller one needs more trees.",
    )
    trees: int = Field(150, ge=20, le=600, title="Trees", description="Boosting iterations.")
    max_leaf_nodes: int = Field(
        15, ge=3, le=63, title="Leaves per tree", description="Maximum leaves; more are more flexible."
    )
    min_samples_leaf: int = Field(
        40, ge=5, le=500, title="Rows per leaf", description="Minimum rows in a leaf; more are smoother."
    )
    l2: float = Field(1.0, ge=0.0, le=50.0, title="L2 penalty", description="Shrinks the values of leaves.")
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", description="The same seed gives the same model.")


class RandomForestParams(Params):
    """Hyperparameters of `random_forest`."""

    PRESETS: ClassVar[Presets] = {"quick": {"trees": 20, "max_depth": 8}, "thorough": {"trees": 250, "max_depth": 14}}

    trees: int = Field(60, ge=10, le=300, title="Trees", description="More are more stable and slower.")
    max_depth: int = Field(10, ge=2, le=20, title="Depth", description="Maximum splits of a path.")
    min_samples_leaf: int = Field(
        30, ge=5, le=500, title="Rows per leaf", description="Minimum rows in a leaf; more are smoother."
    )
    max_features: float = Field(
        0.7, ge=0.1, le=1.0, title="Features per split", description="Share of features; fewer decorrelate the trees."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", description="The same seed gives the same model.")


ALGORITHMS: dict[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm(
            "fixed_effects",
            "Fixed effects",
            FixedEffectsDemand,
            FixedEffectsParams,
            "Compares each unit with itself over time, with price slopes by segment. Start with this algorithm.",
        ),
        Algorithm(
            "linear",
            "Log-linear Poisson regression",
            LinearDemand,
            LinearParams,
            "A constant elasticity by segment, controlling for each unit's mean price and rate.",
        ),
        Algorithm(
            "polynomial",
            "Polynomial in price",
            PolynomialDemand,
            PolynomialParams,
            "Log demand is a polynomial in log price, the same in all segments. Checks the demand form.",
        ),
        Algorithm(
            "gam",
            "Additive splines",
            AdditiveDemand,
            AdditiveParams,
            "Log demand is a sum of splines in log price and numeric covariates. Checks the demand form.",
        ),
        Algorithm(
            "gradient_boosting",
            "Gradient boosting",
            GradientBoostingDemand,
            GradientBoostingParams,
            "Sequential trees, monotonic in price. Fits any demand form, without confidence interval.",
        ),
        Algorithm(
            "random_forest",
            "Random forest",
            RandomForestDemand,
            RandomForestParams,
            "An average of trees, monotonic in price. Predicts later periods well, biases elasticities towards 0.",
        ),
        Algorithm(
            "choice_logit",
            "Discrete choice (logit)",
            ChoiceLogitDemand,
            ChoiceLogitParams,
            "Models which offer of a visit is chosen, so that substitution between units is modeled.",
            needs=VISITS,
        ),
        Algorithm(
            "dml",
            "Double machine learning",
            DoubleMLDemand,
            DoubleMLParams,
            "For offers that do not repeat, with covariates of unknown functional form.",
            needs=COVARIATES,
        ),
        Algorithm(
            "share_logit",
            "Market-share logit",
            ShareLogitDemand,
            ShareLogitParams,
            "Units compete within markets of a stated size: substitution without data on visits.",
            needs=MARKET,
        ),
    )
}


def available_algorithms(roles: PanelRoles, has_visits: bool) -> tuple[str, ...]:
    """Return the algorithms whose inputs are available, the recommended one first."""
    available = {"": True, VISITS: has_visits, COVARIATES: bool(roles.controls), MARKET: has_market_roles(roles)}
    names = [name for name, algorithm in ALGORITHMS.items() if available[algorithm.needs]]
    return tuple(sorted(names, key=lambda name: ALGORITHMS[name].needs != VISITS))
