"""A data set and its checks as a report."""

from collections.abc import Mapping, Sequence

import pandas as pd

from edtech.charts import models as charts
from edtech.data import Check, Dataset
from edtech.data.summary import panel_labels
from edtech.reports.bundle import Report, Section, Table
from edtech.reports.svg import figure

_FIGURES = {
    "rows": ("Rows", "rows"),
    "units": ("Units", "units"),
    "periods": ("Periods", "periods"),
    "revenue": ("Revenue (price times quantity)", "tokens"),
    "quantity": ("Quantity sold", "pieces"),
    "views": ("Views", "views"),
    "lowest_price": ("Lowest price", "tokens"),
    "highest_price": ("Highest price", "tokens"),
    "first_period": ("First period", ""),
    "last_period": ("Last period", ""),
}
_SEVERITY = "PASS: nothing to do. REVIEW: read the evidence before you act. FAIL: correct the data first."
PANEL_KINDS = ("market", "panel")


def health_report(dataset: Dataset, checks: Sequence[Check], provenance: Mapping[str, str | int | float]) -> Report:
    """Return the checks of a data set, its tables and, for a demand panel, its key figures and revenue over time."""
    verdict = checks[-1] if checks else None
    panel = (_figures(dataset), _over_time(dataset)) if dataset.kind in PANEL_KINDS else ()
    return Report(
        title=f"Health of {dataset.name}",
        question="Is the data set complete, and what can a model learn from it?",
        sections=(
            Section("Verdict", (f"{verdict.severity}: {verdict.title}. {verdict.evidence}",) if verdict else ()),
            Section(
                "Checks", (_SEVERITY,), (Table("Checks", _checks(checks), wording=("check", "evidence", "what to do")),)
            ),
            *panel,
            Section("Tables", (), (Table("Tables", _tables(dataset), {"rows": "rows"}),)),
        ),
        provenance=provenance,
    )


def _checks(checks: Sequence[Check]) -> pd.DataFrame:
    rows = [(str(check.severity), check.title, check.evidence, check.fix, check.code) for check in checks]
    return pd.DataFrame(rows, columns=["severity", "check", "evidence", "what to do", "code"])


def _figures(dataset: Dataset) -> Section:
    figures, units = dataset.key_figures(), {"tokens": panel_labels(dataset).price_unit}
    rows = [(title, getattr(figures, name), units.get(unit, unit)) for name, (title, unit) in _FIGURES.items()]
    frame = pd.DataFrame(rows, columns=["figure", "value", "unit"], dtype=object)
    return Section("Key figures", (), (Table("Key figures", frame, wording=("figure", "unit")),))


def _tables(dataset: Dataset) -> pd.DataFrame:
    return pd.DataFrame(list(dataset.tables.items()), columns=["table", "rows"])


def _over_time(dataset: Dataset) -> Section:
    labels, by_period = panel_labels(dataset), dataset.by_period()
    title = f"{labels.revenue_title} over time"
    revenue_unit = {"revenue": labels.price_unit} if labels.price_unit else {}
    table = Table("By period", by_period, revenue_unit | {"quantity": "pieces", "views": "views"})
    if by_period.empty:
        return Section(title, ("The rows have no periods.",))
    values = by_period[["period", "revenue"]].rename(columns={"revenue": "value"})
    chart = charts.time_series(
        values, title=title, y_title="Revenue (tokens)" if labels.price_unit else labels.revenue_title, x_title="Period"
    )
    return Section(title, (), (table,), (figure(title, chart, title),))
