"""The library of data sets: comparison, lineage, permanent deletion."""

import pytest

from edtech.data import Catalogue, difference
from edtech.tables.roles import PanelRoles
from tests.pages.look import press, table, texts
from tests.pages.test_data import sample


@pytest.fixture
def catalogue(home):
    return Catalogue(home.data_dir)


@pytest.fixture
def pair(catalogue):
    source = {"file": "<b>sales</b>.csv", "bytes": 9, "sha256": "abc123"}
    first = catalogue.add_panel(sample(), PanelRoles(), name="First", source=source)
    expensive = sample().assign(token_price=lambda x: x["token_price"] * 1.2).head(900)
    second = catalogue.add_panel(expensive, PanelRoles(), name="Second", derived_from=first.id)
    return first, second


def test_two_data_sets_are_compared(open_page, catalogue, pair):
    first, second = pair
    app = open_page("data")
    assert (app.selectbox(key="difference.before").value, app.selectbox(key="difference.after").value) == (
        first.id,
        second.id,
    )
    app.toggle(key="difference.show").set_value(True).run()
    assert not app.exception
    assert "Rows of panel: 1,040, now 900 (-140)." in texts(app)
    distances = table(app, "distance")
    expected = difference(first, second).table()
    assert distances["column"].tolist() == expected["column"].tolist()
    assert distances["distance"].tolist() == pytest.approx(expected["distance"].tolist())


def test_the_lineage_of_a_data_set_is_shown(open_page, pair):
    page_text = texts(open_page("data"))
    assert "uploaded from <b>sales</b>.csv" in page_text
    assert "SHA-256 abc123" in page_text
    assert page_text.count("First") >= 2  # its own line, and in the lineage of the second


def test_data_sets_are_restored_or_deleted_permanently(open_page, catalogue, pair):
    first, second = pair
    app = open_page("data")
    for item in (first, second):
        app.button(key=f"delete.{item.id}").click().run()
    app.button(key=f"restore.{second.id}").click().run()
    assert [item.id for item in catalogue.list()] == [second.id]
    assert "You cannot restore the files of First" in texts(app)
    app.button(key=f"purge.{first.id}").click().run()
    assert not app.exception
    assert catalogue.list(deleted=True) == []
    assert "First is deleted permanently" in texts(app)
    assert not (catalogue.folder / first.id).exists()


def test_an_empty_list_says_what_to_do(open_page):
    assert "No data set is stored yet" in texts(open_page("data"))


def test_the_expected_size_of_a_market_follows_its_parameters(open_page, catalogue):
    app = open_page("data")
    assert "enrollments" in texts(app)
    before = next(section.value for section in app.caption if "course-weeks" in section.value)
    widgets = {widget.key: widget for widget in (*app.slider, *app.number_input)}
    widgets["generate.balanced.learners"].set_value(200_000)
    app.run()
    after = next(section.value for section in app.caption if "course-weeks" in section.value)
    assert before != after
    assert "on disk" in after
    widgets = {widget.key: widget for widget in (*app.slider, *app.number_input)}
    for name, value in {"learners": 150, "courses": 20, "weeks": 8, "teachers": 5}.items():
        widgets[f"generate.balanced.{name}"].set_value(value)
    press(app, "Generate")
    assert not app.exception
    assert [item.source["params"]["learners"] for item in catalogue.list()] == [150]
