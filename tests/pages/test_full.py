"""Every page of a full home shows its numbers, and foreign names as plain text."""

import re

import pytest

from edtech.ui.pricing.price_inputs import widget_key
from edtech.ui.widgets import format_number
from tests.pages.conftest import HOSTILE, PAGES
from tests.pages.look import choose_dataset, figures, markdown, table, texts, visit

LIVE = re.compile(r"(?<!\\)<b|!\[\]\(|(?<!\\)\$a\^2|:red\[|(?<!\\)\*\*y")
"""Markup of a hostile name that must not be rendered."""


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("dataset", ["market", "hostile"])
def test_a_full_page_raises_nothing_and_renders_no_foreign_markup(full, open_page, name, dataset):
    app = open_page("overview")
    choose_dataset(app, getattr(full, dataset).id)
    if name != "overview":
        visit(app, name)
    assert not app.exception
    assert not app.error
    assert [text for text in markdown(app) if LIVE.search(text)] == []


def test_the_overview_shows_key_figures_and_the_newest_runs(full, open_page):
    app = open_page("overview")
    expected = full.market.key_figures()
    assert full.market.name in texts(app)
    assert figures(app)["Token revenue (tokens)"] == format_number(expected.revenue)
    assert figures(app)["Enrollments"] == format_number(expected.quantity)
    assert figures(app)["Units"] == format_number(expected.units)
    runs = table(app, "name")
    assert len(runs) == sum(map(len, full.runs.values()))
    assert runs["metrics.price_elasticity_coefficient"].notna().all()


def test_names_with_markup_are_shown_as_they_are_written(full, open_page):
    app = open_page("overview")
    choose_dataset(app, full.hostile.id)
    assert f"\n{HOSTILE[2]}\n" in f"\n{texts(app)}\n"
    assert f"{HOSTILE[0]}.csv" in texts(app)
    visit(app, "pricing")
    sliders = [slider for slider in app.slider if str(slider.key).startswith(widget_key(full.hostile, "change"))]
    labels = [slider.label.replace("\\", "") for slider in sliders]
    assert set(labels) == set(HOSTILE)
    assert HOSTILE[0] in table(app, "recommended")["unit"].iloc[0]
