"""The double-entry token ledger: every transaction moves integer units between accounts and sums to zero.

    purchase, bonus   mint -> learner                      (a purchase has money)
    spend             learner -> teacher, treasury, burn
    refund            mint, treasury, teacher -> learner   (the teacher's share is called clawback)
    expiry            learner -> burn
    payout            teacher -> burn                      (has money)

So issued - burned - expired - paid out = circulating + treasury at every moment. Issued is the
outflow of the mint; circulating is held by learners and teachers. Learners buy whole packs when their balance is too
low, so a balance never prevents a choice. Learners who joined before the market's start get the welcome bonus on day 1.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from edtech.market.demand import WEEK_SECONDS, Learners, to_timestamps
from edtech.market.outcomes import DAY_SECONDS, Outcomes, split_payment, to_units
from edtech.market.params import MarketParams
from edtech.market.supply import Supply, decode, make_ids
from edtech.tables.arrays import Ints
from edtech.tables.tokens import UNITS_PER_TOKEN

KINDS = ("bonus", "refund", "purchase", "spend", "expiry", "payout", "clawback")
BONUS, REFUND, PURCHASE, SPEND, EXPIRY, PAYOUT, CLAWBACK = range(len(KINDS))
ACCOUNTS = ("learner", "teacher", "treasury", "mint", "burn")
LEARNER, TEACHER, TREASURY, MINT, BURN = range(len(ACCOUNTS))


@dataclass(frozen=True, slots=True)
class Transactions:
    """N transactions as arrays (N,): kind code, second from the start, gain of each account (N, 5), and holders."""

    kind: Ints
    second: Ints
    legs: Ints
    learner: Ints
    teacher: Ints
    enrollment: Ints  # index, -1 for none


def learner_transactions(params: MarketParams, supply: Supply, learners: Learners, outcomes: Outcomes) -> Transactions:
    """Return all transactions of a shard's learners, in order of time; gains precede spending at the same second."""
    fixed = _fixed_events(params, learners, outcomes)
    balance_events = _balance_events(params, fixed)
    kind, second, learner, amount, enrollment = np.concatenate([fixed, balance_events], axis=1)
    order = np.lexsort((kind, second))
    kind, second, learner, amount, enrollment = (x[order] for x in (kind, second, learner, amount, enrollment))
    legs = np.zeros((kind.size, len(ACCOUNTS)), dtype=np.int64)
    legs[:, LEARNER] = amount
    minted = (kind == BONUS) | (kind == PURCHASE)
    legs[minted, MINT] = -amount[minted]
    legs[kind == EXPIRY, BURN] = -amount[kind == EXPIRY]
    for kind_code, source in ((SPEND, BURN), (REFUND, MINT)):
        rows = np.flatnonzero(kind == kind_code)
        shares = split_payment(params, np.abs(amount[rows]))
        for account, share in zip((TEACHER, TREASURY, source), shares, strict=True):
            legs[rows, account] = -np.sign(amount[rows]) * share
    teacher = np.where(enrollment >= 0, supply.teacher[outcomes.course[enrollment]] if outcomes.course.size else -1, -1)
    return Transactions(kind, second, legs, learner, teacher, enrollment)


def _fixed_events(params: MarketParams, learners: Learners, outcomes: Outcomes) -> Ints:
    """Return the events that do not depend on balances, as rows kind, second, learner, amount, enrollment: (5, N)."""
    all_learners, all_enrollments = np.arange(learners.ability.size), np.arange(outcomes.learner.size)
    completed, refunded = np.flatnonzero(outcomes.completed >= 0), np.flatnonzero(outcomes.refunded >= 0)
    join = np.maximum(learners.joined_day, 0) * DAY_SECONDS
    events = [
        _rows(SPEND, outcomes.enrolled, outcomes.learner, -outcomes.units, all_enrollments),
        _rows(REFUND, outcomes.refunded[refunded], outcomes.learner[refunded], outcomes.units[refunded], refunded),
    ]
    if params.welcome_tokens:
        events.append(_rows(BONUS, join, all_learners, to_units(params.welcome_tokens), -1))
    if params.completion_tokens:
        completed_at, learner = outcomes.completed[completed], outcomes.learner[completed]
        events.append(_rows(BONUS, completed_at, learner, to_units(params.completion_tokens), completed))
    return np.concatenate(events, axis=1)


