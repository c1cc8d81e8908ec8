"""The numbers that the ledger knows to the unit: each is a signed sum over entries that can be named.

A line names the entries by account and kind. From it come the figure of the page, the entries behind the figure, and
the proof that the two agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from edtech.data import Dataset
from edtech.economy.period import LEDGER, Period
from edtech.errors import DataError

MOST_ENTRIES = 1_000


@dataclass(frozen=True, slots=True)
class Line:
    """A sum over entries: `sign` times their amount, or their money. No kinds means all.

    A stock sums all entries up to the end of a period, a flow those within it.
    """

    accounts: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    sign: int = 1
    stock: bool = False
    money: bool = False

    def takes(self, account: str, kind: str) -> bool:
        """Whether an entry of this account and kind is counted."""
        return account in self.accounts and (not self.kinds or kind in self.kinds)


LINES: dict[str, Line] = {
    "circulating_supply": Line(("learner", "teacher"), stock=True),
    "learner_balance": Line(("learner",), stock=True),
    "teacher_balance": Line(("teacher",), stock=True),
    "treasury": Line(("treasury",), stock=True),
    "issued": Line(("mint",), sign=-1),
    "minted_purchase": Line(("mint",), ("purchase",), -1),
    "minted_bonus": Line(("mint",), ("bonus",), -1),
    "minted_refund": Line(("mint",), ("refund",), -1),
    "taken_out": Line(("burn",)),
    "burned": Line(("burn",), ("spend",)),
    "expired": Line(("burn",), ("expiry",)),
    "paid_out": Line(("burn",), ("payout",)),
    "spent": Line(("learner",), ("spend",), -1),
    "refunded": Line(("learner",), ("refund",)),
    "teacher_earnings": Line(("teacher",), ("spend", "clawback")),
    "commission": Line(("treasury",)),
    "money_in": Line(("learner",), ("purchase",), money=True),
    "money_out": Line(("teacher",), ("payout",), -1, money=True),
}
"""Sums in 1/100 token, or in cents of money."""


@dataclass(frozen=True, slots=True, eq=False)
class LedgerSums:
    """Sums of the ledger by account and kind, in 1/100 token and cents, of a period and up to its end.

    `frame`: account_kind, kind, within, until, money_within, money_until, all integers.
    """

    period: Period
    frame: pd.DataFrame

    def line(self, name: str, *, until: bool | None = None) -> int:
        """Return a line's sum; a flow is that of the period, and with `until` all there was up to its end."""
        line = LINES[name]
        column = ("money_" if line.money else "") + ("until" if (line.stock if until is None else until) else "within")
        rows = zip(self.frame["account_kind"], self.frame["kind"], self.frame[column], strict=True)
        return line.sign * sum(int(value) for account, kind, value in rows if line.takes(account, kind))

    @property
    def lines(self) -> Mapping[str, int]:
        """All lines by name."""
        return {name: self.line(name) for name in LINES}


def needs_ledger(dataset: Dataset) -> None:
    """Raise DataError where a data set has no ledger."""
    if LEDGER not in dataset.tables:
        raise DataError(
            "The data set has no token ledger",
            expected="a table token_ledger, as generated markets have",
            actual=", ".join(dataset.tables),
            where=dataset.name,
            fix="choose a generated market, or look at the figures that need no ledger",
        )


def ledger_sums(dataset: Dataset, period: Period) -> LedgerSums:
    """Return the ledger's sums by account and kind, from one aggregate query. Raises DataError without a ledger."""
    needs_ledger(dataset)
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
class Entries:
    """The entries behind a line: how many, what they sum to (of all, not of those shown), and the newest of them."""

    line: str
    count: int
    total: int
    table: pd.DataFrame


def entries_behind(dataset: Dataset, name: str, period: Period, most: int = MOST_ENTRIES) -> Entries:
    """Return the ledger's entries behind a line of `LINES`, the newest `most` of them as rows.

    Raises DataError for another name and without a ledger.
    """
    needs_ledger(dataset)
    if name not in LINES:
        raise DataError("There are no entries behind this", expected=", ".join(LINES), actual=repr(name)[:80])
    where, values = _where(LINES[name], period)
    column = "money_cents" if LINES[name].money else "amount"
    sums = dataset.query(
        f"SELECT count(*) AS n, coalesce(sum({column}), 0)::BIGINT AS total FROM token_ledger WHERE {where}",  # noqa: S608
        *values,
    )
    entries = dataset.query(
        f"SELECT * FROM token_ledger WHERE {where} ORDER BY occurred_at DESC, entry_id DESC LIMIT ?",  # noqa: S608
        *values,
        most,
    )
    return Entries(name, int(sums["n"].iloc[0]), LINES[name].sign * int(sums["total"].iloc[0]), entries)


def recounted(dataset: Dataset, period: Period) -> pd.DataFrame:
    """Return for each line, by the condition that names its entries: line, count, total. One pass over the ledger.

    This is another way to the same numbers than `ledger_sums`: entry by entry, not by account and kind.
    """
    needs_ledger(dataset)
    columns, values = [], []
    for name, line in LINES.items():
        where, parameters = _where(line, period)
        column = "money_cents" if line.money else "amount"
        columns += [
            f"count(*) FILTER (WHERE {where}) AS n_{name}",
            f"coalesce({line.sign} * sum({column}) FILTER (WHERE {where}), 0)::BIGINT AS {name}",
        ]
        values += [*parameters, *parameters]
    sums = dataset.query(f"SELECT {', '.join(columns)} FROM token_ledger", *values).iloc[0]  # noqa: S608 - our words
    rows = [(name, int(sums[f"n_{name}"]), int(sums[name])) for name in LINES]
    return pd.DataFrame(rows, columns=["line", "count", "total"])


def _where(line: Line, period: Period) -> tuple[str, list[object]]:
    """Return the condition that a line's entries keep, our own words only, and its values."""
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
