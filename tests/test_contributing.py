"""The recipes of CONTRIBUTING.md are short, name files that exist, and say the truth about the tables they name."""

import re

import pytest

from edtech.reports.formats import FORMATS
from edtech.reports.readers import READERS
from edtech.settings import PROJECT
from edtech.ui.dashboard import MENU

TEXT = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^### ([^\n]+)\n(.*?)(?=^##|\Z)", TEXT, flags=re.MULTILINE | re.DOTALL))


def test_there_are_recipes():
    assert {"Add a model family", "Add an algorithm", "Add a metric", "Add a chart", "Add a page"} <= RECIPES.keys()
    assert {"Add a report format", "Add an executor of jobs"} <= RECIPES.keys()


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_edits_at_most_three_files(recipe):
    assert 2 <= len(re.findall(r"^\d\. ", RECIPES[recipe], flags=re.MULTILINE)) <= 3


def test_the_files_exist():
    paths = re.findall(r"`((?:edtech|pages|docs|tests|benchmarks)/[\w./-]+)`", TEXT)
    assert paths
    assert not [path for path in paths if not (PROJECT / path).exists()]


def test_each_report_format_can_be_read_again():
    assert FORMATS.keys() == READERS.keys()


def test_the_menu_names_every_page():
    assert {name for name, *_ in MENU} == {path.stem for path in (PROJECT / "pages").glob("*.py")}
