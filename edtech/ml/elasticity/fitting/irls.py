"""Iteratively reweighted least squares (IRLS) with absorbed effects, for the logit and the Poisson likelihood.

Each iteration regresses the working response on the design by weighted least squares, with the effects residualized
out of both (Correia, Guimarães & Zylkin 2020, Stata Journal 20(1)).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, xlogy

from edtech.errors import ConvergenceError
from edtech.ml.elasticity.fitting.inference import collinearity_error, residualize
from edtech.tables.arrays import Floats

DemandForm = Literal["logit", "exponential", "log"]

_ETA_LIMIT = 30.0
_TOLERANCE = 1e-9
_MIN_STEP = 1e-3


def mean_rate(form: DemandForm, eta: Floats) -> Floats:
    """Expected quantity per view at `eta`."""
    return np.asarray(expit(eta) if form == "logit" else np.exp(eta), dtype=float)


@dataclass(frozen=True, slots=True)
class IrlsData:
    """The data of a fit besides its design: quantity and exposure (n,), codes of the effects (n, e)."""

    quantity: Floats
    exposure: Floats
    effects: NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class IrlsFit:
    """The converged iteration.

    `slopes` (k,), `eta` (n,), the demeaned `design` (n, k), working `weights` (n,) and `response_residuals` (n,).
    """

    slopes: Floats
    eta: Floats
    design: Floats
    weights: Floats
    response_residuals: Floats
    iterations: int
    deviance: float
    dispersion: float


def fit_irls(
    design: Floats, data: IrlsData, form: DemandForm, max_iterations: int, start_eta: Floats | None = None
) -> IrlsFit:
    """Fit slopes (k,) of `design` (n, k) with effects absorbed in each iteration, from `start_eta` (n,) if given.

    Raises ConvergenceError if the iterations do not converge.
    """
    q, n = data.quantity, data.exposure
    eta = _starting_eta(form, q, n) if start_eta is None else start_eta
    previous, change = np.inf, np.inf
    for iteration in range(1, max_iterations + 1):
        rate = mean_rate(form, eta)
        weights = np.maximum(n * rate * ((1 - rate) if form == "logit" else 1), 1e-12)
        working = eta + (q - n * rate) / weights
        demeaned = residualize(np.column_stack([working, design]), data.effects, weights)
        information = demeaned[:, 1:].T @ (demeaned[:, 1:] * weights[:, None])
        slopes = _solve(information, demeaned[:, 1:].T @ (weights * demeaned[:, 0]))
        full_step = np.clip(working - demeaned[:, 0] + demeaned[:, 1:] @ slopes, -_ETA_LIMIT, _ETA_LIMIT)
        eta, deviance = _halve_step(form, q, n, eta, full_step, previous)
        change = abs(previous - deviance) / (abs(deviance) + 1)
        if change <= _TOLERANCE:
            residuals = q - n * mean_rate(form, eta)
            dispersion = max(1e-12, float(np.mean(residuals**2 / weights)))
            return IrlsFit(slopes, eta, demeaned[:, 1:], weights, residuals, iteration, deviance, dispersion)
        previous = deviance
    raise ConvergenceError(
        "The model did not converge",
        expected=f"convergence within {max_iterations} iterations",
        actual=f"a relative change of the deviance of {change:.1e}",
        fix="allow more iterations, use one slope for all segments, or drop segments with few sales",
    )


def _starting_eta(form: DemandForm, q: Floats, n: Floats) -> Floats:
    rate = np.clip((q + q.sum() / n.sum()) / (n + 1), 1e-9, 0.999 if form == "logit" else np.inf)
    return np.asarray(np.log(rate / (1 - rate)) if form == "logit" else np.log(rate))


def _halve_step(
    form: DemandForm, q: Floats, n: Floats, eta: Floats, full_step: Floats, previous: float
) -> tuple[Floats, float]:
    """Return eta after a step towards `full_step`, halved until the deviance does not rise, and its deviance."""
    share = 1.0
    while True:
        candidate = eta + share * (full_step - eta)
        deviance = _deviance(form, q, n, mean_rate(form, candidate))
        if deviance <= previous * (1 + np.sign(previous) * _TOLERANCE) or share < _MIN_STEP:
            return candidate, deviance
        share /= 2


def _solve(information: Floats, right: Floats) -> Floats:
    try:
        return np.asarray(np.linalg.solve(information, right), dtype=float)
    except np.linalg.LinAlgError as exc:
        raise collinearity_error() from exc


def _deviance(form: DemandForm, q: Floats, n: Floats, rate: Floats) -> float:
    if form == "logit":
        likelihood = xlogy(q, rate) + xlogy(n - q, 1 - rate)
        return float(-2 * likelihood.sum())
    return float(2 * (xlogy(q, np.where(q > 0, q, 1) / (n * rate)) - (q - n * rate)).sum())
