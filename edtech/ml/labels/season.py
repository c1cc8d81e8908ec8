"""How often people come in each week of the year, and time counted in days of usual coming."""

from typing import Self

import numpy as np
import pandas as pd
from scipy.linalg import circulant
from sklearn.base import BaseEstimator

from edtech.ml.labels.cases import Cases, Floats
from edtech.ml.labels.encoding import require

YEAR = 365.25
WEEKS = 52
WEEK = YEAR / WEEKS
BEND = 0.02
"""By how much the change of the log level differs from one week to the next, as far as is known before looking."""
SWING = 0.5
"""How far the log level of a week lies from that of the year, as far as is known before looking."""
ROUNDS = 20
TRUSTED = 4.0
"""Visits from which on a learner's own rate counts more than the usual one."""
CLOCK = ("day_of_year", "days_of_record")
"""Columns that say when a row is and how far its record goes back: they change with time by their nature."""


class Season(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The level of visits in each week of the year (52,), 1 on average over the record, and the usual visits of a day.

    The year comes round: weeks without a record lie on the straight line from the last one known to the first one of
    the next year. Without a level every day is a usual one.
    """

    def __init__(self, level: Floats | None = None, usual: float = 1.0) -> None:
        self.level = level
        self.usual = usual

    @classmethod
    def of(cls, subject: pd.Series, time: pd.Series) -> Self:
        """Return the season of visits: whose and when, (n,).

        Between the first and the last visit of a learner, the others fall on each day in proportion to its level,
        whatever the learner's own rate and whenever they came and left (the conditional likelihood of Poisson counts:
        Hausman, Hall and Griliches 1984, Econometrica 52). The log levels are a random walk on a circle (Rue and Held
        2005, Gaussian Markov Random Fields, 3.3).
        """
        visits = pd.DataFrame({"who": pd.factorize(subject)[0], "day": days(time)})
        spans = visits.groupby("who")["day"].agg(["min", "max", "size"])
        spans = spans[(spans["size"] > 2) & (spans["max"] - spans["min"] >= 1)]
        if spans.empty:
            return cls()
        day = visits.loc[visits["who"].isin(spans.index), "day"].to_numpy()
        first, last, inside = (spans[name].to_numpy(float) for name in ("min", "max", "size"))
        start = np.floor(first.min())
        at = ((start + np.arange(np.floor(last.max()) - start + 2)) % YEAR // WEEK).astype(np.intp)
        ends = np.column_stack([first, last]) - start
        events = np.bincount(at[np.floor(day - start).astype(np.intp)], minlength=WEEKS).astype(float)
        for one in ends.T:  # neither the first nor the last visit says anything of its day
            events -= np.bincount(at[np.floor(one).astype(np.intp)], minlength=WEEKS)
        log = np.zeros(WEEKS)
        for _ in range(ROUNDS):
            total = np.concatenate([[0.0], np.cumsum(np.exp(log)[at])])
            until = np.interp(ends, np.arange(total.size), total)
            rate = (inside - 2) / (until[:, 1] - until[:, 0])
            log = _walk(events, _bincount(ends, rate, at), log)
        level = np.exp(log) / np.exp(log)[at].mean()
        season = cls(level)
        usual = (inside - 1).sum() / season.passed(first, last - first).sum()
        return cls(level, float(usual))

    def passed(self, day: Floats, length: Floats) -> Floats:
        """Return how many usual days pass from a day on in so many days; from an unknown day, as many."""
        if self.level is None:
            return length
        return np.where(np.isnan(day), length, self._until(day + length) - self._until(day))

    def _until(self, day: Floats) -> Floats:
        ends = np.concatenate([[0.0], np.cumsum(np.asarray(self.level)) * WEEK])
        years = np.floor(day / YEAR)
        return np.asarray(years * ends[-1] + np.interp(day - years * YEAR, np.arange(WEEKS + 1) * WEEK, ends))

    def adjusted(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the features with times and rates of visits in usual days, and `visits_missed`.

        That is how many visits the silence would have held at the learner's own rate, drawn towards the usual one as
        far as the record is short: a few say little, many that the learner has left (Fader, Hardie and Lee 2005,
        Marketing Science 24).
        """
        if self.level is None:
            return rows
        recent = [f"visits_last_{weeks}_weeks" for weeks in (4, 12)]
        require(rows, [*CLOCK, "days_since_visit", "visits_per_week", *recent])
        day, record, silence = (rows[name].to_numpy(float) for name in (*CLOCK, "days_since_visit"))
        visits = rows["visits_per_week"].to_numpy(float) * np.maximum(record, 7) / 7
        rate = (visits + TRUSTED) / (self.passed(day - record, record) + TRUSTED / self.usual)
        silent = self.passed(day - silence, silence)
        changed = {"visits_per_week": 7 * rate, "days_since_visit": silent, "visits_missed": rate * silent}
        for weeks, name in zip((4, 12), recent, strict=True):
            window = np.full(len(rows), 7.0 * weeks)
            changed[name] = rows[name].to_numpy(float) * window / self.passed(day - window, window)
        return rows.drop(columns=list(CLOCK)).assign(**changed, visits_survived=np.log1p(visits))


def usual_time(cases: Cases) -> tuple[Season | None, pd.DataFrame | None]:
    """Return the season of the visits, and how long rows were watched in its days; None where there are none."""
    if cases.visits is None or cases.follow is None or cases.time is None:
        return None, cases.follow
    season, day = Season.of(cases.visits["subject"], cases.visits["time"]), days(cases.time)
    usual = {name: season.passed(day, cases.follow[name].to_numpy(float)) for name in ("duration", "watch")}
    return season, cases.follow.assign(**usual)


def days(time: pd.Series) -> Floats:
    """Return times as days from the start of 2000, a year that began in week 0."""
    return np.asarray((time - pd.Timestamp("2000-01-01")) / pd.Timedelta(days=1), dtype=np.float64)


def _bincount(ends: Floats, rate: Floats, at: "np.typing.NDArray[np.intp]") -> Floats:
    """Return the visits of each week (52,) expected at a level of 1: of each span its rate for each of its days."""
    change = np.zeros(at.size + 1)
    for side, sign in ((0, 1.0), (1, -1.0)):
        whole = np.floor(ends[:, side]).astype(np.intp)
        rest = ends[:, side] - whole  # the day on which it begins or ends counts in part
        np.add.at(change, whole, sign * rate * (1 - rest))
        np.add.at(change, whole + 1, sign * rate * rest)
    return np.asarray(np.bincount(at, np.cumsum(change)[:-1], WEEKS), dtype=np.float64)


def _walk(events: Floats, expected: Floats, log: Floats) -> Floats:
    """Return the log levels of highest posterior density: Poisson counts, normal steps around the year."""
    bend = circulant(np.concatenate([[-2.0, 1.0], np.zeros(WEEKS - 3), [1.0]]))
    precision = bend.T @ bend / BEND**2 + np.eye(WEEKS) / SWING**2
    for _ in range(5):
        rate = expected * np.exp(log)
        log = log + np.linalg.solve(np.diag(rate) + precision, events - rate - precision @ log)
    return np.asarray(log - log.mean())
