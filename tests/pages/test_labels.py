"""The Train page with a family of labels: from the choice to curves and what moves it."""

import shutil

import pytest

from edtech.tracking import EdTechMLFlowTracker
from tests.pages.look import figures, press, table, texts


@pytest.fixture
def market(stored_full, home):
    shutil.copytree(stored_full.settings.data_dir / stored_full.market.id, home.data_dir / stored_full.market.id)
    return stored_full.market


def test_propensity_is_trained_on_the_page_and_shown(market, open_page, home):
    app = open_page("train")
    app.selectbox(key=f"train.family.{market.id}").set_value("enrollment_propensity").run()
    press(app, "Train")
    assert not app.exception
    [run] = EdTechMLFlowTracker(home.experiment, settings=home).runs.list_runs([home.experiment]).to_dict("records")
    assert run["tags.model_type"] == "enrollment_propensity"
    assert figures(app)["ROC AUC"] == f"{run['metrics.roc_auc']:.3g}"
    assert {tab.label for tab in app.tabs} >= {"Calibration", "ROC", "Lift", "Profit", "Confusion"}
    assert "half by chance" in texts(app)
    assert "what was fitted on ends before" in texts(app)


def test_churn_shows_curves_by_cohort_and_who_is_likely_to_leave(market, open_page):
    app = open_page("train")
    app.selectbox(key=f"train.family.{market.id}").set_value("churn_prediction").run()
    [horizon] = [slider for slider in app.slider if slider.key.endswith(".horizon_days")]
    horizon.set_value(14)
    press(app, "Train")
    assert not app.exception
    assert "Survival" in {tab.label for tab in app.tabs}
    assert table(app, "probability")["probability"].is_monotonic_decreasing
    assert "Integrated Brier score" in figures(app)
    assert "of highest predicted risk reaches" in texts(app)
