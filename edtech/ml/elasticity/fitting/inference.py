"""First stage, control function, and clustered standard errors that account for both steps.

Control function: Wooldridge, J. M. (2015), "Control Function Methods in Applied Econometrics", Journal of Human
Resources 50(2). Two-step variance: Newey & McFadden (1994), Handbook of Econometrics 4, section 6. Effective F: Montiel
Olea & Pflueger (2013), Journal of Business & Economic Statistics 31(3).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyfixest.core.demean import demean, demean_within
from scipy.special import stdtrit

from edtech.errors import ConvergenceError, NotIdentifiedError
from edtech.tables.arrays import Codes, Floats

_MAX_ITERATIONS = 200
_PANEL_EFFECTS = 2
POWERS = 3
"""Powers of the first-stage residual in the control function: with one power alone, curvature of demand along
endogenous prices would bias the price effect."""

STRONG_F = 10.0
"""Below this effective F, instruments are weak (Staiger & Stock 1997)."""

_MAX_LEVERAGE = 0.95
"""A cluster with leverage near 1 determines a slope alone; this bound inflates its score twentyfold at most."""


@dataclass(frozen=True, slots=True)
class FirstStage:
    """Regression of log price on m demeaned `instruments` (n, m): `residual` (n,) and clustered strength.

    The second step must control for `exogenous` (n, k) too, which is centered. `randomized` (n,) is False in rows whose
    price was not randomized and may follow demand in another way.
    """

    residual: Floats
    instruments: Floats
    exogenous: Floats
    randomized: NDArray[np.bool_]
    information: Floats  # (m, m)
    effective_f: float

    @property
    def strong(self) -> bool:
        """Whether the instruments are strong enough to be used."""
        return self.effective_f >= STRONG_F

    @property
    def powers(self) -> Floats:
        """The control function: powers of the residual (n, c), separate for rows that are not randomized."""
        scaled = np.repeat(self._standardized_residual[:, None], POWERS, axis=1)
        return self._split_by_randomization(np.asarray(np.cumprod(scaled, axis=1), dtype=float))

    def eta_derivative(self, slopes: Floats) -> Floats:
        """Return the derivative of eta with respect to the residual (n,), given the slopes of its powers (c,)."""
        orders = np.arange(1, POWERS + 1)
        return (
            np.asarray(
                self._split_by_randomization(orders * self._standardized_residual[:, None] ** (orders - 1)) @ slopes
            )
            / self._residual_sd
        )

    @property
    def _residual_sd(self) -> float:
        return float(self.residual.std()) or 1.0

    @property
    def _standardized_residual(self) -> Floats:
        """The residual in standard deviations: powers of small numbers would be lost to rounding."""
        return self.residual / self._residual_sd

    def _split_by_randomization(self, columns: Floats) -> Floats:
        if self.randomized.all():
            return columns
        return np.column_stack([columns * self.randomized[:, None], columns * ~self.randomized[:, None]])


def residualize(values: Floats, effects: NDArray[np.uint64], weights: Floats) -> Floats:
    """Return the columns of `values` (n, k) less their weighted projection on the effects (n, e).

    Alternating projections are fast on a panel. Preconditioned LSMR is the fallback, and the method for sparse effects
    such as those of visits (0.1 s, where projections fail after 25 s). Raises ConvergenceError if neither converges,
    and NotIdentifiedError without rows.
    """
    if len(values) == 0:  # pyfixest would end the whole process
        raise NotIdentifiedError(
            "No rows are left to fit",
            expected="rows whose unit and period sold something",
            actual="0 rows",
            fix="choose a longer period or other units",
        )
    converged = False
    if effects.shape[1] <= _PANEL_EFFECTS:
        residuals, converged = demean(values, effects, weights, 1e-9, _MAX_ITERATIONS)
    if not converged:
        residuals, converged, _ = demean_within(values, effects.astype(np.uint32), weights, 1e-9, 10_000)
    if not converged:
        raise ConvergenceError(
            "The unit and period effects could not be separated",
            expected="units that share periods",
            actual=f"no convergence on {values.shape[0]:,} rows",
            fix="drop units with few rows or sales, or train without a period column",
        )
    return np.asarray(residuals, dtype=float)


def independent_columns(columns: Floats) -> NDArray[np.intp]:
    """Return the indices of columns (n, f) that are linearly independent of the constant and earlier columns."""
    centered = columns - columns.mean(axis=0)
    size = np.linalg.norm(centered, axis=0)
    scaled = np.divide(centered, size, out=np.zeros_like(centered), where=size > 1e-10 * len(columns))
    return np.flatnonzero(np.abs(np.diag(np.linalg.qr(scaled, mode="r"))) > 1e-7)


def cluster_sums(rows: Floats, cluster: Codes) -> Floats:
    """Sum the rows (n, k) within each cluster: shape (clusters, k)."""
    _, index = np.unique(cluster, return_inverse=True)
    sums = np.zeros((index.max() + 1, rows.shape[1]))
    np.add.at(sums, index, rows)
    return sums


def sandwich(influence: Floats, cluster: Codes) -> Floats:
    """Return the clustered covariance (k, k) of influence rows (n, k), with the correction G / (G - 1)."""
    sums = cluster_sums(influence, cluster)
    groups = sums.shape[0]
    return np.asarray(sums.T @ sums * groups / max(groups - 1, 1), dtype=float)


@dataclass(frozen=True, slots=True)
class SlopeInference:
    """Covariance (k, k) of slopes and the degrees of freedom (k,) of their t tests."""

    covariance: Floats
    degrees_of_freedom: Floats

    def first(self, k: int) -> "SlopeInference":
        """Return the inference of the first k slopes."""
        return SlopeInference(self.covariance[:k, :k], self.degrees_of_freedom[:k])


def half_width(weights: Floats, covariance: Floats, degrees_of_freedom: Floats, level: float = 0.95) -> float:
    """Return half the width of the confidence interval of weights (k,) @ slopes.

    Student's t, with Welch-Satterthwaite degrees of freedom (Satterthwaite 1946, Welch 1947).
    """
    variances = weights**2 * np.diag(covariance)
    denominator = float(np.sum(variances**2 / degrees_of_freedom))
    joint = float(variances.sum()) ** 2 / denominator if denominator > 0 else float(degrees_of_freedom.min())
    variance = max(float(weights @ covariance @ weights), 0.0)
    return float(stdtrit(max(joint, 1.0), 0.5 + level / 2) * np.sqrt(variance))


def few_cluster_inference(scores: Floats, information: Floats, total: Floats) -> SlopeInference:
    """Return the inference of k slopes from scores (G, k) and information (G, k, k) by cluster.

    `total` (k, k) is the information of all rows. The covariance is the cluster jackknife CR3 (MacKinnon, Nielsen &
    Webb 2023, "Cluster-robust inference", Journal of Econometrics 232(2)). If few units have most of a segment's sales,
    CR3 is not enough: degrees of freedom follow the effective number of clusters (Carter, Schnepel & Steigerwald 2017,
    Review of Economics and Statistics 99(4)).
    """
    inverse = _inverse(total)
    half = np.linalg.cholesky(inverse)
    leverage, axes = np.linalg.eigh(half.T @ information @ half)
    rotated = np.einsum("gji,gj->gi", axes, scores @ half) / (1 - np.minimum(leverage, _MAX_LEVERAGE))
    influence = np.einsum("gij,gj->gi", axes, rotated) @ half.T
    shares = np.einsum("ki,gij,jk->gk", inverse, information, inverse)
    effective = shares.sum(axis=0) ** 2 / np.maximum((shares**2).sum(axis=0), 1e-300)
    clusters = len(scores)
    return SlopeInference(influence.T @ influence * (clusters - 1) / clusters, np.maximum(effective - 1, 1.0))


def cluster_information(design: Floats, weights: Floats, cluster: Codes) -> Floats:
    """Sum weights * outer products of the design's rows (n, k) within each cluster: shape (clusters, k, k)."""
    order = np.argsort(cluster, kind="stable")
    design, weights, cluster = design[order], weights[order], cluster[order]
    starts = np.flatnonzero(np.r_[True, cluster[1:] != cluster[:-1]])
    sums = [np.add.reduceat(design * (weights * column)[:, None], starts) for column in design.T]
    return np.stack(sums, axis=1)


