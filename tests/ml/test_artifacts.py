"""A result that was logged comes back as it was; what others left in a run is refused or stays data."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.linear_model import Ridge

from edtech.errors import RunNotFoundError, TrackingError
from edtech.ml import FittedModel
from edtech.ml.artifacts import PATHS, RESULT, load_result, run_items
from edtech.settings import PROJECT, Settings
from edtech.tables.table_kinds import build_panel
from edtech.tracking import EdTechMLFlowTracker, ModelItem
from tests.waiting import SECONDS

ALONE = ("fixed_effects", "linear", "polynomial", "gam", "gradient_boosting", "random_forest")
TABLES = {**PATHS, "elasticity_by_segment": "result/elasticity_by_segment.csv", "support": "result/support.csv"}
HOSTILE = ["<script>alert(1)</script>", "=1+1", "**b** ![](https://evil.example/x.png)", "a,b\n\"c'\r\n", "NA"]

PREDICT = """
import sys, mlflow, numpy, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(f"runs:/{sys.argv[2]}/model")
numpy.save(sys.argv[4], model.predict(pandas.read_parquet(sys.argv[3])))
"""


@pytest.fixture(scope="module")
def tracker(tmp_path_factory) -> EdTechMLFlowTracker:
    return EdTechMLFlowTracker(settings=Settings(home=tmp_path_factory.mktemp("home")))


def trained(result, panel):
    return FittedModel(result, build_panel(panel, result.roles), result.roles.quantity)


def logged(tracker, world, result, **more):
    items = run_items(
        trained(result, world.panel),
        dataset_name="world",
        dataset_digest="ab" * 32,
        metrics=result.metrics,
        tags={"plan": "none"},
    )
    return tracker.log(replace(items, **more))


@pytest.fixture(scope="module")
def run_ids(tracker, world, results):
    return {name: logged(tracker, world, result) for name, result in results.items()}


@pytest.fixture(scope="module")
def client(tracker):
    return MlflowClient(tracking_uri=tracker.uri)


@pytest.mark.parametrize("algorithm", ALONE)
def test_a_result_comes_back_bit_for_bit(tracker, results, run_ids, algorithm):
    before, after = results[algorithm], load_result(tracker.runs, run_ids[algorithm])
    for name in (
        "family",
        "algorithm",
        "params",
        "roles",
        "elasticity",
        "identification",
        "condition",
        "naive",
        "metrics",
        "split",
        "notes",
        "may_recommend",
    ):
        assert getattr(after, name) == getattr(before, name), name
    for name in ("elasticity_by_segment", "support", "importance"):
        pd.testing.assert_frame_equal(getattr(after, name), getattr(before, name), check_exact=True)
    numbers = ["price", "views", "actual", "predicted"]
    pd.testing.assert_frame_equal(after.evaluation[numbers], before.evaluation[numbers], check_exact=True)
    assert list(after.evaluation["unit"]) == list(before.evaluation["unit"])


@pytest.mark.parametrize("algorithm", ALONE)
def test_a_model_predicts_the_same_after_loading(tracker, world, results, run_ids, algorithm):
    model = load_result(tracker.runs, run_ids[algorithm]).model
    assert np.array_equal(model.predict(world.panel), results[algorithm].model.predict(world.panel))


def test_mlflow_alone_loads_and_predicts_the_same_in_another_process(tracker, world, results, run_ids, tmp_path):
    result = results["random_forest"]
    rows = build_panel(world.panel, result.roles).drop(columns=result.roles.quantity)
    rows.to_parquet(tmp_path / "rows.parquet")
    subprocess.run(
        [sys.executable, "-c", PREDICT, tracker.uri, run_ids["random_forest"], "rows.parquet", "predicted.npy"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(PROJECT), "MLFLOW_DISABLE_TELEMETRY": "true"},
        check=True,
        capture_output=True,
        timeout=SECONDS,
    )
    assert np.array_equal(np.load(tmp_path / "predicted.npy"), result.model.predict(rows))


def test_a_run_tells_what_was_trained_on_what(client, run_ids, results):
    run = client.get_run(run_ids["random_forest"])
    result = results["random_forest"]
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "Random forest on world"
    assert run.data.metrics == pytest.approx(result.metrics)
    assert (
        run.data.params.items() >= {"algorithm": "random_forest", "trees": "60", "column.price": "token_price"}.items()
    )
    assert (
        run.data.tags.items()
        >= {
            "model_type": "token_elasticity",
            "algorithm": "random_forest",
            "dataset_name": "world",
            "plan": "none",
            "dataset_digest": "ab" * 32,
            "identification": "randomized",
            "split": result.split,
            "seed": "0",
        }.items()
    )
    description = run.data.tags["mlflow.note.content"].replace("\\", "")  # escaped for Markdown
    assert f"own-price elasticity {result.elasticity.estimate:.2f}" in description
    # the run began when the training did
    assert run.info.end_time - run.info.start_time >= 1000 * result.metrics["fit_seconds"]


def test_a_run_holds_its_tables_and_plots(tracker, run_ids):
    paths = set(tracker.runs.get_run(run_ids["fixed_effects"]).artifacts)
    plots = (
        "elasticity_by_segment",
        "actual_vs_predicted",
        "residuals_plot",
        "residuals_histogram",
        "feature_importance",
    )
    assert paths >= {RESULT, *TABLES.values(), *(f"evaluation/{plot}.png" for plot in plots)}
    for plot in plots:
        assert tracker.runs.read_artifact(run_ids["fixed_effects"], f"evaluation/{plot}.png").startswith(b"\x89PNG")
    rows = json.loads(tracker.runs.read_artifact(run_ids["fixed_effects"], RESULT))
    assert rows["identification"] == "randomized"


def test_hostile_names_come_back_as_they_were(tracker, world):
    names = dict(zip(sorted(world.panel["category"].unique()), HOSTILE, strict=True))
    units = {unit: f"{unit[1:]} {HOSTILE[number % 5]}" for number, unit in enumerate(world.today.index)}
    panel = world.panel.replace({"category": names, "course_id": units})
    result = world.modeler().compare_models(panel, ["fixed_effects"])["fixed_effects"]
    items = run_items(trained(result, panel), dataset_name=HOSTILE[2], dataset_digest="0", metrics=result.metrics)
    again = load_result(tracker.runs, tracker.log(items))
    assert set(again.elasticity_by_segment["segment"]) == set(HOSTILE)
    assert set(again.support["unit"]) == set(units.values())
    pd.testing.assert_frame_equal(again.support, result.support, check_exact=True)
    assert np.array_equal(again.model.predict(panel), result.model.predict(panel))


# ---- runs that are not ours


def test_a_foreign_run_and_an_unknown_one_are_told_apart(tracker, client):
    foreign = client.create_run(tracker.experiment_id).info.run_id
    with pytest.raises(TrackingError):
        load_result(tracker.runs, foreign)
    with pytest.raises(RunNotFoundError):
        load_result(tracker.runs, "0" * 32)


@pytest.fixture(scope="module")
def linear_items(world, results):
    """A run's content without its plots."""
    items = run_items(trained(results["linear"], world.panel), dataset_name="w", dataset_digest="0", metrics={})
    return replace(items, datasets=(), artifacts={p: c for p, c in items.artifacts.items() if not p.endswith(".png")})


