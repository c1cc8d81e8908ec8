"""Modules that have moved, so that what names them keeps working: stored models, MLflow's loader and documented code.

A model stored by an earlier version names the class of its estimator by module. `mlflow.pyfunc.load_model` imports
that module by its former name, in a process where only `edtech` is at hand.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

FORMER_MODULES = {
    "edtech.ml.elasticity.choice_estimator": "edtech.ml.elasticity.estimators.choice_logit",
    "edtech.ml.elasticity.curved": "edtech.ml.elasticity.estimators.additive",
    "edtech.ml.elasticity.double_ml": "edtech.ml.elasticity.estimators.double_ml",
    "edtech.ml.elasticity.estimators": "edtech.ml.elasticity.estimators.fixed_effects",  # now a package
    "edtech.ml.elasticity.feature_estimators": "edtech.ml.elasticity.estimators.feature_models",
    "edtech.ml.elasticity.share_estimator": "edtech.ml.elasticity.estimators.share_logit",
    "edtech.ml.labels": "edtech.ml.outcomes",
    "edtech.ml.labels.churn_estimators": "edtech.ml.outcomes.churn_estimators",
    "edtech.ml.labels.encoding": "edtech.ml.outcomes.encoding",
    "edtech.ml.labels.estimators": "edtech.ml.outcomes.estimators",
    "edtech.ml.labels.season": "edtech.ml.outcomes.seasonality",
    "edtech.pipeline.training": "edtech.training.trainer",
}
"""Former module -> where its content is."""


class _FormerModules(MetaPathFinder, Loader):
    """Finds a former module where no module of that name exists."""

    def find_spec(
        self,
        fullname: str,
        _path: Sequence[str] | None = None,
        _target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname not in FORMER_MODULES:
            return None
        package = any(name.startswith(f"{fullname}.") for name in FORMER_MODULES)
        return ModuleSpec(fullname, self, is_package=package)

    def exec_module(self, module: ModuleType) -> None:
        current = import_module(FORMER_MODULES[module.__name__])
        module.__getattr__ = lambda name: getattr(current, name)  # type: ignore[method-assign]


def install() -> None:
    """Let former modules be imported in this process."""
    if not any(isinstance(finder, _FormerModules) for finder in sys.meta_path):
        sys.meta_path.append(_FormerModules())
