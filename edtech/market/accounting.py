"""Check the accounting identities of a generated market on its tables, in memory or stored."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from edtech.market.platform import daily_flows, platform_table
from edtech.tables.tokens import UNITS_PER_TOKEN

Frames = Mapping[str, pd.DataFrame]
VIEW_COLUMNS = {"views": ["visit_id", "learner_id", "course_id", "viewed_at", "enrolled"]}
"""The columns that the checks need of the longest table."""


def broken_identities(tables: Frames) -> list[str]:
    """Return one sentence for each violated identity, with the number of rows that violate it.

    The tables must satisfy their contracts (`edtech.tables.market`).
    """
    broken = []
    for sentence, count in ((check.__doc__, check(tables)) for check in CHECKS):
        if count:
            broken.append(f"{sentence} Broken: {count}.")
    return broken


def _counts(tables: Frames) -> int:
    """A course-week's enrollments and views are the counts of their rows."""
    panel = tables["course_weeks"].set_index(["course_id", "week"])
    wrong = 0
    for column, table, time in (("enrollments", "enrollments", "enrolled_at"), ("views", "views", "viewed_at")):
        rows = tables[table]
        week = (rows[time] - pd.to_timedelta(rows[time].dt.day_of_week, unit="D")).dt.normalize()
        counts = rows.groupby(["course_id", week.rename("week")]).size()
        wrong += int((panel[column].sub(counts, fill_value=0) != 0).sum())
    return wrong


def _choices(tables: Frames) -> int:
    """A visit takes at most one course, and enrollments are the views marked as enrolled."""
    taken = tables["views"].loc[tables["views"]["enrolled"]]
    pairs = ["learner_id", "course_id"]
    marked, enrolled = taken.groupby(pairs).size(), tables["enrollments"].groupby(pairs).size()
    return int(taken["visit_id"].duplicated().sum() + (marked.sub(enrolled, fill_value=0) != 0).sum())


def _parts(tables: Frames) -> int:
    """The tokens spent equal the price paid and the sum of teacher earnings, commission and burned tokens."""
    rows = tables["enrollments"]
    parts = rows["teacher_tokens"] + rows["commission_tokens"] + rows["burned_tokens"]
    paid = np.rint(rows["token_price"] * UNITS_PER_TOKEN)
    return int(((parts != rows["tokens_spent"]) | (paid != rows["tokens_spent"])).sum())


def _prices(tables: Frames) -> int:
    """The token price is the list price less the discount, rounded to 1/100 token and at least that."""
    rows = tables["course_weeks"]
    exact = rows["list_price"] * (1 - rows["discount_pct"])
    return int(
        ((rows["token_price"] - exact.clip(lower=1 / UNITS_PER_TOKEN)).abs() > 0.5 / UNITS_PER_TOKEN + 1e-9).sum()
    )


def _spends(tables: Frames) -> int:
    """The ledger's spends are the tokens spent of each enrollment."""
    return _entries(tables, "learner", "spend", "tokens_spent", -1) + _entries(
        tables, "teacher", "spend", "teacher_tokens", 1
    )


def _refunds(tables: Frames) -> int:
    """A refund undoes all parts of its enrollment."""
    rows = tables["enrollments"]
    refunded = rows[rows["refunded"]]
    legs = [
        ("learner", "refund", "tokens_spent", 1),
        ("teacher", "clawback", "teacher_tokens", -1),
        ("treasury", "refund", "commission_tokens", -1),
        ("mint", "refund", "burned_tokens", -1),
    ]
    return sum(_entries({**tables, "enrollments": refunded}, *leg) for leg in legs)


def _entries(tables: Frames, account: str, kind: str, column: str, sign: int) -> int:
    ledger = tables["token_ledger"]
    legs = ledger[(ledger["account_kind"] == account) & (ledger["kind"] == kind)]
    amount = legs.set_index(legs["enrollment_id"].astype("int64"))["amount"] * sign
    owed = tables["enrollments"].set_index("enrollment_id")[column]
    return int((owed.sub(amount, fill_value=0) != 0).sum() + amount.index.duplicated().sum())


def _zero_sums(tables: Frames) -> int:
    """The entries of a transaction sum to zero."""
    ledger = tables["token_ledger"]
    return int((ledger.groupby("transaction_id")["amount"].sum() != 0).sum())


def _balances(tables: Frames) -> int:
    """No balance of a learner, a teacher or the treasury is ever negative."""
    ledger = tables["token_ledger"]
    holders = ledger[ledger["account_kind"].isin(["learner", "teacher", "treasury"])]
    in_time = holders.sort_values(["occurred_at", "entry_id"], kind="stable")
    return int((in_time.groupby("account_id")["amount"].cumsum() < 0).sum())


def _supply(tables: Frames) -> int:
    """Issued - burned - expired - paid out = circulating + treasury at the end of every day."""
    days = tables["platform_metrics"]
    gone = days[["burned", "expired", "paid_out"]].sum(axis=1)
    held = days["circulating_supply"] + days["treasury"]
    return int(((days["issued"] - gone).cumsum() != held).sum())


def _derived(tables: Frames) -> int:
    """The platform metrics are those of the ledger, the enrollments and the views."""
    stored = tables["platform_metrics"]
    flows = daily_flows(
        len(stored) // 7, tables["token_ledger"], tables["enrollments"], tables["views"], tables["learners"]
    )
    return int((platform_table(flows)[list(stored.columns)] != stored).to_numpy().sum())


def _times(tables: Frames) -> int:
    """Nobody enrolls before joining or publication, nor completes or gets a refund before enrolling, nor both."""
    rows = tables["enrollments"]
    joined = rows["learner_id"].map(tables["learners"].set_index("learner_id")["joined_on"])
    published = rows["course_id"].map(tables["courses"].set_index("course_id")["published_on"])
    early = (rows["enrolled_at"] < joined) | (rows["enrolled_at"] < published)
    early |= (rows["completed_at"] < rows["enrolled_at"]) | (rows["refunded_at"] < rows["enrolled_at"])
    both = rows["completed"] & rows["refunded"]
    return int((early | both | joined.isna() | published.isna()).sum())


CHECKS: tuple[Callable[[Frames], int], ...] = (
    _counts,
    _choices,
    _parts,
    _prices,
    _spends,
    _refunds,
    _zero_sums,
    _balances,
    _supply,
    _derived,
    _times,
)
