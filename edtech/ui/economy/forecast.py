"""Forecasts of the token economy: under new prices and rules, and under each run's recommended prices."""

from typing import Any

import pandas as pd
import streamlit as st

from edtech.charts import economy as charts
from edtech.data import Dataset
from edtech.economy.forecast import FORECAST_FIGURES, STOCKS, Forecast, forecast
from edtech.economy.price_forecast import ForecastModels, ForecastPrices, compare_run_forecasts, price_scenario_effect
from edtech.economy.run_comparison import forecast_table, price_model_runs
from edtech.economy.simulation import Assumptions
from edtech.economy.tables import forecast_title
from edtech.pricing import Response
from edtech.reports import table_csv
from edtech.tables.formatting import format_change
from edtech.ui import run_tables, sidebar
from edtech.ui.cache import answer_cache, economy_cache, run_cache, services
from edtech.ui.reports.downloads import forecast_downloads
from edtech.ui.widgets import escape, format_number, page_link, params_form

RULES = ("weeks", "commission_rate", "burn_rate", "bonuses", "expiry_weeks")
MORE = tuple(name for name in Assumptions.model_fields if name not in RULES)
DISPLAYED = ("spent", "circulating_supply", "teacher_earnings", "teacher_balance", "commission", "learner_balance")
BY_SEGMENT, RECOMMENDED, AS_TODAY = "By segment", "Recommended by a run", "As today"
MOST_SLIDERS = 12
MOST_RUNS = 8
LETTER, MARGIN = 8, 20
"""Pixels of a letter in a table, and of the margin in a cell."""


def show_forecast(dataset: Dataset) -> None:
    """Show the inputs (prices, rules, assumptions) and the forecast."""
    observed = economy_cache.observed(dataset.id)
    st.markdown("Change prices and rules to see the forecast of tokens, with its 90% prediction interval.")
    prices = _price_inputs(dataset)
    effect, reasons = price_scenario_effect(_models(dataset), prices)
    economy = forecast(observed, _rule_inputs(dataset, Assumptions.of(observed)), effect)
    for reason in reasons:
        st.warning(escape(reason), icon=":material/warning:")
    _metrics(economy)
    name = st.selectbox(
        "Weekly figure",
        list(FORECAST_FIGURES),
        list(FORECAST_FIGURES).index("circulating_supply"),
        format_func=lambda name: FORECAST_FIGURES[str(name)][0],
        key="economy.outlook.figure",
        help="The figure in the chart.",
    )
    title = forecast_title(economy, name)
    weekly = economy.weekly[economy.weekly["figure"] == name]
    st.altair_chart(
        charts.forecast_bands(weekly, title=title, y_title=f"{FORECAST_FIGURES[name][0]} (tokens)"), alt=title
    )
    st.subheader("Assumptions")
    for note in economy.notes:
        st.markdown(f"- {escape(note)}")
    forecast_downloads(dataset, economy, prices)


def _persistent(dataset: Dataset, *parts: str) -> dict[str, Any]:
    """Return the arguments that bind a widget to the data set and keep its value while it is hidden."""
    return {"key": ".".join(("economy", dataset.id, *parts)), "persist_state": "session"}


def _models(dataset: Dataset) -> ForecastModels:
    """Return the experiment's runs with cached responses and plans."""
    experiment = sidebar.current_experiment()
    return ForecastModels(
        services.tracker(experiment).runs,
        lambda run_id: answer_cache.response(run_id, experiment, dataset.id),
        lambda run_id: answer_cache.plan(run_id, experiment, dataset.id),
    )


def _price_inputs(dataset: Dataset) -> ForecastPrices:
    runs = price_model_runs(run_cache.run_table(sidebar.current_experiment()), dataset.digest)
    if runs.empty:
        st.info("No demand model is trained on this data set yet, so only rules can change.", icon=":material/info:")
        page_link("train", "Train a demand model", ":material/model_training:")
        return ForecastPrices()
    how = st.segmented_control(
        "Prices",
        (AS_TODAY, BY_SEGMENT, RECOMMENDED),
        default=AS_TODAY,
        required=True,
        **_persistent(dataset, "prices"),
        help="The prices in the forecast.",
    )
    if how == AS_TODAY:
        return ForecastPrices()
    names = run_tables.run_labels(runs)
    run_id = str(
        st.selectbox(
            "Run",
            list(names),
            format_func=names.__getitem__,
            **_persistent(dataset, "run"),
            help="The trained model of the price effects.",
        )
    )
    if how == RECOMMENDED:
        return ForecastPrices(run_id, recommended=True)
    return ForecastPrices(
        run_id, _sliders(dataset, answer_cache.response(run_id, sidebar.current_experiment(), dataset.id))
    )


