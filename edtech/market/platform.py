"""Daily platform metrics, derived from the ledger, the enrollments and the views and never generated beside them."""

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
    """Return what each day adds (7 x weeks rows); flows of shards with other learners add up.

    Amounts are units of 1/100 token, money is in cents. A table left out adds nothing.
    """
    days = 7 * weeks
    flows = _token_flows(days, ledger)
    for table, part in ((enrollments, _enrollment_flows), (views, _view_flows), (learners, _learner_flows)):
        flows |= part(days, table)
    return pd.DataFrame(flows)


def _token_flows(days: int, ledger: pd.DataFrame) -> dict[str, Ints]:
    at, amount, money = _day(ledger["occurred_at"], days), ledger["amount"].to_numpy(), ledger["money_cents"].to_numpy()
    kind = {name: (ledger["kind"] == name).to_numpy() for name in KINDS}
    on = {name: (ledger["account_kind"] == name).to_numpy() for name in ACCOUNTS}

    def add(rows: Bools, values: Ints = amount) -> Ints:
        return np.bincount(at[rows], values[rows], minlength=days).astype(np.int64)

    return {
        "issued": -add(on["mint"]),
        "purchased": add(on["learner"] & kind["purchase"]),
        "bonuses": add(on["learner"] & kind["bonus"]),
        "spent": -add(on["learner"] & kind["spend"]),
        "refunded": add(on["learner"] & kind["refund"]),
        "teacher_earnings": add(on["teacher"] & ~kind["payout"]),
        "commission": add(on["treasury"]),
        "burned": add(on["burn"] & kind["spend"]),
        "expired": add(on["burn"] & kind["expiry"]),
        "paid_out": add(on["burn"] & kind["payout"]),
        "money_in_cents": add(kind["purchase"], money),
        "money_out_cents": -add(kind["payout"], money),
        "change_learners": add(on["learner"]),
        "change_teachers": add(on["teacher"]),
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
        "active_learners": _distinct(days, visits),
    }


def _learner_flows(days: int, learners: pd.DataFrame | None) -> dict[str, Ints]:
    joined = None if learners is None else learners["joined_on"]
    return {"new_learners": _count(days, None if joined is None else joined[joined >= START])}


def _count(days: int, times: "pd.Series[pd.Timestamp] | None") -> Ints:
    return np.zeros(days, dtype=np.int64) if times is None else np.bincount(_day(times, days), minlength=days)


def _day(times: "pd.Series[pd.Timestamp]", days: int) -> Ints:
    """Return the number of the day; what a damaged table dates elsewhere counts for the first or the last."""
    return np.clip(np.asarray((times.to_numpy() - START) // DAY, dtype=np.int64), 0, days - 1)


def _distinct(days: int, visits: pd.DataFrame | None) -> Ints:
    """Return how many learners came on each day."""
    if visits is None:
        return np.zeros(days, dtype=np.int64)
    pairs = np.unique(_day(visits["viewed_at"], days) * (len(visits) + 1) + pd.factorize(visits["learner_id"])[0])
    return np.bincount(pairs // (len(visits) + 1), minlength=days)


def platform_table(flows: pd.DataFrame) -> pd.DataFrame:
    """Return `platform_metrics`: the flows of each day, and what is held at its end."""
    held = flows[["change_learners", "change_teachers", "commission"]].cumsum()
    table = flows.drop(columns=["change_learners", "change_teachers"])
    table.insert(0, "day", START + np.arange(len(flows)) * DAY)
    return table.assign(
        learner_balance=held["change_learners"],
        teacher_balance=held["change_teachers"],
        circulating_supply=held["change_learners"] + held["change_teachers"],
        treasury=held["commission"],
    )
