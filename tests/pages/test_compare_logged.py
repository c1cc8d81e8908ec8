"""The Compare page on unusual runs: scenarios, runs of other tools, broken files."""

import shutil

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from edtech.tracking import EdTechMLFlowTracker, RunItems
from edtech.training.trainer import train_runs
from edtech.ui.compare import decisions
from edtech.ui.compare.file_charts import IMPORTANCE, PREDICTIONS, is_curve
from edtech.ui.run_tables import run_labels
from tests.pages.look import table, texts

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


def test_compared_runs_hidden_by_filters_are_named(log, open_page):
    log("first")
    second = log("second <b>", tags=DATA | {"model_type": "churn_prediction"})
    app = open_page("compare")
    assert sides(app) == [second]
    assert "hidden by the filters" not in texts(app)
    app.multiselect(key="compare.family").set_value(["token_elasticity"]).run()
    assert not app.exception
    assert "1 run compared but hidden by the filters above:  'second <b>" in texts(app)


def show_view(app: AppTest, view: str) -> AppTest:
    app.selectbox(key="compare.view").set_value(view).run()
    assert not app.exception
    return app


def test_files_that_cannot_be_drawn_show_errors_and_the_others_are_drawn(log, open_page):
    good = {IMPORTANCE: "feature,importance\nprice,1\n", "roc_curve.csv": "x,y\n0,0\n1,1\n", "process.csv": "a\n1\n"}
    log("good", artifacts=good)
    bad = {IMPORTANCE: "name,weight\nprice,1\n", "test_roc.csv": 'x,y\n1,"2\n3,4,5', PREDICTIONS: "actual\n1\n"}
    log("bad <b>", artifacts=bad)
    log("worse", artifacts={IMPORTANCE: b"\xff\xfe\x00", "roc.csv": "", "plots/a.png": b"no picture"})
    app = open_page("compare")
    for view in ("Feature importance", "ROC and calibration"):
        app = show_view(app, view)
        assert len(app.get("vega_lite_chart")) == 1
        page_text = texts(app)
        assert "A file of the run bad <b> cannot be shown" in page_text
        assert "A file of the run worse cannot be shown" in page_text
        assert "process" not in page_text
    assert app.get("download_button")
    assert show_view(app, "Paired errors").error
    assert "not a valid picture" in texts(show_view(app, "Pictures"))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/roc.csv", True),
        ("test_ROC_curve.csv", True),
        ("process.csv", False),
        ("roc.png", False),
        ("rocket.csv", False),
    ],
)
def test_the_file_name_of_a_curve_contains_its_kind(path, expected):
    assert is_curve(path, "roc") is expected


def test_the_decision_value_goes_up_as_soon_as_a_run_has_one(log, open_page):
    value = log("worth", metrics={"fit_seconds": 1.0, "decision_value_tokens": 2.0})
    without_value = log("plain", metrics={"fit_seconds": 1.0, "revenue_impact": 3.0}, tags={"dataset_digest": "d2"})
    teachers = log("teachers", metrics={"fit_seconds": 1.0, "rating_rmse": 1.0, "decision_value_stars": 0.1}, tags={})
    app = open_page("compare")
    for selection, across, up in (
        ([teachers], "rating_rmse", "decision_value_stars"),
        ([without_value], "fit_seconds", "revenue_impact"),
        ([without_value, value], "fit_seconds", "decision_value_tokens"),
    ):
        app.multiselect(key="compare.runs").set_value(selection).run()
        assert not app.exception
        assert (app.selectbox(key="compare.x").value, app.selectbox(key="compare.y").value) == (across, up)


def test_runs_that_recommend_prices_come_first_and_the_others_give_reasons(stored_full, home, open_page, monkeypatch):
    market = stored_full.market
    shutil.copytree(stored_full.settings.data_dir / market.id, home.data_dir / market.id)
    tracker = EdTechMLFlowTracker(home.experiment, settings=home)
    for name in ("choice_logit", "fixed_effects"):
        train_runs(market, [name], tracker=tracker)
    app = show_view(open_page("compare"), decisions.TITLE)
    assert "Fixed effects: No price is recommended from this run. The visits show" in texts(app)
    monkeypatch.setattr(decisions, "MAX_PLANS", 1)
    value = table(app.run(), "recommends")
    assert value[["run", "recommends"]].to_numpy().tolist() == [["Discrete choice (logit)", True]]
    assert "1 run not shown" in texts(app)


def test_families_and_algorithms_are_called_as_on_the_train_page(log, open_page):
    log("spline", params={"algorithm": "gam"}, tags=DATA | {"algorithm": "gam"})
    log("fixed", params={"algorithm": "fixed_effects"}, tags=DATA | {"algorithm": "fixed_effects"})
    log("foreign", params={"algorithm": "gam"}, tags={"model_type": "mine"})
    app = open_page("compare")
    assert app.multiselect(key="compare.family").options == ["mine", "Price elasticity of demand (token_elasticity)"]
    runs = table(app, "started")
    column = next(name for name in runs if name.startswith("algorithm"))
    assert runs[column].tolist() == ["gam", "Fixed effects (fixed_effects)", "Additive splines (gam)"]
    params = table(app, "parameter").set_index("parameter")
    assert params.loc["algorithm"].tolist() == ["Fixed effects (fixed_effects)", "Additive splines (gam)"]
    app.text_input(key="compare.where").set_value("params.algorithm = gam").run()
    assert len(table(app, "started")) == 2


def test_labels_of_runs_with_equal_names_include_the_family():
    runs = pd.DataFrame(
        {
            "run_id": list("abcd"),
            "name": ["Logistic", "Logistic", "Cox", "Cox"],
            "started": pd.Timestamp("2026-01-02"),
            "tags.model_type": ["enrollment_propensity", "course_completion", "churn_prediction", "churn_prediction"],
        }
    )
    assert [name.partition(" (")[0] for name in run_labels(runs).values()] == [
        "Logistic, Enrollment propensity",
        "Logistic, Course completion",
        "Cox",
        "Cox",
    ]


def test_the_first_run_of_a_new_experiment_appears_at_once(log, home, open_page, monkeypatch):
    log("elsewhere")
    monkeypatch.setenv("EDTECH_EXPERIMENT", "new one")
    app = open_page("compare")
    assert "No runs to compare" in texts(app)
    run_id = EdTechMLFlowTracker("new one", settings=home).log(RunItems("first", metrics={"rmse": 1.0}, tags=DATA))
    app.run()
    assert sides(app) == [run_id]
