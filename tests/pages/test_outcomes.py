"""The Train page with families of labels: training, curves and feature effects."""

import io
import shutil

import pandas as pd
import pytest

from edtech.data import Catalogue, roles_for, sample_csv
from edtech.data.ingest.suggest import suggest_mapping
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
    assert "50% by chance" in texts(app)
    assert "training ends before" in texts(app)


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
    assert "with the highest predicted risk reaches" in texts(app)


def test_labeled_rows_do_not_link_to_pricing(stored_full, home, open_page):
    shutil.copytree(stored_full.settings.mlruns_dir, home.mlruns_dir)
    rows = Catalogue(home.data_dir).stage("labels.csv", sample_csv("labels"))
    roles = roles_for("labels", dict(suggest_mapping(pd.read_csv(io.BytesIO(sample_csv("labels"))), "labels")))
    Catalogue(home.data_dir).add_upload(rows, roles, name="Who left")
    rows.close()
    app = open_page("overview")
    links = [link.proto.label for link in app.get("page_link")]
    assert not app.exception
    assert "Compare runs" in links
    assert "Run a what-if" not in links
