"""The estimators in scikit-learn style that are stored with a run; each module has the name of its algorithm."""

from edtech.lazy import lazy_names

# A module of this name held the class in version 0.1; stored models refer to it.
__getattr__ = lazy_names(__name__, {"FixedEffectsDemand": "edtech.ml.elasticity.estimators.fixed_effects"})
