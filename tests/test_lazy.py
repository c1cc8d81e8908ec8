"""A package's public names are loaded on first use, under current and former names."""

import importlib

import pytest

from edtech.lazy import lazy_names

LOAD = lazy_names("package", {"sqrt": "math", "root": "math:sqrt"})


def test_a_name_is_loaded_from_its_module():
    assert LOAD("sqrt")(9) == 3


def test_a_former_name_means_the_current_one():
    assert LOAD("root") is LOAD("sqrt")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"module 'package' has no attribute 'cube'"):
        LOAD("cube")


@pytest.mark.parametrize("package", ["edtech.market", "edtech.ml", "edtech.pipeline", "edtech.pricing"])
def test_every_public_name_can_be_loaded(package):
    module = importlib.import_module(package)
    assert all(hasattr(module, name) for name in module.__all__)
