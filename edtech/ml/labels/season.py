"""How often people come in each week of the year, time counted in days of usual coming, and whether they still come."""

from typing import Self

import numpy as np
import pandas as pd
from scipy.linalg import circulant
from scipy.optimize import minimize_scalar
from scipy.special import log_expit, logit
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
BLOCK = 28
"""Days over which visits that saw no course are counted."""
TRUSTED = 4.0
"""Visits from which on a learner's own rate counts more than the usual one."""
LAST = (1e-4, 0.9)
"""Between what the chance lies that a visit is the last."""
CLOCK = ("day_of_year", "days_of_record")
"""Columns that say when a row is and how far its record goes back: they change with time by their nature."""


class Season(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The level of visits in each week of the year (52,), 1 on average over the record, and the usual visits of a day.

    `last` is the chance that a visit is somebody's last. The year comes round: weeks without a record lie on the
    straight line from the last one known to the first one of the next year. Without a level every day is a usual one.
    """

    def __init__(self, level: Floats | None = None, usual: float = 1.0, last: float = 0.0) -> None:
        self.level = level
        self.usual = usual
        self.last = last

    @classmethod
    def of(cls, subject: pd.Series, time: pd.Series, seen: pd.Series | None = None) -> Self:
        """Return the season of visits: whose, when and, where that is known, of how many courses, (n,).

        Between the first and the last visit of a learner, the others fall on each day in proportion to its level,
        whatever the learner's own rate and whenever they came and left (the conditional likelihood of Poisson counts:
        Hausman, Hall and Griliches 1984, Econometrica 52). The log levels are a random walk on a circle (Rue and Held
        2005, Gaussian Markov Random Fields, 3.3).
        """
        visits = pd.DataFrame({"who": pd.factorize(subject)[0], "day": days(time)})
        every = visits.groupby("who")["day"].agg(["min", "max", "size"])
        spans = every[(every["size"] > 2) & (every["max"] - every["min"] >= 1)]
        if spans.empty:
            return cls()
        day = visits.loc[visits["who"].isin(spans.index), "day"].to_numpy()
        first, last, inside = (spans[name].to_numpy(float) for name in ("min", "max", "size"))
        start = np.floor(first.min())
        at = ((start + np.arange(np.floor(last.max()) - start + 2)) % YEAR // WEEK).astype(np.intp)
        traced = np.ones(at.size) if seen is None else _traced(visits["day"].to_numpy() - start, seen, at.size)
        ends = np.column_stack([first, last]) - start
        events = np.bincount(at[np.floor(day - start).astype(np.intp)], minlength=WEEKS).astype(float)
        for one in ends.T:  # neither the first nor the last visit says anything of its day
            events -= np.bincount(at[np.floor(one).astype(np.intp)], minlength=WEEKS)
        log = np.zeros(WEEKS)
        for _ in range(ROUNDS):
            rate = (inside - 2) / _between(ends, np.exp(log)[at] * traced)
            log = _walk(events, _bincount(ends, rate, at, traced), log)
        level = np.exp(log) / np.exp(log)[at].mean()
        usual = float((inside - 1).sum() / _between(ends, level[at] * traced).sum())
        return cls(level, usual, cls(level, usual)._last(every))

    def _last(self, spans: pd.DataFrame) -> float:
        """Return the likeliest chance that a visit is the last: min, max and size (visits) of each learner (n, 3).

        The BG/NBD model of Fader, Hardie and Lee (2005, Marketing Science 24) with one chance for all: of the visits
        made each may have been the last, and of whoever has not left the silence is a matter of chance.
        """
        first, last, visits = (spans[name].to_numpy(float) for name in ("min", "max", "size"))
        until, whole = (TRUSTED / self.usual + self.passed(first, end - first) for end in (last, last.max()))
        silence = (TRUSTED + visits - 1) * np.log(whole / until)

        def cost(chance: float) -> float:
            staying = np.log1p(-chance)
            return -float((visits * staying + np.logaddexp(-silence, np.log(chance) - staying)).sum())

        return float(minimize_scalar(cost, bounds=LAST, method="bounded").x)

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
        """Return the features with times and rates of visits in usual days, and the logs of two.

        `log_visits_per_week` is of the learner's own rate, drawn towards the usual one as far as the record is short;
        `log_still_coming` of the chance not to have left: the longer a silence against that rate, the smaller (Fader,
        Hardie and Lee 2005). Who comes again does so at the product of the two, so that a hazard is a line in both.
        """
        if self.level is None:
            return rows
        recent = [f"visits_last_{weeks}_weeks" for weeks in (4, 12)]
        require(rows, [*CLOCK, "days_since_visit", "visits_per_week", *recent])
        day, record, silence = (rows[name].to_numpy(float) for name in (*CLOCK, "days_since_visit"))
        visits = rows["visits_per_week"].to_numpy(float) * np.maximum(record, 7) / 7
        counted, span = visits + TRUSTED, self.passed(day - record, record) + TRUSTED / self.usual
        silent = self.passed(day - silence, silence)
        left = counted * np.log(span / np.maximum(span - silent, TRUSTED / self.usual))
        changed = {
            "log_visits_per_week": np.log(7 * counted / span),
            "log_still_coming": log_expit(-left - logit(self.last)),
            "days_since_visit": silent,
            "visits_survived": np.log1p(visits),
        }
        for weeks, name in zip((4, 12), recent, strict=True):
            window = np.full(len(rows), 7.0 * weeks)
            changed[name] = rows[name].to_numpy(float) * window / self.passed(day - window, window)
        return rows.drop(columns=[*CLOCK, "visits_per_week"]).assign(**changed)


def usual_time(cases: Cases) -> tuple[Season | None, pd.DataFrame | None]:
    """Return the season of the visits, and how long rows were watched in its days; None where there are none."""
    if cases.visits is None or cases.follow is None or cases.time is None:
        return None, cases.follow
    visits, day = cases.visits, days(cases.time)
    season = Season.of(visits["subject"], visits["time"], visits.get("seen"))
    usual = {name: season.passed(day, cases.follow[name].to_numpy(float)) for name in ("duration", "watch")}
    return season, cases.follow.assign(**usual)


def unseen(record: pd.Series, first: pd.Timestamp, last: pd.Timestamp) -> float:
    """Return the share of the days from `first` to `last` that lie in weeks of the year without a visit on record."""
    known, ahead = (days(one) % YEAR // WEEK for one in (record, pd.Series(pd.date_range(first, last))))
    return float(1 - np.isin(ahead, known).mean())


def days(time: pd.Series) -> Floats:
    """Return times as days from the start of 2000, a year that began in week 0."""
    return np.asarray((time - pd.Timestamp("2000-01-01")) / pd.Timedelta(days=1), dtype=np.float64)


def _traced(day: Floats, seen: pd.Series, length: int) -> Floats:
    """Return for each day of the record (length,) the share of the visits that left a trace: that saw a course.

    While there are few courses many visits see none. How many is told by those that saw one and two, in each four weeks
    (Chao 1987, Biometrics 43); without it a market that grows would seem to have its low season at its start.
    """
    block = np.clip(day // BLOCK, 0, max(length // BLOCK - 1, 0)).astype(np.intp)
    every, once, twice = (np.bincount(block, here) for here in (seen > 0, seen == 1, seen == 2))
    none = (1 - 1 / seen.max()) * once * np.maximum(once - 1, 0) / (2 * (twice + 1))
    share = np.where(every > 0, every / np.maximum(every + none, 1), 1.0)
    middles = BLOCK * (np.arange(share.size) + 0.5)
    return np.asarray(np.interp(np.arange(length) + 0.5, middles, share))


def _between(ends: Floats, daily: Floats) -> Floats:
    """Return the sum of a daily amount (d,) from the first to the second of two moments (n, 2)."""
    total = np.concatenate([[0.0], np.cumsum(daily)])
    until = np.interp(ends, np.arange(total.size), total)
    return np.asarray(until[:, 1] - until[:, 0])


def _bincount(ends: Floats, rate: Floats, at: "np.typing.NDArray[np.intp]", traced: Floats) -> Floats:
    """Return the visits of each week (52,) expected at a level of 1: of each span its rate for each of its days."""
    change = np.zeros(at.size + 1)
    for side, sign in ((0, 1.0), (1, -1.0)):
        whole = np.floor(ends[:, side]).astype(np.intp)
        rest = ends[:, side] - whole  # the day on which it begins or ends counts in part
        np.add.at(change, whole, sign * rate * (1 - rest))
        np.add.at(change, whole + 1, sign * rate * rest)
    return np.asarray(np.bincount(at, np.cumsum(change)[:-1] * traced, WEEKS), dtype=np.float64)


def _walk(events: Floats, expected: Floats, log: Floats) -> Floats:
    """Return the log levels of highest posterior density: Poisson counts, normal steps around the year."""
    bend = circulant(np.concatenate([[-2.0, 1.0], np.zeros(WEEKS - 3), [1.0]]))
    precision = bend.T @ bend / BEND**2 + np.eye(WEEKS) / SWING**2
    for _ in range(5):
        rate = expected * np.exp(log)
        log = log + np.linalg.solve(np.diag(rate) + precision, events - rate - precision @ log)
    return np.asarray(log - log.mean())
