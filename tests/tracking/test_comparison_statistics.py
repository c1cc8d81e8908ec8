"""Means over seeds against the closed form, paired errors against a simulation with a known difference."""

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from scipy import stats

from edtech.errors import TrackingError
from edtech.tracking import RunItems
from edtech.tracking.comparison_statistics import mean_over_seeds, paired_difference


def test_the_mean_over_seeds_and_its_interval_are_students():
    values = np.array([1.0, 2.0, 4.0, 10.0])
    runs = pd.DataFrame(
        {
            "params.trees": ["10", "10", "10", "50"],
            "params.random_state": ["1", "2", "3", "1"],
            "params.seed": ["1", "2", "3", "1"],
            "metrics.rmse": values,
        }
    )
    means = mean_over_seeds(runs, "rmse").set_index("group")
    assert means.index.tolist() == ["trees 10", "trees 50"]
    low, high = stats.t.interval(0.95, 2, loc=values[:3].mean(), scale=stats.sem(values[:3]))
    assert means.loc["trees 10", ["runs", "mean", "low", "high"]].tolist() == pytest.approx([3, 7 / 3, low, high])
    assert np.isnan(means.loc["trees 50", "low"])
    with pytest.raises(TrackingError, match="None of the runs"):
        mean_over_seeds(runs, "mae")


def test_groups_are_named_by_the_parameter_that_distinguishes_them():
    runs = pd.DataFrame(
        {
            "params.algorithm": ["forest", "forest", "linear"],
            "params.depth": ["3", "3", None],
            "params.alpha": [None, None, "0.1"],
            "params.seed": ["1", "2", "1"],
            "metrics.rmse": [1.0, 2.0, 3.0],
        }
    )
    assert mean_over_seeds(runs, "rmse")["group"].tolist() == ["algorithm forest", "algorithm linear"]
    deeper = runs.assign(**{"params.depth": ["3", "4", None]})
    groups = mean_over_seeds(deeper, "rmse")["group"].tolist()
    assert groups == ["algorithm forest, depth 3", "algorithm forest, depth 4", "algorithm linear, alpha 0.1"]


def predictions(sigma: float, shared: np.ndarray, seed: int) -> pd.DataFrame:
    units = np.repeat(np.arange(60), 10)
    noise = np.random.default_rng(seed).normal(scale=sigma, size=600)
    return pd.DataFrame(
        {"unit": units, "period": np.tile(np.arange(10), 60), "actual": shared, "predicted": shared + noise}
    )


def test_the_better_run_on_the_same_rows():
    actual = np.random.default_rng(0).poisson(5, 600).astype(float)
    difference = paired_difference(predictions(1.0, actual, 1), predictions(2.0, actual, 2))
    truth = np.sqrt(2 / np.pi)  # the mean absolute value of a normal draw, times 2 - 1
    assert difference.low < truth < difference.high
    assert difference.low > 0
    assert (difference.rows, difference.clusters) == (600, 60)
    assert "first run" in difference.summary
    assert (
        "No significant difference"
        in paired_difference(predictions(1.0, actual, 1), predictions(1.0, actual, 3)).summary
    )


def test_the_interval_has_its_nominal_coverage_under_no_difference():
    actual = np.zeros(600)
    covered = [
        (pair := paired_difference(predictions(1.0, actual, seed), predictions(1.0, actual, seed + 500))).low
        <= 0
        <= pair.high
        for seed in range(100)
    ]
    assert 88 <= sum(covered) <= 100  # binomial(100, 0.95): fewer than 88 in 1 of 1,000 cases


def test_other_rows_are_refused():
    actual = np.arange(600.0)
    first = predictions(1.0, actual, 1)
    others = (
        first.head(10),
        first.assign(actual=1.0),
        first.assign(unit=first["unit"] + 1),
        first.drop(columns="actual"),
    )
    for other in others:
        with pytest.raises(TrackingError):
            paired_difference(first, other)


def test_the_history_of_a_metric_is_that_of_mlflow(tracker):
    run_id = tracker.log(RunItems("r", metrics={"rmse": 3.0}))
    for step, value in ((1, 2.0), (2, float("nan"))):
        MlflowClient(tracking_uri=tracker.uri).log_metric(run_id, "rmse", value, step=step)
    history = tracker.runs.metric_history([run_id], "rmse")
    assert history["step"].tolist() == [0, 1, 2]
    assert history["value"].tolist()[:2] == [3.0, 2.0]
    assert np.isnan(history["value"].iloc[2])
    assert tracker.runs.metric_history([run_id], "x' OR 1=1").empty
