"""The season of visits, time in days of average season, and the probability that a visitor is still active."""

from typing import Self

import numpy as np
import pandas as pd
from scipy.linalg import circulant
from scipy.optimize import minimize
from scipy.special import expit, gammaln, log_expit, logit
from sklearn.base import BaseEstimator

from edtech.errors import ModelError
from edtech.ml.outcomes.cases import Cases
from edtech.ml.outcomes.encoding import require_columns
from edtech.tables.arrays import Floats
from edtech.tables.formatting import format_names

YEAR = 365.25
WEEKS = 52
WEEK = YEAR / WEEKS
BEND_SD = 0.02
"""Prior standard deviation of the second difference of the weekly log level."""
LEVEL_SD = 0.5
"""Prior standard deviation of the log level of a week around that of the year."""
ITERATIONS = 20
BLOCK_DAYS = 28
"""Days over which visits without a course view are estimated."""
RATE_BOUNDS, SHAPE_BOUNDS, LAST_BOUNDS = (1e-4, 20.0), (0.3, 30.0), (1e-4, 0.9)
"""Bounds of the mean visits per day, the shape of their gamma distribution, and the dropout probability."""
TIME_FEATURES = ("day_of_year", "days_of_record")
"""Columns with the time of a row and the length of its record, which drift by nature."""


