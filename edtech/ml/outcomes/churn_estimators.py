"""Survival estimators of the probability of leaving by a horizon."""

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
    MIN_PROBABILITY,
    BoostingProbability,
    Calibration,
    LogisticProbability,
    ProbabilityModel,
    TrainingRows,
)
from edtech.ml.outcomes.seasonality import TIME_FEATURES, Season
from edtech.ml.outcomes.survival import kaplan_meier
from edtech.tables.arrays import Bools, Codes, Floats

MAX_ROWS = 20_000
MAX_HORIZONS = 1.5
"""Durations are censored at this many horizons: hazards are rarely proportional for longer."""
STEPS_PER_HORIZON = 56
"""Resolution of durations in a Cox regression: days, if the horizon is eight weeks."""
SCALE_BOUNDS = (0.5, 2.0)
"""Bounds of the scale of a baseline hazard; a larger miscalibration has another reason."""
EXTRAPOLATION = 10.0
"""Multiple of the last event time up to which a baseline is extrapolated."""


def leaving_probability(survival: Floats, leaving: bool) -> Floats:
    """Return the probability of having left, from that of no event: the event is leaving, or else returning."""
    return np.clip(1 - survival if leaving else survival, MIN_PROBABILITY, 1 - MIN_PROBABILITY)


class SurvivalEstimator(ABC):
    """Base class: a horizon, and the season in whose usual days time is measured (None: calendar days)."""

    horizon: float
    leaving: bool
    season: Season | None

    def _adjust_season(self, X: pd.DataFrame) -> pd.DataFrame:
        return X if self.season is None else self.season.adjust_features(X)

    def _usual_days_ahead(self, X: pd.DataFrame, times: Floats) -> Floats:
        """Return the usual days (n, t) in the `times` (t,) after each row's time."""
        if self.season is None:
            return np.broadcast_to(times, (len(X), len(times)))
        day = X[TIME_FEATURES[0]].to_numpy(float)
        return np.column_stack([self.season.usual_days(day, np.full(len(X), length)) for length in times])

    @abstractmethod
    def survival(self, X: pd.DataFrame, times: Floats) -> Floats:
        """Return the probability of no event up to each time, (n, t)."""

    def _leaving_probability(self, X: pd.DataFrame) -> Floats:
        return leaving_probability(self.survival(X, np.array([self.horizon]))[:, 0], self.leaving)


def person_periods(follow: pd.DataFrame, ends: Floats) -> tuple[Codes, Codes, Codes]:
    """Return a row for each case and observed period: case, period, whether the event is in it.

    `follow` (n, 3): duration, event, and `watch`, how long the event could have been observed. Periods that are not
    fully observed are left out, with or without an event: else only those with events would count.
    """
    duration, event, watch = (follow[name].to_numpy()[:, None] for name in ("duration", "event", "watch"))
    starts = np.concatenate([[-np.inf], ends[:-1]])
    case, period = np.nonzero((duration > starts) & (watch >= ends))
    event_in_period = (event & (duration <= ends))[case, period]
    return case, period, event_in_period.astype(np.intp)


