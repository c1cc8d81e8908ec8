"""The figures again, entry by entry in plain Python: slow, and sharing nothing with the code that is tested."""

from collections import defaultdict
from datetime import date, datetime, time, timedelta
from typing import Any

import pandas as pd

Accounts = dict[str, Any]


def recount(tables: Any, first: date, last: date) -> Accounts:
    """Return the figures of the days from first to last as integers of 1/100 token and cents, or exact counts."""
    start, end = datetime.combine(first, time()), datetime.combine(last, time()) + timedelta(days=1)
    result: Accounts = defaultdict(int)
    held: dict[str, int] = defaultdict(int)
    spends: dict[str, int] = defaultdict(int)
    for entry in tables["token_ledger"].itertuples():
        if entry.occurred_at >= end:
            continue
        within, who, kind = entry.occurred_at >= start, entry.account_kind, entry.kind
        result[f"{who}_held"] += entry.amount
        if who == "learner":
            held[entry.account_id] += entry.amount
            result["cash"] += entry.money_cents if kind == "purchase" else 0
            result["ever_bought"] += entry.amount if kind == "purchase" else 0
        if who == "teacher":
            result["cash"] += entry.money_cents
        if within:
            result[who, kind] += entry.amount
            result["money", who, kind] += entry.money_cents
            if who == "learner" and kind == "spend":
                spends[entry.account_id] += 1
    views = tables["views"]
    came = {learner for learner, at in zip(views["learner_id"], views["viewed_at"], strict=True) if start <= at < end}
    return result | {"balances": held, "spends": spends, "came": came}


def supply_by_day(tables: Any, first: date, last: date) -> list[int]:
    """Return the circulating supply at the end of each day."""
    ledger = tables["token_ledger"]
    circulating = ledger[ledger["account_kind"].isin(["learner", "teacher"])]
    ends = [pd.Timestamp(first) + pd.Timedelta(days=ahead + 1) for ahead in range((last - first).days + 1)]
    return [int(circulating.loc[circulating["occurred_at"] < end, "amount"].sum()) for end in ends]


def gini(values: list[int]) -> float:
    """Return the mean absolute difference of all pairs over twice the mean: the definition itself."""
    n, total = len(values), sum(values)
    return sum(abs(item - other) for item in values for other in values) / (2 * n * total)