class Season(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The season of visits: the `level` of each week of the year (52,), 1 on average over the record.

    Weeks without record are interpolated over the turn of the year. `traced` is the share of visits with a course view
    on each day from `start` on. Learners make a mean of `usual` visits per usual day, with a gamma distribution of this
    `shape`; `last` is the dropout probability after a visit. Without a level there is no season.
    """

    def __init__(
        self,
        level: Floats | None = None,
        start: float = 0.0,
        traced: Floats | None = None,
        usual: float = 1.0,
        shape: float = 1.0,
        last: float = 0.0,
    ) -> None:
        self.level = level
        self.start = start
        self.traced = traced
        self.usual = usual
        self.shape = shape
        self.last = last

    def __setstate__(self, state: dict[str, object]) -> None:
        """Restore stored attributes. Raises ModelError if an older version stored fewer."""
        if missing := set(self._get_param_names()) - set(state):
            raise ModelError(
                "This churn model was stored by an older version without these parameters of visits",
                expected=f"a season with {format_names(sorted(missing))}",
                actual="one without",
                fix="train the model again with the same settings",
            )
        super().__setstate__(state)

    @classmethod
    def estimate(cls, subject: pd.Series, time: pd.Series, courses_viewed: pd.Series | None = None) -> Self:
        """Estimate the season from visits (n,): subject, time and, if known, number of courses viewed.

        Given a learner's first and last visit, the visits between fall on each day in proportion to its level,
        whatever the learner's rate (the conditional likelihood of Poisson counts: Hausman, Hall and Griliches 1984,
        Econometrica 52). The prior of the log levels is a second-order random walk on a circle (Rue and Held 2005,
        Gaussian Markov Random Fields, 3.3).
        """
        visits = pd.DataFrame({"who": pd.factorize(subject)[0], "day": days_since_2000(time)})
        every = visits.groupby("who")["day"].agg(["min", "max", "size"])
        spans = every[(every["size"] > 2) & (every["max"] - every["min"] >= 1)]
        if spans.empty:
            return cls()
        day = visits["day"].to_numpy()
        start = float(np.floor(day.min()))
        at = ((start + np.arange(np.floor(day.max()) - start + 2)) % YEAR // WEEK).astype(np.intp)
        traced = np.ones(at.size) if courses_viewed is None else _traced_share(day - start, courses_viewed, at.size)
        first, last, inside = (spans[name].to_numpy(float) for name in ("min", "max", "size"))
        ends = np.column_stack([first, last]) - start
        within = np.floor(day[visits["who"].isin(spans.index)] - start).astype(np.intp)
        events = np.bincount(at[within], minlength=WEEKS).astype(float)
        for side in ends.T:  # the first and the last visit are conditioned on
            events -= np.bincount(at[np.floor(side).astype(np.intp)], minlength=WEEKS)
        log = np.zeros(WEEKS)
        for _ in range(ITERATIONS):
            rate = (inside - 2) / _integral(ends, np.exp(log)[at] * traced)
            log = _posterior_log_levels(events, _expected_visits(ends, rate, at, traced), log)
        season = cls(np.exp(log) / np.exp(log)[at].mean(), start, traced)
        return cls(season.level, start, traced, *season._fit_bg_nbd(every))

    def _fit_bg_nbd(self, spans: pd.DataFrame) -> tuple[float, float, float]:
        """Return maximum likelihood estimates of mean rate, shape and dropout probability, from `spans` (n, 3).

        `spans` has min, max and size of each learner's visits. This is the BG/NBD model of Fader, Hardie and Lee (2005,
        Marketing Science 24) with a common dropout probability, also after the first visit.
        """
        first, last, visits = (spans[name].to_numpy(float) for name in ("min", "max", "size"))
        until, whole = (self.recorded_days(first, end - first) for end in (last, last.max()))
        bounds = np.array([np.log(RATE_BOUNDS), np.log(SHAPE_BOUNDS), logit(LAST_BOUNDS)])

        def cost(parameters: Floats) -> float:
            shape, chance = np.exp(parameters[1]), expit(parameters[2])
            prior, counted = shape / np.exp(parameters[0]), shape + visits - 1
            there = -counted * np.log(prior + whole)
            left = logit(chance) - counted * np.log(prior + until)
            rates = gammaln(counted) - gammaln(shape) + shape * np.log(prior)
            return -float((rates + visits * np.log1p(-chance) + np.logaddexp(there, left)).mean())

        start = np.clip([np.log((visits.sum()) / whole.sum()), 0.0, logit(0.05)], *bounds.T)
        optimum = minimize(cost, start, method="L-BFGS-B", bounds=bounds).x
        return float(np.exp(optimum[0])), float(np.exp(optimum[1])), float(expit(optimum[2]))

    def usual_days(self, day: Floats, length: Floats) -> Floats:
        """Return the usual days in the `length` days after `day`; `length` if the day is missing."""
        if self.level is None:
            return length
        return np.where(np.isnan(day), length, self._cumulative_level(day + length) - self._cumulative_level(day))

    def recorded_days(self, day: Floats, length: Floats) -> Floats:
        """Return the usual days less the untraced share of visits, of days since 2000."""
        if self.level is None:
            return length
        traced = np.asarray(self.traced)
        marks = self.start + np.arange(traced.size + 1, dtype=np.float64)
        missed = np.concatenate([[0.0], np.cumsum(np.diff(self._cumulative_level(marks)) * (1 - traced))])
        lost = np.interp(day + length, marks, missed) - np.interp(day, marks, missed)
        return np.asarray(self.usual_days(day, length) - lost)

    def _cumulative_level(self, day: Floats) -> Floats:
        """Return the sum of the levels of all days before."""
        ends = np.concatenate([[0.0], np.cumsum(np.asarray(self.level)) * WEEK])
        years = np.floor(day / YEAR)
        return np.asarray(years * ends[-1] + np.interp(day - years * YEAR, np.arange(WEEKS + 1) * WEEK, ends))

    def adjust_features(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the features with times and rates of visits in usual days, and two features of the BG/NBD model.

        `log_visits_per_week` is the posterior mean rate of the learner. `log_still_coming` is the log probability of
        being active: the longer the silence relative to that rate, the lower (Fader, Hardie and Lee 2005). The hazard
        of returning is their product, so its log is linear in both.
        """
        if self.level is None:
            return rows
        recent = [f"visits_last_{weeks}_weeks" for weeks in (4, 12)]
        require_columns(rows, [*TIME_FEATURES, "days_since_visit", "visits_per_week", *recent])
        day, record, silence = (rows[name].to_numpy(float) for name in (*TIME_FEATURES, "days_since_visit"))
        visits, prior = rows["visits_per_week"].to_numpy(float) * np.maximum(record, 7) / 7, self.shape / self.usual
        pseudo_visits, span = visits + self.shape, self.usual_days(day - record, record) + prior
        usual_silence = self.usual_days(day - silence, silence)
        log_odds_left = pseudo_visits * np.log(span / np.maximum(span - usual_silence, prior))
        changed = {
            "log_visits_per_week": np.log(7 * pseudo_visits / span),
            "log_still_coming": log_expit(-log_odds_left - logit(self.last)),
            "days_since_visit": usual_silence,
            "log_visits": np.log1p(visits),
        }
        for weeks, name in zip((4, 12), recent, strict=True):
            window = np.full(len(rows), 7.0 * weeks)
            changed[name] = rows[name].to_numpy(float) * window / self.usual_days(day - window, window)
        return rows.drop(columns=[*TIME_FEATURES, "visits_per_week"]).assign(**changed)


