"""A forecast as figures: sums and balances at the horizon with a 90% band, against today's prices and rules."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from edtech.economy.observed_flows import FEWEST_WEEKS, ObservedFlows
from edtech.economy.simulation import Assumptions, Futures, PriceEffect, simulate
from edtech.tables.arrays import Floats
from edtech.tables.tokens import UNITS_PER_TOKEN

BAND = (0.05, 0.95)
TODAY = PriceEffect()

FORECAST_FIGURES = {
    "spent": ("Token revenue", "Tokens spent on courses until the horizon."),
    "teacher_earnings": ("Teacher earnings", "Teachers' parts until the horizon, refunds taken off."),
    "commission": ("Commission", "The platform's parts until the horizon, refunds taken off."),
    "issued": ("Issued", "Tokens bought, given, and minted again for refunds until the horizon."),
    "purchased": ("Bought", "Tokens that learners buy for money until the horizon."),
    "expired": ("Expired", "Balances of learners that lapse until the horizon."),
    "paid_out": ("Paid out", "Tokens that teachers hand in for money until the horizon."),
    "circulating_supply": ("Circulating supply", "Tokens held by learners and teachers at the horizon."),
    "treasury": ("Treasury", "Tokens held by the platform at the horizon."),
    "learner_balance": ("Unredeemed", "Tokens owed to learners as courses at the horizon."),
    "teacher_balance": ("Owed to teachers", "Payout liability at the horizon, in tokens."),
}
"""Title and one sentence for each figure of a forecast; all are tokens."""
STOCKS = ("circulating_supply", "treasury", "learner_balance", "teacher_balance")


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """What may come under the asked prices and rules.

    `totals`: figure, title, today (median under today's prices and rules), mid, low, high, change, change_low,
    change_high (relative, draw by draw against today). `weekly`: week (its last day), figure, mid, low, high: flows of
    the week, or what is held at its end, in tokens. low and high are NaN where the model has no honest interval.
    `notes` says in words what it rests on.
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
    """Return what may come under the asked rules and prices, against today's, the same futures drawn for both."""
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


def _totals(today: Futures, planned: Futures, effect: PriceEffect) -> pd.DataFrame:
    rows = []
    for name, (title, _) in FORECAST_FIGURES.items():
        before, after = (_reached(futures, name) for futures in (today, planned))
        moved = after / np.where(before > 0, before, np.nan) - 1
        low, high = _band(after, effect)
        change_low, change_high = _band(moved, effect)
        rows.append((name, title, _middle(before), _middle(after), low, high, _middle(moved), change_low, change_high))
    columns = ["figure", "title", "today", "mid", "low", "high", "change", "change_low", "change_high"]
    return pd.DataFrame(rows, columns=columns)


def _reached(futures: Futures, name: str) -> Floats:
    """Return a figure's sum until the horizon, or what is held there, of each draw (n,) in tokens."""
    values = np.asarray(getattr(futures, name))
    return np.asarray((values[:, -1] if name in STOCKS else values.sum(axis=1)) / UNITS_PER_TOKEN)


def _weekly(observed: ObservedFlows, planned: Futures, effect: PriceEffect) -> pd.DataFrame:
    weeks = pd.date_range(observed.end, periods=planned.spent.shape[1] + 1, freq="7D")[1:] - pd.Timedelta(days=1)
    frames = []
    for name in FORECAST_FIGURES:
        values = np.asarray(getattr(planned, name)) / UNITS_PER_TOKEN
        low, high = np.quantile(values, BAND, axis=0)
        if effect.error is None:
            low = high = np.full(len(weeks), np.nan)
        frames.append(
            pd.DataFrame({"week": weeks, "figure": name, "mid": np.median(values, axis=0), "low": low, "high": high})
        )
    return pd.concat(frames, ignore_index=True)


def _band(values: Floats, effect: PriceEffect) -> tuple[float, float]:
    if effect.error is None or np.isnan(values).any():
        return float("nan"), float("nan")
    low, high = np.quantile(values, BAND)
    return float(low), float(high)


def _middle(values: Floats) -> float:
    return float(np.median(values)) if not np.isnan(values).any() else float("nan")


def _notes(observed: ObservedFlows, assumptions: Assumptions, effect: PriceEffect) -> tuple[str, ...]:
    """Return the assumptions in words, those first that the asker may want to change."""
    weeks, pays = len(observed.weekly), observed.payouts
    notes = [
        f"Spending at today's prices follows {weeks} whole weeks of the ledger: a wandering level and weekly noise. "
        f"The prior is a trend of about {assumptions.trend:.1%} per week and a yearly swing of about "
        f"{assumptions.yearly_swing:.0%}, up or down."
        + (" With less than a year of data the swing cannot be seen, which widens the band." if weeks < 52 else ""),
        "Purchases, bonuses and refunds per token spent stay as in the last "
        f"{min(assumptions.recent_weeks, weeks)} weeks.",
        "Prices change at once and for good. Visits, and how often learners come back, do not answer to them; nor do "
        "teachers to commission.",
        "What learners spend does not answer to bonuses or expiry. "
        f"Of additional (or fewer) bonus tokens, {assumptions.bonus_replaces:.0%} replace purchases.",
    ]
    if pays.every is None:
        notes.append("Fewer than two payouts were seen, so none is forecast.")
    else:
        notes.append(
            f"Teachers are paid every {pays.every} days, {pays.shares[-6:].mean():.0%} of what they hold, as of late."
        )
    if effect.error is None:
        notes.append("The model has no honest interval for its price effect, so there is no band.")
    if weeks < 2 * FEWEST_WEEKS:
        notes.append("The ledger is short: the band is mostly what was assumed.")
    return tuple(notes)
