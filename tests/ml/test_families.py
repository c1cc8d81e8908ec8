"""Every registered family has explicit entries where defaults would do, and a recommended algorithm."""

import inspect

import pytest
from sklearn.base import clone

from edtech.ml.families import FAMILIES
from edtech.settings import PROJECT
from edtech.training.decision_value import EVALUATORS
from edtech.ui.train.results import VIEWS

TABLES = {"edtech/training/decision_value.py": EVALUATORS, "edtech/ui/train/results/__init__.py": VIEWS}


@pytest.mark.parametrize("file", TABLES)
def test_each_family_has_an_entry_of_its_own(file):
    missing = sorted(FAMILIES.keys() - TABLES[file].keys())
    assert not missing, f"{file} has no entry for {missing}; without one the default is used"
    unknown = sorted(TABLES[file].keys() - FAMILIES.keys())
    assert not unknown, f"{file} has entries for {unknown}, which edtech/ml/families.py does not register"


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_each_family_is_described(family):
    assert family.prediction_meaning.__module__ != "edtech.ml.base", f"{family.name} does not say what it predicts"
    assert {*family.usual_algorithms} <= {*family.algorithms}
    assert all(name == algorithm.name for name, algorithm in family.algorithms.items())
    docs = (PROJECT / "docs" / "models.md").read_text(encoding="utf-8")
    assert not [name for name in (family.name, *family.algorithms) if f"`{name}`" not in docs], "see docs/models.md"


@pytest.mark.parametrize(
    "algorithm",
    [algorithm for family in FAMILIES.values() for algorithm in family.algorithms.values()],
    ids=lambda algorithm: f"{algorithm.estimator.__name__}",
)
def test_a_hyperparameter_has_its_default_only_in_its_params(algorithm):
    arguments = inspect.signature(algorithm.estimator).parameters
    twice = [
        name
        for name in algorithm.params.model_fields
        if name in arguments and arguments[name].default is not inspect.Parameter.empty
    ]
    assert not twice, f"{algorithm.estimator.__name__} has defaults of its own for {twice}"
    missing = algorithm.params().estimator_arguments().keys() - arguments.keys()
    assert not missing, f"{algorithm.estimator.__name__} takes no {sorted(missing)}"
    seed = {"seed": 1} if "seed" in arguments and "seed" not in algorithm.params().estimator_arguments() else {}
    estimator = algorithm.new_estimator(**seed)
    assert clone(estimator).get_params() == estimator.get_params()
