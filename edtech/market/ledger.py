"""The double-entry token ledger: every transaction moves integer units between accounts and sums to zero.

    purchase, bonus   mint -> learner                      (a purchase has money)
    spend             learner -> teacher, treasury, burn
    refund            mint, treasury, teacher -> learner   (the teacher's part is called clawback)
    expiry            learner -> burn
    payout            teacher -> burn                      (has money)

So issued - burned - expired - paid out = circulating + treasury at every moment, where issued is what left the mint and
circulating is held by learners and teachers. Learners buy whole packs exactly when a balance would not do, so nobody is
kept from a choice by a balance. The token starts with the market: who joined before gets the welcome bonus on day one.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from edtech.market.demand import WEEK_SECONDS, Learners, moment
from edtech.market.outcomes import DAY_SECONDS, Outcomes, split, tokens
from edtech.market.params import MarketParams
from edtech.market.supply import Supply, names, text
from edtech.tables.arrays import Ints
from edtech.tables.tokens import UNITS_PER_TOKEN

KINDS = ("bonus", "refund", "purchase", "spend", "expiry", "payout", "clawback")
BONUS, REFUND, PURCHASE, SPEND, EXPIRY, PAYOUT, CLAWBACK = range(len(KINDS))
ACCOUNTS = ("learner", "teacher", "treasury", "mint", "burn")
LEARNER, TEACHER, TREASURY, MINT, BURN = range(len(ACCOUNTS))


@dataclass(frozen=True, slots=True)
class Transactions:
    """N transactions as arrays (N,): kind code, second from the start, what each account gains (N, 5), and whose."""

    kind: Ints
    second: Ints
    legs: Ints
    learner: Ints
    teacher: Ints
    enrollment: Ints  # position, -1 for none


def learner_transactions(params: MarketParams, supply: Supply, learners: Learners, done: Outcomes) -> Transactions:
    """Return all transactions of a shard's learners, in order of time, the learner's gains before the spending."""
    given = _given(params, learners, done)
    bought = _balance(params, given)
    kind, second, learner, amount, enrollment = np.concatenate([given, bought], axis=1)
    order = np.lexsort((kind, second))
    kind, second, learner, amount, enrollment = (x[order] for x in (kind, second, learner, amount, enrollment))
    legs = np.zeros((kind.size, len(ACCOUNTS)), dtype=np.int64)
    legs[:, LEARNER] = amount
    minted = (kind == BONUS) | (kind == PURCHASE)
    legs[minted, MINT] = -amount[minted]
    legs[kind == EXPIRY, BURN] = -amount[kind == EXPIRY]
    for which, source in ((SPEND, BURN), (REFUND, MINT)):
        rows = np.flatnonzero(kind == which)
        parts = split(params, np.abs(amount[rows]))
        for account, part in zip((TEACHER, TREASURY, source), parts, strict=True):
            legs[rows, account] = -np.sign(amount[rows]) * part
    teacher = np.where(enrollment >= 0, supply.teacher[done.course[enrollment]] if done.course.size else -1, -1)
    return Transactions(kind, second, legs, learner, teacher, enrollment)


def _given(params: MarketParams, learners: Learners, done: Outcomes) -> Ints:
    """Return what happens whatever the balance, as rows kind, second, learner, amount, enrollment: (5, N)."""
    people, all_done = np.arange(learners.ability.size), np.arange(done.learner.size)
    finished, refunded = np.flatnonzero(done.completed >= 0), np.flatnonzero(done.refunded >= 0)
    join = np.maximum(learners.joined_day, 0) * DAY_SECONDS
    events = [
        _rows(SPEND, done.enrolled, done.learner, -done.units, all_done),
        _rows(REFUND, done.refunded[refunded], done.learner[refunded], done.units[refunded], refunded),
    ]
    if params.welcome_tokens:
        events.append(_rows(BONUS, join, people, tokens(params.welcome_tokens), -1))
    if params.completion_tokens:
        at, who = done.completed[finished], done.learner[finished]
        events.append(_rows(BONUS, at, who, tokens(params.completion_tokens), finished))
    return np.concatenate(events, axis=1)


def _balance(params: MarketParams, given: Ints) -> Ints:
    """Return the purchases and expiries that the given events call for, as the same rows (5, M).

    Events of a learner without a pause longer than the expiry form a spell, which starts with nothing. Within it the
    packs bought so far are the running maximum of what the balance lacked.
    """
    _, second, learner, amount, _ = given = given[:, np.lexsort((given[0], given[1], given[2]))]
    if second.size == 0:
        return given
    pause = params.expiry_weeks * WEEK_SECONDS
    starts = np.r_[True, (learner[1:] != learner[:-1]) | (np.diff(second) > pause)]
    spell = np.cumsum(starts) - 1
    first, last = np.flatnonzero(starts), np.flatnonzero(np.r_[starts[1:], True])
    total = np.cumsum(amount)
    held = total - (total[first] - amount[first])[spell]
    pack = tokens(params.pack_tokens)
    lacking = -(np.minimum(held, 0) // pack) * pack
    offset = spell * (lacking.max() + 1)
    supplied = np.maximum.accumulate(lacking + offset) - offset
    bought = supplied - np.where(starts, 0, np.r_[0, supplied[:-1]])
    at = np.flatnonzero(bought)
    left = (held + supplied)[last]
    lapsed = (left > 0) & (second[last] + pause < params.weeks * WEEK_SECONDS)
    end = last[lapsed]
    purchases = _rows(PURCHASE, second[at], learner[at], bought[at], -1)
    return np.concatenate([purchases, _rows(EXPIRY, second[end] + pause, learner[end], -left[lapsed], -1)], axis=1)


def _rows(kind: int, second: Ints, learner: Ints, amount: Ints | int, enrollment: Ints | int) -> Ints:
    """Return events as an array (5, N)."""
    return np.stack(np.broadcast_arrays(kind, second, learner, amount, enrollment)).astype(np.int64)


def matured(params: MarketParams, supply: Supply, done: Outcomes) -> Ints:
    """Return the units (T, K) that each teacher may first be paid on the k-th payout: out of refund time by then."""
    period = params.payout_weeks * WEEK_SECONDS
    count = (params.weeks - 1) // params.payout_weeks
    payout = -(-(done.enrolled + params.refund_days * DAY_SECONDS) // period) - 1
    due = (done.refunded < 0) & (payout < count)
    teacher = supply.teacher[done.course[due]]
    earned = np.zeros((params.teachers, count), dtype=np.int64)
    np.add.at(earned, (teacher, payout[due]), split(params, done.units[due])[0])
    return earned


def payouts(params: MarketParams, earned: Ints) -> Transactions:
    """Return the payouts from the matured units (T, K): all that is due, once it reaches the minimum."""
    due = np.zeros(len(earned), dtype=np.int64)
    paid = np.zeros_like(earned)
    for date, more in enumerate(earned.T):
        due += more
        pay = (due > 0) & (due >= tokens(params.payout_minimum))
        paid[pay, date] = due[pay]
        due[pay] = 0
    number, teacher = (found.astype(np.int64) for found in np.nonzero(paid.T))
    amount = paid[teacher, number]
    legs = np.zeros((amount.size, len(ACCOUNTS)), dtype=np.int64)
    legs[:, TEACHER], legs[:, BURN] = -amount, amount
    nobody = np.full_like(amount, -1)
    second = (number + 1) * params.payout_weeks * WEEK_SECONDS
    return Transactions(np.full_like(amount, PAYOUT), second, legs, nobody, teacher, nobody)


def ledger_table(params: MarketParams, moves: Transactions, first_id: int, people: range) -> pd.DataFrame:
    """Return `token_ledger`, an entry for each account that a transaction moves; `people` are the learners' numbers."""
    row, account = np.nonzero(moves.legs)
    kind, amount = moves.kind[row], moves.legs[row, account]
    own = pd.Series(ACCOUNTS[TREASURY:], dtype="str")
    learners, teachers = names("L", params.learners, people), names("T", params.teachers)
    known = pd.concat([own, pd.Series(learners), pd.Series(teachers)]).array
    position = np.select(
        [account == LEARNER, account == TEACHER],
        [len(own) + moves.learner[row], len(own) + len(people) + moves.teacher[row]],
        account - TREASURY,
    )
    paid = ((kind == PURCHASE) & (account == LEARNER)) | ((kind == PAYOUT) & (account == TEACHER))
    money = np.sign(amount) * (np.abs(amount) * params.token_cents // UNITS_PER_TOKEN)
    enrollment = moves.enrollment[row]
    return pd.DataFrame(
        {
            "entry_id": first_id + np.arange(row.size),
            "transaction_id": first_id + row,
            "occurred_at": moment(moves.second[row]),
            "account_kind": text(account, ACCOUNTS),
            "account_id": known.take(position),
            "kind": text(np.where((kind == REFUND) & (account == TEACHER), CLAWBACK, kind), KINDS),
            "amount": amount,
            "money_cents": np.where(paid, money, 0),
            "enrollment_id": pd.arrays.IntegerArray(first_id + enrollment, enrollment < 0),
        }
    )
