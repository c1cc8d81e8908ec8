"""Provide the tables of a market as of a time, and counts of events before given times.

Later rows are removed, and values of earlier rows that became known later are missing. Features computed from these
tables cannot leak information from the future.
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
"""The time column of each table, and after how many days a row is complete."""


class PointInTimeTables(Mapping[str, pd.DataFrame]):
    """The tables of a market as of `as_of`; each is read on access.

    Only rows complete before `as_of` are included. Enrollments show completions and refunds before `as_of`. A rating
    has no date and counts from the completion. `progress` is as of the end of the data and is dropped.
    """

    def __init__(self, tables: Frames, as_of: pd.Timestamp) -> None:
        self._tables, self._as_of = tables, as_of

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._tables:
            raise DataError(
                "The data set lacks a table that features need",
                expected=", ".join(_TIMES),
                actual=", ".join(self._tables)[:200],
                fix="Generate a market, or upload labeled rows with features",
            )
        frame, (column, days) = self._tables[name], _TIMES[name]
        complete = frame[column] + pd.Timedelta(days=days)
        frame = frame[complete <= self._as_of if days else complete < self._as_of].reset_index(drop=True)
        return _enrollments_as_of(frame, self._as_of) if name == "enrollments" else frame

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


def _enrollments_as_of(enrollments: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
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
    """Events of keys (learners, courses, ...), for counts before any time.

    `stamp` (N,) encodes the key and the second of each event as one sortable number, in order; `total` (N + 1,) is the
    running sum of the values of the events, which are integers, so that sums are exact. Times count in whole seconds;
    an event in the same second does not count as earlier.
    """

    keys: pd.Index
    stamp: Ints
    total: Ints

    @classmethod
    def of_events(cls, key: pd.Series, time: pd.Series, value: pd.Series | None = None) -> "History":
        """Return the history of events; rows without a time are not events."""
        occurred = time.notna().to_numpy()
        codes, keys = pd.factorize(key[occurred])
        stamp = _stamp(codes.astype(np.int64), time[occurred])
        order = np.argsort(stamp, kind="stable")
        amount = np.ones(order.size, dtype=np.int64) if value is None else value[occurred].to_numpy(dtype=np.int64)
        return cls(pd.Index(keys), stamp[order], np.concatenate([[0], np.cumsum(amount[order])]))

    def count(self, key: pd.Series, time: pd.Series) -> Ints:
        """Return the number of events of each key strictly before each time."""
        low, high = self._span(key, time)
        return high - low

    def sum(self, key: pd.Series, time: pd.Series) -> Ints:
        """Return the sum of the values of each key's events strictly before each time."""
        low, high = self._span(key, time)
        return np.asarray(self.total[high] - self.total[low])

    def mean(self, key: pd.Series, time: pd.Series) -> Floats:
        """Return the mean of the values of each key's events strictly before each time, NaN without events."""
        return ratio(self.sum(key, time), self.count(key, time))

    def days_since(self, key: pd.Series, time: pd.Series) -> Floats:
        """Return the days since each key's last event strictly before each time, NaN without events."""
        low, high = self._span(key, time)
        last = np.zeros(high.size, dtype=np.int64)
        last[high > low] = self.stamp[high[high > low] - 1] % _SECONDS
        return np.where(high > low, (_second(time) - last) / 86_400, np.nan)

    def _span(self, key: pd.Series, time: pd.Series) -> tuple[Ints, Ints]:
        """Return where the events of each key begin and where those before the time end; unknown keys have none."""
        code = self.keys.get_indexer(pd.Index(key)).astype(np.int64)
        low, high = (np.searchsorted(self.stamp, ends) for ends in (code * _SECONDS, _stamp(code, time)))
        return low, high


def ratio(numerator: Ints, denominator: Ints) -> Floats:
    """Return numerator / denominator, NaN where the denominator is 0."""
    return np.asarray(
        np.divide(numerator, denominator, out=np.full(len(numerator), np.nan), where=np.asarray(denominator) > 0)
    )


def _stamp(code: Ints, time: pd.Series) -> Ints:
    return np.asarray(code * _SECONDS + _second(time))


def _second(time: pd.Series) -> Ints:
    """Return times in seconds from the year 881, so that they are positive and below _SECONDS."""
    seconds = time.to_numpy().astype("datetime64[s]").astype(np.int64)
    return np.asarray(np.clip(seconds + _SECONDS // 2, 0, _SECONDS - 1))
