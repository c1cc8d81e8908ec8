"""Estimators of who has left by a horizon, from how long rows were watched."""

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from sklearn.base import BaseEstimator, ClassifierMixin

from edtech.errors import ConvergenceError, ModelError
from edtech.ml.elasticity.fitting.inference import independent_columns
from edtech.ml.outcomes.cases import PERIODS
from edtech.ml.outcomes.encoding import Encoder
from edtech.ml.outcomes.estimators import (
    LEAST,
    BoostingProbability,
    Calibration,
    LogisticProbability,
    ProbabilityModel,
    Rows,
)
from edtech.ml.outcomes.seasonality import CLOCK, Season
from edtech.ml.outcomes.survival import kaplan_meier
from edtech.tables.arrays import Bools, Codes, Floats

MOST_ROWS = 20_000
STOP = 1.5
"""Horizons after which a Cox regression looks no further: what keeps hazards proportional for so long is rare."""
GRAINS = 56
"""Steps of a horizon by which a Cox regression tells times apart: days, where it is eight weeks."""
SCALES = (0.5, 2.0)
"""Between what a baseline is scaled: a mean that is farther off has another reason."""
FAR = 10.0
"""Times the last event up to which a baseline goes on."""


def left(survival: Floats, leaving: bool) -> Floats:
    """Return the chance to have left, from that of no event: either leaving is the event, or coming again is."""
    return np.clip(1 - survival if leaving else survival, LEAST, 1 - LEAST)


class Timed(ABC):
    """What estimators of churn share: a horizon, and the season by which days are counted (None: all are usual)."""

    horizon: float
    leaving: bool
    season: Season | None

    def _known(self, X: pd.DataFrame) -> pd.DataFrame:
        return X if self.season is None else self.season.adjusted(X)

    def _ahead(self, X: pd.DataFrame, times: Floats) -> Floats:
        """Return the usual days from each row's moment on (n, t) in so many days."""
        if self.season is None:
            return np.broadcast_to(times, (len(X), len(times)))
        day = X[CLOCK[0]].to_numpy(float)
        return np.column_stack([self.season.passed(day, np.full(len(X), one)) for one in times])

    @abstractmethod
    def survival(self, X: pd.DataFrame, times: Floats) -> Floats:
        """Return the chance of no event up to each time, (n, t)."""

    def _left(self, X: pd.DataFrame) -> Floats:
        return left(self.survival(X, np.array([self.horizon]))[:, 0], self.leaving)


def person_periods(follow: pd.DataFrame, ends: Floats) -> tuple[Codes, Codes, Codes]:
    """Return a row for each case and period that it was watched through: case, period, whether the event came in it.

    `follow` (n, 3): duration, event, and `watch`, how long the event could have been seen. A period that the watch does
    not cover is left out whether or not the event came in it: else those that came would count and the others not.
    """
    duration, event, watch = (follow[name].to_numpy()[:, None] for name in ("duration", "event", "watch"))
    starts = np.concatenate([[-np.inf], ends[:-1]])
    case, period = np.nonzero((duration > starts) & (watch >= ends))
    came = (event & (duration <= ends))[case, period]
    return case, period, came.astype(np.intp)