def first_stage(
    log_price: Floats,
    instruments: Floats,
    exogenous: Floats,
    controls: Floats,
    effects: NDArray[np.uint64],
    cluster: Codes,
    randomized: NDArray[np.bool_],
) -> FirstStage | None:
    """Regress log price (n,) on instruments (n, m), given `exogenous` (n, k), `controls` (n, c) and effects.

    Returns None if the instruments do not vary.
    """
    unit_weights = np.ones_like(log_price)
    residuals = residualize(np.column_stack([log_price, instruments, exogenous, controls]), effects, unit_weights)
    m = instruments.shape[1]
    if residuals.shape[1] > 1 + m:
        others = residuals[:, 1 + m :]
        residuals = residuals[:, : 1 + m] - others @ np.linalg.lstsq(others, residuals[:, : 1 + m], rcond=None)[0]
    outcome, z = residuals[:, 0], residuals[:, 1 : 1 + m]
    z = z[:, z.var(axis=0) > 1e-12]
    if z.shape[1] == 0 or np.linalg.matrix_rank(z) < z.shape[1]:
        return None
    information = z.T @ z
    slopes = np.linalg.solve(information, z.T @ outcome)
    residual = outcome - z @ slopes
    influence = np.asarray((z * residual[:, None]) @ np.linalg.inv(information), dtype=float)
    covariance = sandwich(influence, cluster)
    noise = float(np.trace(covariance @ information))
    strength = float(slopes @ information @ slopes) / noise if noise > 0 else np.inf
    return FirstStage(residual, z, exogenous - exogenous.mean(axis=0), randomized, information, strength)


