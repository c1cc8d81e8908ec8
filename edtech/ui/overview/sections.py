"""Parts of the overview: key figures, newest runs, the next step."""

from functools import partial

import streamlit as st

from edtech.charts import models as charts
from edtech.data import CONTRACTS, Dataset
from edtech.data.summary import panel_labels
from edtech.pipeline import tasks
from edtech.ui import jobs, sidebar
from edtech.ui.cache import dataset_cache, run_cache
from edtech.ui.widgets import escape, format_number, page_link

DEMO, DEMO_NAME = "Make the demo", "Demo market"


def empty_state() -> None:
    """Say what to do when nothing is there, and offer to make the demo; where it is being made, follow that."""
    if jobs.follow_running(DEMO):
        return
    st.info("There is no data yet.", icon=":material/database:")
    st.markdown(
        "**Make the demo** generates a market of 2,000 learners and 200 courses whose true price effect is known, and "
        "trains the default model on it. It takes 15 seconds to a minute and needs no network. Or upload your own data."
    )
    if st.button(DEMO, type="primary", key="overview.demo", icon=":material/play_arrow:"):
        from edtech.market import MarketParams

        jobs.start(DEMO, partial(tasks.prepare_demo, MarketParams(), DEMO_NAME, sidebar.current_experiment()))
    page_link("data", "Bring your own data", ":material/upload:")


def key_figures(dataset: Dataset) -> None:
    """Show what the data set amounts to."""
    figures = [run for run in dataset_cache.summary(dataset.id) if run.value is not None]
    for start in range(0, len(figures), 3):
        for column, run in zip(st.columns(3), figures[start : start + 3], strict=False):
            visible = f"{run.value:.1%}" if run.unit == "share" else format_number(run.value)
            unit = f" ({run.unit})" if run.unit not in ("", "share") else ""  # behind the number it is cut off
            column.metric(escape(run.title) + unit, visible, help=run.help, border=True)


def revenue_over_time(dataset: Dataset) -> None:
    """Draw revenue by period, of what was sold."""
    if dataset.kind not in ("market", "panel"):
        return
    series = dataset_cache.by_period(dataset.id)
    if len(series) < 2:
        return
    first, last = series["revenue"].iloc[0], series["revenue"].iloc[-1]
    text = panel_labels(dataset)
    money = f" {text.price_unit}" if text.price_unit else ""
    ends = f"from {format_number(first)} to {format_number(last)}{money} between the first and the last period"
    frame = series.rename(columns={"revenue": "value"})
    chart = charts.time_series(
        frame,
        title=f"{text.revenue_title} went {ends}",
        y_title=f"{text.revenue_title} ({text.price_unit or 'price times quantity'} per period)",
        x_title="Period",
    )
    st.altair_chart(chart, width="stretch", alt=f"{text.revenue_title} over time, {ends}")


def newest_runs() -> bool:
    """Show the newest runs; return whether there are any."""
    st.subheader("Newest runs")
    runs = run_cache.run_table(sidebar.current_experiment())
    if runs.empty:
        st.info("No model is trained yet in this experiment.", icon=":material/model_training:")
        return False
    columns = {
        "name": st.column_config.TextColumn("Run"),
        "started": st.column_config.DatetimeColumn("Started (UTC)", format="D MMM, HH:mm"),
        "metrics.price_elasticity_coefficient": st.column_config.NumberColumn(
            "Elasticity", format="%.2f", help="Own-price elasticity: percent change in demand per 1% change in price."
        ),
        "metrics.rmse": st.column_config.NumberColumn(
            "RMSE", format="%.2f", help="Root mean squared error on later data, in units per row. Lower is better."
        ),
        "metrics.revenue_impact": st.column_config.NumberColumn(
            "Expected uplift (tokens / period)",
            format="%.0f",
            help="Tokens per period that the run expects from its plan. Empty if refused.",
        ),
    }
    # Naive: pyarrow reads a zoned column by a call that pandas deprecates.
    visible = runs.reindex(columns=list(columns)).head(8).assign(started=lambda x: x["started"].dt.tz_convert(None))
    st.dataframe(visible, hide_index=True, column_config=columns, key="overview.runs")
    return True


def next_step(dataset: Dataset, trained: bool) -> None:
    """Say what to do next."""
    st.subheader("Next step")
    priced = dataset.kind in ("market", "panel")
    if not priced:
        page_link("data", "Review the data set", ":material/database:")
    if not trained:
        page_link("train", "Train a model on this data set", ":material/model_training:")
        return
    if priced:
        page_link("pricing", "Run a what-if", ":material/sell:")
    page_link("compare", "Compare the runs", ":material/compare_arrows:")
    page_link("train", "Train another model", ":material/model_training:")


def origin(dataset: Dataset) -> str:
    """Return in words where a data set comes from."""
    if dataset.kind == "market":
        return "generated, so its true price effect is known"
    text = f"a {CONTRACTS[dataset.kind].title} uploaded from {escape(dataset.source.get('file', 'a file'))}"
    return f"{text}; prices set: {dataset.roles.prices_set}" if dataset.kind == "panel" else text
