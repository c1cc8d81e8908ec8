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

_ROUNDS = 200
_EFFECTS_OF_A_PANEL = 2
POWERS = 3
"""Powers of the first stage's residual that are held fixed, so that the price effect is read from the instrument alone
and not from the shape of demand along prices that follow it."""

STRONG_F = 10.0
"""Below this effective F, instruments are too weak to lean on (Staiger & Stock 1997)."""

_MOST_LEVERAGE = 0.95
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
    drawn: NDArray[np.bool_]
    information: Floats  # (m, m)
    effective_f: float

    @property
    def strong(self) -> bool:
        """Whether the instruments move the price enough to be used."""
        return self.effective_f >= STRONG_F

    @property
    def powers(self) -> Floats:
        """The residual's powers (n, c), which a second step holds fixed; rows that were not drawn have their own."""
        scaled = np.repeat(self._scaled[:, None], POWERS, axis=1)
        return self._by_draw(np.asarray(np.cumprod(scaled, axis=1), dtype=float))

    def pull(self, slopes: Floats) -> Floats:
        """Return how eta moves with the residual (n,), given the slopes of its powers (c,)."""
        orders = np.arange(1, POWERS + 1)
        return np.asarray(self._by_draw(orders * self._scaled[:, None] ** (orders - 1)) @ slopes) / self._spread

    @property
    def _spread(self) -> float:
        return float(self.residual.std()) or 1.0

    @property
    def _scaled(self) -> Floats:
        """The residual in its standard deviations: powers of small numbers would be lost to rounding."""
        return self.residual / self._spread

    def _by_draw(self, columns: Floats) -> Floats:
        if self.drawn.all():
            return columns
        return np.column_stack([columns * self.drawn[:, None], columns * ~self.drawn[:, None]])


def take_out(values: Floats, effects: NDArray[np.uint64], weights: Floats) -> Floats:
    """Take the weighted effects out of the columns of `values` (n, k).

    By alternating projections, which are quick on a panel, else by preconditioned LSMR, which is quicker and settles on
    sparse effects such as those of visits (0.1 s where the projections take 25 s and fail). Raises ConvergenceError
    where neither settles, and NotIdentifiedError without a row.
    """
    if len(values) == 0:  # pyfixest's Rust would end the whole process
        raise NotIdentifiedError(
            "No row is left to learn from",
            expected="rows whose unit and period sold something",
            found="0 rows",
            fix="choose a longer period or other units",
        )
    settled = False
    if effects.shape[1] <= _EFFECTS_OF_A_PANEL:
        rest, settled = demean(values, effects, weights, 1e-9, _ROUNDS)
    if not settled:
        rest, settled, _ = demean_within(values, effects.astype(np.uint32), weights, 1e-9, 10_000)
    if not settled:
        raise ConvergenceError(
            "The unit and period effects could not be separated",
            expected="units that are seen in common periods",
            found=f"{values.shape[0]:,} rows whose effects did not settle",
            fix="drop units that are seen or sold hardly ever, or train without a period column",
        )
    return np.asarray(rest, dtype=float)


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
class SlopeErrors:
    """Covariance (k, k) of slopes and the degrees of freedom (k,) that each has to be judged by."""

    covariance: Floats
    freedom: Floats

    def first(self, k: int) -> "SlopeErrors":
        """Return those of the first k slopes."""
        return SlopeErrors(self.covariance[:k, :k], self.freedom[:k])


def half_width(weights: Floats, covariance: Floats, freedom: Floats, level: float = 0.95) -> float:
    """Half the width of the interval of weights (k,) @ slopes that holds it with the chance `level`.

    By Student's t; the degrees of freedom are those of the slopes that it leans on (Welch 1947 and Satterthwaite 1946).
    """
    parts = weights**2 * np.diag(covariance)
    least = float(np.sum(parts**2 / freedom))
    joint = float(parts.sum()) ** 2 / least if least > 0 else float(freedom.min())
    variance = max(float(weights @ covariance @ weights), 0.0)
    return float(stdtrit(max(joint, 1.0), 0.5 + level / 2) * np.sqrt(variance))


