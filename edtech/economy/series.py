"""The economy over time and across learners: daily balances, their inequality, repeat buyers, prices, retention."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from edtech.data import Dataset
from edtech.data.explore import cohort_retention
from edtech.economy.line_items import require_ledger
from edtech.economy.period import Period
from edtech.tables.arrays import Floats

BINS = 100


def daily_balances(dataset: Dataset, period: Period) -> pd.DataFrame:
    """Return balances at the end of each day of a period, and spending.

    Columns: day, learners, teachers, treasury, spent, in integers of 1/100 token. Each day has a row, also without an
    entry.
    """
    require_ledger(dataset)
    moved = dataset.query(
        """SELECT greatest(date_trunc('day', occurred_at), ?::TIMESTAMP)::TIMESTAMP AS day,
                  coalesce(sum(amount) FILTER (account_kind = 'learner'), 0)::BIGINT AS learners,
                  coalesce(sum(amount) FILTER (account_kind = 'teacher'), 0)::BIGINT AS teachers,
                  coalesce(sum(amount) FILTER (account_kind = 'treasury'), 0)::BIGINT AS treasury,
                  coalesce(-sum(amount) FILTER (account_kind = 'learner' AND kind = 'spend' AND occurred_at >= ?), 0)
                      ::BIGINT AS spent
           FROM token_ledger WHERE occurred_at < ? GROUP BY 1""",
        period.start,
        period.start,
        period.end,
    )
    days = pd.date_range(period.start, periods=period.days, unit="us", name="day")
    rows = moved.set_index("day").reindex(days, fill_value=0)
    held = ["learners", "teachers", "treasury"]
    return rows.assign(**{name: rows[name].cumsum() for name in held}).reset_index()


@dataclass(frozen=True, slots=True, eq=False)
class BalanceConcentration:
    """Inequality of learners' balances at the end of a period.

    `gini` is 0 if all balances are equal and near 1 if one learner holds all; None without tokens. `top_1` and `top_10`
    are the shares of the 1% and 10% of learners with the largest balances, rounded up. `lorenz`: share_of_learners
    (poorest first), share_of_tokens, with both ends.
    """

    accounts: int
    tokens: int
    gini: float | None
    top_1: float | None
    top_10: float | None
    lorenz: pd.DataFrame


def concentration(dataset: Dataset, period: Period) -> BalanceConcentration:
    """Return the inequality of the balances of learners with an account, from one aggregate query.

    Gini (1912) of n balances x in rising order: sum of (2 i - n - 1) x_i over n sum of x.
    """
    require_ledger(dataset)
    bins = dataset.query(
        f"""WITH held AS (SELECT sum(amount)::BIGINT AS x FROM token_ledger
                          WHERE account_kind = 'learner' AND occurred_at < ? GROUP BY account_id),
                 ranked AS (SELECT x, row_number() OVER (ORDER BY x) AS i, count(*) OVER () AS n FROM held)
            SELECT ((n - i) * {BINS} // n)::INT AS from_top, count(*)::BIGINT AS accounts, sum(x)::BIGINT AS tokens,
                   sum((2 * i - n - 1)::HUGEINT * x)::DOUBLE AS weighted
            FROM ranked GROUP BY 1 ORDER BY 1 DESC""",  # noqa: S608 - a constant of ours
        period.end,
    )
    n, total = int(bins["accounts"].sum()), int(bins["tokens"].sum())
    if total == 0:
        return BalanceConcentration(n, total, None, None, None, _lorenz(bins.iloc[:0]))
    top_1, top_10 = (float(bins.loc[bins["from_top"] < percent, "tokens"].sum() / total) for percent in (1, 10))
    return BalanceConcentration(n, total, float(bins["weighted"].sum() / (n * total)), top_1, top_10, _lorenz(bins))


def _lorenz(bins: pd.DataFrame) -> pd.DataFrame:
    shares = bins[["accounts", "tokens"]].cumsum() / bins[["accounts", "tokens"]].sum()
    points = np.vstack([np.zeros((1, 2)), shares.to_numpy(dtype=float)])
    return pd.DataFrame(points, columns=["share_of_learners", "share_of_tokens"])


@dataclass(frozen=True, slots=True)
class Buyers:
    """The number of learners who spent tokens in a period, and of those who did so at least twice."""

    buyers: int
    repeat: int


def buyers(dataset: Dataset, period: Period) -> Buyers:
    """Return the number of buyers in a period, from one aggregate query."""
    require_ledger(dataset)
    rows = dataset.query(
        """SELECT count(*) AS buyers, count(*) FILTER (n > 1) AS again
           FROM (SELECT count(*) AS n FROM token_ledger
                 WHERE account_kind = 'learner' AND kind = 'spend' AND occurred_at >= ? AND occurred_at < ?
                 GROUP BY account_id)""",
        period.start,
        period.end,
    ).iloc[0]
    return Buyers(int(rows["buyers"]), int(rows["again"]))


def active_learners(dataset: Dataset, period: Period) -> int:
    """Return the number of learners with a visit in a period."""
    rows = dataset.query(
        "SELECT count(DISTINCT learner_id) AS n FROM views WHERE viewed_at >= ? AND viewed_at < ?",
        period.start,
        period.end,
    )
    return int(rows["n"].iloc[0])


def price_index(dataset: Dataset) -> pd.DataFrame:
    """Return the price level of each period of the demand panel: period, index (first period with sales = 100).

    GEKS-Fisher over all periods: each pair of periods is compared by Fisher's ideal index over the units that have a
    price in both, and the comparisons are made transitive by the geometric mean over all periods in between (Ivancic,
    Diewert and Fox 2011, J. Econometrics 161). Weekly chained indices drift with recurring promotions; this one
    cannot. Empty without units and periods. A period without sales has no index.
    """
    roles = dataset.roles
    if roles.unit is None or roles.period is None:
        return pd.DataFrame({"period": [], "index": []})
    rows = dataset.table(dataset.main_table, [roles.unit, roles.period, roles.price, roles.quantity])
    unit, units = pd.factorize(rows[roles.unit])
    period, periods = pd.factorize(rows[roles.period], sort=True)
    price, quantity = np.zeros((2, len(periods), len(units)))
    price[period, unit], quantity[period, unit] = rows[roles.price], rows[roles.quantity]
    return pd.DataFrame({"period": periods, "index": 100 * geks_fisher(price, quantity)})


def geks_fisher(price: Floats, quantity: Floats) -> Floats:
    """Return the index (w,) of w periods from prices and quantities (w, units), 0 if a unit has no price.

    The first period with a unit in common with others is 1, else the first with sales. NaN for periods without sales
    or without a link to the first. If some pairs have no unit in common, the levels are the least-squares fit to all
    comparisons; otherwise that fit is the geometric mean.
    """
    there = (price > 0).astype(float)
    forward, base = quantity @ price.T, (quantity * price) @ there.T
    with np.errstate(divide="ignore", invalid="ignore"):
        laspeyres = np.log(forward / base)  # from period (row) to period (column), quantities of the row
    fisher = (laspeyres - laspeyres.T) / 2
    linked = np.isfinite(fisher)
    index, linked_periods = np.full(len(price), np.nan), _linked_to_first(linked)
    if len(linked_periods):
        index[linked_periods] = np.exp(_levels(fisher[np.ix_(linked_periods, linked_periods)]))
    return index


def _linked_to_first(linked: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the periods that are linked (w, w) with the first linked period, which is included."""
    _, component = connected_components(linked, directed=False)
    sold = np.flatnonzero(linked.diagonal())
    connected = sold[np.bincount(component)[component[sold]] > 1]
    first = np.concatenate([connected, sold])[:1]
    return np.flatnonzero(np.isin(component, component[first]))


def _levels(fisher: Floats) -> Floats:
    """Return log levels (w,), the first 0, from log comparisons (w, w) of row to column, NaN if missing."""
    links = np.isfinite(fisher)
    if links.all():
        level = -fisher.mean(axis=1)
        return np.asarray(level - level[0])
    normal = np.diag(links.sum(axis=1)) - links.astype(float)
    log_index = np.linalg.solve(normal[1:, 1:], -np.where(links, fisher, 0.0).sum(axis=1)[1:])
    return np.concatenate([[0.0], log_index])


def retention(dataset: Dataset, period: Period) -> pd.DataFrame:
    """Return the retention triangle (see `edtech.data.explore.cohort_retention`) of the months of a period.

    A cell is included if the cohort's month and the observed month both overlap the period.
    """
    cells = cohort_retention(dataset)
    months = cells["cohort"].dt.to_period("M")
    about = pd.PeriodIndex([month + ahead for month, ahead in zip(months, cells["months"], strict=True)], freq="M")
    first, last = (pd.Period(day, "M") for day in (period.first, period.last))
    complete: pd.DataFrame = cells[(months >= first) & (about <= last)]
    return complete.reset_index(drop=True)
