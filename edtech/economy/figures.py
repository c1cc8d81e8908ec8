"""The figures of the token economy over a range of days, and of the range before."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from edtech.data import Dataset
from edtech.economy.dictionary import ECONOMY
from edtech.economy.line_items import LINE_ITEMS, LedgerSums, ledger_sums
from edtech.economy.period import LEDGER, Period, whole_period
from edtech.economy.series import active_learners, buyers, concentration, daily_balances, price_index
from edtech.tables.tokens import UNITS_PER_TOKEN

CENTS = 100


@dataclass(frozen=True, slots=True)
class EconomyFigure:
    """A figure of `ECONOMY` in its unit, in the range and in the range before; None if undefined.

    `exact` is the same figure in 1/100 token or cents if it is a line item of the ledger.
    """

    name: str
    value: float | None
    before: float | None
    exact: int | None

    @property
    def change(self) -> float | None:
        """Relative change from the range before."""
        if self.value is None or not self.before:
            return None
        return self.value / self.before - 1


@dataclass(frozen=True, slots=True)
class Economy:
    """The figures of a range (None: of all periods), by name.

    `before` is the range of the same length before, None if the data do not reach that far. `missing` lists the figures
    that the data set lacks tables for, by table.
    """

    period: Period | None
    before: Period | None
    figures: Mapping[str, EconomyFigure]
    missing: Mapping[str, tuple[str, ...]]


def economy(dataset: Dataset, period: Period | None) -> Economy:
    """Return every figure that the data set has the tables for. Raises DataError if a file is missing or damaged."""
    whole = whole_period(dataset)
    before = period.before if period and whole and whole.contains(period.before) else None
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
    """Return the figures that cannot be computed, by the missing table."""
    figures: dict[str, tuple[str, ...]] = {}
    for name, definition in ECONOMY.items():
        for table in definition.tables:
            if table not in dataset.tables:
                figures[table] = (*figures.get(table, ()), name)
    return figures


def _finite(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)


def _values(
    dataset: Dataset, period: Period | None, index: pd.DataFrame
) -> tuple[dict[str, float | None], dict[str, int]]:
    """Return the figures in their units, and the line items as integers."""
    figures: dict[str, float | None] = dict(_panel_values(dataset, period, index))
    exact: dict[str, int] = {}
    active = None
    if period is not None and "views" in dataset.tables:
        active = figures["active_learners"] = active_learners(dataset, period)
    if period is not None and LEDGER in dataset.tables:
        sums = ledger_sums(dataset, period)
        exact = dict(sums.totals)
        figures |= {
            name: exact[name] / (CENTS if LINE_ITEMS[name].money else UNITS_PER_TOKEN)
            for name in exact
            if name in ECONOMY
        }
        figures |= ratios(sums, int(daily_balances(dataset, period)[["learners", "teachers"]].to_numpy().sum()), active)
        figures |= _people(dataset, period)
    return figures, exact


def _panel_values(dataset: Dataset, period: Period | None, index: pd.DataFrame) -> Iterator[tuple[str, float | None]]:
    """Yield the figures of the demand panel's periods that begin in the range."""
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
    """Return the figures that are ratios of line items.

    `token_days` is the circulating supply at the end of each day, summed over the days of the period, in 1/100 token;
    `active` is the number of active learners, None if unknown.
    """
    totals = sums.totals
    cents = _ratio(sums.total("money_in", until=True), sums.total("minted_purchase", until=True))
    owed = None if cents is None else totals["teacher_balance"] * cents / CENTS
    cash = (sums.total("money_in", until=True) - sums.total("money_out", until=True)) / CENTS
    net = totals["spent"] - totals["refunded"]
    figures = {
        "velocity": _ratio(totals["spent"] * sums.period.days, token_days),
        "sink_source": _ratio(totals["taken_out"], totals["issued"]),
        "take_rate": _ratio(totals["commission"], net),
        "unredeemed_money": None if cents is None else totals["learner_balance"] * cents / CENTS,
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
        "repurchase_rate": _ratio(bought.repeat, bought.buyers),
    }


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None
