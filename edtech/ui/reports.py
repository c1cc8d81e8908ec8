"""Downloads of what is on a page."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import streamlit as st

from edtech import __version__
from edtech.data import Dataset
from edtech.economy import Economy
from edtech.economy.forecast import Forecast
from edtech.reports import Report, to_csv, to_csv_zip, to_html
from edtech.reports.comparison import comparison_report
from edtech.reports.economy import economy_report, outlook_report
from edtech.reports.pricing import pricing_report
from edtech.tracking import Comparison
from edtech.ui.pricing import Asked


def downloads(make: Callable[[], Report], name: str) -> None:
    """Show one button for each form of a report; it is made, its figures drawn, when a button is clicked."""
    st.subheader("Take it with you")
    forms: tuple[tuple[str, Callable[[Report], str | bytes], str, str, str], ...] = (
        ("Report (HTML)", to_html, "html", "text/html", "One file; opens without a network."),
        ("All numbers (CSV)", to_csv, "csv", "text/csv", "One row for each number."),
        ("Tables (CSV, zip)", to_csv_zip, "zip", "application/zip", "One CSV file for each table."),
    )
    for column, (label, write, ending, mime, help) in zip(st.columns(3), forms, strict=True):
        column.download_button(
            label, partial(_written, write, make), f"{name}.{ending}", mime, key=f"{name}.{ending}", on_click="ignore",
            icon=":material/download:", help=help,
        )  # fmt: skip


def _written(write: Callable[[Report], str | bytes], make: Callable[[], Report]) -> str | bytes:
    return write(make())


def pricing_downloads(asked: Asked, run_id: str, dataset: Dataset) -> None:
    """Offer the what-if as a report."""
    provenance = _provenance() | {
        "data set": dataset.name,
        "data set digest": dataset.digest,
        "run": run_id,
        "algorithm": asked.response.result.algorithm,
    }
    answered = (asked.response, asked.changes, asked.outcome, asked.curve, asked.plan)
    downloads(partial(pricing_report, *answered, provenance), "pricing-report")


def comparison_downloads(comparison: Comparison, x: str, y: str) -> None:
    """Offer the comparison as a report."""
    runs = {f"run {number}": run_id for number, run_id in enumerate(comparison.labels, 1)}
    datasets = {"data sets": ", ".join(sorted({str(name) for name in comparison.runs.loc["dataset"]}))}
    provenance = _provenance() | datasets | runs
    downloads(partial(comparison_report, comparison, x, y, provenance), "comparison-report")


def economy_downloads(dataset: Dataset, found: Economy) -> None:
    """Offer the figures of the token economy as a report."""
    provenance = _provenance() | {"data set": dataset.name, "data set digest": dataset.digest}
    downloads(partial(economy_report, dataset, found, provenance), "economy-report")


def outlook_downloads(dataset: Dataset, found: Forecast, run_id: str | None) -> None:
    """Offer a forecast as a report."""
    provenance = _provenance() | {"data set": dataset.name, "data set digest": dataset.digest}
    provenance |= {"seed": found.asked.seed, "run": run_id or "none: today's prices"}
    downloads(partial(outlook_report, found, provenance), "outlook-report")


def _provenance() -> dict[str, str | int | float]:
    return {"version": __version__, "created": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"}
