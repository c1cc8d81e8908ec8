"""What a run holds once it is logged, read back with MLflow's own client."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor

from edtech.errors import TrackingError, UntrustedModelError
from edtech.tracking import EdTechMLFlowTracker, ModelItem, RunItems, setup_mlflow_for_edtech_pipeline


@pytest.fixture
def client(tracker) -> MlflowClient:
    return MlflowClient(tracking_uri=tracker.uri)


def test_experiment_is_created_with_description_tags_and_absolute_artifacts(tracker, client, settings):
    experiment = client.get_experiment(tracker.experiment_id)
    assert experiment.name == settings.experiment == "EdTech_Token_Economy_Pipeline"
    assert experiment.artifact_location == (settings.mlruns_dir / "artifacts").as_uri()
    assert experiment.tags["platform"] == "EdTech"
    assert experiment.tags["domain"] == "education_technology"
    assert "kind=training" in experiment.tags["mlflow.note.content"]
    assert setup_mlflow_for_edtech_pipeline(settings=settings).experiment_id == tracker.experiment_id


def test_a_run_holds_all_its_items(tracker, client, items):
    run = client.get_run(tracker.log(replace(items, started=datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC))))
    assert run.info.status == "FINISHED"
    assert run.info.start_time == 1_770_091_506_000
    assert run.data.params == {"alpha": "1.0", "seed": "7", "segment_slopes": "True"}
    assert run.data.metrics == {"r2": 0.5, "rmse": 2.0}
    expected = {
        "platform": "EdTech",
        "domain": "education_technology",
        "kind": "training",
        "experiment_type": "training",
        "model_type": "token_elasticity",
        "dataset_digest": "abc" * 20,
        "dataset_name": "market 1",
        "seed": "7",
        "split": "last 8 weeks",
        "mlflow.runName": "ridge",
        "edtech.pid": str(os.getpid()),
    }
    assert expected.items() <= run.data.tags.items()
    assert run.data.tags["mlflow.note.content"].startswith("\\# Results None\\.")
    assert "| RMSE | 2 | pieces |" in run.data.tags["mlflow.note.content"]
    assert {"edtech.packages", "edtech.version", "edtech.python", "edtech.host"} <= run.data.tags.keys()


def test_data_sets_are_mlflow_inputs_with_schema_and_statistics(tracker, client, items, panel):
    inputs = client.get_run(tracker.log(items)).inputs.dataset_inputs
    datasets = {item.tags[0].value: item.dataset for item in inputs}
    assert datasets.keys() == {"training", "evaluation"}
    assert datasets["training"].digest == ("abc" * 20)[:36]
    types = {c["name"]: c["type"] for c in json.loads(datasets["training"].schema)["mlflow_colspec"]}
    assert types == {
        "course_id": "string",
        "week": "any",
        "token_price": "double",
        "views": "long",
        "category": "string",
        "promo_randomized": "boolean",
        "enrollments": "long",
    }
    profile = json.loads(datasets["evaluation"].profile)
    assert profile["num_rows"] == 100
    assert profile["statistics"]["views"]["max"] == panel.tail(100)["views"].max()
    assert mlflow.data.get_source(datasets["training"]) is not None


def test_more_values_than_one_request_takes(tracker, client):
    many = {f"v{i}": float(i) for i in range(250)}
    run = client.get_run(tracker.log(RunItems("many", params=many, metrics=many)))
    assert run.data.metrics == many
    assert len(run.data.params) == 250


def test_the_model_loads_by_its_address_in_a_fresh_process(tracker, items, panel, ridge, tmp_path):
    address = f"runs:/{tracker.log(items)}/model"
    rows = panel.drop(columns="enrollments")
    rows.to_parquet(tmp_path / "rows.parquet")
    script = f"""
import mlflow, pandas as pd
mlflow.set_tracking_uri({tracker.uri!r})
by_flavor = mlflow.sklearn.load_model({address!r})
model = mlflow.pyfunc.load_model({address!r})
pd.DataFrame({{name: m.predict(pd.read_parquet("rows.parquet")) for name, m in [("p", model), ("s", by_flavor)]}}
             ).to_parquet("predicted.parquet")
assert len(model.predict(model.input_example)) == 5, model.input_example
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    predicted = pd.read_parquet(tmp_path / "predicted.parquet")
    assert np.allclose(predicted["p"], ridge.predict(rows))
    assert np.allclose(predicted["s"], ridge.predict(rows))


def test_a_failing_run_is_closed_as_failed_and_raised(tracker, client, items, settings):
    (settings.mlruns_dir / "artifacts").write_text("a file where the folder should be")
    with pytest.raises(TrackingError, match="Could not log the run 'ridge'"):
        tracker.log(items)
    (run,) = client.search_runs([tracker.experiment_id])
    assert (run.info.status, run.info.end_time is not None) == ("FAILED", True)
    assert tracker.runs.list_runs().empty
    assert len(tracker.runs.list_runs(finished=False)) == 1


