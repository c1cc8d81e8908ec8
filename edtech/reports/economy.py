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
    in_tokens,
    missing_words,
    outlook_title,
    supply_title,
)
from edtech.reports.bundle import Report, Section, Table
from edtech.reports.svg import figure

_OUTLOOK_HELP = {
    "today": "Median under today's prices and rules.",
    "mid": "Median under the asked prices and rules.",
    "low": "Lower end of the 90 % band.",
    "high": "Upper end of the 90 % band.",
    "change": "Relative change against today's, the same futures drawn for both; 0.1 is 10 % more.",
}
_HELP = {
    "before": "The same over as many days right before.",
    "change": "Relative change against the range before; 0.1 is 10 % more.",
    "exact": "The same as an integer: 1/100 token, or cents of money.",
}


def economy_report(dataset: Dataset, found: Economy, provenance: Mapping[str, str | int | float]) -> Report:
    """Return the figures, how tokens came and went, who holds them, and the proof that they agree with the ledger."""
    sections = [_figures(found)]
    if found.period is not None and LEDGER in dataset.tables:
        sections += _ledger(dataset, found, found.period)
    when = "all periods" if found.period is None else str(found.period)
    return Report("Token economy", f"How did the token economy do over {when}?", tuple(sections), provenance)


def _figures(found: Economy) -> Section:
    rows = figure_rows(found)
    compared = "." if found.before is None else f", compared with {found.before}."
    tables = [
        Table(group, part.drop(columns="group"), help=_HELP)
        for group in GROUPS
        if len(part := rows[rows["group"] == group])
    ]
    text = (f"Figures of {found.period or 'all periods'}{compared}", *missing_words(found.missing))
    return Section("Figures", text, tuple(tables))


def _ledger(dataset: Dataset, found: Economy, period: Period) -> Iterator[Section]:
    causes, daily = cause_rows(found), in_tokens(daily_balances(dataset, period))
    title = flow_title(found)
    yield Section(
        "Sources and sinks by cause",
        tables=(Table("By cause", causes, {"tokens": "tokens", "share_of_issued": "share of the tokens issued"}),),
        figures=(figure(title, charts.causes(causes, title=title), title),),
    )
    title = supply_title(found)
    yield Section(
        "Who holds the tokens",
        tables=(Table("Balances by day", daily, dict.fromkeys(daily.columns.drop("day"), "tokens")),),
        figures=(figure(title, charts.supply(daily, title=title), title),),
    )
    proof = reconcile(dataset, period)
    verdict = f"{len(proof.broken)} of {len(proof.identities)} identities do not hold."
    yield Section("Does it agree with the ledger?", (verdict,), (Table("Identities", proof.table),))


def outlook_report(found: Forecast, reasons: Sequence[str], provenance: Mapping[str, str | int | float]) -> Report:
    """Return a forecast: where prices and rules lead, week by week, and everything that it assumes.

    `reasons` say what the prices rest on, or why none is recommended.
    """
    title = outlook_title(found, "circulating_supply")
    weekly = found.weekly[found.weekly["figure"] == "circulating_supply"]
    chart = charts.forecast_bands(weekly, title=title, y_title="Circulating supply (tokens)")
    sections = (
        Section(
            "At the horizon",
            (f"Token revenue changes by {found.effect.change:+.1%} through prices, against today's.", *reasons),
            (Table("Figures", found.totals.drop(columns="figure"), help=_OUTLOOK_HELP),),
            (figure(title, chart, title),),
        ),
        Section(
            "Week by week", tables=(Table("Paths", found.weekly, dict.fromkeys(("mid", "low", "high"), "tokens")),)
        ),
        Section("What this assumes", found.notes, (Table("Assumptions", _assumed(found.asked)),)),
    )
    question = f"Where do these prices and rules lead in {found.asked.weeks} weeks?"
    return Report("Outlook of the token economy", question, sections, provenance)


def _assumed(asked: Assumptions) -> pd.DataFrame:
    rows = [(about.title, getattr(asked, name), about.description) for name, about in type(asked).model_fields.items()]
    return pd.DataFrame(rows, columns=["assumption", "value", "meaning"]).astype({"value": float})
