"""The figures of the token economy over a range of days, and of the range before."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from edtech.data import Dataset
from edtech.economy.dictionary import ECONOMY
from edtech.economy.ledger_lines import LINES, LedgerSums, ledger_sums
from edtech.economy.period import LEDGER, Period, whole_period
from edtech.economy.series import active_learners, buyers, concentration, daily_balances, price_index
from edtech.tables.tokens import UNITS_PER_TOKEN

CENTS = 100


@dataclass(frozen=True, slots=True)
class EconomyFigure:
    """A figure of `ECONOMY` in its unit, and that of the range before; None where there is none.

    `exact` is the same in 1/100 token or cents where it is a line of the ledger.
    """

    name: str
    value: float | None
    before: float | None
    exact: int | None

    @property
    def change(self) -> float | None:
        """Relative change against the range before."""
        if self.value is None or not self.before:
            return None
        return self.value / self.before - 1


@dataclass(frozen=True, slots=True)
class Economy:
    """The figures of a range (None: of all periods), by name.

    `before` is the range compared with, None where the data do not reach back that far; `missing` says which figures
    the data set's tables do not allow, by the table that they need.
    """

    period: Period | None
    before: Period | None
    figures: Mapping[str, EconomyFigure]
    missing: Mapping[str, tuple[str, ...]]


def economy(dataset: Dataset, period: Period | None) -> Economy:
    """Return every figure that the data set's tables allow. Raises DataError where a file is missing or damaged."""
    whole = whole_period(dataset)
    before = period.before if period and whole and whole.holds(period.before) else None
    index = price_index(dataset)
    now, exact = _values(dataset, period, index)
    then = _values(dataset, before, index)[0] if before else {}
    figures = {
        name: EconomyFigure(name, _finite(now[name]), _finite(then.get(name)), exact.get(name))
        for name in ECONOMY
        if name in now
    }
    return Economy(period, before, figures, missing_figures(dataset))


def missing_figures(dataset: Dataset) -> dict[str, tuple[str, ...]]:
    """Return which figures cannot be given, by the table that is missing."""
    figures: dict[str, tuple[str, ...]] = {}
    for name, about in ECONOMY.items():
        for table in about.tables:
            if table not in dataset.tables:
                figures[table] = (*figures.get(table, ()), name)
    return figures


def _finite(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)


def _values(
    dataset: Dataset, period: Period | None, index: pd.DataFrame
) -> tuple[dict[str, float | None], dict[str, int]]:
    """Return the figures in their units, and the ledger's lines as integers."""
    figures: dict[str, float | None] = dict(_panel_values(dataset, period, index))
    exact: dict[str, int] = {}
    active = None
    if period is not None and "views" in dataset.tables:
        active = figures["active_learners"] = active_learners(dataset, period)
    if period is not None and LEDGER in dataset.tables:
        sums = ledger_sums(dataset, period)
        exact = dict(sums.lines)
        figures |= {
            name: exact[name] / (CENTS if LINES[name].money else UNITS_PER_TOKEN) for name in exact if name in ECONOMY
        }
        figures |= ratios(sums, int(daily_balances(dataset, period)[["learners", "teachers"]].to_numpy().sum()), active)
        figures |= _people(dataset, period)
    return figures, exact


def _panel_values(dataset: Dataset, period: Period | None, index: pd.DataFrame) -> Iterator[tuple[str, float | None]]:
    """Yield what the demand panel tells of the periods that begin in the range."""
    panel = dataset.by_period()
    if dataset.roles.period is None:
        figures = dataset.key_figures()
        revenue, quantity = figures.revenue, figures.quantity
    else:
        inside = panel[_inside(panel["period"], period)]
        revenue, quantity = float(inside["revenue"].sum()), float(inside["quantity"].sum())
    yield "enrollments", quantity
    yield "panel_revenue", revenue
    yield "mean_price", _ratio(revenue, quantity)
    if len(index):
        level = index.loc[_inside(index["period"], period), "index"].mean()
        yield "price_index", None if np.isnan(level) else float(level)


def _inside(times: pd.Series, period: Period | None) -> "pd.Series[bool]":
    if period is None:
        return pd.Series(True, index=times.index)
    return (times >= period.start) & (times < period.end)


def ratios(sums: LedgerSums, token_days: int, active: int | None) -> dict[str, float | None]:
    """Return the figures that are ratios of the ledger's lines.

    `token_days` is the circulating supply at the end of each day, summed over the days of the period, in 1/100 token;
    `active` how many learners came, where that is known.
    """
    line = sums.lines
    cents = _ratio(sums.line("money_in", until=True), sums.line("minted_purchase", until=True))
    owed = None if cents is None else line["teacher_balance"] * cents / CENTS
    cash = (sums.line("money_in", until=True) - sums.line("money_out", until=True)) / CENTS
    net = line["spent"] - line["refunded"]
    figures = {
        "velocity": _ratio(line["spent"] * sums.period.days, token_days),
        "sink_source": _ratio(line["taken_out"], line["issued"]),
        "take_rate": _ratio(line["commission"], net),
        "unredeemed_money": None if cents is None else line["learner_balance"] * cents / CENTS,
        "payout_money": owed,
        "payout_cover": None if owed is None else _ratio(cash, owed),
    }
    return figures if active is None else figures | {"arpu": _ratio(net / UNITS_PER_TOKEN, active)}


def _people(dataset: Dataset, period: Period) -> dict[str, float | None]:
    held, bought = concentration(dataset, period), buyers(dataset, period)
    return {
        "gini": held.gini,
        "top_1": held.top_1,
        "top_10": held.top_10,
        "buyers": float(bought.buyers),
        "repurchase_rate": _ratio(bought.again, bought.buyers),
    }


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None
