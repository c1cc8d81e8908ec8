"""Model families: what they estimate, how sure they are, and on what condition."""

from typing import TYPE_CHECKING

from edtech.lazy import lazy_names

if TYPE_CHECKING:
    from edtech.ml.base import Estimate, Family, FitResult, FittedModel, Params
    from edtech.ml.elasticity.algorithms import ALGORITHMS
    from edtech.ml.elasticity.modeler import TokenPriceElasticityModeler
    from edtech.ml.elasticity.result import ElasticityResult
    from edtech.ml.families import FAMILIES

__all__ = [
    "ALGORITHMS",
    "FAMILIES",
    "ElasticityResult",
    "Estimate",
    "Family",
    "FitResult",
    "FittedModel",
    "Params",
    "TokenPriceElasticityModeler",
]

# Loaded on first use: scikit-learn takes more than a second to import.
__getattr__ = lazy_names(
    __name__,
    {
        "ALGORITHMS": "edtech.ml.elasticity.algorithms",
        "ElasticityResult": "edtech.ml.elasticity.result",
        "Estimate": "edtech.ml.base",
        "FAMILIES": "edtech.ml.families",
        "Family": "edtech.ml.base",
        "FitResult": "edtech.ml.base",
        "FittedModel": "edtech.ml.base",
        "Params": "edtech.ml.base",
        "TokenPriceElasticityModeler": "edtech.ml.elasticity.modeler",
        "Trained": "edtech.ml.base:FittedModel",  # former name
    },
)
