"""Iterated weighted least squares with effects taken out, for the logit and the Poisson likelihood."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, xlogy

from edtech.errors import ConvergenceError
from edtech.ml.elasticity.fitting.inference import not_told_apart, take_out
from edtech.tables.arrays import Floats

Form = Literal["logit", "exponential", "log"]

_ETA_LIMIT = 30.0
_TOLERANCE = 1e-9
_SHORTEST_STEP = 1e-3


def mean_rate(form: Form, eta: Floats) -> Floats:
    """Expected quantity per view at `eta`."""
    return np.asarray(expit(eta) if form == "logit" else np.exp(eta), dtype=float)


@dataclass(frozen=True, slots=True)
class Rows:
    """What is explained: quantity and exposure (n,), codes of the effects (n, e)."""

    quantity: Floats
    exposure: Floats
    effects: NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Settled:
    """The last iteration: slopes (k,), eta (n,), and the design (n, k) without effects, weights and errors (n,)."""

    slopes: Floats
    eta: Floats
    design: Floats
    weights: Floats
    errors: Floats
    iterations: int
    deviance: float
    dispersion: float


def iterate(design: Floats, rows: Rows, form: Form, max_iterations: int, start: Floats | None = None) -> Settled:
    """Fit slopes (k,) of `design` (n, k) with the effects taken out in each step; `start` (n,) is eta to begin with.

    Raises ConvergenceError where the iterations do not settle.
    """
    q, n = rows.quantity, rows.exposure
    eta = _first_guess(form, q, n) if start is None else start
    before, change = np.inf, np.inf
    for iteration in range(1, max_iterations + 1):
        rate = mean_rate(form, eta)
        weights = np.maximum(n * rate * ((1 - rate) if form == "logit" else 1), 1e-12)
        working = eta + (q - n * rate) / weights
        rest = take_out(np.column_stack([working, design]), rows.effects, weights)
        bread = rest[:, 1:].T @ (rest[:, 1:] * weights[:, None])
        slopes = _solve(bread, rest[:, 1:].T @ (weights * rest[:, 0]))
        full = np.clip(working - rest[:, 0] + rest[:, 1:] @ slopes, -_ETA_LIMIT, _ETA_LIMIT)
        eta, now = _shortened(form, q, n, eta, full, before)
        change = abs(before - now) / (abs(now) + 1)
        if change <= _TOLERANCE:
            errors = q - n * mean_rate(form, eta)
            dispersion = max(1e-12, float(np.mean(errors**2 / weights)))
            return Settled(slopes, eta, rest[:, 1:], weights, errors, iteration, now, dispersion)
        before = now
    raise ConvergenceError(
        "The model did not settle",
        expected=f"a settled fit within {max_iterations} iterations",
        found=f"the deviance still changes by {change:.1e} of itself",
        fix="allow more iterations, use one slope for all segments, or drop segments with few sales",
    )


def _first_guess(form: Form, q: Floats, n: Floats) -> Floats:
    rate = np.clip((q + q.sum() / n.sum()) / (n + 1), 1e-9, 0.999 if form == "logit" else np.inf)
    return np.asarray(np.log(rate / (1 - rate)) if form == "logit" else np.log(rate))


def _shortened(form: Form, q: Floats, n: Floats, eta: Floats, full: Floats, before: float) -> tuple[Floats, float]:
    """Return the step from `eta` to `full`, halved until the deviance does not rise, and the deviance there."""
    share = 1.0
    while True:
        there = eta + share * (full - eta)
        now = _deviance(form, q, n, mean_rate(form, there))
        if now <= before * (1 + np.sign(before) * _TOLERANCE) or share < _SHORTEST_STEP:
            return there, now
        share /= 2


def _solve(bread: Floats, right: Floats) -> Floats:
    try:
        return np.asarray(np.linalg.solve(bread, right), dtype=float)
    except np.linalg.LinAlgError as exc:
        raise not_told_apart() from exc


def _deviance(form: Form, q: Floats, n: Floats, rate: Floats) -> float:
    if form == "logit":
        likelihood = xlogy(q, rate) + xlogy(n - q, 1 - rate)
        return float(-2 * likelihood.sum())
    return float(2 * (xlogy(q, np.where(q > 0, q, 1) / (n * rate)) - (q - n * rate)).sum())
