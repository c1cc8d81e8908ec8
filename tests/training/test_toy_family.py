"""A new family works everywhere at once: the toy family goes through training, prediction, reports and the pipeline."""

import pandas as pd
import pytest

from edtech.errors import UntrustedModelError
from edtech.ml.artifacts import load_result
from edtech.ml.families import FAMILIES
from edtech.ml.prediction import predict_with_warnings
from edtech.pipeline import EdTechPipelineOrchestrator
from edtech.reports.formats import write
from edtech.reports.recipes import ComparisonRecipe, RunRecipe, Stores, TrainingsRecipe
from edtech.tracking import compare_runs
from edtech.tracking.registry import ModelRegistry
from edtech.training.plans import TrainingPlan, train_planned
from edtech.training.rerun import rerun
from edtech.training.search import Budget, search
from edtech.training.trainer import train_runs
from tests.toy_family import NAME, WEEKLY_VIEWS, registered


@pytest.fixture(scope="module", autouse=True)
def family():
    with registered(WEEKLY_VIEWS) as family:
        yield family


@pytest.fixture(scope="module")
def run(family, market, tracker):
    [run] = train_runs(market, family=NAME, tracker=tracker)
    return run


def test_it_trains_and_its_result_can_be_read_again(run, tracker):
    assert run.decision_value.basis == "empty: this model family has no decision to evaluate"
    assert run.plan is None
    loaded = load_result(tracker.runs, run.run_id)
    assert loaded.metrics == run.result.metrics
    assert loaded.model.means_ == run.result.model.means_
    pd.testing.assert_frame_equal(loaded.tables["means"], run.result.tables["means"])
    assert tracker.runs.get_run(run.run_id).tags["model_type"] == NAME


def test_its_model_is_trusted_only_while_its_family_is_registered(run, tracker, monkeypatch):
    monkeypatch.delitem(FAMILIES, NAME)
    with pytest.raises(UntrustedModelError, match="GroupMean"):
        tracker.runs.load_model(run.run_id)


def test_it_predicts_other_rows(run, tracker, market):
    rows = market.table("course_weeks").head(3)
    predictions = predict_with_warnings(tracker.runs, run.run_id, rows)
    assert predictions.rows["prediction"].tolist() == run.result.model.predict(rows).tolist()
    assert (predictions.meaning, predictions.warnings) == ("Prediction", ())


def test_it_is_compared_searched_repeated_and_planned(run, tracker, market, settings):
    plan = TrainingPlan(market.id, NAME, params={"group_mean": {"prior_rows": 50.0}})
    [second] = train_planned(plan, settings)
    runs = tracker.runs.list_runs()
    comparison = compare_runs(runs[runs["run_id"].isin([run.run_id, second.run_id])])
    assert {*comparison.metrics.loc["rmse"]} == {run.metrics["rmse"], second.metrics["rmse"]}
    result = search(market, WEEKLY_VIEWS, "group_mean", budget=Budget(trials=2, folds=1), tracker=tracker)
    assert result.score == "rmse"
    assert rerun(run.run_id, settings).equal


@pytest.mark.parametrize("extension", ["html", "csv"])
def test_it_is_reported(run, market, settings, extension):
    stores = Stores.of(settings)
    recipes = (
        RunRecipe(run=run.run_id),
        ComparisonRecipe(runs=(run.run_id,)),
        TrainingsRecipe(dataset=market.id, runs=(run.run_id,)),
    )
    for recipe in recipes:
        assert b"RMSE" in write(recipe.make(stores), extension)


def test_the_pipeline_trains_selects_and_registers_it(market, settings):
    lines = []
    result = EdTechPipelineOrchestrator(settings=settings, say=lines.append).run_complete_pipeline(
        dataset=market, families=[NAME]
    )
    assert [run.result.algorithm for run in result.runs] == ["group_mean"]
    assert result.best[NAME].metric == "rmse"
    assert ModelRegistry(settings).versions(NAME)
    assert all(path.is_file() for path in result.reports)
