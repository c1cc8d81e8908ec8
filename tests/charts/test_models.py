import numpy as np
import pandas as pd
import pytest

from edtech.charts import models
from edtech.errors import ReportError
from tests.charts.test_pricing import rendered_spec


def test_predictions_and_residuals_state_how_many_points_are_shown(predictions):
    for draw in (models.actual_vs_predicted, models.residuals):
        svg = rendered_spec(draw(predictions, title="No bend", unit="sales / week"))
        assert "2,000 of 3,000 points shown" in svg
        assert "Predicted (sales / week)" in svg


def test_residuals_are_actual_minus_predicted():
    chart = models.residuals(pd.DataFrame({"actual": [5.0], "predicted": [3.0]}), title="x")
    assert chart.layer[0].data["residual"].tolist() == [2.0]


def test_importance_shows_the_largest_first(importances):
    svg = rendered_spec(models.importance(importances, title="Price matters"))
    assert "15 of 20 features shown" in svg
    assert svg.index(">f19<") < svg.index(">f5<")
    assert ">f4<" not in svg


def test_importance_shows_long_names_whole():
    name = "visits_of_the_last_twelve_full_weeks"
    frame = pd.DataFrame({"feature": [name, "price"], "importance": [2.0, 1.0]})
    assert f">{name}<" in rendered_spec(models.importance(frame, title="Visits matter"))


def test_runs_without_both_metrics_are_counted_not_drawn():
    runs = pd.DataFrame({"run": ["a", "b", "c"], "x": [1.0, np.nan, 2.0], "y": [3.0, 4.0, np.inf]})
    svg = rendered_spec(models.metric_scatter(runs, title="x", x_title="RMSE", y_title="Tokens"))
    assert "2 runs without both metrics are not shown" in svg
    with pytest.raises(ReportError, match="Found: 0 rows"):
        models.metric_scatter(runs.iloc[1:2], title="x", x_title="RMSE", y_title="Tokens")


@pytest.mark.parametrize("period", [pd.date_range("2025-01-06", periods=8, freq="W-MON", tz="UTC"), range(8)])
def test_a_time_series_takes_dates_and_numbers(period):
    frame = pd.DataFrame({"period": period, "value": range(8), "low": range(8), "high": range(1, 9)})
    chart = models.time_series(frame, title="Grows", y_title="Tokens / week")
    assert [layer["mark"]["type"] for layer in chart.to_dict()["layer"]] == ["area", "line"]
    assert "Tokens / week" in rendered_spec(chart)


def test_values_that_differ_only_by_rounding_get_readable_axes():
    runs = pd.DataFrame({"run": ["a", "b"], "x": [8_790.0, 8_790.0 + 1e-9], "y": [0.0, 0.0]})
    svg = rendered_spec(models.metric_scatter(runs, title="x", x_title="RMSE", y_title="Tokens"))
    assert "8,790.0" not in svg
    assert "8,800" in svg