class PersonPeriod(SurvivalEstimator, ProbabilityModel):
    """Discrete-time survival: the hazard of the event in each quarter of the horizon.

    Singer and Willett (1993), J. Educational Statistics 18. For outcomes without durations, it is the classifier
    itself.
    """

    def fit(self, X: pd.DataFrame, y: Any, rows: TrainingRows | None = None) -> Self:  # noqa: ANN401  # labels or a frame
        """Fit on features (n, f) and a frame (n, 3) of duration, event and watch, or outcomes 0 or 1 (n,)."""
        X = self._adjust_season(X)
        self.encoder_ = Encoder(self.linear).fit(X)
        matrix = self.encoder_.transform(X)
        if not isinstance(y, pd.DataFrame):
            self.ends_ = np.empty(0)
            return self.fit_matrix(matrix, y, rows)
        self.ends_ = self.horizon * np.arange(1, PERIODS + 1) / PERIODS
        case, period, event_in_period = person_periods(y, self.ends_)
        if min(event_in_period.sum(), (1 - event_in_period).sum()) == 0:
            raise ModelError(
                "No row, or every row, has the event within the horizon",
                actual=f"horizon {self.horizon:g}",
                fix="choose another horizon",
            )
        subject = case if rows is None else rows.subject[case]
        time = None if rows is None or rows.time is None else rows.time[case]
        return self.fit_matrix(
            _with_period(matrix[case], period), event_in_period.astype(float), TrainingRows(subject, time)
        )

    def survival(self, X: pd.DataFrame, times: Floats) -> Floats:
        """Return the probability of no event up to each time (n, t), log-linear within periods."""
        matrix = self.encoder_.transform(self._adjust_season(X))
        log = np.column_stack(
            [np.log1p(-self.predict_matrix(_with_period(matrix, np.full(len(X), p)))) for p in range(PERIODS)]
        )
        elapsed = self._usual_days_ahead(X, times)[:, :, None] - np.concatenate([[0.0], self.ends_[:-1]])
        share_of_period = elapsed / self.ends_[0]  # the last period is extrapolated
        return np.asarray(
            np.exp((np.clip(share_of_period, 0, [*[1.0] * (PERIODS - 1), np.inf]) * log[:, None, :]).sum(axis=2))
        )

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the probability of having left by the horizon, (n,)."""
        return super().predict(X) if self.ends_.size == 0 else self._leaving_probability(X)


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


class CoxChurn(SurvivalEstimator, ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Proportional hazards: Cox (1972), J. Royal Statistical Society B 34, ties by Efron; Breslow's baseline."""

    def __init__(self, horizon: float = 56.0, leaving: bool = True, season: Season | None = None, *, seed: int) -> None:
        self.horizon = horizon
        self.leaving = leaving
        self.season = season
        self.seed = seed

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore stored attributes; two had other names in version 0.1."""
        former = {"kept_": "independent_", "unsettled_": "newton_step_"}
        super().__setstate__({former.get(name, name): value for name, value in state.items()})

    def fit(self, X: pd.DataFrame, y: pd.DataFrame, rows: TrainingRows | None = None) -> Self:
        """Fit on features (n, f) and a frame (n, 3) with duration and event, on at most 20,000 random rows.

        The baseline hazard is scaled until the mean survival at the horizon is that of Kaplan and Meier (calibration in
        the large: van Houwelingen 2000, Statistics in Medicine 19). If some rows never have the event, hazards are not
        proportional and the mean is off. `newton_step_` is the length of another Newton step, in standard errors.
        Raises ConvergenceError if the estimate is not finite.
        """
        from statsmodels.duration.hazard_regression import PHReg  # only here: it takes a second to load

        sample = np.arange(len(X))
        if sample.size > MAX_ROWS:
            sample = np.sort(np.random.default_rng(self.seed).choice(sample, MAX_ROWS, replace=False))
        adjusted = self._adjust_season(X)
        self.encoder_ = Encoder(linear=True).fit(adjusted)
        matrix, stop = self.encoder_.transform(adjusted)[sample], MAX_HORIZONS * self.horizon
        time, event = y["duration"].to_numpy(float)[sample], y["event"].to_numpy(bool)[sample]
        time, event = self._round_up(np.minimum(time, stop)), event & (time <= stop)
        self.independent_ = independent_columns(matrix)
        groups = None if rows is None else rows.subject[sample]
        model = PHReg(time, matrix[:, self.independent_], status=event.astype(int), ties="efron")
        try:
            fitted = model.fit(disp=0, groups=groups)
        except np.linalg.LinAlgError as error:
            raise _no_convergence("no curvature left to step along") from error
        self.coefficients_, self.errors_ = np.asarray(fitted.params), np.asarray(fitted.bse)
        if not (np.isfinite(self.coefficients_).all() and np.abs(self.coefficients_).max(initial=0) < 20):
            raise _no_convergence(f"effects up to {np.abs(self.coefficients_).max():.3g}")
        score, information = model.score(self.coefficients_), -model.hessian(self.coefficients_)
        self.newton_step_ = float(np.sqrt(np.abs(score @ np.linalg.lstsq(information, score)[0])))
        self.times_, self.hazard_ = _baseline(time, event, np.exp(matrix[:, self.independent_] @ self.coefficients_))
        self.hazard_ = self.hazard_ * self._baseline_scale(X, y)
        return self

    def _round_up(self, time: Floats) -> Floats:
        """Return times rounded up to a fraction of the horizon: few distinct times are fast to fit."""
        grain = self.horizon / STEPS_PER_HORIZON
        return np.asarray(np.ceil(time / grain - 1e-9) * grain)

    def _baseline_scale(self, X: pd.DataFrame, y: pd.DataFrame) -> float:
        """Return the scale of the hazard at which mean survival at the horizon is that of Kaplan and Meier."""
        at = np.array([self.horizon])
        share = y["duration"].to_numpy(float) / self._usual_days_ahead(X, at)[:, 0]  # each row's own horizon is 1
        curve = kaplan_meier(share, y["event"].to_numpy(bool))
        staying = float(curve.loc[curve["time"] <= 1, "share"].iloc[-1])
        log = np.log(self.survival(X, at)[:, 0])

        def over(scale: float) -> float:
            return float(np.exp(scale * log).mean()) - staying

        low, high = SCALE_BOUNDS
        if over(low) <= 0 or over(high) >= 0:
            return low if over(low) <= 0 else high
        return float(brentq(over, low, high))

    def survival(self, X: pd.DataFrame, times: Floats) -> Floats:
        """Return the probability of no event up to each time, (n, t)."""
        relative = np.exp(self.encoder_.transform(self._adjust_season(X))[:, self.independent_] @ self.coefficients_)
        # linear within a step, and beyond the last with the mean slope
        ends, hazard = (
            np.concatenate([[0.0], values, [EXTRAPOLATION * values[-1]]]) for values in (self.times_, self.hazard_)
        )
        cumulative_hazard = np.interp(self._usual_days_ahead(X, times), ends, hazard)
        return np.asarray(np.exp(-relative[:, None] * cumulative_hazard))

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the probability of having left by the horizon, (n,)."""
        return self._leaving_probability(X)

    def ratios(self) -> pd.DataFrame:
        """Return hazard ratios, with intervals clustered by subject: feature, ratio, low, high, note."""
        names = np.array(self.encoder_.names_, dtype=object)[self.independent_]
        half = 1.96 * self.errors_
        ends = {
            name: np.exp(self.coefficients_ + sign * half) for name, sign in (("ratio", 0), ("low", -1), ("high", 1))
        }
        hazard_of = "hazard of leaving" if self.leaving else "hazard of returning"
        table = pd.DataFrame({"feature": names, **ends, "note": hazard_of})
        return table.iloc[np.argsort(-np.abs(self.coefficients_), kind="stable")].reset_index(drop=True)


def _no_convergence(detail: str) -> ConvergenceError:
    return ConvergenceError(
        "The Cox regression did not converge",
        expected="finite effects",
        actual=detail,
        fix="leave out columns that contain the outcome or the duration, such as the amount paid so far, or that "
        "have a value with one outcome only",
    )


def _baseline(time: Floats, event: Bools, relative: Floats) -> tuple[Floats, Floats]:
    """Return the event times and the cumulative baseline hazard (Breslow)."""
    order = np.argsort(time)
    at_risk = np.cumsum(relative[order][::-1])[::-1]
    times, count = np.unique(time[event], return_counts=True)
    first = np.searchsorted(time[order], times, side="left")
    return times, np.cumsum(count / at_risk[first])