def spoiled(path, content):
    """Return what changes the content of one artifact of the run that is logged."""
    return lambda items: {**items.artifacts, path: content}


def without_column(items):
    header, _, rows = items.artifacts[TABLES["support"]].partition("\n")
    return {**items.artifacts, TABLES["support"]: header.replace("randomized_low", "other") + "\n" + rows}


def with_field(**fields):
    return lambda items: {**items.artifacts, RESULT: json.dumps({**json.loads(items.artifacts[RESULT]), **fields})}


@pytest.mark.parametrize(
    "change",
    [
        spoiled(RESULT, "<html>"),
        spoiled(RESULT, b"\xff\xfe\x00"),
        spoiled(RESULT, "{}"),
        spoiled(TABLES["evaluation"], b"\xff\xfe"),
        spoiled(TABLES["importance"], ""),
        without_column,
        with_field(family="churn_prediction"),
        with_field(algorithm="neural_net"),
        with_field(identification="trust me"),
        with_field(elasticity=["much", None, None, ""]),
        with_field(params={"alpha": -5}),
    ],
)
def test_a_run_with_other_content_is_refused_in_words(tracker, linear_items, change):
    run_id = tracker.log(replace(linear_items, artifacts=change(linear_items)))
    with pytest.raises(TrackingError) as caught:
        load_result(tracker.runs, run_id)
    assert caught.value.problem == "The run holds no readable result"
    assert caught.value.fix == "train again on the same data set"
    assert run_id in caught.value.where


def test_a_model_of_another_kind_is_refused_in_words(tracker, world, linear_items):
    prices = world.panel[["token_price"]]
    other = ModelItem(Ridge().fit(prices, world.panel["enrollments"]), prices.head())
    run_id = tracker.log(replace(linear_items, model=other, sample=None))
    with pytest.raises(TrackingError, match="a model that is a Ridge, not a LinearDemand"):
        load_result(tracker.runs, run_id)
