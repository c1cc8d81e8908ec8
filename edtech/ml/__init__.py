"""Model families: what they estimate, how sure they are, and on what condition."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edtech.ml.base import Estimate, Family, FitResult, FittedModel, Params
    from edtech.ml.elasticity.algorithms import ALGORITHMS
    from edtech.ml.elasticity.modeler import TokenPriceElasticityModeler
    from edtech.ml.elasticity.result import ElasticityResult
    from edtech.ml.families import FAMILIES

_MODULES = {
    "ALGORITHMS": "edtech.ml.elasticity.algorithms",
    "ElasticityResult": "edtech.ml.elasticity.result",
    "Estimate": "edtech.ml.base",
    "FAMILIES": "edtech.ml.families",
    "Family": "edtech.ml.base",
    "FitResult": "edtech.ml.base",
    "FittedModel": "edtech.ml.base",
    "Params": "edtech.ml.base",
    "TokenPriceElasticityModeler": "edtech.ml.elasticity.modeler",
}

_RENAMED = {"Trained": "FittedModel"}
"""Former names, which keep working."""

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


def __getattr__(name: str) -> Any:  # noqa: ANN401  # loaded when used: scikit-learn takes more than a second
    name = _RENAMED.get(name, name)
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
