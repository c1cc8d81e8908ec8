"""First stage, control function and standard errors that count both steps.

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
"""Powers of the first stage's residual that are held fixed, so that the price effect is read from the instrument alone
and not from the shape of demand along prices that follow it."""

STRONG_F = 10.0
"""Below this effective F, instruments are too weak to lean on (Staiger & Stock 1997)."""

_MAX_LEVERAGE = 0.95
"""A cluster that alone makes a slope has no others to be judged by; its part in the errors is twentyfold at most."""


@dataclass(frozen=True, slots=True)
class FirstStage:
    """Log price on m instruments: `residual` (n,), demeaned `instruments` (n, m) and their clustered strength.

    `exogenous` (n, k), centered, must stand in the second step too: what was held fixed in the first. `drawn` (n,) is
    False in rows that no lot decided, whose prices may follow demand in another way.
    """

    residual: Floats
    instruments: Floats
    exogenous: Floats
    randomized: NDArray[np.bool_]
    information: Floats  # (m, m)
    effective_f: float

    @property
    def strong(self) -> bool:
        """Whether the instruments move the price enough to be used."""
        return self.effective_f >= STRONG_F

    @property
    def powers(self) -> Floats:
        """The residual's powers (n, c), which a second step holds fixed; rows that were not drawn have their own."""
        scaled = np.repeat(self._standardized_residual[:, None], POWERS, axis=1)
        return self._split_by_randomization(np.asarray(np.cumprod(scaled, axis=1), dtype=float))

    def eta_derivative(self, slopes: Floats) -> Floats:
        """Return how eta moves with the residual (n,), given the slopes of its powers (c,)."""
        orders = np.arange(1, POWERS + 1)
        return np.asarray(self._split_by_randomization(orders * self._standardized_residual[:, None] ** (orders - 1)) @ slopes) / self._residual_sd

    @property
    def _residual_sd(self) -> float:
        return float(self.residual.std()) or 1.0

    @property
    def _standardized_residual(self) -> Floats:
        """The residual in its standard deviations: powers of small numbers would be lost to rounding."""
        return self.residual / self._residual_sd

    def _split_by_randomization(self, columns: Floats) -> Floats:
        if self.randomized.all():
            return columns
        return np.column_stack([columns * self.randomized[:, None], columns * ~self.randomized[:, None]])


def residualize(values: Floats, effects: NDArray[np.uint64], weights: Floats) -> Floats:
    """Take the weighted effects out of the columns of `values` (n, k).

    By alternating projections, which are quick on a panel, else by preconditioned LSMR, which is quicker and settles on
    sparse effects such as those of visits (0.1 s where the projections take 25 s and fail). Raises ConvergenceError
    where neither settles, and NotIdentifiedError without a row.
    """
    if len(values) == 0:  # pyfixest's Rust would end the whole process
        raise NotIdentifiedError(
            "No row is left to learn from",
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
            expected="units that are seen in common periods",
            actual=f"{values.shape[0]:,} rows whose effects did not settle",
            fix="drop units that are seen or sold hardly ever, or train without a period column",
        )
    return np.asarray(residuals, dtype=float)


def independent_columns(columns: Floats) -> NDArray[np.intp]:
    """Return which columns (n, f) are no combination of the constant and those before them."""
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
    """Covariance (k, k) from influence rows (n, k), clustered, with the usual G / (G - 1)."""
    sums = cluster_sums(influence, cluster)
    groups = sums.shape[0]
    return np.asarray(sums.T @ sums * groups / max(groups - 1, 1), dtype=float)


@dataclass(frozen=True, slots=True)
class SlopeInference:
    """Covariance (k, k) of slopes and the degrees of freedom (k,) that each has to be judged by."""

    covariance: Floats
    degrees_of_freedom: Floats

    def first(self, k: int) -> "SlopeInference":
        """Return those of the first k slopes."""
        return SlopeInference(self.covariance[:k, :k], self.degrees_of_freedom[:k])


def half_width(weights: Floats, covariance: Floats, degrees_of_freedom: Floats, level: float = 0.95) -> float:
    """Half the width of the interval of weights (k,) @ slopes that holds it with the chance `level`.

    By Student's t; the degrees of freedom are those of the slopes that it leans on (Welch 1947 and Satterthwaite 1946).
    """
    variances = weights**2 * np.diag(covariance)
    denominator = float(np.sum(variances**2 / degrees_of_freedom))
    joint = float(variances.sum()) ** 2 / denominator if denominator > 0 else float(degrees_of_freedom.min())
    variance = max(float(weights @ covariance @ weights), 0.0)
    return float(stdtrit(max(joint, 1.0), 0.5 + level / 2) * np.sqrt(variance))


def few_cluster_inference(scores: Floats, information: Floats, total: Floats) -> SlopeInference:
    """Errors of k slopes from scores (G, k) and information (G, k, k) by cluster, honest where few clusters count.

    `total` (k, k) is the information of all rows. Each cluster is left out in turn (CR3; MacKinnon, Nielsen & Webb
    2023, "Cluster-robust inference", Journal of Econometrics 232(2)). Where a few units make most of a segment's sales
    that is not enough: a slope has the freedom of its effective number of clusters (Carter, Schnepel & Steigerwald
    2017, Review of Economics and Statistics 99(4)).
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
    """Regress log price (n,) on instruments (n, m), with `exogenous`, `controls` and effects held fixed.

    Returns None where the instruments do not move.
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
    design: Floats, weights: Floats, residuals: Floats, cluster: Codes, first: FirstStage | None, eta_derivative: Floats | None
) -> SlopeInference:
    """Errors of k slopes of a second step that uses the first stage's residual.

    `design` (n, k) is the second step's design with its effects taken out, `weights` (n,) its working weights, `errors`
    (n,) observed minus expected quantity, `pull` (n,) the effect of the residual on eta.
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
    """Return the error for slopes that are lost among covariates and effects."""
    return ConvergenceError(
        "The price slopes cannot be told apart from the covariates and effects",
        expected="prices and covariates that move on their own within units",
        actual="columns that are combinations of each other",
        fix="drop covariates that never change within a unit, or use one slope for all segments",
    )


def critical_value(clusters: int, level: float = 0.95) -> float:
    """Two-sided critical value of Student's t with clusters - 1 degrees of freedom."""
    return float(stdtrit(max(clusters - 1, 1), 0.5 + level / 2))
