"""Sections of the overview: key figures, newest runs, next step."""

from functools import partial

import streamlit as st

from edtech.charts import models as charts
from edtech.data import CONTRACTS, Dataset
from edtech.data.summary import panel_labels
from edtech.metrics import metric
from edtech.pipeline import tasks
from edtech.ui import jobs, sidebar
from edtech.ui.cache import dataset_cache, run_cache
from edtech.ui.widgets import escape, format_number, page_link

DEMO, DEMO_NAME = "Generate demo", "Demo market"


def empty_state() -> None:
    """Show how to start without data; if the demo is being generated, follow that job."""
    if jobs.follow_running(DEMO):
        return
    st.info("There is no data yet.", icon=":material/database:")
    st.markdown(
        "**Generate demo** generates a market of 2,000 learners and 200 courses with a known price effect. It trains "
        "the default model on it. This takes 15 seconds to a minute and needs no network. Or upload your own data."
    )
    if st.button(DEMO, type="primary", key="overview.demo", icon=":material/play_arrow:"):
        from edtech.market import MarketParams

        jobs.start(DEMO, partial(tasks.prepare_demo, MarketParams(), DEMO_NAME, sidebar.current_experiment()))
    page_link("data", "Upload your data", ":material/upload:")


def key_figures(dataset: Dataset) -> None:
    """Show the key figures of a data set."""
    figures = [figure for figure in dataset_cache.summary(dataset.id) if figure.value is not None]
    for start in range(0, len(figures), 3):
        for column, figure in zip(st.columns(3), figures[start : start + 3], strict=False):
            text = f"{figure.value:.1%}" if figure.unit == "share" else format_number(figure.value)
            unit = (
                f" ({figure.unit})" if figure.unit not in ("", "share") else ""
            )  # after the number it would be cut off
            column.metric(escape(figure.title) + unit, text, help=figure.help, border=True)


def revenue_over_time(dataset: Dataset) -> None:
    """Draw revenue by period, if the data set has prices and quantities."""
    if dataset.kind not in ("market", "panel"):
        return
    series = dataset_cache.by_period(dataset.id)
    if len(series) < 2:
        return
    first, last = series["revenue"].iloc[0], series["revenue"].iloc[-1]
    labels = panel_labels(dataset)
    unit = f" {labels.price_unit}" if labels.price_unit else ""
    movement = _movement(first, last, unit)
    frame = series.rename(columns={"revenue": "value"})
    chart = charts.time_series(
        frame,
        title=f"{labels.revenue_title} {movement}",
        y_title=f"{labels.revenue_title} ({labels.price_unit or 'price times quantity'} per period)",
        x_title="Period",
    )
    st.altair_chart(chart, width="stretch", alt=f"{labels.revenue_title} {movement}")


def _movement(first: float, last: float, unit: str) -> str:
    """Describe a change between two periods in words.

    >>> _movement(22331.0, 12905.0, " tokens")
    'fell 42%, from 22,331 to 12,905 tokens'
    """
    ends = f"from {format_number(first)} to {format_number(last)}{unit}"
    if not first or round(abs(last / first - 1), 2) == 0:
        return f"went {ends}"
    return f"{'fell' if last < first else 'rose'} {abs(last / first - 1):.0%}, {ends}"


def newest_runs() -> bool:
    """Show the newest runs; return False without runs."""
    st.subheader("Newest runs")
    runs = run_cache.run_table(sidebar.current_experiment())
    if runs.empty:
        st.info("No model is trained yet in this experiment.", icon=":material/model_training:")
        return False
    error = metric("rmse")
    columns = {
        "name": st.column_config.TextColumn("Run"),
        "started": st.column_config.DatetimeColumn("Started (UTC)", format="D MMM, HH:mm"),
        "metrics.price_elasticity_coefficient": st.column_config.NumberColumn(
            "Elasticity", format="%.2f", help="Own-price elasticity: percent change in demand per 1% change in price."
        ),
        "metrics.rmse": st.column_config.NumberColumn(
            "RMSE", format="%.2f", help=f"{error.help} In {error.unit}; {error.direction} is better."
        ),
        "metrics.revenue_impact": st.column_config.NumberColumn(
            "Expected uplift (tokens / period)",
            format="%.0f",
            help="Tokens per period that the run expects from its plan. Empty if refused.",
        ),
    }
    # Without time zone, because pyarrow reads a zoned column by a call that pandas deprecates.
    visible = runs.reindex(columns=list(columns)).head(8).assign(started=lambda x: x["started"].dt.tz_convert(None))
    st.dataframe(visible, hide_index=True, column_config=columns, key="overview.runs")
    return True


def next_step(dataset: Dataset, trained: bool) -> None:
    """Show links to the next step."""
    st.subheader("Next step")
    priced = dataset.kind in ("market", "panel")
    if not priced:
        page_link("data", "Review the data set", ":material/database:")
    if not trained:
        page_link("train", "Train a model on this data set", ":material/model_training:")
        return
    if priced:
        page_link("pricing", "Run a what-if", ":material/sell:")
    page_link("compare", "Compare runs", ":material/compare_arrows:")
    page_link("train", "Train another model", ":material/model_training:")


def origin(dataset: Dataset) -> str:
    """Describe the origin of a data set."""
    if dataset.kind == "market":
        return "generated, so its true price effect is known"
    text = f"a {CONTRACTS[dataset.kind].title} uploaded from {escape(dataset.source.get('file', 'a file'))}"
    return f"{text}; prices set: {dataset.roles.prices_set}" if dataset.kind == "panel" else text
