"""Comparisons of runs in small frames."""

import numpy as np
import pandas as pd
import pytest

from edtech.errors import TrackingError
from edtech.metrics import METRICS, Metric
from edtech.reports.comparison import metric_pairs, metric_table, tag_table
from edtech.tracking import EdTechMLFlowTracker, RunItems, compare_runs


@pytest.fixture
def runs() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "run_id": ["aaaaaaaa1", "bbbbbbbb2", "cccccccc3"],
            "name": ["ridge", "forest <b>", "ridge"],
            "kind": ["training"] * 3,
            "params.algorithm": ["linear", "random_forest", "linear"],
            "params.seed": ["7", "7", "7"],
            "params.trees": [None, "100", None],
            "params.unused": [None, None, None],
            "metrics.rmse": [2.0, 1.0, 1.0],
            "metrics.r2": [0.5, np.inf, np.nan],
            "metrics.token_revenue_plan": [10.0, 30.0, 20.0],
            "metrics.decision_value_tokens": [1.0, 3.0, 2.0],
            "metrics.elasticity_bias": [-0.1, 0.3, 0.2],
            "metrics.price_elasticity_coefficient": [-1.0, -2.0, -3.0],
            "metrics.foreign thing": [1.0, 2.0, 3.0],
            "tags.dataset_digest": ["d1", "d1", "d1"],
            "tags.split": ["last 8 weeks"] * 3,
        }
    )


def test_metrics_are_grouped_by_kind(runs):
    comparison = compare_runs(runs)
    assert comparison.metrics_of("business").loc["token_revenue_plan"].tolist() == [10.0, 30.0, 20.0]
    assert comparison.metrics_of("model").index.tolist() == [
        "r2",
        "rmse",
        "price_elasticity_coefficient",
        "foreign thing",
    ]
    assert comparison.metrics_of("truth").index.tolist() == ["elasticity_bias"]
    assert comparison.metrics.columns.tolist() == runs["run_id"].tolist()
    assert comparison.params.index.tolist() == ["algorithm", "seed", "trees"]
    assert comparison.differing_params.index.tolist() == ["algorithm", "trees"]


def test_best_by_direction(runs):
    best = compare_runs(runs).best
    assert best == {
        "rmse": ("bbbbbbbb2", "cccccccc3"),  # lower, a tie
        "decision_value_tokens": ("bbbbbbbb2",),  # higher
        "elasticity_bias": ("aaaaaaaa1",),  # nearest to zero
    }  # r2 has one finite value, the others have no direction; a planned revenue is the run's own forecast


def test_a_runs_own_forecast_of_its_plan_is_not_ranked(runs):
    claims = {"metrics.revenue_impact": [1.0, 2.0, 3.0], "metrics.teacher_earnings_plan": [1.0, 2.0, 3.0]}
    comparison = compare_runs(runs.assign(**claims), baseline="aaaaaaaa1")
    table = metric_table(comparison, "business").set_index("metric")
    planned = table.loc[["Token revenue, planned", "Expected uplift", "Teacher earnings, planned"]]
    assert set(planned["better"]) == {""}
    assert set(planned["unit"]) == {"tokens / typical period"}
    assert not planned.astype(str).apply(lambda text: text.str.contains("★|✓|✗")).to_numpy().any()
    assert "★" in table.loc["Decision value", "forest <b>"]


@pytest.mark.parametrize("name", ["token_revenue", "teacher_earnings", "platform_commission"])
def test_units_tell_observed_from_planned_values(name):
    assert METRICS[name].unit == METRICS[f"{name}_predicted"].unit == "tokens / evaluation period"
    assert METRICS[f"{name}_plan"].unit == METRICS["revenue_impact"].unit == "tokens / typical period"
    assert "Predicted by the run" in METRICS[f"{name}_plan"].help


def test_differences_from_a_baseline_tell_better_from_worse(runs):
    comparison = compare_runs(runs, baseline="aaaaaaaa1")
    assert comparison.differences.loc["rmse"].tolist() == [0.0, -1.0, -1.0]
    assert comparison.better.loc["rmse"].tolist() == [0, 1, 1]
    assert comparison.better.loc["elasticity_bias"].tolist() == [0, -1, -1]
    assert comparison.better.loc["price_elasticity_coefficient"].tolist() == [0, 0, 0]
    assert comparison.better.loc["r2"].tolist() == [0, 0, 0]
    assert compare_runs(runs).differences is None


@pytest.mark.parametrize(
    ("column", "values", "difference"),
    [
        ("tags.dataset_digest", ["d1", "d2", "d1"], "different data sets"),
        ("tags.split", ["last 8 weeks", "last 4 weeks", None], "different splits"),
        ("tags.dataset_digest", ["d1", None, "d1"], "different data sets"),
        ("tags.dataset_digest", [None, None, None], "3 runs do not name theirs"),
    ],
)
def test_runs_on_different_data_are_ranked_only_on_request(runs, column, values, difference):
    runs[column] = values
    comparison = compare_runs(runs, baseline="aaaaaaaa1")
    assert (comparison.same_data, comparison.best, comparison.better.to_numpy().any()) == (False, {}, False)
    assert difference in comparison.warning
    assert "No run is marked" in comparison.warning
    ranked = compare_runs(runs, rank_across_data=True)
    assert (ranked.same_data, ranked.best["decision_value_tokens"]) == (False, ("bbbbbbbb2",))
    assert "may be due to the data" in ranked.warning


