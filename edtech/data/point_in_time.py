"""What was known of a market at a moment, and counts of what came before given moments.

Everything here ends at the moment asked for: rows that came later are gone, and of earlier rows what was only learned
later is blank again. Features made from these tables alone cannot look ahead.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from edtech.errors import DataError
from edtech.tables.arrays import Floats, Ints

Frames = Mapping[str, pd.DataFrame]

_SECONDS = 2**36

_TIMES = {
    "learners": ("joined_on", 0),
    "teachers": ("joined_on", 0),
    "courses": ("published_on", 0),
    "course_weeks": ("week", 7),
    "views": ("viewed_at", 0),
    "enrollments": ("enrolled_at", 0),
    "token_ledger": ("occurred_at", 0),
    "platform_metrics": ("day", 1),
}
"""For each table the column that says when a row began, and after how many days it was whole."""


class PointInTimeTables(Mapping[str, pd.DataFrame]):
    """The tables of a market as they were at `as_of`; each is read when asked for.

    A row is there if it was whole before `as_of`. Of enrollments, completion and refund are those before `as_of`;
    a rating has no date of its own and counts from the completion; `progress` is as of the end of the data and is gone.
    """

    def __init__(self, tables: Frames, as_of: pd.Timestamp) -> None:
        self._tables, self._as_of = tables, as_of

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._tables:
            raise DataError(
                "Features need a table that this data set does not have",
                expected=", ".join(_TIMES),
                actual=", ".join(self._tables)[:200],
                fix="generate a market, or upload labeled rows with features of your own",
            )
        frame, (column, days) = self._tables[name], _TIMES[name]
        whole = frame[column] + pd.Timedelta(days=days)
        frame = frame[whole <= self._as_of if days else whole < self._as_of].reset_index(drop=True)
        return _as_it_was(frame, self._as_of) if name == "enrollments" else frame

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


def _as_it_was(enrollments: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    completed, refunded = (enrollments[column] < as_of for column in ("completed_at", "refunded_at"))
    return enrollments.drop(columns="progress").assign(
        completed=completed,
        completed_at=enrollments["completed_at"].where(completed),
        rating=enrollments["rating"].where(completed),
        refunded=refunded,
        refunded_at=enrollments["refunded_at"].where(refunded),
    )


@dataclass(frozen=True, slots=True)
class History:
    """Events of keys (learners, courses, ...), to be counted before any moment.

    `stamp` (N,) is one sortable number for the key's code and the second of each event, in order; `total` (N + 1,) the
    running sum of the events' values, which are integers, so that sums are exact whatever comes before and after.
    Times count in whole seconds; an event within the same second does not count as earlier.
    """

    keys: pd.Index
    stamp: Ints
    total: Ints

    @classmethod
    def of_events(cls, key: pd.Series, time: pd.Series, value: pd.Series | None = None) -> "History":
        """Return the history of events; rows without a time never happened."""
        there = time.notna().to_numpy()
        codes, keys = pd.factorize(key[there])
        stamp = _stamp(codes.astype(np.int64), time[there])
        order = np.argsort(stamp, kind="stable")
        amount = np.ones(order.size, dtype=np.int64) if value is None else value[there].to_numpy(dtype=np.int64)
        return cls(pd.Index(keys), stamp[order], np.concatenate([[0], np.cumsum(amount[order])]))

    def count(self, key: pd.Series, time: pd.Series) -> Ints:
        """Return how many events each key had strictly before each time."""
        low, high = self._span(key, time)
        return high - low

    def sum(self, key: pd.Series, time: pd.Series) -> Ints:
        """Return the sum of the values of each key's events strictly before each time."""
        low, high = self._span(key, time)
        return np.asarray(self.total[high] - self.total[low])

    def mean(self, key: pd.Series, time: pd.Series) -> Floats:
        """Return their mean, NaN where there was none."""
        return ratio(self.sum(key, time), self.count(key, time))

    def days_since(self, key: pd.Series, time: pd.Series) -> Floats:
        """Return the days since each key's last event strictly before each time, NaN where there was none."""
        low, high = self._span(key, time)
        last = np.zeros(high.size, dtype=np.int64)
        last[high > low] = self.stamp[high[high > low] - 1] % _SECONDS
        return np.where(high > low, (_second(time) - last) / 86_400, np.nan)

    def _span(self, key: pd.Series, time: pd.Series) -> tuple[Ints, Ints]:
        """Return where each key's events begin, and where those before the time end; an unknown key has none."""
        code = self.keys.get_indexer(pd.Index(key)).astype(np.int64)
        low, high = (np.searchsorted(self.stamp, ends) for ends in (code * _SECONDS, _stamp(code, time)))
        return low, high


def ratio(numerator: Ints, denominator: Ints) -> Floats:
    """Return part / whole, NaN where the whole is nothing."""
    return np.asarray(
        np.divide(numerator, denominator, out=np.full(len(numerator), np.nan), where=np.asarray(denominator) > 0)
    )


def _stamp(code: Ints, time: pd.Series) -> Ints:
    return np.asarray(code * _SECONDS + _second(time))


def _second(time: pd.Series) -> Ints:
    """Return times as seconds from 881 on, so that they are positive and below _SECONDS."""
    seconds = time.to_numpy().astype("datetime64[s]").astype(np.int64)
    return np.asarray(np.clip(seconds + _SECONDS // 2, 0, _SECONDS - 1))
