"""Forecasts as figures, and runs beside the economy that their prices would lead to."""

import numpy as np
import pandas as pd
import pytest

from edtech.economy.forecast import FORECAST_FIGURES, STOCKS, TODAY, forecast
from edtech.economy.observed_flows import observe_flows
from edtech.economy.run_comparison import (
    MODEL_METRICS,
    RunPlan,
    forecast_runs,
    forecast_table,
    price_effect,
    price_model_runs,
)
from edtech.economy.simulation import Assumptions, PriceEffect, simulate
from edtech.pricing import plan_prices, price_response, what_if
from edtech.reports import to_csv, to_html
from edtech.reports.economy import forecast_report
from tests.worlds import make_world


@pytest.fixture(scope="module")
def observed(stored):
    return observe_flows(stored)


@pytest.fixture(scope="module")
def assumptions(observed):
    return Assumptions.of(observed)


@pytest.fixture(scope="module")
def world():
    return make_world(seed=1, units=60, weeks=30)


@pytest.fixture(scope="module")
def results(world):
    return world.modeler().compare_models(world.panel, ["fixed_effects", "random_forest"])


def test_today_is_the_median_under_todays_prices_and_nothing_changes(observed, assumptions):
    result = forecast(observed, assumptions, TODAY)
    assert result.totals["figure"].tolist() == list(FORECAST_FIGURES)
    assert result.totals["mid"].tolist() == result.totals["today"].tolist()
    assert (result.totals[["change", "change_low", "change_high"]] == 0).all(axis=None)
    assert (result.totals["low"] < result.totals["mid"]).all()
    assert (result.totals["mid"] < result.totals["high"]).all()


def test_the_weeks_add_up_to_the_horizon(observed, assumptions):
    result = forecast(observed, assumptions, PriceEffect(-0.05, 0.02))
    assert len(result.weekly) == 13 * len(FORECAST_FIGURES)
    assert result.weekly["week"].min() == observed.end.replace(hour=0) + np.timedelta64(6, "D")
    for name in STOCKS:
        last = result.weekly[result.weekly["figure"] == name].iloc[-1]
        assert last[["mid", "low", "high"]].tolist() == result.figure(name)[["mid", "low", "high"]].tolist()
    spent = result.figure("spent")
    assert spent["change"] == pytest.approx(-0.05, abs=0.005)
    assert spent["change_low"] < -0.05 < spent["change_high"] < 0


def test_what_it_rests_on_is_said(observed, assumptions):
    said = " ".join(forecast(observed, assumptions, TODAY).notes)
    assert "26 whole weeks" in said
    assert "Less than a year" in said
    assert "every 28 days" in said


def test_the_draws_of_a_price_effect_spread_as_the_interval_of_the_answer(observed, assumptions, world, results):
    outcome = what_if(results["fixed_effects"], world.panel, {"cat0": 0.1})
    effect = price_effect(outcome)
    assert effect.change == outcome.token_revenue.change
    draws = simulate(observed, assumptions.model_copy(update={"draws": 5_000}), effect).spent
    same = simulate(observed, assumptions.model_copy(update={"draws": 5_000}), TODAY).spent
    low, high = np.quantile(draws[:, 0] / same[:, 0] - 1, (0.025, 0.975))
    assert (low, high) == pytest.approx((outcome.token_revenue.low, outcome.token_revenue.high), abs=0.005)
    none = price_effect(what_if(results["random_forest"], world.panel, {"cat0": 0.1}))
    assert none.error is None
    unmoved = price_effect(what_if(results["random_forest"], world.panel, {}))
    assert unmoved == PriceEffect(0.0, 0.0)


def test_without_an_honest_interval_there_is_no_band(observed, assumptions):
    result = forecast(observed, assumptions, PriceEffect(0.1, None))
    assert result.totals[["low", "high", "change_low", "change_high"]].isna().all(axis=None)
    assert result.totals["mid"].notna().all()
    assert result.weekly["low"].isna().all()
    assert "no valid confidence interval" in " ".join(result.notes)


def test_each_run_stands_beside_the_economy_under_its_prices(observed, assumptions, world, results):
    response = price_response(results["fixed_effects"], world.panel)
    plan = plan_prices(response)
    unproven = world.modeler(randomized_discount=None, randomized_flag=None)
    other = unproven.compare_models(world.panel, ["fixed_effects"])["fixed_effects"]
    refused = plan_prices(price_response(other, world.panel))
    runs = {
        "a": RunPlan("Fixed effects", plan, {"rmse": 1.5}),
        "b": RunPlan("Unproven", refused, {"rmse": 2.5}),
    }
    table = forecast_runs(observed, assumptions, runs).set_index("run_id")
    assert table["rmse"].tolist()[1:] == [1.5, 2.5]
    expected = forecast(observed, assumptions, price_effect(plan.outcome))
    for name in FORECAST_FIGURES:
        assert table.loc["a", name] == expected.figure(name)["mid"]
        assert table.loc["b", name] == table.loc["", name]
    assert table.loc["a", "spent"] > table.loc["", "spent"]
    assert "no recommendation" in table.loc["b", "note"]
    read = forecast_table(table.reset_index()).set_index("figure")
    assert read.columns.tolist() == ["unit", "Today's prices", "Fixed effects", "Unproven"]
    assert len(read) == len(MODEL_METRICS) + len(FORECAST_FIGURES) + 1
    row = table.loc["a"]
    assert read.loc["Token revenue", "Fixed effects"] == (
        f"{row['spent']:,.0f} ({row['spent_low']:,.0f} to {row['spent_high']:,.0f})"
    )
    assert read.loc["RMSE", "Unproven"] == "2.500"


def test_runs_of_the_data_set_come_soundest_first():
    runs = pd.DataFrame(
        {
            "run_id": list("abcd"),
            "tags.dataset_digest": ["x", "x", "other", "x"],
            "tags.model_type": ["token_elasticity"] * 3 + ["churn_prediction"],
            "tags.algorithm": ["linear", "choice_logit", "choice_logit", "forest"],
        }
    )
    assert price_model_runs(runs, "x")["run_id"].tolist() == ["b", "a"]
    assert price_model_runs(runs[["run_id"]], "x").empty


def test_the_outlook_is_a_report(observed, assumptions):
    report = forecast_report(
        forecast(observed, assumptions, PriceEffect(0.02, 0.01)), ["Only if so."], {"seed": assumptions.seed}
    )
    assert report.sections[0].text == ("Prices change token revenue by +2.0% from today.", "Only if so.")
    assert [section.title for section in report.sections] == ["At the horizon", "Week by week", "Assumptions"]
    assumed = report.sections[-1].tables[0].frame.set_index("assumption")["value"]
    assert assumed["Expiry"] == assumptions.expiry_weeks
    assert len(to_html(report)) < 6e6
    assert b"Circulating supply" in to_csv(report)
