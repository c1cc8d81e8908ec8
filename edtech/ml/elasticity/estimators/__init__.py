"""The estimators in scikit-learn style that are stored with a run; each module has the name of its algorithm."""

from typing import Any


def __getattr__(name: str) -> Any:  # noqa: ANN401  # a module of that name in version 0.1, which stored models refer to
    if name == "FixedEffectsDemand":
        from edtech.ml.elasticity.estimators.fixed_effects import FixedEffectsDemand

        return FixedEffectsDemand
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
