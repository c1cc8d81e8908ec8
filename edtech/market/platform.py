"""Daily platform metrics, derived from the ledger, the enrollments and the views."""

import numpy as np
import pandas as pd

from edtech.market.ledger import ACCOUNTS, KINDS
from edtech.market.supply import START
from edtech.tables.arrays import Bools, Ints

DAY = np.timedelta64(1, "D")


def daily_flows(
    weeks: int,
    ledger: pd.DataFrame,
    enrollments: pd.DataFrame | None = None,
    views: pd.DataFrame | None = None,
    learners: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the flows of each day (7 x weeks rows); flows of shards add up.

    Amounts are units of 1/100 token, money is in cents. A missing table adds nothing.
    """
    days = 7 * weeks
    flows = _token_flows(days, ledger)
    for table, table_flows in ((enrollments, _enrollment_flows), (views, _view_flows), (learners, _learner_flows)):
        flows |= table_flows(days, table)
    return pd.DataFrame(flows)


def _token_flows(days: int, ledger: pd.DataFrame) -> dict[str, Ints]:
    day, amount, money = (
        _day(ledger["occurred_at"], days),
        ledger["amount"].to_numpy(),
        ledger["money_cents"].to_numpy(),
    )
    kind = {name: (ledger["kind"] == name).to_numpy() for name in KINDS}
    account = {name: (ledger["account_kind"] == name).to_numpy() for name in ACCOUNTS}

    def add(rows: Bools, values: Ints = amount) -> Ints:
        return np.bincount(day[rows], values[rows], minlength=days).astype(np.int64)

    return {
        "issued": -add(account["mint"]),
        "purchased": add(account["learner"] & kind["purchase"]),
        "bonuses": add(account["learner"] & kind["bonus"]),
        "spent": -add(account["learner"] & kind["spend"]),
        "refunded": add(account["learner"] & kind["refund"]),
        "teacher_earnings": add(account["teacher"] & ~kind["payout"]),
        "commission": add(account["treasury"]),
        "burned": add(account["burn"] & kind["spend"]),
        "expired": add(account["burn"] & kind["expiry"]),
        "paid_out": add(account["burn"] & kind["payout"]),
        "money_in_cents": add(kind["purchase"], money),
        "money_out_cents": -add(kind["payout"], money),
        "change_learners": add(account["learner"]),
        "change_teachers": add(account["teacher"]),
    }


def _enrollment_flows(days: int, enrollments: pd.DataFrame | None) -> dict[str, Ints]:
    times = {"enrollments": "enrolled_at", "completions": "completed_at", "refunds": "refunded_at"}
    return {
        name: _count(days, None if enrollments is None else enrollments[column].dropna())
        for name, column in times.items()
    }


def _view_flows(days: int, views: pd.DataFrame | None) -> dict[str, Ints]:
    visits = None if views is None else views.drop_duplicates("visit_id")
    return {
        "views": _count(days, None if views is None else views["viewed_at"]),
        "visits": _count(days, None if visits is None else visits["viewed_at"]),
        "active_learners": _active_learners(days, visits),
    }


def _learner_flows(days: int, learners: pd.DataFrame | None) -> dict[str, Ints]:
    joined = None if learners is None else learners["joined_on"]
    return {"new_learners": _count(days, None if joined is None else joined[joined >= START])}


def _count(days: int, times: "pd.Series[pd.Timestamp] | None") -> Ints:
    return np.zeros(days, dtype=np.int64) if times is None else np.bincount(_day(times, days), minlength=days)


def _day(times: "pd.Series[pd.Timestamp]", days: int) -> Ints:
    """Return day numbers; dates outside the market, as in a damaged table, count for the first or last day."""
    return np.clip(np.asarray((times.to_numpy() - START) // DAY, dtype=np.int64), 0, days - 1)


def _active_learners(days: int, visits: pd.DataFrame | None) -> Ints:
    """Return the number of distinct visitors per day."""
    if visits is None:
        return np.zeros(days, dtype=np.int64)
    pairs = np.unique(_day(visits["viewed_at"], days) * (len(visits) + 1) + pd.factorize(visits["learner_id"])[0])
    return np.bincount(pairs // (len(visits) + 1), minlength=days)


def platform_table(flows: pd.DataFrame) -> pd.DataFrame:
    """Return `platform_metrics`: the flows of each day and the balances at its end."""
    balances = flows[["change_learners", "change_teachers", "commission"]].cumsum()
    table = flows.drop(columns=["change_learners", "change_teachers"])
    table.insert(0, "day", START + np.arange(len(flows)) * DAY)
    return table.assign(
        learner_balance=balances["change_learners"],
        teacher_balance=balances["change_teachers"],
        circulating_supply=balances["change_learners"] + balances["change_teachers"],
        treasury=balances["commission"],
    )
