"""A data set and its checks as a report."""

from collections.abc import Mapping, Sequence

import pandas as pd

from edtech.charts import models as charts
from edtech.data import Check, Dataset, KeyFigures
from edtech.reports.bundle import Figure, Report, Section, Table
from edtech.reports.figures import figure

_FIGURES = {
    "rows": ("Rows", "rows"),
    "units": ("Units", "units"),
    "periods": ("Periods", "periods"),
    "revenue": ("Revenue: price times quantity, summed", "tokens"),
    "quantity": ("Quantity sold", "pieces"),
    "views": ("Views", "views"),
    "lowest_price": ("Lowest price", "tokens"),
    "highest_price": ("Highest price", "tokens"),
    "first_period": ("First period", ""),
    "last_period": ("Last period", ""),
}
_SEVERITY = "PASS: nothing to do. REVIEW: read the evidence before acting. FAIL: mend the data first."
_PERIOD_UNITS = {"revenue": "tokens", "quantity": "pieces", "views": "views"}


def health_report(
    dataset: Dataset,
    checks: Sequence[Check],
    figures: KeyFigures,
    by_period: pd.DataFrame,
    provenance: Mapping[str, str | int | float],
) -> Report:
    """Return what a data set amounts to, what its checks say, and its revenue over time."""
    verdict = checks[-1] if checks else None
    return Report(
        title=f"Health of {dataset.name}",
        question="Is the data set whole, and can an elasticity be learned from it?",
        sections=(
            Section("Verdict", (f"{verdict.severity}: {verdict.title}. {verdict.evidence}",) if verdict else ()),
            Section("Checks", (_SEVERITY,), (Table("Checks", _checks(checks)),)),
            Section("Key figures", (), (Table("Key figures", _key_figures(figures)),)),
            Section("Over time", (), (Table("By period", by_period, _PERIOD_UNITS),), _over_time(by_period)),
            Section("Tables", (), (Table("Tables", _tables(dataset), {"rows": "rows"}),)),
        ),
        provenance=provenance,
    )


def _checks(checks: Sequence[Check]) -> pd.DataFrame:
    rows = [(str(one.severity), one.title, one.evidence, one.fix, one.code) for one in checks]
    return pd.DataFrame(rows, columns=["severity", "check", "evidence", "what to do", "code"])


def _key_figures(figures: KeyFigures) -> pd.DataFrame:
    rows = [(title, getattr(figures, name), unit) for name, (title, unit) in _FIGURES.items()]
    return pd.DataFrame(rows, columns=["figure", "value", "unit"], dtype=object)


def _tables(dataset: Dataset) -> pd.DataFrame:
    return pd.DataFrame(list(dataset.tables.items()), columns=["table", "rows"])


def _over_time(by_period: pd.DataFrame) -> tuple[Figure, ...]:
    if by_period.empty:
        return ()
    values = by_period[["period", "revenue"]].rename(columns={"revenue": "value"})
    title = "Token revenue over time"
    chart = charts.time_series(values, title=title, y_title="Revenue (tokens)", x_title="Period")
    return (figure(title, chart, title),)
