"""The address of the Compare page: a reload and a shared link show the same; unknown values are reported."""

import pytest
from streamlit.testing.v1 import AppTest

from edtech.settings import PROJECT
from edtech.ui.compare.run_table import column_titles
from tests.pages.look import table, texts
from tests.waiting import SECONDS

WIDGETS = ("multiselect", "selectbox", "text_input", "toggle", "date_input")
BOLD = "<b onclick=alert(1)>![](https://evil.example/x.png) $a^2$</b>"
HOSTILE = {
    "compare.experiments": BOLD,
    "compare.runs": "../../etc/passwd",
    "compare.columns": "metrics.no such metric",
    "compare.baseline": "' OR 1=1 --",
    "compare.view": "x" * 100_000,
    "compare.x": "\x00\u202e",
    "compare.order": "__class__",
    "compare.since": "2026-13-45",
    "compare.failed": "maybe",
    "compare.search": "long" * 100,
    "compare.family": "=HYPERLINK(1)",
}


def opened(query: dict[str, list[str]]) -> AppTest:
    """Open the page by an address, in a session of its own."""
    app = AppTest.from_file(str(PROJECT / "pages" / "compare.py"), default_timeout=SECONDS)
    for name, values in query.items():
        app.query_params[name] = values
    return app.run()


def widget_values(app: AppTest) -> dict[str, object]:
    return {
        section.key: section.value
        for kind in WIDGETS
        for section in app.get(kind)
        if str(section.key).startswith("compare.")
    }


def test_a_shared_link_shows_the_same(full, open_page):
    app = open_page("compare")
    runs = list(full.runs[full.market.id].values())
    app.multiselect(key="compare.runs").set_value(runs)
    app.multiselect(key="compare.columns").set_value(["metrics.mae", "tags.dataset_name"])
    app.text_input(key="compare.search").set_value("small")
    app.toggle(key="compare.upward").set_value(True)
    app.toggle(key="compare.running").set_value(False)
    app.selectbox(key="compare.order").set_value("metrics.rmse").run()
    app.selectbox(key="compare.baseline").set_value(runs[0])
    app.selectbox(key="compare.x").set_value("mae")
    app.selectbox(key="compare.y").set_value("fit_seconds").run()
    link = dict(app.query_params)
    assert link["compare.baseline"] in (runs[0], [runs[0]])
    other = opened(link)
    assert not other.exception
    assert not other.warning
    assert widget_values(other) == widget_values(app)
    for column in ("started", "better"):
        assert table(other, column).equals(table(app, column))
    assert dict(other.query_params) == link


def test_the_choice_of_a_second_view_is_in_the_address_too(full, open_page):
    app = open_page("compare")
    app.multiselect(key="compare.runs").set_value(list(full.runs[full.market.id].values()))
    app.selectbox(key="compare.view").set_value("Parallel coordinates").run()
    app.multiselect(key="compare.axes").set_value(["metrics.rmse", "metrics.mae"]).run()
    other = opened(dict(app.query_params))
    assert other.multiselect(key="compare.axes").value == ["metrics.rmse", "metrics.mae"]
    assert widget_values(other) == widget_values(app)


def test_unknown_values_of_the_address_are_ignored_and_reported(full, open_page):
    usual = widget_values(open_page("compare"))
    app = opened({name: [value] for name, value in HOSTILE.items()})
    assert not app.exception
    assert not app.error
    assert widget_values(app) == usual
    assert "The address names values that do not exist here" in texts(app)
    assert "and 6 more" in texts(app)
    app.run()
    assert "The address names" not in texts(app)


@pytest.mark.parametrize("where", ["rmse <", "no_such < 2"])
def test_conditions_of_the_address_that_cannot_be_read_hide_no_run(full, open_page, where):
    open_page("compare")
    app = opened({"compare.where": [where]})
    assert not app.exception
    assert len(table(app, "started")) == sum(map(len, full.runs.values()))


def test_a_number_of_the_address_beyond_all_floats_is_more_than_any_metric(full, open_page):
    open_page("compare")
    app = opened({"compare.where": ["rmse < " + "9" * 480]})
    assert not app.exception
    assert len(table(app, "started")) == sum(map(len, full.runs.values()))


def test_more_runs_than_fit_side_by_side_are_cut(full, open_page):
    open_page("compare")
    mine = list(full.runs[full.market.id].values())
    app = opened({"compare.runs": [*(f"{number:032x}" for number in range(200)), *mine]})
    assert not app.exception
    assert app.multiselect(key="compare.runs").value == mine
    assert "and 195 more" in texts(app)


def test_no_run_chosen_stays_so_in_a_reload(full, open_page):
    app = open_page("compare")
    app.multiselect(key="compare.runs").set_value([]).run()
    assert opened(dict(app.query_params)).multiselect(key="compare.runs").value == []


def test_choices_persist_across_pages(full, open_page):
    app = open_page("compare")
    app.text_input(key="compare.search").set_value("small").run()
    app.switch_page(str(PROJECT / "pages" / "models.py")).run()
    app.switch_page(str(PROJECT / "pages" / "compare.py")).run()
    assert app.text_input(key="compare.search").value == "small"


def test_columns_of_one_name_can_be_told_apart():
    titles = column_titles(["params.seed", "tags.seed", "metrics.rmse", "tags.name", "tags.model_type"])
    assert list(titles.values()) == ["seed (parameter)", "seed (tag)", "rmse", "name (tag)", "family"]
