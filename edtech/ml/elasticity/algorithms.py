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
"""What an algorithm may need beyond the panel."""


class FixedEffectsParams(Params):
    """Hyperparameters of `fixed_effects`."""

    form: Literal["auto", "logit", "exponential", "log"] = Field(
        "auto",
        title="Form of demand",
        description="Logit of quantity per view, exponential in price, or constant elasticity (log); auto: logit where "
        "views are given and do not react to the price, else exponential.",
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
        0.0, ge=0.0, le=5.0, title="Ridge penalty", description="Pulls slopes to 0: steadier, and too small."
    )
    segment_slopes: bool = Field(
        True, title="A slope for each segment", description="Off: one slope for all, steadier where sales are few."
    )
    max_iterations: int = Field(
        100, ge=20, le=500, title="Most iterations", description="Steps that the solver may take."
    )


class _FlexibleParams(Params):
    """What `polynomial` and `gam` share."""

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


class PolynomialParams(_FlexibleParams):
    """Hyperparameters of `polynomial`."""

    degree: int = Field(2, ge=2, le=3, title="Degree", description="Highest power of the log price.")


class AdditiveParams(_FlexibleParams):
    """Hyperparameters of `gam`."""

    knots: int = Field(
        5, ge=3, le=9, title="Knots", description="Where the splines of price and covariates may bend; more is freer."
    )


class DoubleMLParams(Params):
    """Hyperparameters of `dml`."""

    folds: int = Field(5, ge=2, le=10, title="Folds", description="Each fold is predicted from all the others.")
    learning_rate: float = Field(
        0.1,
        ge=0.01,
        le=0.5,
        title="Learning rate",
        description="How much each tree corrects; smaller needs more trees.",
    )
    trees: int = Field(60, ge=20, le=300, title="Trees", description="Rounds of boosting of each nuisance.")
    max_leaf_nodes: int = Field(15, ge=3, le=63, title="Leaves per tree", description="How finely a tree may split.")
    min_samples_leaf: int = Field(
        20, ge=5, le=500, title="Rows per leaf", description="Fewest rows in a leaf; more is smoother."
    )
    segment_slopes: bool = Field(
        True, title="A slope for each segment", description="Off: one slope for all, steadier where sales are few."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", description="Same seed, same folds and trees.")


class ShareLogitParams(Params):
    """Hyperparameters of `share_logit`."""

    nested: bool = Field(
        False, title="Segments are nests", description="Units of a segment compete more closely with each other."
    )
    unit_effects: bool = Field(
        True,
        title="Hold each unit fixed",
        description="Off: only periods and the covariates are held fixed, such as the product a unit is.",
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

    PRESETS: ClassVar[Presets] = {"quick": {"trees": 20, "max_depth": 8}, "thorough": {"trees": 250, "max_depth": 14}}

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
            "polynomial",
            "Polynomial of the price",
            PolynomialDemand,
            PolynomialParams,
            "Demand bends with the log price, the same way in all segments; a check on the form.",
        ),
        Algorithm(
            "gam",
            "Additive splines",
            AdditiveDemand,
            AdditiveParams,
            "Demand bends freely with the log price and with each covariate that is a number; a check on the form.",
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
            needs=VISITS,
        ),
        Algorithm(
            "dml",
            "Double machine learning",
            DoubleMLDemand,
            DoubleMLParams,
            "For offers with covariates that move price and demand along curves nobody knows, and no repeated units.",
            needs=COVARIATES,
        ),
        Algorithm(
            "share_logit",
            "Logit of market shares",
            ShareLogitDemand,
            ShareLogitParams,
            "Units compete for the buyers of a market whose size is stated: substitution without visits.",
            needs=MARKET,
        ),
    )
}


def available_algorithms(roles: PanelRoles, has_visits: bool) -> tuple[str, ...]:
    """Return the algorithms that have what they need, the one to start with first."""
    available = {"": True, VISITS: has_visits, COVARIATES: bool(roles.controls), MARKET: has_market_roles(roles)}
    names = [name for name, algorithm in ALGORITHMS.items() if available[algorithm.needs]]
    return tuple(sorted(names, key=lambda name: ALGORITHMS[name].needs != VISITS))
