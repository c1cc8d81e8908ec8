"""The estimators of `linear`, `gradient_boosting` and `random_forest`, which predict quantity per view from features.

The mean log price and the rate of a unit, and the rate of a period, replace unit and period effects (Mundlak 1978, "On
the Pooling of Time Series and Cross Section Data", Econometrica 46(1)). The first-stage residual is a feature too, and
0 in predictions (control function).
"""

import warnings
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import PoissonRegressor

from edtech.errors import ConvergenceError
from edtech.ml.elasticity.estimators.base import PanelDemandEstimator, values_or_default
from edtech.ml.elasticity.fitting.fixed_effects import LAST_PERIODS, build_slope_design
from edtech.ml.elasticity.fitting.inference import independent_columns
from edtech.ml.elasticity.identification import Identification
from edtech.ml.elasticity.panel import PanelArrays, group_means
from edtech.tables.arrays import Floats

RELATIVE_PRICE = "price relative to the unit's mean"
LEVELS = ("unit's price level", "unit's rate", "period's rate", "segment's rate")
RESIDUAL = "price residual of the first stage"


class FeatureDemand(PanelDemandEstimator):
    """Base class: lookup tables of the features."""

    def _fit_lookup_tables(self, arrays: PanelArrays, identification: Identification) -> None:
        groups = int(arrays.group.max()) + 1
        overall = float(arrays.quantity.sum() / arrays.exposure.sum())
        log_price = np.log(arrays.price)
        self.overall_rate_ = float(np.log(overall))
        self.group_log_price_ = group_means(log_price, arrays.group, groups)
        self.segment_log_price_ = group_means(log_price, arrays.segment, arrays.segments.size)
        self.group_rate_ = _log_rate(arrays, arrays.group, overall)
        self.segment_rate_ = _log_rate(arrays, arrays.segment, overall)
        self.period_rate_ = _log_rate(arrays, arrays.period, overall) - self.overall_rate_
        self.future_period_rate_ = float(self.period_rate_[-LAST_PERIODS:].mean())
        self.has_residual_ = identification.first_stage is not None

    def _relative_price(self, X: pd.DataFrame) -> Floats:
        """Return the log price relative to the unit's mean, shape (n,)."""
        unit, _, segment = self._codes(X)
        segment_mean = values_or_default(self.segment_log_price_, segment, self.segment_log_price_.mean())
        unit_mean = values_or_default(self.group_log_price_, unit, segment_mean) if self.repeated_ else segment_mean
        return np.asarray(np.log(X[self.roles.price].to_numpy(dtype=float)) - unit_mean)

    def _other_features(self, X: pd.DataFrame, residual: Floats | None = None) -> Floats:
        """Return all other features (n, f): levels, covariates and, with a first stage, its residual."""
        unit, period, segment = self._codes(X)
        segment_price = values_or_default(self.segment_log_price_, segment, self.segment_log_price_.mean())
        segment_rate = values_or_default(self.segment_rate_, segment, self.overall_rate_)
        unit_price = values_or_default(self.group_log_price_, unit, segment_price) if self.repeated_ else segment_price
        unit_rate = values_or_default(self.group_rate_, unit, segment_rate) if self.repeated_ else segment_rate
        period_rate = values_or_default(self.period_rate_, period, self.future_period_rate_)
        columns = [unit_price - segment_price, unit_rate, period_rate, segment_rate, self._controls(X)]
        if self.has_residual_:
            columns.append(np.zeros(len(X)) if residual is None else residual)
        return np.column_stack(columns)

    @property
    def feature_names(self) -> list[str]:
        """Names of the features, in the order of the regressor's columns."""
        return [RELATIVE_PRICE, *LEVELS, *self.control_names_, *([RESIDUAL] if self.has_residual_ else [])]


def _log_rate(arrays: PanelArrays, codes: NDArray[np.intp], overall: float) -> Floats:
    """Return the log of quantity per view in each group, shrunk to the overall rate by one expected sale."""
    sold = np.bincount(codes, weights=arrays.quantity)
    exposure = np.bincount(codes, weights=arrays.exposure)
    return np.asarray(np.log((sold + 1) / (exposure + 1 / overall)), dtype=float)