def to_usual_days(cases: Cases) -> tuple[Season | None, pd.DataFrame | None]:
    """Return the season of the visits and the follow-up in usual days; None for what the cases do not have."""
    if cases.visits is None or cases.follow_up is None or cases.time is None:
        return None, cases.follow_up
    visits, day = cases.visits, days_since_2000(cases.time)
    season = Season.estimate(visits["subject"], visits["time"], visits.get("seen"))
    durations = {
        name: season.recorded_days(day, cases.follow_up[name].to_numpy(float)) for name in ("duration", "watch")
    }
    return season, cases.follow_up.assign(**durations)


def share_without_record(record: pd.Series, first: pd.Timestamp, last: pd.Timestamp) -> float:
    """Return the share of days from `first` to `last` in weeks of the year without a recorded visit."""
    recorded_weeks, future_weeks = (
        days_since_2000(times) % YEAR // WEEK for times in (record, pd.Series(pd.date_range(first, last)))
    )
    return float(1 - np.isin(future_weeks, recorded_weeks).mean())


def days_since_2000(time: pd.Series) -> Floats:
    """Return times as days since the start of 2000."""
    return np.asarray((time - pd.Timestamp("2000-01-01")) / pd.Timedelta(days=1), dtype=np.float64)


def _traced_share(day: Floats, courses_viewed: pd.Series, length: int) -> Floats:
    """Return, for each day of the record (length,), the share of visits with a course view, relative to its maximum.

    With few courses, many visits view none. Their number is estimated from the visits with one and two views in blocks
    of four weeks (Chao 1987, Biometrics 43). Otherwise a growing market would seem to start in a low season. The share
    is 1 if no visit has more than one view.
    """
    block = np.clip(day // BLOCK_DAYS, 0, max(length // BLOCK_DAYS - 1, 0)).astype(np.intp)
    observed, once, twice = (
        np.bincount(block, here) for here in (courses_viewed > 0, courses_viewed == 1, courses_viewed == 2)
    )
    unobserved = (1 - 1 / courses_viewed.max()) * once * np.maximum(once - 1, 0) / (2 * (twice + 1))
    share = np.where(observed > 0, observed / np.maximum(observed + unobserved, 1), 1.0)
    middles = BLOCK_DAYS * (np.arange(share.size) + 0.5)
    return np.asarray(np.interp(np.arange(length) + 0.5, middles, share / share.max()))


def _integral(ends: Floats, daily: Floats) -> Floats:
    """Return the integral of a daily amount (d,) from the first to the second of two times (n, 2)."""
    total = np.concatenate([[0.0], np.cumsum(daily)])
    until = np.interp(ends, np.arange(total.size), total)
    return np.asarray(until[:, 1] - until[:, 0])


def _expected_visits(ends: Floats, rate: Floats, at: "np.typing.NDArray[np.intp]", traced: Floats) -> Floats:
    """Return the expected visits of each week (52,) at level 1, from the `rate` (n,) of each span on its days."""
    change = np.zeros(at.size + 1)
    for side, sign in ((0, 1.0), (1, -1.0)):
        whole = np.floor(ends[:, side]).astype(np.intp)
        fraction = ends[:, side] - whole  # the first and the last day count in part
        np.add.at(change, whole, sign * rate * (1 - fraction))
        np.add.at(change, whole + 1, sign * rate * fraction)
    return np.asarray(np.bincount(at, np.cumsum(change)[:-1] * traced, WEEKS), dtype=np.float64)


def _posterior_log_levels(events: Floats, expected: Floats, log: Floats) -> Floats:
    """Return the posterior mode of the log levels: Poisson counts with a random-walk prior."""
    bend = circulant(np.concatenate([[-2.0, 1.0], np.zeros(WEEKS - 3), [1.0]]))
    precision = bend.T @ bend / BEND_SD**2 + np.eye(WEEKS) / LEVEL_SD**2
    for _ in range(5):
        rate = expected * np.exp(log)
        log = log + np.linalg.solve(np.diag(rate) + precision, events - rate - precision @ log)
    return np.asarray(log - log.mean())
