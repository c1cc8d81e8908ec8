"""Report downloads of each page, written on request and verifiable later."""

from functools import partial

import streamlit as st

from edtech.data import Dataset
from edtech.economy import Economy
from edtech.economy.forecast import Forecast
from edtech.economy.price_forecast import ForecastPrices
from edtech.errors import EdtechError
from edtech.metrics import METRICS
from edtech.pricing import WhatIfAnswer
from edtech.reports import FORMATS, failure_report, write
from edtech.reports.archive import archive_report
from edtech.reports.recipes import (
    ComparisonRecipe,
    EconomyRecipe,
    ForecastRecipe,
    HealthRecipe,
    Recipe,
    RunRecipe,
    Stores,
    WhatIfRecipe,
    report_of,
)
from edtech.settings import Settings
from edtech.tracking import Comparison
from edtech.ui.cache import services

OFFERED = ("html", "pdf", "xlsx", "zip")


def downloads(recipe: Recipe, name: str) -> None:
    """Show a button for each format of a report, which is written when the button is clicked."""
    st.subheader("Export")
    settings = services.settings()
    for column, extension in zip(st.columns(len(OFFERED)), OFFERED, strict=True):
        report_format = FORMATS[extension]
        column.download_button(
            f"Download {report_format.title}",
            partial(_make_report, recipe, name, settings, extension),
            f"{name}.{extension}",
            report_format.mime,
            key=f"{name}.{extension}",
            on_click="ignore",
            icon=":material/download:",
            help=report_format.help,
            width="stretch",
        )
    st.caption("Verify a file on the Reports page or with: python -m edtech verify FILE")


def _make_report(recipe: Recipe, name: str, settings: Settings, extension: str) -> bytes:
    """Write and archive a report; on an error, return a file of the same format with the error.

    Streamlit calls this in a separate thread, whose errors no page can show.
    """
    try:
        data = write(report_of(recipe, Stores.of(settings)), extension)
        archive_report(settings.reports_dir, name, extension, data)
        return data
    except EdtechError as error:
        return write(failure_report(error), extension)


def pricing_downloads(displayed: WhatIfAnswer) -> None:
    """Show the downloads of the what-if and the plan."""
    downloads(WhatIfRecipe.of(displayed.question), "pricing-report")


def comparison_downloads(comparison: Comparison, x: str, y: str) -> None:
    """Show the downloads of the comparison."""
    recipe = ComparisonRecipe(
        runs=tuple(comparison.labels),
        baseline=comparison.baseline,
        x=x,
        y=y,
        rank_across_data=comparison.rank_across_data,
        said={
            name: (titles.direction, titles.unit)
            for name, titles in comparison.dictionary.items()
            if name not in METRICS and not titles.guessed and name in comparison.metrics.index
        },
    )
    downloads(recipe, "comparison-report")


def health_downloads(dataset: Dataset) -> None:
    """Show the downloads of a data set's checks."""
    downloads(HealthRecipe(dataset=dataset.id), "health-report")


def run_downloads(run_id: str) -> None:
    """Show the downloads of a run's details."""
    downloads(RunRecipe(run=run_id), "run-report")


def economy_downloads(dataset: Dataset, economy: Economy) -> None:
    """Show the downloads of the token economy's figures."""
    days = {} if economy.period is None else {"first": economy.period.first, "last": economy.period.last}
    downloads(EconomyRecipe(dataset=dataset.id, **days), "economy-report")


def forecast_downloads(dataset: Dataset, forecast: Forecast, prices: ForecastPrices) -> None:
    """Show the downloads of a forecast."""
    recipe = ForecastRecipe(
        dataset=dataset.id,
        run=prices.run_id,
        changes=dict(prices.changes),
        recommended=prices.recommended,
        assumed=forecast.assumptions.model_dump(),
    )
    downloads(recipe, "outlook-report")
