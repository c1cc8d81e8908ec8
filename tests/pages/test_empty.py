"""Every page of an empty home states the next step."""

import pytest
from streamlit.testing.v1 import AppTest

from edtech.data import Catalogue
from edtech.settings import PROJECT
from edtech.tracking import EdTechMLFlowTracker
from tests.pages.conftest import PAGES
from tests.pages.look import texts
from tests.waiting import SECONDS

NEXT = {
    "overview": "There is no data yet",
    "data": "Generate a market or upload a file",
    "train": "There is no data set to train on yet",
    "compare": "Train models",
    "models": "There is no finished training in this experiment yet",
    "pricing": "There is no data set yet",
    "economy": "There is no data set yet",
    "reports": "No report is stored yet",
}


@pytest.mark.parametrize("name", PAGES)
def test_an_empty_page_states_the_next_step(open_page, name):
    app = open_page(name)
    assert not app.exception
    assert app.title[0].value
    assert NEXT[name] in texts(app)


def test_an_invalid_setting_is_an_error_on_the_page(monkeypatch, clear_caches_of_old_home):
    clear_caches_of_old_home()
    monkeypatch.setenv("EDTECH_WORKERS", "many")
    app = AppTest.from_file(str(PROJECT / "edtech" / "ui" / "dashboard.py"), default_timeout=SECONDS).run()
    assert not app.exception
    assert "EDTECH_WORKERS" in texts(app)


def test_the_page_and_the_readme_state_the_same_duration(open_page):
    duration = "15 seconds to a minute"
    assert duration in texts(open_page("overview"))
    assert duration in (PROJECT / "README.md").read_text(encoding="utf-8")


def test_a_button_generates_a_market_and_trains_a_first_run(open_page, home):
    app = open_page("overview")
    app.button(key="overview.demo").click().run()
    assert not app.exception
    [created] = Catalogue(home.data_dir).list()
    runs = EdTechMLFlowTracker(home.experiment, settings=home).runs.list_runs([home.experiment])
    assert runs["tags.dataset_digest"].tolist() == [created.digest]
    assert runs["metrics.price_elasticity_coefficient"].between(-5, 0).all()
    assert "The demo is ready" in texts(app)
    assert f"{created.key_figures().revenue:,.0f}" in [metric.value for metric in app.metric]
