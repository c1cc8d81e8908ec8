"""Line items of the ledger: exact signed sums over entries of certain accounts and kinds.

A line item defines a figure of the page, the entries behind the figure, and the identity that reconciles the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from edtech.data import Dataset
from edtech.economy.period import LEDGER, Period
from edtech.errors import DataError

MAX_ENTRIES = 1_000


@dataclass(frozen=True, slots=True)
class LineItem:
    """A sum over entries: `sign` times their amount, or their money. No kinds means all kinds.

    A stock sums all entries up to the end of a period, a flow those within it.
    """

    accounts: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    sign: int = 1
    stock: bool = False
    money: bool = False

    def includes(self, account: str, kind: str) -> bool:
        """Whether entries of this account and kind are part of the sum."""
        return account in self.accounts and (not self.kinds or kind in self.kinds)


LINE_ITEMS: dict[str, LineItem] = {
    "circulating_supply": LineItem(("learner", "teacher"), stock=True),
    "learner_balance": LineItem(("learner",), stock=True),
    "teacher_balance": LineItem(("teacher",), stock=True),
    "treasury": LineItem(("treasury",), stock=True),
    "issued": LineItem(("mint",), sign=-1),
    "minted_purchase": LineItem(("mint",), ("purchase",), -1),
    "minted_bonus": LineItem(("mint",), ("bonus",), -1),
    "minted_refund": LineItem(("mint",), ("refund",), -1),
    "taken_out": LineItem(("burn",)),
    "burned": LineItem(("burn",), ("spend",)),
    "expired": LineItem(("burn",), ("expiry",)),
    "paid_out": LineItem(("burn",), ("payout",)),
    "spent": LineItem(("learner",), ("spend",), -1),
    "refunded": LineItem(("learner",), ("refund",)),
    "teacher_earnings": LineItem(("teacher",), ("spend", "clawback")),
    "commission": LineItem(("treasury",)),
    "money_in": LineItem(("learner",), ("purchase",), money=True),
    "money_out": LineItem(("teacher",), ("payout",), -1, money=True),
}
"""Sums in 1/100 token, or in cents of money."""


@dataclass(frozen=True, slots=True, eq=False)
class LedgerSums:
    """Sums of the ledger by account and kind, in 1/100 token and cents, within a period and up to its end.

    `frame`: account_kind, kind, within, until, money_within, money_until, all integers.
    """

    period: Period
    frame: pd.DataFrame

    def total(self, name: str, *, until: bool | None = None) -> int:
        """Return the total of a line item: a flow within the period, or with `until` all entries up to its end."""
        line = LINE_ITEMS[name]
        column = ("money_" if line.money else "") + ("until" if (line.stock if until is None else until) else "within")
        rows = zip(self.frame["account_kind"], self.frame["kind"], self.frame[column], strict=True)
        return line.sign * sum(int(value) for account, kind, value in rows if line.includes(account, kind))

    @property
    def totals(self) -> Mapping[str, int]:
        """The totals of all line items by name."""
        return {name: self.total(name) for name in LINE_ITEMS}


def require_ledger(dataset: Dataset) -> None:
    """Raise DataError if a data set has no ledger."""
    if LEDGER not in dataset.tables:
        raise DataError(
            "The data set has no token ledger",
            expected="a table token_ledger, as generated markets have",
            actual=", ".join(dataset.tables),
            where=dataset.name,
            fix="choose a generated market, or use the figures that need no ledger",
        )


def ledger_sums(dataset: Dataset, period: Period) -> LedgerSums:
    """Return the ledger's sums by account and kind, from one aggregate query. Raises DataError without a ledger."""
    require_ledger(dataset)
    frame = dataset.query(
        """SELECT account_kind, kind,
                  coalesce(sum(amount) FILTER (occurred_at >= ?), 0)::BIGINT AS within, sum(amount)::BIGINT AS until,
                  coalesce(sum(money_cents) FILTER (occurred_at >= ?), 0)::BIGINT AS money_within,
                  sum(money_cents)::BIGINT AS money_until
           FROM token_ledger WHERE occurred_at < ? GROUP BY 1, 2 ORDER BY 1, 2""",
        period.start,
        period.start,
        period.end,
    )
    return LedgerSums(period, frame)


@dataclass(frozen=True, slots=True, eq=False)
class LedgerEntries:
    """The entries of a line item: the count and total of all of them, and the newest ones as a table."""

    item: str
    count: int
    total: int
    table: pd.DataFrame


def entries_of(dataset: Dataset, name: str, period: Period, most: int = MAX_ENTRIES) -> LedgerEntries:
    """Return the entries of a line item, the newest `most` of them as rows.

    Raises DataError for another name and without a ledger.
    """
    require_ledger(dataset)
    if name not in LINE_ITEMS:
        raise DataError(
            "This figure is not a line item of the ledger", expected=", ".join(LINE_ITEMS), actual=repr(name)[:80]
        )
    where, values = _where(LINE_ITEMS[name], period)
    column = "money_cents" if LINE_ITEMS[name].money else "amount"
    sums = dataset.query(
        f"SELECT count(*) AS n, coalesce(sum({column}), 0)::BIGINT AS total FROM token_ledger WHERE {where}",  # noqa: S608
        *values,
    )
    entries = dataset.query(
        f"SELECT * FROM token_ledger WHERE {where} ORDER BY occurred_at DESC, entry_id DESC LIMIT ?",  # noqa: S608
        *values,
        most,
    )
    return LedgerEntries(name, int(sums["n"].iloc[0]), LINE_ITEMS[name].sign * int(sums["total"].iloc[0]), entries)


def recount(dataset: Dataset, period: Period) -> pd.DataFrame:
    """Return line, count and total of each line item, in one pass over the ledger.

    Unlike `ledger_sums`, this sums entry by entry, not by account and kind.
    """
    require_ledger(dataset)
    columns, values = [], []
    for name, line in LINE_ITEMS.items():
        where, parameters = _where(line, period)
        column = "money_cents" if line.money else "amount"
        columns += [
            f"count(*) FILTER (WHERE {where}) AS n_{name}",
            f"coalesce({line.sign} * sum({column}) FILTER (WHERE {where}), 0)::BIGINT AS {name}",
        ]
        values += [*parameters, *parameters]
    sums = dataset.query(f"SELECT {', '.join(columns)} FROM token_ledger", *values).iloc[0]  # noqa: S608 - our words
    rows = [(name, int(sums[f"n_{name}"]), int(sums[name])) for name in LINE_ITEMS]
    return pd.DataFrame(rows, columns=["line", "count", "total"])


def _where(line: LineItem, period: Period) -> tuple[str, list[object]]:
    """Return the SQL condition of a line item's entries, without text of users, and its values."""
    parts, values = [_among("account_kind", line.accounts)], [*line.accounts]
    if line.kinds:
        parts.append(_among("kind", line.kinds))
        values += line.kinds
    if not line.stock:
        parts.append("occurred_at >= ?")
    moments = [period.end] if line.stock else [period.start, period.end]
    return " AND ".join([*parts, "occurred_at < ?"]), [*values, *moments]


def _among(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join('?' * len(values))})"
