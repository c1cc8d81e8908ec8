"""The examples in docstrings run, and print what they say."""

import doctest
import importlib

import pytest

from edtech.settings import PROJECT

MODULES = sorted(
    file.relative_to(PROJECT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    for file in (PROJECT / "edtech").rglob("*.py")
    if ">>> " in file.read_text(encoding="utf-8")
)


def test_there_are_examples():
    assert len(MODULES) >= 10


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_run(module: str):
    done = doctest.testmod(importlib.import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert done.attempted > 0
    assert done.failed == 0
