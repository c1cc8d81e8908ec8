"""The project computes what it computed when the reference was stored; see `figures` for the rule."""

import pytest

from tests.reference import figures
from tests.reference.values import Figures, all_differences, read

PARTS = ("upload", "algorithms", "data", "truth", "difference", "run", "comparison", "search", "prices", "economy",
         "forecast", "report")  # fmt: skip


@pytest.fixture(scope="module")
def computed(tmp_path_factory) -> Figures:
    return figures.compute(tmp_path_factory.mktemp("reference"))


@pytest.fixture(scope="module")
def stored() -> Figures:
    return read(figures.FILE)


def of_part(values: Figures, section: str) -> Figures:
    return {key: value for key, value in values.items() if key.partition("/")[0] == section}


@pytest.mark.parametrize("section", PARTS)
def test_figures_are_those_of_the_reference(computed, stored, section):
    assert of_part(stored, section)
    different = all_differences(of_part(stored, section), of_part(computed, section), figures.TOLERANCES)
    assert not different, f"{len(different)} differences, first:\n" + "\n".join(different[:40])


def test_every_figure_belongs_to_a_part(computed, stored):
    assert {key.partition("/")[0] for key in (*computed, *stored)} == set(PARTS)


def test_a_changed_number_is_found_and_a_rounding_is_not():
    before = {"a": [1.0, None, 3], "b": {"x": "PASS"}}
    assert all_differences(before, {"a": [1.0 + 1e-12, None, 3], "b": {"x": "PASS"}}) == []
    assert all_differences(before, {"a": [1.0 + 1e-8, 0.0, 4], "b": {"x": "FAIL"}, "c": 1}) == [
        "a [0] was 1.0, is 1.00000001",
        "a [1] was None, is 0.0",
        "a [2] was 3, is 4",
        "b [x] was 'PASS', is 'FAIL'",
        "c is not stored",
    ]
