"""Estimators of probabilities: scikit-learn's classifiers with one encoding and one calibration."""

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from edtech.errors import ConvergenceError
from edtech.ml.outcomes.encoding import Encoder
from edtech.tables.arrays import Codes, Floats

Calibration = Literal["none", "platt", "isotonic"]
FOLDS = 5
NEWEST_SHARE = 1 / 3
"""Share of the latest rows that calibration is learned from, if there is a time."""
MANY_ROWS, MIN_CALIBRATION_ROWS = 20_000, 3_000
"""Rows from which on two folds are enough, and minimum rows to learn the calibration."""
TREE_SAMPLE_SHARE = 0.3
"""Share of rows for each tree of a forest: as accurate on later rows, and three times as fast."""
MIN_TREE_ROWS = 10_000
"""Minimum rows for each tree, if there are as many."""
MIN_PROBABILITY = 1e-6
"""Bound of probabilities, so that the log loss is finite."""


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """Codes of each training row's subject (n,), and the rank of its time (n,) or None."""

    subject: Codes
    time: Floats | None = None

    def calibration_folds(self) -> list[tuple[Codes, Codes]]:
        """Return pairs of rows to fit on and rows to predict: the latest third of rows of other subjects."""
        newest, many = np.ones(len(self.subject), dtype=bool), len(self.subject) > MANY_ROWS
        if self.time is not None:
            newest = self.time >= np.quantile(
                self.time, max(0.0, 1 - max(NEWEST_SHARE, MIN_CALIBRATION_ROWS / len(newest)))
            )
        folds = GroupKFold(2 if many else FOLDS, shuffle=True, random_state=0)
        splits = folds.split(self.subject, groups=self.subject)
        return [(train, test[newest[test]]) for train, test in splits]