def few_cluster_errors(scores: Floats, information: Floats, total: Floats) -> SlopeErrors:
    """Errors of k slopes from scores (G, k) and information (G, k, k) by cluster, honest where few clusters count.

    `total` (k, k) is the information of all rows. Each cluster is left out in turn (CR3; MacKinnon, Nielsen & Webb
    2023, "Cluster-robust inference", Journal of Econometrics 232(2)). Where a few units make most of a segment's sales
    that is not enough: a slope has the freedom of its effective number of clusters (Carter, Schnepel & Steigerwald
    2017, Review of Economics and Statistics 99(4)).
    """
    inverse = _inverse(total)
    half = np.linalg.cholesky(inverse)
    leverage, axes = np.linalg.eigh(half.T @ information @ half)
    along = np.einsum("gji,gj->gi", axes, scores @ half) / (1 - np.minimum(leverage, _MOST_LEVERAGE))
    moves = np.einsum("gij,gj->gi", axes, along) @ half.T
    part = np.einsum("ki,gij,jk->gk", inverse, information, inverse)
    effective = part.sum(axis=0) ** 2 / np.maximum((part**2).sum(axis=0), 1e-300)
    clusters = len(scores)
    return SlopeErrors(moves.T @ moves * (clusters - 1) / clusters, np.maximum(effective - 1, 1.0))


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
    drawn: NDArray[np.bool_],
) -> FirstStage | None:
    """Regress log price (n,) on instruments (n, m), with `exogenous`, `controls` and effects held fixed.

    Returns None where the instruments do not move.
    """
    ones = np.ones_like(log_price)
    rest = take_out(np.column_stack([log_price, instruments, exogenous, controls]), effects, ones)
    m = instruments.shape[1]
    if rest.shape[1] > 1 + m:
        others = rest[:, 1 + m :]
        rest = rest[:, : 1 + m] - others @ np.linalg.lstsq(others, rest[:, : 1 + m], rcond=None)[0]
    outcome, z = rest[:, 0], rest[:, 1 : 1 + m]
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
    return FirstStage(residual, z, exogenous - exogenous.mean(axis=0), drawn, information, strength)


def stacked_errors(
    design: Floats, weights: Floats, errors: Floats, cluster: Codes, first: FirstStage | None, pull: Floats | None
) -> SlopeErrors:
    """Errors of k slopes of a second step that uses the first stage's residual.

    `design` (n, k) is the second step's design with its effects taken out, `weights` (n,) its working weights, `errors`
    (n,) observed minus expected quantity, `pull` (n,) the effect of the residual on eta.
    """
    influence = design * errors[:, None]
    if first is not None and pull is not None:
        cross = (design * (weights * pull)[:, None]).T @ first.instruments
        influence = influence + (first.instruments * first.residual[:, None]) @ np.linalg.solve(
            first.information, cross.T
        )
    information = cluster_information(design, weights, cluster)
    return few_cluster_errors(cluster_sums(influence, cluster), information, information.sum(axis=0))


def _inverse(information: Floats) -> Floats:
    try:
        return np.asarray(np.linalg.inv(information), dtype=float)
    except np.linalg.LinAlgError as exc:
        raise not_told_apart() from exc


def not_told_apart() -> ConvergenceError:
    """Return the error for slopes that are lost among covariates and effects."""
    return ConvergenceError(
        "The price slopes cannot be told apart from the covariates and effects",
        expected="prices and covariates that move on their own within units",
        found="columns that are combinations of each other",
        fix="drop covariates that never change within a unit, or use one slope for all segments",
    )


def critical_value(clusters: int, level: float = 0.95) -> float:
    """Two-sided critical value of Student's t with clusters - 1 degrees of freedom."""
    return float(stdtrit(max(clusters - 1, 1), 0.5 + level / 2))