def two_step_inference(
    design: Floats,
    weights: Floats,
    residuals: Floats,
    cluster: Codes,
    first: FirstStage | None,
    eta_derivative: Floats | None,
) -> SlopeInference:
    """Return the inference of the k slopes of a second step that uses the first-stage residual.

    `design` (n, k) is the demeaned design of the second step, `weights` (n,) are its working weights, `residuals` (n,)
    observed minus expected quantity, and `eta_derivative` (n,) is that of eta with respect to the residual.
    """
    influence = design * residuals[:, None]
    if first is not None and eta_derivative is not None:
        cross = (design * (weights * eta_derivative)[:, None]).T @ first.instruments
        influence = influence + (first.instruments * first.residual[:, None]) @ np.linalg.solve(
            first.information, cross.T
        )
    information = cluster_information(design, weights, cluster)
    return few_cluster_inference(cluster_sums(influence, cluster), information, information.sum(axis=0))


def _inverse(information: Floats) -> Floats:
    try:
        return np.asarray(np.linalg.inv(information), dtype=float)
    except np.linalg.LinAlgError as exc:
        raise collinearity_error() from exc


def collinearity_error() -> ConvergenceError:
    """Return the error for price slopes that are collinear with covariates and effects."""
    return ConvergenceError(
        "The price slopes are collinear with the covariates and effects",
        expected="prices and covariates that vary independently within units",
        actual="linearly dependent columns",
        fix="drop covariates that never change within a unit, or use one slope for all segments",
    )


def critical_value(clusters: int, level: float = 0.95) -> float:
    """Return the two-sided critical value of Student's t with clusters - 1 degrees of freedom.

    >>> round(critical_value(11), 3)
    2.228
    """
    return float(stdtrit(max(clusters - 1, 1), 0.5 + level / 2))
