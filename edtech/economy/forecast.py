"""A forecast as figures: sums and balances at the horizon with 90% prediction intervals, compared with today."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from edtech.economy.observed_flows import MIN_WEEKS, RECENT_PAYOUTS, ObservedFlows
from edtech.economy.simulation import Assumptions, PriceEffect, SimulatedFlows, simulate
from edtech.tables.arrays import Floats
from edtech.tables.tokens import UNITS_PER_TOKEN

QUANTILES = (0.05, 0.95)
TODAY = PriceEffect()

FORECAST_FIGURES = {
    "spent": ("Token revenue", "Tokens spent on courses until the horizon."),
    "teacher_earnings": ("Teacher earnings", "Teachers' shares until the horizon, net of refunds."),
    "commission": ("Commission", "The platform's shares until the horizon, net of refunds."),
    "issued": ("Issued", "Tokens minted for purchases, bonuses and refunds until the horizon."),
    "purchased": ("Bought", "Tokens that learners buy for money until the horizon."),
    "expired": ("Expired", "Learners' balances that expire until the horizon."),
    "paid_out": ("Paid out", "Tokens that teachers exchange for money until the horizon."),
    "circulating_supply": ("Circulating supply", "Tokens held by learners and teachers at the horizon."),
    "treasury": ("Treasury", "Tokens held by the platform at the horizon."),
    "learner_balance": ("Unredeemed tokens", "Learners' balances at the horizon, owed to them as courses."),
    "teacher_balance": ("Payout liability", "Teachers' balances at the horizon, in tokens."),
}
"""Title and one sentence for each figure of a forecast, all in tokens."""
STOCKS = ("circulating_supply", "treasury", "learner_balance", "teacher_balance")


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """The forecast under new prices and rules.

    `totals`: figure, title, today (median under today's prices and rules), mid (median), low, high, change, change_low,
    change_high (relative, draw by draw from today). `weekly`: week (its last day), figure, mid, low, high: flows of the
    week, or balances at its end, in tokens. low and high are NaN if the model has no valid confidence interval.
    `notes` states the assumptions.
    """

    totals: pd.DataFrame
    weekly: pd.DataFrame
    assumptions: Assumptions
    effect: PriceEffect
    notes: tuple[str, ...]

    def figure(self, name: str) -> "pd.Series[float]":
        """Return the row of a figure."""
        return self.totals[self.totals["figure"] == name].iloc[0]


def forecast(observed: ObservedFlows, assumptions: Assumptions, effect: PriceEffect = TODAY) -> Forecast:
    """Return the forecast under new rules and prices, compared with today's for the same simulated futures."""
    rules = ("commission_rate", "burn_rate", "bonuses", "expiry_weeks")
    current = Assumptions.of(observed)
    today = simulate(observed, assumptions.model_copy(update={name: getattr(current, name) for name in rules}), TODAY)
    planned = simulate(observed, assumptions, effect)
    return Forecast(
        _totals(today, planned, effect),
        _weekly(observed, planned, effect),
        assumptions,
        effect,
        _notes(observed, assumptions, effect),
    )


def _totals(today: SimulatedFlows, planned: SimulatedFlows, effect: PriceEffect) -> pd.DataFrame:
    rows = []
    for name, (title, _) in FORECAST_FIGURES.items():
        before, after = (_at_horizon(futures, name) for futures in (today, planned))
        moved = after / np.where(before > 0, before, np.nan) - 1
        low, high = _interval(after, effect)
        change_low, change_high = _interval(moved, effect)
        rows.append((name, title, _median(before), _median(after), low, high, _median(moved), change_low, change_high))
    columns = ["figure", "title", "today", "mid", "low", "high", "change", "change_low", "change_high"]
    return pd.DataFrame(rows, columns=columns)


def _at_horizon(futures: SimulatedFlows, name: str) -> Floats:
    """Return a figure's sum until the horizon, or its balance there, for each draw (n,) in tokens."""
    values = np.asarray(getattr(futures, name))
    return np.asarray((values[:, -1] if name in STOCKS else values.sum(axis=1)) / UNITS_PER_TOKEN)


def _weekly(observed: ObservedFlows, planned: SimulatedFlows, effect: PriceEffect) -> pd.DataFrame:
    weeks = pd.date_range(observed.end, periods=planned.spent.shape[1] + 1, freq="7D")[1:] - pd.Timedelta(days=1)
    frames = []
    for name in FORECAST_FIGURES:
        values = np.asarray(getattr(planned, name)) / UNITS_PER_TOKEN
        low, high = np.quantile(values, QUANTILES, axis=0)
        if effect.error is None:
            low = high = np.full(len(weeks), np.nan)
        frames.append(
            pd.DataFrame({"week": weeks, "figure": name, "mid": np.median(values, axis=0), "low": low, "high": high})
        )
    return pd.concat(frames, ignore_index=True)


def _interval(values: Floats, effect: PriceEffect) -> tuple[float, float]:
    if effect.error is None or np.isnan(values).any():
        return float("nan"), float("nan")
    low, high = np.quantile(values, QUANTILES)
    return float(low), float(high)


def _median(values: Floats) -> float:
    return float(np.median(values)) if not np.isnan(values).any() else float("nan")


def _notes(observed: ObservedFlows, assumptions: Assumptions, effect: PriceEffect) -> tuple[str, ...]:
    """Return the assumptions as sentences, those first that the user may want to change."""
    weeks, payouts = len(observed.weekly), observed.payouts
    notes = [
        f"Spending at today's prices continues as {weeks} whole weeks of the ledger suggest: a level that wanders, "
        f"with noise from week to week. The prior allows a trend of about {assumptions.trend:.1%} per week and a "
        f"yearly swing of about {assumptions.yearly_swing:.0%}, up or down."
        + (" Less than a year of data cannot show the swing, which widens the interval." if weeks < 52 else ""),
        f"Purchases, bonuses and refunds per token spent are those of the last {min(assumptions.recent_weeks, weeks)} "
        "weeks.",
        "Prices change at once and stay. They do not affect visits or how often learners return. Commission does not "
        "affect teachers.",
        "Bonuses and expiry do not affect spending. Of tokens given beyond today's bonuses, "
        f"{assumptions.bonus_replaces:.0%} replace purchases.",
    ]
    if payouts.every is None:
        notes.append("The data show fewer than two payouts, so the forecast has none.")
    else:
        recent = payouts.shares[-RECENT_PAYOUTS:]
        notes.append(
            f"Teachers are paid every {payouts.every} days, {recent.mean():.0%} of their balances on average over the "
            f"last {len(recent)} payouts."
        )
    if effect.error is None:
        notes.append("The model's price effect has no valid confidence interval, so the forecast has no interval.")
    if weeks < 2 * MIN_WEEKS:
        notes.append("The ledger is short, so the interval mostly reflects the assumptions.")
    return tuple(notes)