class PersonPeriod(Timed, ProbabilityModel):
    """Discrete-time survival: in each quarter of the horizon, the chance of the event where it has not come yet.

    Singer and Willett (1993), J. Educational Statistics 18. From plain labels, whose time is not known, it is the
    classifier itself.
    """

    def fit(self, X: pd.DataFrame, y: Any, rows: Rows | None = None) -> Self:  # noqa: ANN401  # labels or a frame
        """Fit on features (n, f) and a frame (n, 3) of duration, event and watch, or plain outcomes (n,)."""
        X = self._known(X)
        self.encoder_ = Encoder(self.linear).fit(X)
        matrix = self.encoder_.transform(X)
        if not isinstance(y, pd.DataFrame):
            self.ends_ = np.empty(0)
            return self.fit_matrix(matrix, y, rows)
        self.ends_ = self.horizon * np.arange(1, PERIODS + 1) / PERIODS
        case, period, came = person_periods(y, self.ends_)
        if min(came.sum(), (1 - came).sum()) == 0:
            raise ModelError(
                "Nobody, or everybody, has the event within the horizon",
                actual=f"horizon {self.horizon:g}",
                fix="choose another horizon",
            )
        subject = case if rows is None else rows.subject[case]
        when = None if rows is None or rows.time is None else rows.time[case]
        return self.fit_matrix(_with_period(matrix[case], period), came.astype(float), Rows(subject, when))

    def survival(self, X: pd.DataFrame, times: Floats) -> Floats:
        """Return the chance of no event up to each time (n, t), even in the log between the ends of periods."""
        matrix = self.encoder_.transform(self._known(X))
        log = np.column_stack(
            [np.log1p(-self.predict_matrix(_with_period(matrix, np.full(len(X), p)))) for p in range(PERIODS)]
        )
        past = self._ahead(X, times)[:, :, None] - np.concatenate([[0.0], self.ends_[:-1]])
        part = past / self.ends_[0]  # of each period; the last one goes on
        return np.asarray(np.exp((np.clip(part, 0, [*[1.0] * (PERIODS - 1), np.inf]) * log[:, None, :]).sum(axis=2)))

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the probability to have left by the horizon, (n,)."""
        return super().predict(X) if self.ends_.size == 0 else self._left(X)


def _with_period(matrix: Floats, period: Codes) -> Floats:
    return np.column_stack([matrix, (period[:, None] == np.arange(1, PERIODS)).astype(float)])


class LogisticChurn(PersonPeriod, LogisticProbability):
    """Person-period logistic regression."""

    def __init__(
        self,
        horizon: float = 56.0,
        leaving: bool = True,
        season: Season | None = None,
        *,
        penalty: float,
        calibration: Calibration,
        max_iterations: int,
    ) -> None:
        super().__init__(penalty, calibration, max_iterations)
        self.horizon = horizon
        self.leaving = leaving
        self.season = season


class BoostingChurn(PersonPeriod, BoostingProbability):
    """Person-period gradient boosting."""

    def __init__(
        self,
        horizon: float = 56.0,
        leaving: bool = True,
        season: Season | None = None,
        *,
        learning_rate: float,
        trees: int,
        max_leaf_nodes: int,
        min_samples_leaf: int,
        l2: float,
        calibration: Calibration,
        seed: int,
    ) -> None:
        super().__init__(learning_rate, trees, max_leaf_nodes, min_samples_leaf, l2, calibration, seed)
        self.horizon = horizon
        self.leaving = leaving
        self.season = season


class CoxChurn(Timed, ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Proportional hazards: Cox (1972), J. Royal Statistical Society B 34, ties by Efron; Breslow's baseline."""

    def __init__(self, horizon: float = 56.0, leaving: bool = True, season: Season | None = None, *, seed: int) -> None:
        self.horizon = horizon
        self.leaving = leaving
        self.season = season
        self.seed = seed

    def fit(self, X: pd.DataFrame, y: pd.DataFrame, rows: Rows | None = None) -> Self:
        """Fit on features (n, f) and a frame (n, 3) with duration and event; of many rows on 20,000, by seed.

        The baseline is then scaled until the mean chance of no event by the horizon is that of Kaplan and Meier: where
        some never come again hazards are not proportional, and the mean is off (calibration in the large: van
        Houwelingen 2000, Statistics in Medicine 19). `unsettled_` is how many standard errors another step of Newton's
        would move the effects together. Raises ConvergenceError where the estimate is not finite.
        """
        from statsmodels.duration.hazard_regression import PHReg  # only here: it takes a second to load

        some = np.arange(len(X))
        if some.size > MOST_ROWS:
            some = np.sort(np.random.default_rng(self.seed).choice(some, MOST_ROWS, replace=False))
        known = self._known(X)
        self.encoder_ = Encoder(linear=True).fit(known)
        matrix, stop = self.encoder_.transform(known)[some], STOP * self.horizon
        time, event = y["duration"].to_numpy(float)[some], y["event"].to_numpy(bool)[some]
        time, event = self._grained(np.minimum(time, stop)), event & (time <= stop)
        self.kept_ = independent_columns(matrix)
        groups = None if rows is None else rows.subject[some]
        model = PHReg(time, matrix[:, self.kept_], status=event.astype(int), ties="efron")
        try:
            found = model.fit(disp=0, groups=groups)
        except np.linalg.LinAlgError as error:
            raise _unsettled("no curvature left to step along") from error
        self.coefficients_, self.errors_ = np.asarray(found.params), np.asarray(found.bse)
        if not (np.isfinite(self.coefficients_).all() and np.abs(self.coefficients_).max(initial=0) < 20):
            raise _unsettled(f"effects up to {np.abs(self.coefficients_).max():.3g}")
        score, curved = model.score(self.coefficients_), -model.hessian(self.coefficients_)
        self.unsettled_ = float(np.sqrt(np.abs(score @ np.linalg.lstsq(curved, score)[0])))
        self.times_, self.hazard_ = _baseline(time, event, np.exp(matrix[:, self.kept_] @ self.coefficients_))
        self.hazard_ = self.hazard_ * self._scale(X, y)
        return self

    def _grained(self, time: Floats) -> Floats:
        """Return times in steps of the horizon, whatever unit they are in: few different ones are soon fitted."""
        grain = self.horizon / GRAINS
        return np.asarray(np.ceil(time / grain - 1e-9) * grain)

    def _scale(self, X: pd.DataFrame, y: pd.DataFrame) -> float:
        """Return by how much hazards are too low on the mean of the rows at the horizon."""
        at = np.array([self.horizon])
        share = y["duration"].to_numpy(float) / self._ahead(X, at)[:, 0]  # each row's own horizon ends at 1
        curve = kaplan_meier(share, y["event"].to_numpy(bool))
        staying = float(curve.loc[curve["time"] <= 1, "share"].iloc[-1])
        log = np.log(self.survival(X, at)[:, 0])

        def over(scale: float) -> float:
            return float(np.exp(scale * log).mean()) - staying

        low, high = SCALES
        if over(low) <= 0 or over(high) >= 0:
            return low if over(low) <= 0 else high
        return float(brentq(over, low, high))

    def survival(self, X: pd.DataFrame, times: Floats) -> Floats:
        """Return the chance of no event up to each time, (n, t)."""
        relative = np.exp(self.encoder_.transform(self._known(X))[:, self.kept_] @ self.coefficients_)
        # even within a step, and beyond the last as steep as on the mean
        ends, hazard = (np.concatenate([[0.0], one, [FAR * one[-1]]]) for one in (self.times_, self.hazard_))
        gone = np.interp(self._ahead(X, times), ends, hazard)
        return np.asarray(np.exp(-relative[:, None] * gone))

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the probability to have left by the horizon, (n,)."""
        return self._left(X)

    def ratios(self) -> pd.DataFrame:
        """Return hazard ratios of the event, intervals clustered by subject: feature, ratio, low, high, note."""
        names = np.array(self.encoder_.names_, dtype=object)[self.kept_]
        half = 1.96 * self.errors_
        ends = {
            name: np.exp(self.coefficients_ + sign * half) for name, sign in (("ratio", 0), ("low", -1), ("high", 1))
        }
        what = "hazard of leaving" if self.leaving else "hazard of coming again"
        table = pd.DataFrame({"feature": names, **ends, "note": what})
        return table.iloc[np.argsort(-np.abs(self.coefficients_), kind="stable")].reset_index(drop=True)


def _unsettled(found: str) -> ConvergenceError:
    return ConvergenceError(
        "The Cox regression did not settle",
        expected="finite effects",
        actual=found,
        fix="leave out columns that tell the outcome or the duration, such as what was paid so far, or have a value "
        "seen only with one outcome",
    )


def _baseline(time: Floats, event: Bools, relative: Floats) -> tuple[Floats, Floats]:
    """Return the times of events and the cumulative baseline hazard at them."""
    order = np.argsort(time)
    at_risk = np.cumsum(relative[order][::-1])[::-1]
    times, count = np.unique(time[event], return_counts=True)
    first = np.searchsorted(time[order], times, side="left")
    return times, np.cumsum(count / at_risk[first])
