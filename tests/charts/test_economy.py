import numpy as np
import pandas as pd
import pytest
import vl_convert

from edtech.charts import economy as charts
from edtech.errors import ReportError

DAYS = pd.date_range("2024-01-01", periods=2_000)


def rendered_spec(chart) -> str:
    return vl_convert.vegalite_to_svg(chart.to_json())


def test_supply_stacks_holders_and_thins_long_periods():
    frame = pd.DataFrame({"day": DAYS, "learners": 10.0, "teachers": 20.0, "treasury": 30.0})
    spec = charts.supply(frame, title="Held").to_dict()
    [rows] = spec["datasets"].values()
    assert len(rows) == 3 * charts.MOST_DAYS
    assert "600 of 2,000 points shown" in spec["title"]["subtitle"]
    assert all(holder in rendered_spec(charts.supply(frame, title="Held")) for holder in charts.HOLDERS)


def test_causes_name_sources_and_sinks():
    frame = pd.DataFrame({"cause": ["bought", "expired"], "side": ["source", "sink"], "tokens": [5.0, 2.0]})
    svg = rendered_spec(charts.causes(frame, title="Most is bought"))
    for text in ("bought", "expired", "source", "sink", "Most is bought"):
        assert text in svg


@pytest.mark.parametrize("period", [DAYS[:5], np.arange(5)])
def test_the_price_index_takes_dates_and_numbers(period):
    frame = pd.DataFrame({"period": period, "index": [100.0, 101, 99, np.nan, 102]})
    assert "first period = 100" in rendered_spec(charts.price_index(frame, title="Up"))


def test_the_lorenz_curve_stands_beside_equality():
    frame = pd.DataFrame({"share_of_learners": [0.0, 0.5, 1.0], "share_of_tokens": [0.0, 0.1, 1.0]})
    assert len(charts.lorenz(frame, title="Unequal").to_dict()["layer"]) == 2


def test_a_forecast_has_a_band_only_with_an_interval():
    frame = pd.DataFrame({"week": DAYS[:3], "mid": [1.0, 2, 3], "low": [0.5, 1, 1], "high": [2.0, 3, 5]})
    assert len(charts.forecast_bands(frame, title="", y_title="Tokens").to_dict()["layer"]) == 2
    unsure = frame.assign(low=np.nan, high=np.nan)
    assert len(charts.forecast_bands(unsure, title="", y_title="Tokens").to_dict()["layer"]) == 1
    with pytest.raises(ReportError, match="forecast cannot be drawn"):
        charts.forecast_bands(frame.head(0), title="", y_title="")
