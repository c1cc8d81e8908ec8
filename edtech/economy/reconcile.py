"""Reconciliation of the figures with the ledger: identities between integers, without tolerance."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from edtech.data import Dataset
from edtech.economy.line_items import LedgerSums, ledger_sums, recount
from edtech.economy.period import Period
from edtech.economy.series import concentration, daily_balances

_FLOWS = {
    "issued": "issued",
    "purchased": "minted_purchase",
    "bonuses": "minted_bonus",
    "spent": "spent",
    "refunded": "refunded",
    "teacher_earnings": "teacher_earnings",
    "commission": "commission",
    "burned": "burned",
    "expired": "expired",
    "paid_out": "paid_out",
    "money_in_cents": "money_in",
    "money_out_cents": "money_out",
}
_BALANCES = {
    "learner_balance": "learner_balance",
    "teacher_balance": "teacher_balance",
    "circulating_supply": "circulating_supply",
    "treasury": "treasury",
}
"""Columns of platform_metrics and the line items they must equal: summed over the days, or on the last day."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Two integers that must be equal, in 1/100 token, cents, or a count."""

    title: str
    left: int
    right: int

    @property
    def holds(self) -> bool:
        """Whether they are equal."""
        return self.left == self.right


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """All identities of a period."""

    identities: tuple[Identity, ...]

    @property
    def broken(self) -> tuple[Identity, ...]:
        """The identities that do not hold."""
        return tuple(item for item in self.identities if not item.holds)

    @property
    def table(self) -> pd.DataFrame:
        """One row per identity: identity, left, right, difference."""
        rows = [(item.title, item.left, item.right, item.left - item.right) for item in self.identities]
        return pd.DataFrame(rows, columns=["identity", "left", "right", "difference"])


def reconcile(dataset: Dataset, period: Period) -> Reconciliation:
    """Return the identities that tie the figures of a period to the ledger. Raises DataError without a ledger."""
    sums = ledger_sums(dataset, period)
    return Reconciliation(
        (*_supply(sums), *_transactions(dataset, period), *_derived(dataset, sums), *_recomputed(dataset, sums))
    )


def _supply(sums: LedgerSums) -> Iterator[Identity]:
    """Issued minus taken out equals the balances: since the start, and within the period."""

    def until(name: str) -> int:
        return sums.total(name, until=True)

    gone = until("burned") + until("expired") + until("paid_out")
    held = until("circulating_supply") + until("treasury")
    yield Identity(
        "issued - burned - expired - paid out = circulating + treasury, since the start", until("issued") - gone, held
    )
    gone = sums.total("burned") + sums.total("expired") + sums.total("paid_out")
    moved = sums.total("circulating_supply", until=False) + sums.total("treasury", until=False)
    yield Identity("the same within the range = the change of balances", sums.total("issued") - gone, moved)
    yield Identity("burned + expired + paid out = all that was taken out", gone, sums.total("taken_out"))
    yield Identity(
        "spent - refunded + minted for refunds - burned = teachers' earnings + commission",
        sums.total("spent") - sums.total("refunded") + sums.total("minted_refund") - sums.total("burned"),
        sums.total("teacher_earnings") + sums.total("commission"),
    )


def _transactions(dataset: Dataset, period: Period) -> Iterator[Identity]:
    """Every transaction sums to zero, and no account is overdrawn at the end."""
    open_ = dataset.query(
        """SELECT count(*) AS n FROM (SELECT transaction_id FROM token_ledger
           WHERE occurred_at >= ? AND occurred_at < ? GROUP BY 1 HAVING sum(amount) <> 0)""",
        period.start,
        period.end,
    )
    yield Identity("transactions of the range whose entries do not sum to zero", int(open_["n"].iloc[0]), 0)
    overdrawn = dataset.query(
        """SELECT count(*) AS n FROM (SELECT account_id FROM token_ledger
           WHERE account_kind IN ('learner', 'teacher', 'treasury') AND occurred_at < ? GROUP BY 1
           HAVING sum(amount) < 0)""",
        period.end,
    )
    yield Identity(
        "accounts of learners, teachers and the treasury below zero at the end", int(overdrawn["n"].iloc[0]), 0
    )


def _derived(dataset: Dataset, sums: LedgerSums) -> Iterator[Identity]:
    """The stored daily metrics equal those of the ledger."""
    if "platform_metrics" not in dataset.tables:
        return
    columns = [f"sum({name})::BIGINT AS {name}" for name in _FLOWS]
    columns += [f"arg_max({name}, day)::BIGINT AS {name}" for name in _BALANCES]
    stored = dataset.query(
        f"SELECT {', '.join(columns)} FROM platform_metrics WHERE day >= ? AND day < ?",  # noqa: S608 - names of ours
        sums.period.start,
        sums.period.end,
    ).iloc[0]
    for name, line in (_FLOWS | _BALANCES).items():
        yield Identity(f"platform_metrics.{name} = the ledger's {_readable(line)}", int(stored[name]), sums.total(line))


def _recomputed(dataset: Dataset, sums: LedgerSums) -> Iterator[Identity]:
    """Each figure is the sum of its entries, and equals other ways to compute it."""
    differences = recount(dataset, sums.period)
    for name, count, total in differences.itertuples(index=False):
        yield Identity(f"{_readable(name)} = the sum of its {count:,} entries", sums.total(name), total)
    last = daily_balances(dataset, sums.period).iloc[-1]
    yield Identity(
        "circulating supply = learners' and teachers' balances on the last day",
        sums.total("circulating_supply"),
        int(last["learners"] + last["teachers"]),
    )
    yield Identity(
        "learner balance = the sum of all learners' balances",
        sums.total("learner_balance"),
        concentration(dataset, sums.period).tokens,
    )


def _readable(line: str) -> str:
    return line.replace("_", " ")
