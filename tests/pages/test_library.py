"""The list of all data sets: compared, traced back, removed for good."""

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
    dearer = sample().assign(token_price=lambda x: x["token_price"] * 1.2).head(900)
    second = catalogue.add_panel(dearer, PanelRoles(), name="Second", derived_from=first.id)
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
    view = table(app, "distance")
    expected = difference(first, second).table()
    assert view["column"].tolist() == expected["column"].tolist()
    assert view["distance"].tolist() == pytest.approx(expected["distance"].tolist())


def test_where_a_data_set_comes_from_is_shown(open_page, pair):
    said = texts(open_page("data"))
    assert "uploaded from <b>sales</b>.csv" in said
    assert "SHA-256 abc123" in said
    assert said.count("First") >= 2  # its own line, and in the lineage of the second


def test_removing_for_good_is_asked_and_restoring_brings_back(open_page, catalogue, pair):
    first, second = pair
    app = open_page("data")
    for item in (first, second):
        app.button(key=f"delete.{item.id}").click().run()
    app.button(key=f"restore.{second.id}").click().run()
    assert [item.id for item in catalogue.list()] == [second.id]
    assert "nothing brings them back" in texts(app)
    app.button(key=f"purge.{first.id}").click().run()
    assert not app.exception
    assert catalogue.list(deleted=True) == []
    assert "First is removed for good" in texts(app)
    assert not (catalogue.folder / first.id).exists()


def test_an_empty_list_says_what_to_do(open_page):
    assert "Nothing is stored yet" in texts(open_page("data"))


def test_a_market_of_other_knobs_is_announced_before_it_is_made(open_page, catalogue):
    app = open_page("data")
    assert "enrollments" in texts(app)
    before = next(section.value for section in app.caption if "course-weeks" in section.value)
    knobs = {widget.key: widget for widget in (*app.slider, *app.number_input)}
    knobs["generate.balanced.learners"].set_value(200_000)
    app.run()
    after = next(section.value for section in app.caption if "course-weeks" in section.value)
    assert before != after
    assert "on disk" in after
    knobs = {widget.key: widget for widget in (*app.slider, *app.number_input)}
    for name, value in {"learners": 150, "courses": 20, "weeks": 8, "teachers": 5}.items():
        knobs[f"generate.balanced.{name}"].set_value(value)
    press(app, "Generate")
    assert not app.exception
    assert [item.source["params"]["learners"] for item in catalogue.list()] == [150]