@contextmanager
def raise_unless_converged(iterations: int) -> Iterator[None]:
    """Raise ConvergenceError instead of scikit-learn's warning."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            yield
    except ConvergenceWarning as exc:
        raise ConvergenceError(
            "The regression did not converge",
            expected=f"convergence within {iterations} iterations",
            actual=str(exc).splitlines()[0],
            fix="allow more iterations, use one slope for all segments, or add a ridge penalty",
        ) from exc


class LinearDemand(FeatureDemand):
    """Poisson regression with a constant elasticity for each segment.

    It has no interval. One from its standard errors would be valid only if elasticities are constant and there is no
    penalty; else it misses the truth by several times its width.
    """

    slope_covariance_ = None
    interval_note = (
        "No valid confidence interval: it would assume a constant elasticity. The algorithm fixed_effects has one."
    )

    def __init__(
        self,
        columns: dict[str, Any] | None = None,
        *,
        alpha: float,
        segment_slopes: bool,
        max_iterations: int,
    ) -> None:
        self.columns = columns
        self.alpha = alpha
        self.segment_slopes = segment_slopes
        self.max_iterations = max_iterations

    def _fit(self, panel: pd.DataFrame, arrays: PanelArrays, identification: Identification) -> None:
        self._fit_lookup_tables(arrays, identification)
        slope_group = arrays.segment if self.segment_slopes else np.zeros_like(arrays.segment)
        self.slope_design_ = build_slope_design(np.log(arrays.price), arrays, slope_group)
        k = self.slope_design_.shape[1]
        features = self._features(
            panel, None if identification.first_stage is None else identification.first_stage.residual
        )
        independent = independent_columns(features)
        scale = features[:, independent].std(axis=0)
        regressor = PoissonRegressor(alpha=self.alpha, max_iter=self.max_iterations, solver="newton-cholesky")
        with raise_unless_converged(self.max_iterations):
            regressor.fit(
                features[:, independent] / scale, arrays.quantity / arrays.exposure, sample_weight=arrays.exposure
            )
        coefficients = np.zeros(features.shape[1])
        coefficients[independent] = regressor.coef_ / scale
        self.intercept_ = float(regressor.intercept_)
        self.slopes_, self.other_slopes_ = coefficients[:k], coefficients[k:]
        self.iterations_ = int(regressor.n_iter_)

    def _row_slope_design(self, X: pd.DataFrame) -> Floats:
        """Return the matrix (n, k) that maps the slopes to each row's slope; a new segment has the mean slope."""
        _, _, segment = self._codes(X)
        slope_group = segment if self.segment_slopes else np.zeros_like(segment)
        return np.where((slope_group >= 0)[:, None], self.slope_design_[slope_group], self.slope_design_.mean(axis=0))

    def _features(self, X: pd.DataFrame, residual: Floats | None = None) -> Floats:
        return np.column_stack([self.price_terms(X), self._other_features(X, residual)])

    def price_terms(self, X: pd.DataFrame) -> Floats:
        """Return the derivative of eta with respect to the slopes, shape (n, k)."""
        return self._relative_price(X)[:, None] * self._row_slope_design(X)

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the expected quantity of each row, shape (n,)."""
        eta = self.intercept_ + self.price_terms(X) @ self.slopes_ + self._other_features(X) @ self.other_slopes_
        return self._exposure(X) * np.exp(eta)

    def elasticities(self, X: pd.DataFrame) -> Floats:
        """Return d log E[quantity] / d log price of each row, shape (n,), in closed form."""
        return self._row_slope_design(X) @ self.slopes_


class TreeDemand(FeatureDemand):
    """Base class of tree models: a regressor of the rate on all features, weighted by views."""

    slope_covariance_ = None
    interval_note = "No valid confidence interval: a model of trees is a step function of the price."

    @abstractmethod
    def _regressor(self) -> RegressorMixin: ...

    def _fit(self, panel: pd.DataFrame, arrays: PanelArrays, identification: Identification) -> None:
        self._fit_lookup_tables(arrays, identification)
        features = self._features(
            panel, None if identification.first_stage is None else identification.first_stage.residual
        )
        rate = arrays.quantity / arrays.exposure
        self.regressor_ = self._regressor().fit(features, rate, sample_weight=arrays.exposure)
        if "n_jobs" in self.regressor_.get_params():
            # threads sum the trees in any order, so predictions would differ in the last bit
            self.regressor_.set_params(n_jobs=1)

    def _features(self, X: pd.DataFrame, residual: Floats | None = None) -> Floats:
        return np.column_stack([self._relative_price(X), self._other_features(X, residual)])

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the expected quantity of each row, shape (n,)."""
        min_rate = np.exp(self.overall_rate_) * 1e-6
        return np.asarray(self._exposure(X) * np.maximum(self.regressor_.predict(self._features(X)), min_rate))


class GradientBoostingDemand(TreeDemand):
    """Gradient boosting with Poisson loss, monotonically decreasing in the price."""

    def __init__(
        self,
        columns: dict[str, Any] | None = None,
        *,
        learning_rate: float,
        trees: int,
        max_leaf_nodes: int,
        min_samples_leaf: int,
        l2: float,
        seed: int,
    ) -> None:
        self.columns = columns
        self.learning_rate = learning_rate
        self.trees = trees
        self.max_leaf_nodes = max_leaf_nodes
        self.min_samples_leaf = min_samples_leaf
        self.l2 = l2
        self.seed = seed

    def _regressor(self) -> RegressorMixin:
        monotonic = [-1] + [0] * (len(self.feature_names) - 1)
        return HistGradientBoostingRegressor(
            loss="poisson",
            learning_rate=self.learning_rate,
            max_iter=self.trees,
            max_leaf_nodes=self.max_leaf_nodes,
            min_samples_leaf=self.min_samples_leaf,
            l2_regularization=self.l2,
            monotonic_cst=monotonic,
            early_stopping=False,
            random_state=self.seed,
        )


class RandomForestDemand(TreeDemand):
    """Random forest of the rate, monotonically decreasing in the price."""

    def __init__(
        self,
        columns: dict[str, Any] | None = None,
        *,
        trees: int,
        max_depth: int,
        min_samples_leaf: int,
        max_features: float,
        seed: int,
    ) -> None:
        self.columns = columns
        self.trees = trees
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.seed = seed

    def _regressor(self) -> RegressorMixin:
        monotonic = [-1] + [0] * (len(self.feature_names) - 1)
        return RandomForestRegressor(
            n_estimators=self.trees,
            max_depth=self.max_depth,
            min_samples_leaf=self.min_samples_leaf,
            max_features=self.max_features,
            monotonic_cst=monotonic,
            n_jobs=-1,
            random_state=self.seed,
        )
