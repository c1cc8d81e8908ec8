"""Estimators of who has left by a horizon, from how long rows were watched."""

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from edtech.errors import ConvergenceError, ModelError
from edtech.ml.elasticity.inference import independent_columns
from edtech.ml.labels.cases import PERIODS, Bools, Floats
from edtech.ml.labels.encoding import Encoder
from edtech.ml.labels.estimators import (
    LEAST,
    BoostingProbability,
    Calibration,
    Ints,
    LogisticProbability,
    ProbabilityModel,
    Rows,
)
from edtech.ml.labels.survival import step_at

MOST_ROWS = 20_000


def left(survival: Floats, leaving: bool) -> Floats:
    """Return the chance to have left, from that of no event: either leaving is the event, or coming again is."""
    return np.clip(1 - survival if leaving else survival, LEAST, 1 - LEAST)


def person_periods(follow: pd.DataFrame, ends: Floats) -> tuple[Ints, Ints, Ints]:
    """Return a row for each case and period that it was watched through: case, period, whether the event came in it.

    `follow` (n, 3): duration, event, and `watch`, how long the event could have been seen. A period that the watch does
    not cover is left out whether or not the event came in it: else those that came would count and the others not.
    """
    duration, event, watch = (follow[name].to_numpy()[:, None] for name in ("duration", "event", "watch"))
    starts = np.concatenate([[-np.inf], ends[:-1]])
    case, period = np.nonzero((duration > starts) & (watch >= ends))
    came = (event & (duration <= ends))[case, period]
    return case, period, came.astype(np.intp)


class PersonPeriod(ProbabilityModel):
    """Discrete-time survival: in each quarter of the horizon, the chance of the event where it has not come yet.

    Singer and Willett (1993), J. Educational Statistics 18. From plain labels, whose time is not known, it is the
    classifier itself.
    """

    horizon: float
    leaving: bool

    def fit(self, X: pd.DataFrame, y: Any, rows: Rows | None = None) -> Self:  # noqa: ANN401  # labels or a frame
        """Fit on features (n, f) and a frame (n, 3) of duration, event and watch, or plain outcomes (n,)."""
        self.encoder_ = Encoder(self.linear).fit(X)
        matrix = self.encoder_.transform(X)
        if not isinstance(y, pd.DataFrame):
            self.ends_ = np.empty(0)
            return self.fit_matrix(matrix, y, rows)
        self.ends_ = self.horizon * np.arange(1, PERIODS + 1) / PERIODS
        case, period, came = person_periods(y, self.ends_)
        if min(came.sum(), (1 - came).sum()) == 0:
            raise ModelError(
                "Nobody, or everybody, has the event within the horizon", found=f"horizon {self.horizon:g}",
                fix="choose another horizon",
            )  # fmt: skip
        subject = case if rows is None else rows.subject[case]
        when = None if rows is None or rows.time is None else rows.time[case]
        return self.fit_matrix(_with_period(matrix[case], period), came.astype(float), Rows(subject, when))

    def survival(self, X: pd.DataFrame, times: Floats) -> Floats:
        """Return the chance of no event up to each time (n, t), even in the log between the ends of periods."""
        matrix = self.encoder_.transform(X)
        stays = [np.log1p(-self.predict_matrix(_with_period(matrix, np.full(len(X), p)))) for p in range(PERIODS)]
        log = np.cumsum(np.column_stack([np.zeros(len(X)), *stays]), axis=1)
        ends = np.concatenate([[0.0], self.ends_])
        place = np.clip(np.searchsorted(ends, times, side="left"), 1, PERIODS)
        part = np.clip((times - ends[place - 1]) / (ends[place] - ends[place - 1]), 0, 1)
        return np.asarray(np.exp(log[:, place - 1] * (1 - part) + log[:, place] * part))

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the probability to have left by the horizon, (n,)."""
        if self.ends_.size == 0:
            return super().predict(X)
        return left(self.survival(X, np.array([self.horizon]))[:, 0], self.leaving)


def _with_period(matrix: Floats, period: Ints) -> Floats:
    return np.column_stack([matrix, (period[:, None] == np.arange(1, PERIODS)).astype(float)])


class LogisticChurn(PersonPeriod, LogisticProbability):
    """Person-period logistic regression."""

    def __init__(
        self,
        horizon: float = 56.0,
        leaving: bool = True,
        penalty: float = 10.0,
        calibration: Calibration = "platt",
        max_iterations: int = 500,
    ) -> None:
        super().__init__(penalty, calibration, max_iterations)
        self.horizon = horizon
        self.leaving = leaving


class BoostingChurn(PersonPeriod, BoostingProbability):
    """Person-period gradient boosting."""

    def __init__(
        self,
        horizon: float = 56.0,
        leaving: bool = True,
        learning_rate: float = 0.05,
        trees: int = 100,
        max_leaf_nodes: int = 15,
        min_samples_leaf: int = 30,
        l2: float = 1.0,
        calibration: Calibration = "platt",
        seed: int = 0,
    ) -> None:
        super().__init__(learning_rate, trees, max_leaf_nodes, min_samples_leaf, l2, calibration, seed)
        self.horizon = horizon
        self.leaving = leaving


class CoxChurn(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Proportional hazards: Cox (1972), J. Royal Statistical Society B 34, ties by Efron; Breslow's baseline."""

    def __init__(self, horizon: float = 56.0, leaving: bool = True, seed: int = 0) -> None:
        self.horizon = horizon
        self.leaving = leaving
        self.seed = seed

    def fit(self, X: pd.DataFrame, y: pd.DataFrame, rows: Rows | None = None) -> Self:
        """Fit on features (n, f) and a frame (n, 3) with duration and event; of many rows on 20,000, by seed.

        Raises ConvergenceError where the estimate is not finite.
        """
        from statsmodels.duration.hazard_regression import PHReg  # only here: it takes a second to load

        some = np.arange(len(X))
        if some.size > MOST_ROWS:
            some = np.sort(np.random.default_rng(self.seed).choice(some, MOST_ROWS, replace=False))
        self.encoder_ = Encoder(linear=True).fit(X)
        matrix = self.encoder_.transform(X)[some]
        time, event = np.ceil(y["duration"].to_numpy(float)[some]), y["event"].to_numpy(bool)[some]
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
        self.times_, self.hazard_ = _baseline(time, event, np.exp(matrix[:, self.kept_] @ self.coefficients_))
        return self

    def survival(self, X: pd.DataFrame, times: Floats) -> Floats:
        """Return the chance of no event up to each time, (n, t)."""
        relative = np.exp(self.encoder_.transform(X)[:, self.kept_] @ self.coefficients_)
        gone = -np.log(np.maximum(step_at(self.times_, np.exp(-self.hazard_), times), 1e-300))
        return np.asarray(np.exp(-relative[:, None] * gone))

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the probability to have left by the horizon, (n,)."""
        return left(self.survival(X, np.array([self.horizon]))[:, 0], self.leaving)

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
        found=found,
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