def _sliders(dataset: Dataset, response: Response) -> dict[str, float]:
    segments = response.segments.value_counts().index.tolist()
    titles = segments
    if len(segments) > MOST_SLIDERS:
        titles = st.multiselect(
            "Segments to change",
            segments,
            segments[:MOST_SLIDERS],
            **_persistent(dataset, "segments"),
            help="All other prices stay as they are.",
        )
    columns = st.columns(2)
    return {
        name: columns[position % 2].slider(
            escape(name),
            -50,
            50,
            0,
            1,
            format="%+d%%",
            **_persistent(dataset, "change", name),
            help="Price change of this segment from the first week, in percent.",
        )
        / 100
        for position, name in enumerate(titles)
    }


def _rule_inputs(dataset: Dataset, start: Assumptions) -> Assumptions:
    values: dict[str, Any] = {}
    for title, names, open_ in (("Rules", RULES, True), ("More assumptions", MORE, False)):
        with st.expander(title, expanded=open_):
            for column, offset in zip(st.columns(2), (0, 1), strict=True):
                with column:
                    values |= params_form(Assumptions, f"economy.{dataset.id}", start, names[offset::2], persist=True)
    return start.model_copy(update=values)


def _metrics(forecast: Forecast) -> None:
    for start in range(0, len(DISPLAYED), 3):
        for column, name in zip(st.columns(3), DISPLAYED[start : start + 3], strict=True):
            title, help = FORECAST_FIGURES[name]
            row = forecast.figure(name)
            change = (
                None if row["mid"] == row["today"] or row["change"] != row["change"] else format_change(row["change"])
            )
            column.metric(
                f"{title} (tokens)",
                format_number(row["mid"]),
                change,
                help=f"{help} Median forecast; change relative to today's prices and rules.",
                border=True,
                delta_color="off",
            )
            band = (
                f"90%: {format_number(row['low'])} to {format_number(row['high'])}"
                if row["low"] == row["low"]
                else "no interval"
            )
            when = (
                f"after {forecast.assumptions.weeks} weeks"
                if name in STOCKS
                else f"in {forecast.assumptions.weeks} weeks"
            )
            column.caption(f"{when}; {band}")


def show_runs(dataset: Dataset) -> None:
    """Compare runs by their metrics, and by the forecast under their recommended prices."""
    runs = price_model_runs(run_cache.run_table(sidebar.current_experiment()), dataset.digest)
    if runs.empty:
        st.info("No demand model is trained on this data set yet.", icon=":material/model_training:")
        page_link("train", "Train a model", ":material/model_training:")
        return
    names = run_tables.run_labels(runs)
    selection = st.multiselect(
        "Runs",
        list(names),
        list(names)[:3],
        format_func=names.__getitem__,
        **_persistent(dataset, "runs"),
        max_selections=MOST_RUNS,
        help="The forecast uses the recommended prices of each run.",
    )
    table = compare_run_forecasts(_models(dataset), economy_cache.observed(dataset.id), selection)
    st.caption(
        "Median forecast for 13 weeks with 90% prediction interval, under today's rules and each run's recommended "
        "prices. All runs share the same random draws. Model metrics are per period, as logged by the run."
    )
    titles = forecast_table(table)
    st.dataframe(titles, hide_index=True, height="content", key="economy.runs.table", column_config=_columns(titles))
    st.download_button(
        "Download all numbers (CSV)",
        table_csv(table),
        "economy-of-runs.csv",
        "text/csv",
        key="economy.runs.csv",
        on_click="ignore",
        icon=":material/download:",
    )


def _columns(table: pd.DataFrame) -> dict[str, Any]:
    """Return columns as wide as their figures, because the table would cut off the last columns."""
    longest = {
        str(name): max(map(len, [str(name), *table[name].iloc[1:]])) for name in table
    }  # the first row is a remark, which may be cut off
    return {
        name: st.column_config.Column(width=LETTER * length + MARGIN, pinned=name == "figure")
        for name, length in longest.items()
    }