def test_a_model_that_could_not_be_loaded_again_is_not_stored(tracker, client, panel):
    rows = panel[["token_price", "views"]]
    knn = KNeighborsRegressor(algorithm="kd_tree").fit(rows, panel["enrollments"])
    with pytest.raises(UntrustedModelError, match=r"Found: sklearn\.metrics.*KDTree"):
        tracker.log(RunItems("knn", model=ModelItem(knn, rows)))
    assert [m.status.value for m in client.search_logged_models([tracker.experiment_id])] == ["FAILED"]
    assert [run.info.status for run in client.search_runs([tracker.experiment_id])] == ["FAILED"]


def test_a_model_that_cannot_predict_its_example_raises(tracker, items, panel):
    with pytest.raises(TrackingError, match="The model cannot be stored"):
        tracker.log(replace(items, model=ModelItem(items.model.estimator, panel[["week"]])))
    unfitted = ModelItem(Ridge(), panel[["views"]])
    with pytest.raises(TrackingError, match="NotFittedError"):
        tracker.log(replace(items, model=unfitted))


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files as POSIX systems do")
def test_a_full_disk_raises_and_closes_the_run(tracker, client):
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, hard))
    try:
        with pytest.raises(TrackingError, match="Could not log the run 'big'"):
            tracker.log(RunItems("big", artifacts={"big.bin": bytes(4_000_000)}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [run.info.status for run in client.search_runs([tracker.experiment_id])] == ["FAILED"]
    assert tracker.log(RunItems("after"))


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a//b", "", "a\\b", "C:/x", "a/./b", "a\x00b"])
def test_an_artifact_path_outside_of_the_run_raises_before_anything_is_written(tracker, client, path):
    with pytest.raises(TrackingError, match="not a valid artifact path"):
        tracker.log(RunItems("bad", artifacts={path: "x"}))
    assert not client.search_runs([tracker.experiment_id])


def test_tags_name_values_that_mlflow_cannot_store(tracker, client):
    items = RunItems(
        "odd",
        params={"price <b>&": 1, "price _b__": 2, "long": "x" * 7_000},
        metrics={"r2": float("nan"), "mae": float("inf"), "rmse": 1.0, "elasticity.AI/ML: säule": -1.0, "../up": 2.0},
        tags={"note": "y" * 9_000},
    )
    run = client.get_run(tracker.log(items))
    assert run.data.params == {"price _b__": "1", "price _b___2": "2", "long": "x" * 5_999 + "…"}
    assert run.data.metrics == {"rmse": 1.0, "elasticity.AI/ML_ säule": -1.0, "___up": 2.0}
    assert run.data.tags["edtech.not_finite"] == "r2, mae"
    assert run.data.tags["edtech.cut"] == "long, note"
    assert "price <b>& -> price _b__" in run.data.tags["edtech.renamed"]
    assert len(run.data.tags["note"]) == 8_000


def test_log_model_training_takes_items_or_a_mapping(tracker, client, items):
    by_items = tracker.log_model_training(model_results=items, model_type="churn_prediction", tags={"team": "a"})
    by_mapping = tracker.log_model_training(
        model_results={"metrics": {"r2": 0.1}},
        model_type="token_elasticity",
        dataset_info={"name": "m", "digest": "d1"},
    )
    first, second = client.get_run(by_items), client.get_run(by_mapping)
    assert (first.data.tags["model_type"], first.data.tags["team"]) == ("churn_prediction", "a")
    assert (second.info.run_name, second.data.tags["dataset_digest"]) == ("token_elasticity", "d1")
    with pytest.raises(TrackingError, match="metrics"):
        tracker.log_model_training(model_results={"metrix": {}}, model_type="token_elasticity")


def test_process_wide_state_is_unchanged(tracker, items):
    before = dict(os.environ)
    tracker.log(items)
    tracker.runs.list_runs()
    assert dict(os.environ) == before
    assert mlflow.active_run() is None
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_ui_command_names_the_store(tracker, settings):
    assert tracker.ui_command == f"mlflow ui --backend-store-uri 'sqlite:///{settings.mlruns_dir}/mlflow.db'"


def test_the_error_for_a_deleted_experiment_names_the_command_to_restore_it(tracker, client, settings):
    client.delete_experiment(tracker.experiment_id)
    with pytest.raises(TrackingError, match=r"was deleted.*mlflow experiments restore"):
        EdTechMLFlowTracker(settings=settings)


def test_experiment_names_are_plain_data(settings):
    name = "Größe <b>'; DROP TABLE runs; -- ../.."
    tracker = EdTechMLFlowTracker(name, settings=settings)
    tracker.log(RunItems("**bold** ![x](https://example.org/x.png)"))
    frame = tracker.runs.list_runs([name])
    assert frame[["experiment", "name"]].to_numpy().tolist() == [[name, "**bold** ![x](https://example.org/x.png)"]]
