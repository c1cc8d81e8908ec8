"""The sidebar: choices for all pages, and an unusable tracking store."""

import pytest

from edtech.settings import Settings
from edtech.tracking import EdTechMLFlowTracker, RunItems
from tests.pages.conftest import PAGES
from tests.pages.look import texts, visit

NEEDS_STORE = ("overview", "train", "compare", "models", "pricing")


def test_another_experiment_persists_across_pages_and_shows_its_own_runs(own_full, open_page):
    app = open_page("compare")
    assert app.multiselect[0].value
    app.text_input(key="sidebar.experiment").set_value("Autumn prices").run()
    assert "No runs to compare" in texts(app)
    visit(app, "train")
    assert app.text_input(key="sidebar.experiment").value == "Autumn prices"
    app.text_input(key="sidebar.experiment").set_value(own_full.settings.experiment).run()
    visit(app, "compare")
    assert app.multiselect[0].value


def test_the_sidebar_shows_the_tracking_store(full, open_page):
    app = open_page("data")
    assert app.sidebar.code[0].value == f"sqlite:///{full.settings.mlruns_dir / 'mlflow.db'}"


def test_the_password_of_a_server_is_shown_nowhere(full, open_page, monkeypatch, nobody):
    monkeypatch.setenv("EDTECH_MLFLOW_TRACKING_URI", nobody.replace("://", "://me:secret@"))
    app = open_page("data")
    assert "secret" not in texts(app)
    assert app.sidebar.code[0].value.startswith("http://***@127.0.0.1:")
    assert "mlflow ui" not in texts(app)


@pytest.fixture
def unreachable_server(monkeypatch, nobody) -> None:
    """The settings name a server that does not answer."""
    monkeypatch.setenv("EDTECH_MLFLOW_TRACKING_URI", nobody)


def test_without_the_server_every_page_warns_once(unreachable_server, full, open_page):
    for name in PAGES:
        app = open_page(name)
        assert not app.exception, name
        assert [item.icon for item in app.sidebar.warning] == [":material/cloud_off:"], name
        assert "What to do:" in texts(app) or not app.error, name


def test_without_the_server_pending_runs_are_shown(unreachable_server, home, open_page):
    run_id = EdTechMLFlowTracker(settings=Settings()).log(RunItems("made offline", metrics={"rmse": 1.0}))
    app = open_page("compare")
    assert app.multiselect(key="compare.runs").value == [run_id]


@pytest.mark.parametrize("uri", ["file:///tmp/mlruns", "nonsense"])
def test_an_unusable_store_is_an_error_on_each_page_that_needs_it(full, open_page, monkeypatch, uri):
    monkeypatch.setenv("EDTECH_MLFLOW_TRACKING_URI", uri)
    for name in PAGES:
        app = open_page(name)
        assert not app.exception, name
        assert bool(app.error) == (name in NEEDS_STORE), name
        if app.error:
            assert "What to do:" in texts(app), name