class ProbabilityModel(ClassifierMixin, BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn has no types
    """P(outcome) from features: an encoder, a classifier of scikit-learn, and a calibration of its probabilities.

    Calibration (Platt 1999; Zadrozny and Elkan 2002) is learned from out-of-fold predictions with folds by subject. If
    there is a time, only the latest third of the rows counts: features of a longer record are more informative, so that
    older rows would need another calibration. The classifier is then fitted on all rows.
    """

    linear = False
    calibration: Calibration = "none"

    @abstractmethod
    def _classifier(self, rows: int) -> Any: ...  # noqa: ANN401  # one of scikit-learn's

    def fit(self, X: pd.DataFrame, y: Floats, rows: TrainingRows | None = None) -> Self:
        """Fit on features (n, f) and outcomes 0 or 1 (n,); raises ConvergenceError."""
        self.encoder_ = Encoder(self.linear).fit(X)
        return self.fit_matrix(self.encoder_.transform(X), y, rows)

    def fit_matrix(self, matrix: Floats, y: Floats, rows: TrainingRows | None = None) -> Self:
        """Fit on encoded features (n, k)."""
        outcome = np.asarray(y, dtype=np.int64)
        self.correction_ = Correction()
        if self.calibration != "none":
            raw, predicted = self._out_of_fold(matrix, outcome, rows or TrainingRows(np.arange(len(outcome))))
            self.correction_ = Correction.estimate(self.calibration, raw[predicted], outcome[predicted])
        self.classifier_ = _fit_classifier(self._classifier(len(outcome)), matrix, outcome)
        return self

    def _out_of_fold(self, matrix: Floats, outcome: Codes, rows: TrainingRows) -> tuple[Floats, Codes]:
        """Return out-of-fold predictions (n,), and the indices of rows that have one."""
        raw, predicted = np.zeros(len(outcome)), []
        for train, test in rows.calibration_folds():
            classifier = _fit_classifier(self._classifier(train.size), matrix[train], outcome[train])
            raw[test] = classifier.predict_proba(matrix[test])[:, 1]
            predicted.append(test)
        return raw, np.concatenate(predicted)

    def predict_matrix(self, matrix: Floats) -> Floats:
        """Return the probability for encoded features, (n,)."""
        with threadpool_limits(1, "openmp"):
            return self.correction_(self.classifier_.predict_proba(matrix)[:, 1])

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the probability of the outcome for each row, (n,)."""
        return self.predict_matrix(self.encoder_.transform(X))


def _fit_classifier(classifier: Any, matrix: Floats, outcome: Codes) -> Any:  # noqa: ANN401  # scikit-learn's
    matrix = np.where(np.isnan(matrix).all(axis=0), 0.0, matrix)  # a column of missing values only cannot be split
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            with threadpool_limits(1, "openmp"):  # several trainings at once would compete for threads
                fitted = classifier.fit(matrix, outcome)
    except ConvergenceWarning as exc:
        raise ConvergenceError(
            "The regression did not converge",
            actual=str(exc).splitlines()[0],
            fix="raise the penalty, or leave out collinear columns",
        ) from exc
    if "n_jobs" in fitted.get_params():
        fitted.set_params(n_jobs=1)  # threads sum the trees in any order: the last bit would differ
    return fitted


class Correction(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An increasing function of raw probabilities: linear in log odds, or interpolated from `at` to `value`."""

    def __init__(self, slope: float = 1.0, intercept: float = 0.0, at: Any = None, value: Any = None) -> None:  # noqa: ANN401
        self.slope = slope
        self.intercept = intercept
        self.at = at
        self.value = value

    @classmethod
    def estimate(cls, kind: Calibration, raw: Floats, outcome: Codes) -> "Correction":
        """Return the correction estimated from raw probabilities (n,) and outcomes (n,)."""
        if kind == "isotonic":
            steps = IsotonicRegression(y_min=MIN_PROBABILITY, y_max=1 - MIN_PROBABILITY, out_of_bounds="clip").fit(
                raw, outcome
            )
            return cls(at=steps.X_thresholds_, value=steps.y_thresholds_)
        odds = logit(np.clip(raw, MIN_PROBABILITY, 1 - MIN_PROBABILITY))[:, None]
        line = LogisticRegression(C=np.inf, max_iter=1000).fit(odds, outcome)
        return cls(float(line.coef_[0, 0]), float(line.intercept_[0]))

    def __call__(self, raw: Floats) -> Floats:
        """Return corrected probabilities (n,)."""
        if self.at is not None:
            return np.asarray(np.clip(np.interp(raw, self.at, self.value), MIN_PROBABILITY, 1 - MIN_PROBABILITY))
        odds = self.slope * logit(np.clip(raw, MIN_PROBABILITY, 1 - MIN_PROBABILITY)) + self.intercept
        return np.asarray(np.clip(expit(odds), MIN_PROBABILITY, 1 - MIN_PROBABILITY))


class LogisticProbability(ProbabilityModel):
    """Logistic regression with a ridge penalty."""

    linear = True

    def __init__(self, penalty: float, calibration: Calibration, max_iterations: int) -> None:
        self.penalty = penalty
        self.calibration = calibration
        self.max_iterations = max_iterations

    def _classifier(self, rows: int) -> LogisticRegression:  # noqa: ARG002
        return LogisticRegression(C=1 / self.penalty if self.penalty else np.inf, max_iter=self.max_iterations)


class ForestProbability(ProbabilityModel):
    """Random forest of probabilities."""

    def __init__(
        self,
        trees: int,
        max_depth: int,
        min_samples_leaf: int,
        max_features: float,
        calibration: Calibration,
        seed: int,
    ) -> None:
        self.trees = trees
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.calibration = calibration
        self.seed = seed

    def _classifier(self, rows: int) -> RandomForestClassifier:
        return RandomForestClassifier(
            n_estimators=self.trees,
            max_depth=self.max_depth,
            min_samples_leaf=self.min_samples_leaf,
            max_features=self.max_features,
            max_samples=min(1.0, max(TREE_SAMPLE_SHARE, MIN_TREE_ROWS / rows)),
            n_jobs=-1,
            random_state=self.seed,
        )


class BoostingProbability(ProbabilityModel):
    """Gradient boosting of the log odds."""

    def __init__(
        self,
        learning_rate: float,
        trees: int,
        max_leaf_nodes: int,
        min_samples_leaf: int,
        l2: float,
        calibration: Calibration,
        seed: int,
    ) -> None:
        self.learning_rate = learning_rate
        self.trees = trees
        self.max_leaf_nodes = max_leaf_nodes
        self.min_samples_leaf = min_samples_leaf
        self.l2 = l2
        self.calibration = calibration
        self.seed = seed

    def _classifier(self, rows: int) -> HistGradientBoostingClassifier:  # noqa: ARG002
        return HistGradientBoostingClassifier(
            learning_rate=self.learning_rate,
            max_iter=self.trees,
            max_leaf_nodes=self.max_leaf_nodes,
            min_samples_leaf=self.min_samples_leaf,
            l2_regularization=self.l2,
            early_stopping=False,
            random_state=self.seed,
        )
