"""The estimator of `dml`: double machine learning, for offers with covariates of unknown functional form.

    E[quantity | price, X] = exp(theta[segment] * log price + g(X)),     E[log price | X] = m(X)

Boosted trees predict quantity, l(X), and log price, m(X), from covariates with cross-fitting (Chernozhukov et al. 2018,
"Double/debiased machine learning for treatment and structural parameters", Econometrics Journal 21(1)). Within each
segment theta solves, with v = log price - m(X),

    sum of w * (quantity / l(X) * exp(-theta * v) - c) * v = 0

This moment is Neyman orthogonal: its derivatives by g and m have mean 0, so that small errors in either do not matter.
It is the partially linear model with an exponential mean. Unlike the linear forms of DoubleML and EconML, it needs no
log of a zero quantity. The weights w are 1 or l(X), as the role `weights` states. A slope is a mean weighted by the
price variation of the rows, given covariates. A second solution adds the square of the log price. The distance of its
mean slope from the first is added to the standard errors (Buckland, Burnham & Augustin 1997, "Model selection: an
integral part of inference", Biometrics 53(2)).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import KFold

from edtech.errors import ConvergenceError, NotIdentifiedError
from edtech.ml.elasticity.estimators.feature_models import FeatureDemand
from edtech.ml.elasticity.fitting.inference import sandwich
from edtech.ml.elasticity.identification import Identification
from edtech.ml.elasticity.panel import PanelArrays
from edtech.tables.arrays import Codes, Floats

_MAX_STEPS, _MAX_LOG_CHANGE = 100, 5.0
_TOLERANCE = 1e-10
_MIN_RATE = 1e-6
"""Lower bound of predicted rates, as a share of the overall rate."""


@dataclass(frozen=True, slots=True)
class MomentSolution:
    """Coefficients (c,) of the treatments and their `influence` functions (n, c)."""

    coefficients: Floats
    influence: Floats


def solve_moment(ratio: Floats, residuals: Floats, weights: Floats) -> MomentSolution:
    """Solve this module's moment from quantity / l(X) (n,), residuals of c treatments (n, c) and weights (n,).

    Raises ConvergenceError if there is no solution.
    """
    if ratio.max() <= 0:  # every slope solves 0 = 0
        raise _no_solution_error(f"{ratio.size:,} rows without a sale")
    v = residuals - np.average(residuals, axis=0, weights=weights)
    coefficients = np.zeros(v.shape[1])
    for _ in range(_MAX_STEPS):
        weighted_ratio = weights * ratio * np.exp(-np.clip(v @ coefficients, -_MAX_LOG_CHANGE, _MAX_LOG_CHANGE))
        jacobian = (v * weighted_ratio[:, None]).T @ v
        step = np.linalg.lstsq(jacobian, v.T @ weighted_ratio, rcond=None)[0]
        coefficients += step
        if np.abs(step).max() <= _TOLERANCE:
            errors = weighted_ratio - weights * (weighted_ratio.sum() / weights.sum())
            return MomentSolution(coefficients, (v * errors[:, None]) @ np.linalg.pinv(jacobian))
    raise _no_solution_error(f"no convergence on {ratio.size:,} rows")


def _no_solution_error(detail: str) -> ConvergenceError:
    return ConvergenceError(
        "The moment of double machine learning has no solution",
        expected="prices that vary given covariates, and sales in every segment",
        actual=detail,
        fix="use one slope for all segments, or covariates that do not explain the price fully",
    )


class DoubleMLDemand(FeatureDemand):
    """Cross-fitted boosted trees for the covariates, and a price slope for each segment."""

    interval_note = (
        "The interval includes sampling error and, as one standard deviation, the change if demand is quadratic in log "
        "price. It excludes errors of boosting: train again with another seed to see them."
    )

    def __init__(
        self,
        columns: dict[str, Any] | None = None,
        *,
        folds: int,
        learning_rate: float,
        trees: int,
        max_leaf_nodes: int,
        min_samples_leaf: int,
        segment_slopes: bool,
        seed: int,
    ) -> None:
        self.columns = columns
        self.folds = folds
        self.learning_rate = learning_rate
        self.trees = trees
        self.max_leaf_nodes = max_leaf_nodes
        self.min_samples_leaf = min_samples_leaf
        self.segment_slopes = segment_slopes
        self.seed = seed

    def _fit(self, panel: pd.DataFrame, arrays: PanelArrays, identification: Identification) -> None:
        if not self.roles.controls:
            raise NotIdentifiedError(
                "Double machine learning needs covariates",
                expected="columns that may affect both price and demand",
                actual="no covariates",
                fix="name covariates, or train fixed_effects",
            )
        self._fit_lookup_tables(arrays, identification)
        features = self._other_features(
            panel, None if identification.first_stage is None else identification.first_stage.residual
        )
        price, rate = self._relative_price(panel), arrays.quantity / arrays.exposure
        expected, residuals = self._cross_fit(features, price, rate, arrays)
        weights = arrays.exposure * (expected if self.roles.weights == "quantity" else 1.0)
        group = arrays.segment if self.segment_slopes else np.zeros_like(arrays.segment)
        influence, curved_slopes = np.zeros((rate.size, int(group.max()) + 1)), []
        self.slopes_, self.slope_design_ = np.zeros(influence.shape[1]), np.eye(influence.shape[1])
        for code in range(influence.shape[1]):
            rows = group == code
            solution = solve_moment(rate[rows] / expected[rows], residuals[rows, :1], weights[rows])
            self.slopes_[code], influence[rows, code] = solution.coefficients[0], solution.influence[:, 0]
            curve = solve_moment(rate[rows] / expected[rows], residuals[rows], weights[rows]).coefficients
            curved_slopes.append(curve[0] + 2 * curve[1] * np.average(price[rows], weights=weights[rows]))
        self.slope_covariance_ = None
        if identification.first_stage is None:  # these scores do not contain the error of a first stage
            form_gap = np.array(curved_slopes) - self.slopes_
            self.slope_covariance_ = sandwich(influence, arrays.cluster) + np.outer(form_gap, form_gap)
        self.slope_degrees_of_freedom_ = np.full(self.slopes_.size, float(np.unique(arrays.cluster).size - 1))
        self.outcome_, self.treatment_ = self._fit_nuisances(features, rate, arrays.exposure, price)
        self.level_ = 0.0
        self.level_ = float(np.log(arrays.quantity.sum() / self.predict(panel).sum()))

    def _fit_nuisances(
        self, features: Floats, rate: Floats, exposure: Floats, *treatments: Floats
    ) -> list[HistGradientBoostingRegressor]:
        """Return models of the rate per view and of each treatment, given the features."""
        losses = ["poisson", *["squared_error"] * len(treatments)]
        return [
            self._regressor(loss).fit(features, target, sample_weight=exposure)
            for loss, target in zip(losses, (rate, *treatments), strict=True)
        ]

    def _cross_fit(self, features: Floats, price: Floats, rate: Floats, arrays: PanelArrays) -> tuple[Floats, Floats]:
        """Return the cross-fitted rate (n,) and residuals of log price and its square (n, 2).

        Each cluster is in one fold. Raises NotIdentifiedError if one fold has all sales.
        """
        expected, treatments = np.empty_like(rate), np.column_stack([price, price**2])
        residuals = treatments.copy()
        for held_out in self._folds(arrays.cluster):
            _require_sales(rate[~held_out], self.folds)
            outcome, *others = self._fit_nuisances(
                features[~held_out], rate[~held_out], arrays.exposure[~held_out], *treatments[~held_out].T
            )
            expected[held_out] = outcome.predict(features[held_out])
            residuals[held_out] -= np.column_stack([other.predict(features[held_out]) for other in others])
        return np.maximum(expected, np.exp(self.overall_rate_) * _MIN_RATE), residuals

    def _folds(self, cluster: Codes) -> list[NDArray[np.bool_]]:
        clusters = np.unique(cluster)
        folds = KFold(min(self.folds, clusters.size), shuffle=True, random_state=self.seed).split(clusters)
        return [np.isin(cluster, clusters[held_out]) for _, held_out in folds]

    def _regressor(self, loss: str) -> HistGradientBoostingRegressor:
        return HistGradientBoostingRegressor(
            loss=loss,
            learning_rate=self.learning_rate,
            max_iter=self.trees,
            max_leaf_nodes=self.max_leaf_nodes,
            min_samples_leaf=self.min_samples_leaf,
            early_stopping=False,
            random_state=self.seed,
        )

    def elasticity_terms(self, X: pd.DataFrame) -> Floats:
        """Return the derivative of each row's elasticity with respect to the slopes, shape (n, k)."""
        if self.slopes_.size == 1:
            return np.ones((len(X), 1))
        _, _, segment = self._codes(X)
        return np.where((segment >= 0)[:, None], self.slope_design_[segment], self.slope_design_.mean(axis=0))

    def price_terms(self, X: pd.DataFrame) -> Floats:
        """Return the derivative of eta with respect to the slopes, up to terms without the price, shape (n, k)."""
        return self._relative_price(X)[:, None] * self.elasticity_terms(X)

    def elasticities(self, X: pd.DataFrame) -> Floats:
        """Return d log E[quantity] / d log price of each row, shape (n,), in closed form."""
        return self.elasticity_terms(X) @ self.slopes_

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the expected quantity of each row, shape (n,)."""
        features = self._other_features(X)
        rate = np.maximum(self.outcome_.predict(features), np.exp(self.overall_rate_) * _MIN_RATE)
        log_change = (self._relative_price(X) - self.treatment_.predict(features)) * self.elasticities(X)
        return np.asarray(self._exposure(X) * rate * np.exp(self.level_ + log_change))

    def demand_slope(self, X: pd.DataFrame) -> Floats:
        """Return d quantity / d eta of each row, shape (n,)."""
        return self.predict(X)


def _require_sales(rate: Floats, folds: int) -> None:
    if rate.max() <= 0:
        raise NotIdentifiedError(
            "Sales cannot be predicted from the covariates",
            expected=f"sales in more than one of {folds} folds of the rows",
            actual=f"{rate.size:,} rows without sales outside one fold",
            fix="use more offers or a longer time",
        )
