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
    "revenue": ("Revenue: price times quantity, summed", "tokens"),
    "quantity": ("Quantity sold", "pieces"),
    "views": ("Views", "views"),
    "lowest_price": ("Lowest price", "tokens"),
    "highest_price": ("Highest price", "tokens"),
    "first_period": ("First period", ""),
    "last_period": ("Last period", ""),
}
_SEVERITY = "PASS: nothing to do. REVIEW: read the evidence before acting. FAIL: mend the data first."
PANELS = ("market", "panel")


def health_report(dataset: Dataset, checks: Sequence[Check], provenance: Mapping[str, str | int | float]) -> Report:
    """Return what a data set amounts to, what its checks say and, for a demand panel, its revenue over time."""
    verdict = checks[-1] if checks else None
    panel = (_figures(dataset), _over_time(dataset)) if dataset.kind in PANELS else ()
    return Report(
        title=f"Health of {dataset.name}",
        question="Is the data set whole, and what can be learned from it?",
        sections=(
            Section("Verdict", (f"{verdict.severity}: {verdict.title}. {verdict.evidence}",) if verdict else ()),
            Section("Checks", (_SEVERITY,), (Table("Checks", _checks(checks)),)),
            *panel,
            Section("Tables", (), (Table("Tables", _tables(dataset), {"rows": "rows"}),)),
        ),
        provenance=provenance,
    )


def _checks(checks: Sequence[Check]) -> pd.DataFrame:
    rows = [(str(one.severity), one.title, one.evidence, one.fix, one.code) for one in checks]
    return pd.DataFrame(rows, columns=["severity", "check", "evidence", "what to do", "code"])


def _figures(dataset: Dataset) -> Section:
    figures, units = dataset.key_figures(), {"tokens": panel_labels(dataset).price_unit}
    rows = [(title, getattr(figures, name), units.get(unit, unit)) for name, (title, unit) in _FIGURES.items()]
    frame = pd.DataFrame(rows, columns=["figure", "value", "unit"], dtype=object)
    return Section("Key figures", (), (Table("Key figures", frame),))


def _tables(dataset: Dataset) -> pd.DataFrame:
    return pd.DataFrame(list(dataset.tables.items()), columns=["table", "rows"])


def _over_time(dataset: Dataset) -> Section:
    words, by_period = panel_labels(dataset), dataset.by_period()
    title = f"{words.revenue_title} over time"
    money = {"revenue": words.price_unit} if words.price_unit else {}
    table = Table("By period", by_period, money | {"quantity": "pieces", "views": "views"})
    if by_period.empty:
        return Section(title, ("The rows have no periods.",))
    values = by_period[["period", "revenue"]].rename(columns={"revenue": "value"})
    chart = charts.time_series(
        values, title=title, y_title="Revenue (tokens)" if words.price_unit else words.revenue_title, x_title="Period"
    )
    return Section(title, (), (table,), (figure(title, chart, title),))
