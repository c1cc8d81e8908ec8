"""Search, conditions and order of runs; definitions of foreign metrics."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from edtech.errors import TrackingError
from edtech.metrics import METRICS, guess
from edtech.tracking.metric_definitions import MetricDefinition, MetricDefinitions, define_metrics
from edtech.tracking.run_query import RunQuery, informative_columns, parse_conditions, search_runs


@pytest.fixture
def runs() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "run_id": ["a", "b", "c", "d"],
            "name": ["ridge", "forest <b>", "名前", "ridge 2"],
            "experiment": "e",
            "started": pd.to_datetime(["2026-01-01 00:00", "2026-01-02 00:00", "2026-01-03 23:59", None], utc=True),
            "status": ["FINISHED", "FAILED", "RUNNING", "FINISHED"],
            "duration_seconds": [1.0, 2.0, np.nan, 4.0],
            "kind": "",
            "params.seed": ["7", "07", None, "8"],
            "params.same": "x",
            "params.empty": None,
            "metrics.rmse": [2.0, 1.0, np.nan, np.inf],
            "tags.model_type": ["f", "f", "g", None],
            "tags.two words": ["spring sale", None, "autumn", "spring"],
            "tags.mlflow.user": ["u", "v", "w", "x"],
        }
    )


def ids(runs, **query) -> str:
    return "".join(search_runs(runs, RunQuery(**{"order": "", "failed": True} | query)).runs["run_id"])


@pytest.mark.parametrize(
    ("query", "matching"),
    [
        ({}, "abcd"),
        ({"failed": False}, "acd"),
        ({"running": False}, "abd"),
        ({"search": "RIDGE"}, "ad"),
        ({"search": "<b>"}, "b"),
        ({"search": "名"}, "c"),
        ({"search": "spring"}, "ad"),
        ({"search": ".*"}, ""),
        ({"families": ("g",)}, "c"),
        ({"datasets": ("none",)}, ""),
        ({"since": date(2026, 1, 2)}, "bc"),
        ({"until": date(2026, 1, 3)}, "abc"),
        ({"where": "rmse < 2"}, "b"),
        ({"where": "rmse >= 1 and seed = 7"}, "ab"),
        ({"where": "metrics.rmse <= 2, params.seed != 7"}, ""),
        ({"where": "rmse>=1,seed=7"}, "ab"),
        ({"where": "rmse>=1,seed=7,"}, "ab"),
        ({"where": '"two words" ~ SPRING'}, "ad"),
        ({"where": '"two words" = "spring sale"'}, "a"),
        ({"where": '"two words" != autumn'}, "abd"),
        ({"where": "status = FAILED"}, "b"),
        ({"order": "metrics.rmse", "descending": False}, "badc"),
        ({"order": "started"}, "cbad"),
    ],
)
def test_queries_return_the_matching_runs_in_order(runs, query, matching):
    assert ids(runs, **query) == matching


@pytest.mark.parametrize(
    "text", ["rmse", "rmse <", "< 2", "rmse < 2 seed = 7 )", "rmse < two", "nothing = 1", "rmse < 1,5"]
)
def test_an_invalid_condition_raises(runs, text):
    with pytest.raises(TrackingError):
        ids(runs, where=text)


def test_quotes_in_conditions():
    assert parse_conditions("a<1 AND `b c`!='x y', \"d\" ~ z") == [
        ("a", "<", "1"),
        ("b c", "!=", "x y"),
        ("d", "~", "z"),
    ]
    assert parse_conditions("a=1,b=2") == [("a", "=", "1"), ("b", "=", "2")]
    assert parse_conditions("a='1,b=2', c=\"3,4\"") == [("a", "=", "1,b=2"), ("c", "=", "3,4")]
    assert parse_conditions("  ") == []


def test_differing_columns_come_first_and_empty_ones_are_dropped(runs):
    columns = informative_columns(runs)
    assert columns[:2] == ("metrics.rmse", "params.seed")
    assert columns[-1] == "params.same"
    assert not {"params.empty", "tags.mlflow.user"} & set(columns)


@pytest.mark.parametrize(
    ("name", "values", "direction", "unit"),
    [
        ("mape", [3.0], "lower", ""),
        ("val_r2", [0.5], "higher", ""),
        ("training_loss", [1.0], "lower", ""),
        ("accuracy", [0.91, np.nan], "higher", "share"),
        ("accuracy", [91.0], "higher", "%"),
        ("accuracy", [5_293.0, 12.0], "none", "count"),
        ("bias", [-1.0], "zero", ""),
        ("wall time", [1.0], "lower", "s"),
        ("=cmd()", [1.0], "none", ""),
        ("accuracy", [np.inf], "higher", "share"),
    ],
)
def test_foreign_metrics_are_guessed_and_marked(name, values, direction, unit):
    metric = guess(name, values)
    assert (metric.direction, metric.unit) == (direction, unit)
    assert metric.guessed == (name != "=cmd()")


def test_a_users_definition_is_stored_and_overrides_a_guess(tmp_path):
    runs = pd.DataFrame({"metrics.mape": [1.0], "metrics.rmse": [2.0], "metrics.odd": [3.0]})
    definitions = MetricDefinitions(tmp_path / "home" / "metrics.json")
    assert define_metrics(runs, definitions.load())["mape"].guessed
    definitions.save("mape", MetricDefinition(direction="higher", unit="points"))
    definitions.save("rmse", MetricDefinition(direction="higher"))
    metrics = define_metrics(runs, MetricDefinitions(definitions.file).load())
    assert (metrics["mape"].direction, metrics["mape"].unit, metrics["mape"].guessed) == ("higher", "points", False)
    assert metrics["rmse"] == METRICS["rmse"]  # built-in definitions cannot be changed
    definitions.save("mape", None)
    assert define_metrics(runs, definitions.load())["mape"].direction == "lower"
    definitions.file.write_text('{"mape": {"direction": "sideways"}}')
    with pytest.raises(TrackingError, match="cannot be read"):
        definitions.load()


def test_a_home_that_is_not_writable_raises(tmp_path):
    (tmp_path / "other").write_text("a file, not a folder")
    with pytest.raises(TrackingError, match=r"cannot be saved.*metrics\.json"):
        MetricDefinitions(tmp_path / "other" / "metrics.json").save("mape", MetricDefinition(direction="higher"))