def _balance_events(params: MarketParams, events: Ints) -> Ints:
    """Return the purchases and expiries that follow from the fixed events, in the same rows (5, M).

    Events of a learner without a pause longer than the expiry form a spell, which starts at a balance of 0. Within a
    spell, the packs bought so far are the running maximum of the shortfall.
    """
    _, second, learner, amount, _ = events = events[:, np.lexsort((events[0], events[1], events[2]))]
    if second.size == 0:
        return events
    pause = params.expiry_weeks * WEEK_SECONDS
    starts = np.r_[True, (learner[1:] != learner[:-1]) | (np.diff(second) > pause)]
    spell = np.cumsum(starts) - 1
    first, last = np.flatnonzero(starts), np.flatnonzero(np.r_[starts[1:], True])
    total = np.cumsum(amount)
    balance = total - (total[first] - amount[first])[spell]
    pack = to_units(params.pack_tokens)
    shortfall = -(np.minimum(balance, 0) // pack) * pack
    offset = spell * (shortfall.max() + 1)
    supplied = np.maximum.accumulate(shortfall + offset) - offset
    purchased = supplied - np.where(starts, 0, np.r_[0, supplied[:-1]])
    index = np.flatnonzero(purchased)
    remaining = (balance + supplied)[last]
    lapsed = (remaining > 0) & (second[last] + pause < params.weeks * WEEK_SECONDS)
    end = last[lapsed]
    purchases = _rows(PURCHASE, second[index], learner[index], purchased[index], -1)
    return np.concatenate([purchases, _rows(EXPIRY, second[end] + pause, learner[end], -remaining[lapsed], -1)], axis=1)


def _rows(kind: int, second: Ints, learner: Ints, amount: Ints | int, enrollment: Ints | int) -> Ints:
    """Return events as an array (5, N)."""
    return np.stack(np.broadcast_arrays(kind, second, learner, amount, enrollment)).astype(np.int64)


def matured_earnings(params: MarketParams, supply: Supply, outcomes: Outcomes) -> Ints:
    """Return the units (T, K) that become payable to each teacher at the k-th payout: after the refund period."""
    period = params.payout_weeks * WEEK_SECONDS
    count = (params.weeks - 1) // params.payout_weeks
    payout = -(-(outcomes.enrolled + params.refund_days * DAY_SECONDS) // period) - 1
    due = (outcomes.refunded < 0) & (payout < count)
    teacher = supply.teacher[outcomes.course[due]]
    earned = np.zeros((params.teachers, count), dtype=np.int64)
    np.add.at(earned, (teacher, payout[due]), split_payment(params, outcomes.units[due])[0])
    return earned


def payouts(params: MarketParams, earned: Ints) -> Transactions:
    """Return the payouts from the matured units (T, K): the whole amount due, once it reaches the minimum."""
    due = np.zeros(len(earned), dtype=np.int64)
    paid = np.zeros_like(earned)
    for date, more in enumerate(earned.T):
        due += more
        pay = (due > 0) & (due >= to_units(params.payout_minimum))
        paid[pay, date] = due[pay]
        due[pay] = 0
    number, teacher = (indices.astype(np.int64) for indices in np.nonzero(paid.T))
    amount = paid[teacher, number]
    legs = np.zeros((amount.size, len(ACCOUNTS)), dtype=np.int64)
    legs[:, TEACHER], legs[:, BURN] = -amount, amount
    nobody = np.full_like(amount, -1)
    second = (number + 1) * params.payout_weeks * WEEK_SECONDS
    return Transactions(np.full_like(amount, PAYOUT), second, legs, nobody, teacher, nobody)


def ledger_table(
    params: MarketParams, transactions: Transactions, first_id: int, learner_numbers: range
) -> pd.DataFrame:
    """Return `token_ledger`, one entry per transaction and account."""
    row, account = np.nonzero(transactions.legs)
    kind, amount = transactions.kind[row], transactions.legs[row, account]
    own = pd.Series(ACCOUNTS[TREASURY:], dtype="str")
    learners, teachers = make_ids("L", params.learners, learner_numbers), make_ids("T", params.teachers)
    account_ids = pd.concat([own, pd.Series(learners), pd.Series(teachers)]).array
    position = np.select(
        [account == LEARNER, account == TEACHER],
        [len(own) + transactions.learner[row], len(own) + len(learner_numbers) + transactions.teacher[row]],
        account - TREASURY,
    )
    paid = ((kind == PURCHASE) & (account == LEARNER)) | ((kind == PAYOUT) & (account == TEACHER))
    money = np.sign(amount) * (np.abs(amount) * params.token_cents // UNITS_PER_TOKEN)
    enrollment = transactions.enrollment[row]
    return pd.DataFrame(
        {
            "entry_id": first_id + np.arange(row.size),
            "transaction_id": first_id + row,
            "occurred_at": to_timestamps(transactions.second[row]),
            "account_kind": decode(account, ACCOUNTS),
            "account_id": account_ids.take(position),
            "kind": decode(np.where((kind == REFUND) & (account == TEACHER), CLAWBACK, kind), KINDS),
            "amount": amount,
            "money_cents": np.where(paid, money, 0),
            "enrollment_id": pd.arrays.IntegerArray(first_id + enrollment, enrollment < 0),
        }
    )