def test_the_same_data_needs_no_warning(runs):
    comparison = compare_runs(runs)
    assert (comparison.same_data, comparison.warning) == (True, None)
    assert compare_runs(runs.drop(columns="tags.split")).same_data


def test_labels_are_unique(runs):
    assert compare_runs(runs).labels == {
        "aaaaaaaa1": "ridge (aaaaaaaa)",
        "bbbbbbbb2": "forest <b>",
        "cccccccc3": "ridge (cccccccc)",
    }


def test_the_tidy_frame_has_one_row_per_value(runs):
    tidy = compare_runs(runs, baseline="aaaaaaaa1").tidy().set_index(["metric", "run_id"])
    assert len(tidy) == 20  # seven metrics of three runs, one of them missing
    row = tidy.loc[("rmse", "bbbbbbbb2")]
    assert (row["value"], row["difference"], row["best"], row["direction"]) == (1.0, -1.0, True, "lower")
    assert (row["title"], row["kind"], row["run"]) == ("RMSE", "model", "forest <b>")


def test_metric_definitions_can_be_passed(runs):
    mine = {"foreign thing": Metric("foreign thing", "Foreign", "lower", "", "business", "")}
    assert compare_runs(runs, metrics=mine).best["foreign thing"] == ("aaaaaaaa1",)


def test_a_single_run_is_shown_but_not_ranked(runs):
    comparison = compare_runs(runs.head(1))
    assert (comparison.best, comparison.warning, comparison.metrics.shape[1]) == ({}, None, 1)


def test_runs_without_metrics_or_parameters(runs):
    bare = runs[["run_id", "name", "kind", "tags.dataset_digest"]]
    comparison = compare_runs(bare, baseline="aaaaaaaa1")
    assert comparison.metrics.shape == comparison.params.shape == (0, 3)
    assert (comparison.best, comparison.tidy().empty) == ({}, True)


def test_comparing_no_runs_or_an_unknown_baseline_raises(runs):
    with pytest.raises(TrackingError, match="nothing to compare"):
        compare_runs(runs.head(0))
    with pytest.raises(TrackingError, match="baseline"):
        compare_runs(runs, baseline="zzz")


def test_stored_runs_compare_as_frame_and_as_runs(settings):
    tracker = EdTechMLFlowTracker(settings=settings)
    ids = [tracker.log(RunItems(f"r{i}", metrics={"rmse": float(i)}, tags={"dataset_digest": "d"})) for i in (2, 1)]
    by_frame = compare_runs(tracker.runs.list_runs())
    by_runs = compare_runs([tracker.runs.get_run(run_id) for run_id in ids])
    assert by_frame.best == by_runs.best == {"rmse": (ids[1],)}
    assert by_runs.runs.loc["status"].tolist() == ["FINISHED", "FINISHED"]


def test_tags_that_differ_are_compared(runs):
    runs = runs.assign(**{"tags.owner": ["ann", None, "ann"], "tags.mlflow.user": ["a", "b", "c"]})
    comparison = compare_runs(runs)
    assert comparison.differing_tags.index.tolist() == ["owner"]
    assert comparison.tags.index.tolist() == ["dataset_digest", "split", "owner", "mlflow.user"]
    assert tag_table(comparison)["tag"].tolist() == ["owner"]
    assert set(tag_table(comparison, every=True)["tag"]) == {"dataset_digest", "split", "owner", "mlflow.user"}
    long = compare_runs(runs.assign(**{"tags.owner": ["x" * 5_000, "y", "z"]}))
    assert tag_table(long).iloc[0, 1] == "x" * 200 + "…"


def test_an_interval_is_shown_with_its_metric(runs):
    ends = {"metrics.price_elasticity_low": [-1.5, np.nan, -3.5], "metrics.price_elasticity_high": [-0.5, -1.0, -2.5]}
    foreign = {"metrics.foreign thing_low": [0.0] * 3, "metrics.foreign thing_high": [9.0] * 3}
    table = metric_table(compare_runs(runs.assign(**ends, **foreign)), "model").set_index("metric")
    assert table.loc["Own-price elasticity"].tolist()[:3] == ["-1 [-1.5, -0.5]", "-2", "-3 [-3.5, -2.5]"]
    assert not {"Elasticity, low end", "Elasticity, high end"} & set(table.index)
    assert {"foreign thing_low", "foreign thing_high"} <= set(table.index)  # their meaning is unknown


def test_rounding_errors_are_no_difference(runs):
    runs = runs.assign(**{"metrics.rmse": [0.1 + 0.2, 0.3, 0.4]})
    comparison = compare_runs(runs, baseline="aaaaaaaa1")
    assert comparison.differences.loc["rmse"].tolist() == [0.0, 0.0, pytest.approx(0.1)]
    assert comparison.better.loc["rmse"].tolist() == [0, 0, -1]


def test_pairs_of_a_parameter_and_a_metric(runs):
    pairs = metric_pairs(compare_runs(runs), "trees", "rmse")
    assert pairs["y"].tolist() == [2.0, 1.0, 1.0]
    assert pairs["x"].isna().tolist() == [True, False, True]
    assert metric_pairs(compare_runs(runs), "algorithm", "rmse")["x"].isna().all()
