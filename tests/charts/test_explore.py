import numpy as np
import pandas as pd
import pytest

from edtech.charts import explore
from edtech.errors import ReportError
from tests.charts.conftest import HOSTILE
from tests.charts.test_pricing import rendered_spec


def test_a_distribution_takes_numbers_dates_constants_and_text():
    bins = pd.DataFrame({"low": [0.0, 5.0], "high": [5.0, 10.0], "rows": [3, 4]})
    assert "Token price" in rendered_spec(explore.distribution(bins, title="Most are cheap", x_title="Token price"))
    bars = explore.distribution(bins, title="x", x_title="x").to_dict()["layer"][0]["encoding"]
    assert bars["y2"] == {"datum": 0}, "a bar stands on the ground"
    days = pd.date_range("2024-01-01", periods=3, freq="D")
    dates = pd.DataFrame({"low": days[:2], "high": days[1:], "rows": [3, 4]})
    assert rendered_spec(explore.distribution(dates, title="x", x_title="Day")).count("<path") > 2
    flat = explore.distribution(pd.DataFrame({"low": [5.0], "high": [5.0], "rows": [9]}), title="x", x_title="Price")
    assert flat.data["high"].tolist() == [6.0]
    text = pd.DataFrame({"value": HOSTILE, "rows": range(len(HOSTILE))})
    svg = rendered_spec(explore.distribution(text, title="x", x_title="Source"))
    assert "&lt;img src=x onerror=alert(1)&gt;" in svg
    assert "<img" not in svg


def test_price_and_demand_have_a_chart_for_each_segment_on_the_same_scales():
    draw = np.random.default_rng(0)
    rows = pd.DataFrame({"price": draw.uniform(5, 50, 3_000), "quantity": draw.poisson(3, 3_000)})
    titles = {"price_title": "cost", "quantity_title": f"{HOSTILE[0]} per period"}
    panels, note = explore.price_demand(rows.assign(segment=draw.choice(["Music", HOSTILE[0]], 3_000)), **titles)
    assert note == "2,000 of 3,000 points shown"
    assert {name for name, _ in panels} == {"Music", HOSTILE[0]}
    assert all("<img" not in rendered_spec(chart) for _, chart in panels)
    assert len({str(chart.to_dict()["encoding"]["x"]["scale"]) for _, chart in panels}) == 1
    assert panels[0][1].to_dict()["encoding"]["x"]["title"] == "cost"
    assert panels[0][1].to_dict()["background"] == "transparent"
    many, note = explore.price_demand(rows.assign(segment=np.arange(3_000) % 40), **titles)
    assert len(many) == 12
    assert note.startswith("12 of 40 segments shown")
    [(_, flat)], _ = explore.price_demand(rows.head(3).assign(segment="x", price=7.0, quantity=0), **titles)
    assert rendered_spec(flat)


def test_a_mean_by_another_column_has_its_interval():
    bins = pd.DataFrame({"low": [0.0, 5.0], "high": [5.0, 9.0], "mean": [0.2, 0.4], "error": [0.1, 0.05], "rows": 9})
    chart = explore.mean_by(bins, title="Expensive ones leave", x_title="Price", y_title="Share")
    assert chart.data["least"].tolist() == pytest.approx([0.1, 0.35])
    assert chart.data["most"].tolist() == pytest.approx([0.3, 0.45])
    assert "95% confidence intervals" in rendered_spec(chart)
    levels = pd.DataFrame({"value": HOSTILE, "mean": 0.5, "error": np.nan, "rows": 1})
    assert "<img" not in rendered_spec(explore.mean_by(levels, title="x", x_title="Plan", y_title="Share"))


def test_the_season_is_a_heat_map_with_weekdays_in_order():
    weeks, days = np.divmod(np.arange(70), 7)
    frame = pd.DataFrame({"week": weeks + 1, "weekday": days + 1, "enrollments": np.arange(70.0)})
    svg = rendered_spec(explore.seasonality(frame, title="Mondays"))
    assert svg.index(">Mon<") < svg.index(">Sun<")
    assert "enrollments / day" in svg


def test_retention_is_a_triangle_with_its_numbers():
    cells = [(f"2024-0{cohort}-01", months) for cohort in (1, 2, 3) for months in range(4 - cohort)]
    frame = pd.DataFrame(cells, columns=["cohort", "months"]).assign(learners=1_000, active=250, share=0.25)
    svg = rendered_spec(
        explore.retention(frame.assign(cohort=pd.to_datetime(frame["cohort"])), title="A quarter stays")
    )
    assert svg.count(">25%<") >= len(frame) == 6
    assert "2024-01 (1,000)" in svg


def test_flows_can_be_zoomed_and_some_start_hidden():
    days = pd.date_range("2024-01-01", periods=5)
    frame = pd.concat([pd.DataFrame({"day": days, "flow": flow, "tokens": 1.0}) for flow in ("spent", "treasury")])
    figure = explore.token_flows(frame, title="<b>Flows</b>")
    assert {trace.name: trace.visible for trace in figure.data} == {"spent": True, "treasury": "legendonly"}
    assert figure.layout.xaxis.rangeslider.visible
    assert "&lt;b&gt;" in figure.layout.title.text


@pytest.mark.parametrize("name", ["distribution", "mean_by", "seasonality", "retention", "token_flows"])
def test_without_rows_a_named_error(name):
    axes = {"distribution": ("x_title",), "mean_by": ("x_title", "y_title")}
    options = dict.fromkeys(axes.get(name, ()), "x")
    with pytest.raises(ReportError, match="cannot be drawn"):
        getattr(explore, name)(pd.DataFrame(), title="x", **options)
