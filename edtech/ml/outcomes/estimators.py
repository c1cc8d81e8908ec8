"""Estimators of a probability: scikit-learn's classifiers behind one encoding and one calibration."""

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
NEWEST = 1 / 3
"""Share of the rows that a correction is learned from, where there is a time."""
MANY, ENOUGH = 20_000, 3_000
"""Rows from which on halves are as good as fifths to fit on, and the fewest that a correction is learned from."""
SAMPLED = 0.3
"""Share of many rows that each tree of a forest sees: as good on later rows and three times as fast."""
WHOLE = 10_000
"""Rows that each tree sees at least, where there are as many."""
LEAST = 1e-6
"""No outcome is held to be surer than this, so that the log loss stays finite."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Whom each training row is about, (n,), and the rank of its moment, (n,) or None where there is no time."""

    subject: Codes
    time: Floats | None = None

    def parts(self) -> list[tuple[Codes, Codes]]:
        """Return pairs of rows to fit on and rows to predict: of other subjects, and the newest third of them."""
        newest, many = np.ones(len(self.subject), dtype=bool), len(self.subject) > MANY
        if self.time is not None:
            newest = self.time >= np.quantile(self.time, max(0.0, 1 - max(NEWEST, ENOUGH / len(newest))))
        folds = GroupKFold(2 if many else FOLDS, shuffle=True, random_state=0)
        parts = folds.split(self.subject, groups=self.subject)
        return [(fitted, apart[newest[apart]]) for fitted, apart in parts]


class ProbabilityModel(ClassifierMixin, BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn has no types
    """P(outcome) from features: an encoder, a classifier of scikit-learn, and what corrects its probabilities.

    Calibration (Platt 1999; Zadrozny and Elkan 2002) learns from predictions in folds, no subject in two of them,
    and where there is a time from the newest third of the rows: features that lengthen with the record tell more by
    then, so that a fit on the older rows alone would be corrected for what the one on all rows does not have. The
    classifier itself is then fitted on all rows.
    """

    linear = False
    calibration: Calibration = "none"

    @abstractmethod
    def _classifier(self, rows: int) -> Any: ...  # noqa: ANN401  # one of scikit-learn's

    def fit(self, X: pd.DataFrame, y: Floats, rows: Rows | None = None) -> Self:
        """Fit on features (n, f) and outcomes 0 or 1 (n,); raise ConvergenceError where it does not settle."""
        self.encoder_ = Encoder(self.linear).fit(X)
        return self.fit_matrix(self.encoder_.transform(X), y, rows)

    def fit_matrix(self, matrix: Floats, y: Floats, rows: Rows | None = None) -> Self:
        """Fit on encoded features (n, k)."""
        outcome = np.asarray(y, dtype=np.int64)
        self.correction_ = Correction()
        if self.calibration != "none":
            raw, kept = self._unseen(matrix, outcome, rows or Rows(np.arange(len(outcome))))
            self.correction_ = Correction.of(self.calibration, raw[kept], outcome[kept])
        self.classifier_ = _fitted(self._classifier(len(outcome)), matrix, outcome)
        return self

    def _unseen(self, matrix: Floats, outcome: Codes, rows: Rows) -> tuple[Floats, Codes]:
        """Return predictions (n,) by classifiers that had not seen these rows, and which rows have one."""
        raw, kept = np.zeros(len(outcome)), []
        for fitted, apart in rows.parts():
            one = _fitted(self._classifier(fitted.size), matrix[fitted], outcome[fitted])
            raw[apart] = one.predict_proba(matrix[apart])[:, 1]
            kept.append(apart)
        return raw, np.concatenate(kept)

    def predict_matrix(self, matrix: Floats) -> Floats:
        """Return the probability for encoded features, (n,)."""
        with threadpool_limits(1, "openmp"):
            return self.correction_(self.classifier_.predict_proba(matrix)[:, 1])

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the probability of the outcome for each row, (n,)."""
        return self.predict_matrix(self.encoder_.transform(X))


def _fitted(classifier: Any, matrix: Floats, outcome: Codes) -> Any:  # noqa: ANN401  # scikit-learn's
    matrix = np.where(np.isnan(matrix).all(axis=0), 0.0, matrix)  # a column of gaps only has no place to split
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            with threadpool_limits(1, "openmp"):  # on a busy machine two threads mostly wait for one another
                fitted = classifier.fit(matrix, outcome)
    except ConvergenceWarning as exc:
        raise ConvergenceError(
            "The regression did not settle",
            actual=str(exc).splitlines()[0],
            fix="raise the penalty, or leave out columns that say the same",
        ) from exc
    if "n_jobs" in fitted.get_params():
        fitted.set_params(n_jobs=1)  # threads add up the trees in any order: the last bit would differ
    return fitted


class Correction(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A rising function from raw to corrected probability: a line in the log odds, or steps from `at` to `value`."""

    def __init__(self, slope: float = 1.0, intercept: float = 0.0, at: Any = None, value: Any = None) -> None:  # noqa: ANN401
        self.slope = slope
        self.intercept = intercept
        self.at = at
        self.value = value

    @classmethod
    def of(cls, kind: Calibration, raw: Floats, outcome: Codes) -> "Correction":
        """Return the correction learned from raw probabilities (n,) and outcomes (n,)."""
        if kind == "isotonic":
            steps = IsotonicRegression(y_min=LEAST, y_max=1 - LEAST, out_of_bounds="clip").fit(raw, outcome)
            return cls(at=steps.X_thresholds_, value=steps.y_thresholds_)
        odds = logit(np.clip(raw, LEAST, 1 - LEAST))[:, None]
        line = LogisticRegression(C=np.inf, max_iter=1000).fit(odds, outcome)
        return cls(float(line.coef_[0, 0]), float(line.intercept_[0]))

    def __call__(self, raw: Floats) -> Floats:
        """Return the corrected probability of each raw one, (n,)."""
        if self.at is not None:
            return np.asarray(np.clip(np.interp(raw, self.at, self.value), LEAST, 1 - LEAST))
        odds = self.slope * logit(np.clip(raw, LEAST, 1 - LEAST)) + self.intercept
        return np.asarray(np.clip(expit(odds), LEAST, 1 - LEAST))


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
            max_samples=min(1.0, max(SAMPLED, WHOLE / rows)),
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
