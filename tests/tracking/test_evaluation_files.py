"""The files that are added to the run of a training, and its validation script."""

import runpy
import subprocess
import sys
from dataclasses import replace

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from edtech.tracking import RunItems, SampleItem
from edtech.tracking.evaluation_files import evaluation_summary
from edtech.tracking.mlflow_limits import escape_markdown

SCRIPT = "evaluation/model_validation.py"


@pytest.fixture
def logged(tracker, items, panel) -> str:
    """A run with a sample, and with predictions on later data."""
    later = pd.DataFrame({"actual": [1.0, 2.0, 4.0], "predicted": [1.5, 2.0, 3.0]})
    sample = SampleItem(panel.drop(columns="enrollments"), panel["enrollments"])
    metrics = {"rmse": float(np.sqrt(1.25 / 3)), "mae": 0.5}
    files = {"evaluation/predictions.csv": later.to_csv(index=False)}
    return tracker.log(replace(items, metrics=metrics, sample=sample, artifacts=files))


def run_script(tracker, run_id: str, folder) -> int:
    script = folder / "model_validation.py"
    script.write_bytes(tracker.runs.read_artifact(run_id, SCRIPT))
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script), run_name="__main__")
    return int(ended.value.code)


def test_the_script_runs_unchanged_and_exits_with_0_if_all_checks_pass(tracker, logged, tmp_path):
    file = MlflowClient(tracking_uri=tracker.uri).download_artifacts(logged, SCRIPT, str(tmp_path))
    done = subprocess.run([sys.executable, file], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "ok    largest difference of a prediction",
        "ok    rmse",
        "ok    mae",
    ]


@pytest.mark.parametrize("spoiled", ["rmse", "predicted", "model"])
def test_the_script_finds_changed_values(tracker, logged, tmp_path, spoiled, panel, capsys, settings):
    client = MlflowClient(tracking_uri=tracker.uri)
    if spoiled == "rmse":
        client.log_metric(logged, spoiled, 0.4)
    elif spoiled == "predicted":
        (table,) = (settings.mlruns_dir / "artifacts").glob("*/artifacts/evaluation/predictions_sample.csv")
        frame = pd.read_csv(table, dtype=str)
        frame.loc[3, "predicted"] = "1e3"
        frame.to_csv(table, index=False)
    else:
        from sklearn.linear_model import Ridge

        from tests.tracking.conftest import demand_model

        other = demand_model(panel, Ridge(alpha=1e4))
        (folder,) = (settings.mlruns_dir / "artifacts").glob("models/*/artifacts")
        mlflow.sklearn.save_model(other, str(tmp_path / "other"), pip_requirements=[])
        (tmp_path / "other" / "model.skops").replace(folder / "model.skops")
    assert run_script(tracker, logged, tmp_path) == 1
    assert "FAIL" in capsys.readouterr().out


def test_a_sample_of_any_dtypes_reads_back(tracker, tmp_path):
    rows = pd.DataFrame(
        {
            "code": ["007", "NA", "1e5", 'a"b,c\nd'],
            "when": pd.to_datetime(["2026-01-05", "2026-01-06", "2026-01-07", "2026-01-08"], utc=True),
            "on": [True, False, True, False],
            "count": [1, 2, 3, 4],
            "share": [0.1, np.nan, 1 / 3, 1e-300],
            "actual": ["x", "y", "z", "w"],
        }
    )
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    actual = pd.Series([1.0, 2.0, 3.0, 5.0])
    encode = make_column_transformer((OneHotEncoder(sparse_output=False), ["code", "on"]), ("passthrough", ["count"]))
    model = make_pipeline(encode, LinearRegression()).fit(rows, actual)
    from edtech.tracking import ModelItem

    items = RunItems("r", model=ModelItem(model, rows), sample=SampleItem(rows, actual))
    assert run_script(tracker, tracker.log(items), tmp_path) == 0


def test_the_summary_has_data_metrics_and_parameters(items):
    text = evaluation_summary(items)
    assert text.startswith(
        "ridge\n=====\nModel type: token_elasticity\nSplit: last 8 weeks\nData: market 1 (training, "
    )
    for line in ("RMSE (rmse)  2 pieces", "alpha           1.0", "100 rows"):
        assert line in text


@pytest.mark.parametrize(
    "text", ["![x](https://example.org/x.png)", "<script>alert(1)</script>", "# big", "$$x$$", "www.example.org", "a@b"]
)
def test_a_description_shows_foreign_text_literally(tracker, text):
    run = tracker.runs.get_run(tracker.log(RunItems("r", description=f"Segment {text}")))
    note = run.tags["mlflow.note.content"]
    assert note == f"Segment {escape_markdown(text)}"
    assert note.replace("\\", "") == f"Segment {text}"
    assert all(note[position - 1] == "\\" for position, char in enumerate(note) if char in "!<#$[]().@")
