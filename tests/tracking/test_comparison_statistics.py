"""Means over seeds against the closed form, and paired errors against a simulation whose difference is known."""

import numpy as np
import pandas as pd
import pytest
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
    found = mean_over_seeds(runs, "rmse").set_index("group")
    assert found.index.tolist() == ["trees 10", "trees 50"]
    low, high = stats.t.interval(0.95, 2, loc=values[:3].mean(), scale=stats.sem(values[:3]))
    assert found.loc["trees 10", ["runs", "mean", "low", "high"]].tolist() == pytest.approx([3, 7 / 3, low, high])
    assert np.isnan(found.loc["trees 50", "low"])
    with pytest.raises(TrackingError, match="None of the runs"):
        mean_over_seeds(runs, "mae")


def test_groups_are_called_by_the_one_parameter_that_tells_them_apart():
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


def test_the_better_run_is_found_on_the_same_rows():
    actual = np.random.default_rng(0).poisson(5, 600).astype(float)
    found = paired_difference(predictions(1.0, actual, 1), predictions(2.0, actual, 2))
    truth = np.sqrt(2 / np.pi)  # the mean absolute value of a normal draw, times 2 - 1
    assert found.low < truth < found.high
    assert found.low > 0
    assert (found.rows, found.clusters) == (600, 60)
    assert "first run" in found.summary
    assert "Neither" in paired_difference(predictions(1.0, actual, 1), predictions(1.0, actual, 3)).summary


def test_the_interval_holds_no_difference_as_often_as_it_says():
    actual = np.zeros(600)
    covered = [
        (one := paired_difference(predictions(1.0, actual, seed), predictions(1.0, actual, seed + 500))).low
        <= 0
        <= one.high
        for seed in range(100)
    ]
    assert 88 <= sum(covered) <= 100  # binomial(100, 0.95): fewer than 88 in 1 of 1,000 tries


def test_other_rows_are_refused():
    actual = np.arange(600.0)
    one = predictions(1.0, actual, 1)
    for other in (one.head(10), one.assign(actual=1.0), one.assign(unit=one["unit"] + 1), one.drop(columns="actual")):
        with pytest.raises(TrackingError):
            paired_difference(one, other)


def test_the_history_of_a_metric_is_that_of_mlflow(tracker):
    run_id = tracker.log(RunItems("r", metrics={"rmse": 3.0}))
    for step, value in ((1, 2.0), (2, float("nan"))):
        tracker.runs._client.log_metric(run_id, "rmse", value, step=step)
    found = tracker.runs.metric_history([run_id], "rmse")
    assert found["step"].tolist() == [0, 1, 2]
    assert found["value"].tolist()[:2] == [3.0, 2.0]
    assert np.isnan(found["value"].iloc[2])
    assert tracker.runs.metric_history([run_id], "x' OR 1=1").empty
