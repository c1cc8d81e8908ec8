"""The Compare page on runs that are written by hand: other kinds, other writers, files that are not what they seem."""

import pytest
from streamlit.testing.v1 import AppTest

from edtech.tracking import EdTechMLFlowTracker, RunItems
from tests.pages.look import texts

DATA = {"dataset_digest": "d1", "model_type": "token_elasticity", "dataset_name": "Spring"}


@pytest.fixture
def log(home):
    """Log a run in this test's own home and return its id."""
    tracker = EdTechMLFlowTracker(home.experiment, settings=home)

    def logged(name: str, **items) -> str:
        return tracker.log(RunItems(name, **{"metrics": {"rmse": 1.0}, "tags": DATA} | items))

    return logged


def sides(app: AppTest) -> list[str]:
    return app.multiselect(key="compare.runs").value


def test_trainings_are_chosen_before_scenarios_that_are_newer(log, open_page):
    trained = log("trained")
    saved = [log(name, kind="scenario", metrics={}) for name in ("Cheaper", "Dearer")]
    app = open_page("compare")
    assert sides(app) == [trained]
    app.multiselect(key="compare.runs").set_value(saved).run()
    assert not app.exception
    assert sides(app) == saved


def test_scenarios_are_chosen_where_there_is_nothing_else(log, open_page):
    saved = log("Cheaper", kind="scenario", metrics={})
    assert sides(open_page("compare")) == [saved]


def test_runs_side_by_side_that_the_filters_leave_out_are_told(log, open_page):
    log("first")
    second = log("second <b>", tags=DATA | {"model_type": "churn_prediction"})
    app = open_page("compare")
    assert sides(app) == [second]
    assert "leave out of the table" not in texts(app)
    app.multiselect(key="compare.family").set_value(["token_elasticity"]).run()
    assert not app.exception
    assert "1 run side by side that the filters above leave out of the table: 'second <b>" in texts(app)
