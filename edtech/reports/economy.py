"""The token economy over a range of days as a report."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from edtech.charts import economy as charts
from edtech.data import Dataset
from edtech.economy import GROUPS, Economy, Period, reconcile
from edtech.economy.forecast import Forecast
from edtech.economy.period import LEDGER
from edtech.economy.series import daily_balances
from edtech.economy.simulation import Assumptions
from edtech.economy.tables import (
    cause_rows,
    figure_rows,
    flow_title,
    forecast_title,
    in_tokens,
    missing_table_notes,
    supply_title,
)
from edtech.reports.bundle import Report, Section, Table
from edtech.reports.svg import figure

_FORECAST_HELP = {
    "today": "Median under today's prices and rules.",
    "mid": "Median under the new prices and rules.",
    "low": "Lower end of the 90% prediction interval.",
    "high": "Upper end of the 90% prediction interval.",
    "change": "Relative change from today, with the same simulated futures for both; 0.1 is 10% more.",
}
_HELP = {
    "before": "The same figure over the same number of days before the range.",
    "change": "Relative change from the range before; 0.1 is 10% more.",
    "exact": "The same figure as an integer: 1/100 token, or cents of money.",
}


def economy_report(dataset: Dataset, economy: Economy, provenance: Mapping[str, str | int | float]) -> Report:
    """Return the figures, sources and sinks, balances, and the reconciliation with the ledger."""
    sections = [_figures(economy)]
    if economy.period is not None and LEDGER in dataset.tables:
        sections += _ledger(dataset, economy, economy.period)
    when = "all periods" if economy.period is None else str(economy.period)
    return Report("Token economy", f"How did the token economy develop over {when}?", tuple(sections), provenance)


def _figures(economy: Economy) -> Section:
    rows = figure_rows(economy)
    compared = "." if economy.before is None else f", compared with {economy.before}."
    tables = [
        Table(group, rows_of_group.drop(columns="group"), help=_HELP, wording=("figure", "unit", "meaning"))
        for group in GROUPS
        if len(rows_of_group := rows[rows["group"] == group])
    ]
    text = (f"Figures of {economy.period or 'all periods'}{compared}", *missing_table_notes(economy.missing))
    return Section("Figures", text, tuple(tables))


def _ledger(dataset: Dataset, economy: Economy, period: Period) -> Iterator[Section]:
    causes, daily = cause_rows(economy), in_tokens(daily_balances(dataset, period))
    title = flow_title(economy)
    yield Section(
        "Sources and sinks by cause",
        tables=(
            Table(
                "By cause",
                causes,
                {"tokens": "tokens", "share_of_issued": "share of the tokens issued"},
                wording=("cause", "side"),
            ),
        ),
        figures=(figure(title, charts.causes(causes, title=title), title),),
    )
    title = supply_title(economy)
    yield Section(
        "Token balances",
        tables=(Table("Balances by day", daily, dict.fromkeys(daily.columns.drop("day"), "tokens")),),
        figures=(figure(title, charts.supply(daily, title=title), title),),
    )
    reconciliation = reconcile(dataset, period)
    result = f"{len(reconciliation.broken)} of {len(reconciliation.identities)} identities do not hold."
    table = Table("Identities", reconciliation.table, wording=("identity",))
    yield Section("Reconciliation with the ledger", (result,), (table,))


def forecast_report(forecast: Forecast, reasons: Sequence[str], provenance: Mapping[str, str | int | float]) -> Report:
    """Return a forecast under prices and rules, week by week, with all its assumptions.

    `reasons` are the conditions of the prices, or why none is recommended.
    """
    title = forecast_title(forecast, "circulating_supply")
    weekly = forecast.weekly[forecast.weekly["figure"] == "circulating_supply"]
    chart = charts.forecast_bands(weekly, title=title, y_title="Circulating supply (tokens)")
    sections = (
        Section(
            "At the horizon",
            (f"Prices change token revenue by {forecast.effect.change:+.1%} from today.", *reasons),
            (Table("Figures", forecast.totals.drop(columns="figure"), help=_FORECAST_HELP, wording=("title",)),),
            (figure(title, chart, title),),
        ),
        Section(
            "Week by week", tables=(Table("Paths", forecast.weekly, dict.fromkeys(("mid", "low", "high"), "tokens")),)
        ),
        Section("Assumptions", forecast.notes, (_assumption_table(forecast.assumptions),)),
    )
    question = (
        f"How does the token economy develop over {forecast.assumptions.weeks} weeks under these prices and rules?"
    )
    return Report("Token economy forecast", question, sections, provenance)


def _assumption_table(assumptions: Assumptions) -> Table:
    rows = [
        (field.title, getattr(assumptions, name), field.description)
        for name, field in type(assumptions).model_fields.items()
    ]
    frame = pd.DataFrame(rows, columns=["assumption", "value", "meaning"]).astype({"value": float})
    return Table("Assumptions", frame, wording=("assumption", "meaning"))
