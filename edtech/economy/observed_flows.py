"""The flows of a ledger by week, from which a forecast starts."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from edtech.data import Dataset
from edtech.economy.line_items import LINE_ITEMS, require_ledger
from edtech.economy.period import Period, whole_period
from edtech.errors import PricingError
from edtech.tables.arrays import Floats

WEEK = 7 * 86_400
MIN_WEEKS = 8
RECENT_PAYOUTS = 6  # payouts that a forecast draws from
NEVER = 260


@dataclass(frozen=True, slots=True, eq=False)
class Payouts:
    """Payouts to teachers: their interval in days, the days until the next, and the paid shares of balances (p,).

    `every` is None with fewer than two observed payouts: then none is forecast.
    """

    every: int | None
    days_ahead: int
    shares: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Dormancy:
    """Learners' balances by whole weeks since the account last moved, (a,), in 1/100 token.

    `held` sums the balances, `squares` their squares, for the variance between accounts. `moves` is the probability
    that an account idle for so long moves within a week, from all pauses so far (Kaplan and Meier 1958).
    `expires_after` is the number of weeks after which balances expired, None if none did.
    """

    held: Floats
    squares: Floats
    moves: Floats
    expires_after: int | None


@dataclass(frozen=True, slots=True, eq=False)
class ObservedFlows:
    """The ledger's flows by whole weeks that end with the data, oldest first, and the balances, in 1/100 token.

    `weekly` has spent, minted_purchase, minted_bonus, minted_refund, refunded, expired, paid_out. `commission_rate` and
    `burn_rate` are shares of what was spent; `bonus_to_buyers` the share of bonuses given to learners who also bought;
    `expiry_weeks` the rule of a generated market, else the one that the ledger shows, else `NEVER`.
    """

    end: datetime
    weekly: pd.DataFrame
    learners: int
    teachers: int
    treasury: int
    commission_rate: float
    burn_rate: float
    bonus_to_buyers: float
    expiry_weeks: int
    payouts: Payouts
    dormancy: Dormancy


def observe_flows(dataset: Dataset) -> ObservedFlows:
    """Return the observed flows of the ledger.

    Raises DataError without a ledger, PricingError with fewer than `FEWEST_WEEKS` whole weeks or none with a sale.
    """
    require_ledger(dataset)
    period = whole_period(dataset)
    weeks = 0 if period is None else period.days // 7
    if period is None or weeks < MIN_WEEKS:
        raise PricingError(
            "The data set is too short for a forecast",
            expected=f"at least {MIN_WEEKS} whole weeks",
            actual=f"{weeks} weeks",
            where=dataset.name,
            fix="choose a longer data set",
        )
    blocks = _blocks(dataset, period)
    held = blocks.groupby("account_kind")["amount"].sum()
    spent = blocks[blocks["kind"] == "spend"].groupby("account_kind")["amount"].sum()
    if not spent.get("learner", 0):
        raise PricingError(
            "The ledger has no sales to forecast from", where=dataset.name, fix="choose another data set"
        )
    dormancy = _dormancy(dataset, period)
    return ObservedFlows(
        end=period.end,
        weekly=_weekly(blocks, weeks),
        learners=int(held.get("learner", 0)),
        teachers=int(held.get("teacher", 0)),
        treasury=int(held.get("treasury", 0)),
        commission_rate=float(spent.get("treasury", 0) / -spent["learner"]),
        burn_rate=float(spent.get("burn", 0) / -spent["learner"]),
        bonus_to_buyers=_bonus_to_buyers(dataset),
        expiry_weeks=_expiry_rule(dataset, dormancy),
        payouts=_payouts(dataset, period),
        dormancy=dormancy,
    )


def _blocks(dataset: Dataset, period: Period) -> pd.DataFrame:
    """Return block (-1 for the last week), account_kind, kind and amount."""
    return dataset.query(
        """SELECT floor((epoch(occurred_at) - epoch(?::TIMESTAMP)) / ?)::INT AS block, account_kind, kind,
                  sum(amount)::BIGINT AS amount
           FROM token_ledger WHERE occurred_at < ? GROUP BY ALL""",
        period.end,
        WEEK,
        period.end,
    )


def _weekly(blocks: pd.DataFrame, weeks: int) -> pd.DataFrame:
    names = ("spent", "minted_purchase", "minted_bonus", "minted_refund", "refunded", "expired", "paid_out")
    flows = {}
    for name in names:
        line = LINE_ITEMS[name]
        rows = blocks["account_kind"].isin(line.accounts) & blocks["kind"].isin(line.kinds)
        sums = blocks[rows].groupby("block")["amount"].sum()
        flows[name] = line.sign * sums.reindex(range(-weeks, 0), fill_value=0)
    return pd.DataFrame(flows).reset_index(drop=True)


def _bonus_to_buyers(dataset: Dataset) -> float:
    flows = dataset.query(
        """SELECT coalesce(sum(bonus) FILTER (bought > 0) / nullif(sum(bonus), 0), 1)::DOUBLE AS share
           FROM (SELECT sum(amount) FILTER (kind = 'bonus') AS bonus, count(*) FILTER (kind = 'purchase') AS bought
                 FROM token_ledger WHERE account_kind = 'learner' GROUP BY account_id)"""
    )
    return float(flows["share"].iloc[0])


def _payouts(dataset: Dataset, period: Period) -> Payouts:
    days = dataset.query(
        """SELECT date_trunc('day', occurred_at)::TIMESTAMP AS day, sum(amount)::BIGINT AS change,
                  coalesce(-sum(amount) FILTER (kind = 'payout'), 0)::BIGINT AS paid
           FROM token_ledger WHERE account_kind = 'teacher' AND occurred_at < ? GROUP BY 1 ORDER BY 1""",
        period.end,
    )
    before = days["change"].cumsum().shift(fill_value=0)
    paid = (days["paid"] > 0) & (before > 0)
    when = days.loc[paid, "day"]
    if len(when) < 2:
        return Payouts(None, 0, np.empty(0))
    every = int(when.diff().dt.days.median())
    ahead = int((pd.Timestamp(period.end) - when.iloc[-1]).days) % every
    shares = (days["paid"] / before)[paid].to_numpy(dtype=float)
    return Payouts(every, (every - ahead) % every, np.minimum(shares, 1.0))


def _dormancy(dataset: Dataset, period: Period) -> Dormancy:
    pauses = dataset.query(
        """WITH moved AS (
               SELECT occurred_at, lead(occurred_at) OVER own AS next_at, lead(kind) OVER own AS next_kind,
                      sum(amount) OVER own AS balance
               FROM token_ledger WHERE account_kind = 'learner' AND occurred_at < ?
               WINDOW own AS (PARTITION BY account_id ORDER BY occurred_at, entry_id)),
             pauses AS (
               SELECT *, (epoch(coalesce(next_at, ?::TIMESTAMP)) - epoch(occurred_at)) / ? AS weeks FROM moved
               WHERE balance > 0)
           SELECT floor(weeks)::INT AS age, count(*) FILTER (next_kind <> 'expiry') AS moved, count(*) AS pauses,
                  coalesce(sum(balance) FILTER (next_at IS NULL), 0)::DOUBLE AS held,
                  coalesce(sum(balance::DOUBLE ** 2) FILTER (next_at IS NULL), 0) AS squares,
                  min(weeks) FILTER (next_kind = 'expiry') AS lapsed
           FROM pauses GROUP BY 1 ORDER BY 1""",
        period.end,
        period.end,
        WEEK,
    )
    table = pauses.set_index("age").reindex(range(NEVER + 1))
    columns = ("moved", "pauses", "held", "squares")
    moved, ended, held, squares = (table[name].fillna(0).to_numpy(dtype=float) for name in columns)
    at_risk = np.cumsum(ended[::-1])[::-1]
    lapsed = pauses["lapsed"].min()
    return Dormancy(
        held=held,
        squares=squares,
        moves=np.asarray(np.divide(moved, at_risk, out=np.zeros_like(moved), where=at_risk > 0)),
        expires_after=None if pd.isna(lapsed) else max(round(float(lapsed)), 1),
    )


def _expiry_rule(dataset: Dataset, dormancy: Dormancy) -> int:
    params = dataset.source.get("params")
    stated = params.get("expiry_weeks") if isinstance(params, dict) else None
    if isinstance(stated, int) and 1 <= stated <= NEVER:
        return stated
    return min(dormancy.expires_after or NEVER, NEVER)
