"""Stores in temporary folders; creating one costs MLflow 1.5 s, so each test gets a copy of one made once."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from edtech.settings import Settings
from edtech.tracking import DatasetItem, EdTechMLFlowTracker, ModelItem, RunItems
from edtech.tracking.store import connect, find_store
from tests.tracking.serving import mlflow_server


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory) -> Path:
    settings = Settings(home=tmp_path_factory.mktemp("empty"))
    connect(find_store(settings=settings))
    return settings.mlruns_dir / "mlflow.db"


@pytest.fixture
def settings(tmp_path, empty_database) -> Settings:
    settings = Settings(home=tmp_path / "home of émile")
    settings.mlruns_dir.mkdir(parents=True)
    shutil.copyfile(empty_database, settings.mlruns_dir / "mlflow.db")
    return settings


@pytest.fixture
def tracker(settings) -> EdTechMLFlowTracker:
    return EdTechMLFlowTracker(settings=settings)


@pytest.fixture(scope="session")
def panel() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = 400
    return pd.DataFrame(
        {
            "course_id": [f"c{i % 20}" for i in range(rows)],
            "week": pd.Timestamp("2026-01-05", tz="UTC") + pd.to_timedelta(np.arange(rows) // 20 * 7, unit="D"),
            "token_price": rng.uniform(5, 50, rows),
            "views": rng.integers(1, 100, rows),
            "category": [f"kind {i % 3}" for i in range(rows)],
            "promo_randomized": rng.random(rows) < 0.1,
            "enrollments": rng.integers(0, 9, rows),
        }
    )


def demand_model(panel: pd.DataFrame, regressor) -> Pipeline:
    inputs = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["category"]), ("passthrough", ["token_price", "views"])
    )
    return make_pipeline(inputs, regressor).fit(panel.drop(columns="enrollments"), panel["enrollments"])


@pytest.fixture(scope="session")
def ridge(panel) -> Pipeline:
    return demand_model(panel, Ridge())


@pytest.fixture
def items(panel, ridge) -> RunItems:
    return RunItems(
        name="ridge",
        params={"alpha": 1.0, "seed": 7, "segment_slopes": True},
        metrics={"r2": 0.5, "rmse": 2.0},
        tags={"model_type": "token_elasticity", "split": "last 8 weeks"},
        description="# Results\nNone.",
        artifacts={"evaluation/summary.txt": "ünïcode", "evaluation/plots/a.png": b"\x89PNG"},
        model=ModelItem(ridge, panel.drop(columns="enrollments")),
        datasets=(
            DatasetItem("market 1", "abc" * 20, panel, "enrollments"),
            DatasetItem("market 1", "def" * 20, panel.tail(100), "enrollments", context="evaluation"),
        ),
    )


@pytest.fixture(scope="session")
def server(tmp_path_factory, empty_database) -> Iterator[str]:
    """Address of a real MLflow server for all tests; each test uses its own experiment."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "mlflow.db").write_bytes(empty_database.read_bytes())
    with mlflow_server(folder, f"sqlite:///{folder}/mlflow.db") as address:
        yield address


NOBODY = 65_534


@pytest.fixture
def bound(empty_database) -> Iterator[EdTechMLFlowTracker]:
    """A tracker whose file permissions also apply if the tests run as root."""
    folder = Path(tempfile.mkdtemp(prefix="edtech-bound-"))  # other users cannot read pytest's own folders
    settings, root = Settings(home=folder), os.geteuid() == 0
    settings.mlruns_dir.mkdir()
    shutil.copyfile(empty_database, settings.mlruns_dir / "mlflow.db")
    tracker = EdTechMLFlowTracker(settings=settings)
    tracker.log(RunItems("before", artifacts={"a.txt": "a"}))
    for path in [folder, *folder.rglob("*")] if root else []:
        os.chown(path, NOBODY, NOBODY)
    if root:
        os.seteuid(NOBODY)
    yield tracker
    if root:
        os.seteuid(0)
    shutil.rmtree(folder)
