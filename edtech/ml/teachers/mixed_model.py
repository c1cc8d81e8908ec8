"""Ratings nested in courses nested in teachers: a mixed model by restricted maximum likelihood.

    y = D b + teacher + course + error,    teacher ~ N(0, r_t s²), course ~ N(0, r_c s²), error ~ N(0, s²)

Columns of D after the first are standardized covariates whose slopes have a variance of their own, b ~ N(0, r_b s²):
what does not matter is pulled to 0, and any number of collinear columns may be held fixed (Robinson 1991, "That BLUP is
a good thing", Statistical Science 6). The ratios r maximize the restricted likelihood (Patterson and Thompson 1971,
Biometrika 58), in which s² and b are profiled out.

Own code, because the inverse of such a variance is known in closed form (Woodbury, twice): the likelihood needs only
the sums of each course, never its rows, so its cost does not grow with the ratings. statsmodels' MixedLM has no slopes
with a variance of their own, and for courses within teachers it needs a dense matrix for each teacher.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from edtech.errors import ConvergenceError
from edtech.tables.arrays import Codes, Floats

_LOWEST, _HIGHEST = 1e-6, 1e3
_START = 0.2
_NEGLIGIBLE = 1e-3


def sums_by(values: Floats, codes: Codes, size: int) -> Floats:
    """Return the sums (size, k) of the rows (n, k) of each code."""
    return np.column_stack([np.bincount(codes, column, minlength=size) for column in values.T])


@dataclass(frozen=True, slots=True)
class Nested:
    """What the likelihood needs of n rows. `design` (n, p): the intercept, then penalized columns; `responses` (n, m):
    the ratings first, then others whose predictions answer how those of the ratings depend on them.

    `courses` are the teachers' codes of the C courses; without courses each teacher has one and `has_courses` is False.
    """

    rows: int
    slopes: int
    cross: Floats  # (p + m, p + m)
    by_course: Floats  # (C, p + m)
    count: Floats  # (C,)
    courses: Codes
    teachers: int
    has_courses: bool

    @classmethod
    def of(
        cls, design: Floats, responses: Floats, course: Codes, courses: Codes, teachers: int, *, has_courses: bool
    ) -> "Nested":
        """Return the sums of rows whose course is `course` (n,)."""
        both = np.column_stack([design, responses])
        by_course = sums_by(both, course, courses.size)
        count = np.bincount(course, minlength=courses.size).astype(float)
        return cls(len(both), design.shape[1], both.T @ both, by_course, count, courses, teachers, has_courses)

    def first_response(self) -> "Nested":
        """Return the same with the ratings as the only response, which is all that the likelihood needs."""
        keep = self.slopes + 1
        return replace(self, cross=self.cross[:keep, :keep], by_course=self.by_course[:, :keep])


@dataclass(frozen=True, slots=True)
class Ratios:
    """Variances of teachers, courses and slopes as multiples of the error's; 0 where there is none."""

    teacher: float
    course: float
    slope: float


@dataclass(frozen=True, slots=True)
class NestedFit:
    """Predictions at the best ratios, for each of m responses.

    `slopes` (p, m) with `covariance` (p, p); `teacher` (T, m), `course` (C, m): best linear unbiased predictions;
    `pull` (T, p): by how much a teacher's falls as a slope rises; `spread` (T,): its variance at known slopes; `error`:
    s². `converged` says whether the search settled.
    """

    ratios: Ratios
    error: float
    slopes: Floats
    covariance: Floats
    teacher: Floats
    course: Floats
    pull: Floats
    spread: Floats
    converged: bool


def fit_nested(nested: Nested) -> NestedFit:
    """Return the fit at the ratios of the highest restricted likelihood.

    Raises ConvergenceError where the ratings do not vary at all.
    """
    names = ["teacher", *(["course"] if nested.has_courses else []), *(["slope"] if nested.slopes > 1 else [])]

    def ratios(logs: Floats) -> Ratios:
        return Ratios(**{"course": 0.0, "slope": 0.0, **dict(zip(names, np.exp(logs).tolist(), strict=True))})

    first = nested.first_response()
    if _criterion(first, Ratios(_START, 0.0, _START)) == -np.inf:
        raise ConvergenceError(
            "The ratings are all the same", expected="ratings that differ", fix="check the rating's column"
        )
    found = minimize(
        lambda logs: _criterion(first, ratios(logs)),
        np.full(len(names), np.log(_START)),
        method="L-BFGS-B",
        bounds=[(np.log(_LOWEST), np.log(_HIGHEST))] * len(names),
    )
    return _predictions(nested, _zero_at_bound(ratios(found.x)), converged=bool(found.success))


def posterior(nested: Nested, best: Ratios) -> list[tuple[float, NestedFit]]:
    """Return fits on a grid of the variances of teachers and courses, with their weights, which sum to 1.

    The weights are the restricted likelihood at a flat prior of both standard deviations (Gelman 2006, Bayesian
    Analysis 1), so that few teachers do not look alike, or apart, for sure.
    """
    spreads, widths = _grid()
    courses = list(zip(spreads, widths, strict=True)) if nested.has_courses else [(0.0, 1.0)]
    tried = [
        (Ratios(float(teacher**2), float(course**2), best.slope), float(np.log(width * other)))
        for teacher, width in zip(spreads, widths, strict=True)
        for course, other in courses
    ]
    first = nested.first_response()
    logs = np.array([width - _criterion(first, ratios) / 2 for ratios, width in tried])
    weights = np.exp(logs - logs.max())
    weights[weights < _NEGLIGIBLE * weights.max()] = 0
    weights /= weights.sum()
    return [
        (float(weight), _predictions(nested, ratios, converged=True))
        for weight, (ratios, _) in zip(weights, tried, strict=True)
        if weight
    ]


def _grid() -> tuple[Floats, Floats]:
    """Return standard deviations as multiples of the error's, finer where they are small, and the width of each."""
    spreads = np.concatenate([[0.0], np.geomspace(0.03, 4, 24)])
    return spreads, np.asarray(np.gradient(spreads), dtype=float)


def _zero_at_bound(ratios: Ratios) -> Ratios:
    """A variance of a millionth of the error's is none; a slope's is kept, which divides by it."""
    teacher, course = (0.0 if ratio < 2 * _LOWEST else ratio for ratio in (ratios.teacher, ratios.course))
    return Ratios(teacher, course, ratios.slope)


@dataclass(frozen=True, slots=True)
class _Inner:
    """Products with the inverse of the variance, over s²."""

    product: Floats  # (p + m, p + m)
    logdet: float
    weighted: Floats  # (T, p + m)
    weight: Floats  # (T,)
    of_course: Floats  # (C,)


def _inner(nested: Nested, ratios: Ratios) -> _Inner:
    of_course = 1 / (1 + nested.count * ratios.course)
    product = nested.cross - (nested.by_course * (ratios.course * of_course)[:, None]).T @ nested.by_course
    weighted = sums_by(nested.by_course * of_course[:, None], nested.courses, nested.teachers)
    weight = np.bincount(nested.courses, nested.count * of_course, minlength=nested.teachers).astype(float)
    product = product - (weighted * (ratios.teacher / (1 + ratios.teacher * weight))[:, None]).T @ weighted
    logdet = float(np.log1p(ratios.teacher * weight).sum() - np.log(of_course).sum())
    if (penalized := nested.slopes - 1) > 0:
        at = np.arange(1, nested.slopes)
        product[at, at] += 1 / ratios.slope
        logdet += penalized * float(np.log(ratios.slope))
    return _Inner(product, logdet, weighted, weight, of_course)


def _criterion(nested: Nested, ratios: Ratios) -> float:
    """Return -2 log restricted likelihood, up to a constant."""
    inner, p = _inner(nested, ratios), nested.slopes
    left, right = inner.product[:p, :p], inner.product[:p, p]
    rest = float(inner.product[p, p] - right @ np.linalg.solve(left, right))
    if rest <= 1e-9 * nested.rows:
        return -np.inf
    return (nested.rows - 1) * float(np.log(rest)) + inner.logdet + float(np.linalg.slogdet(left)[1])


def _predictions(nested: Nested, ratios: Ratios, *, converged: bool) -> NestedFit:
    inner, p = _inner(nested, ratios), nested.slopes
    left, right = inner.product[:p, :p], inner.product[:p, p:]
    slopes: Floats = np.asarray(np.linalg.solve(left, right), dtype=float)
    error = float(inner.product[p, p] - right[:, 0] @ slopes[:, 0]) / (nested.rows - 1)
    shrink = (ratios.teacher / (1 + ratios.teacher * inner.weight))[:, None]
    teacher = shrink * (inner.weighted[:, p:] - inner.weighted[:, :p] @ slopes)
    rest = nested.by_course[:, p:] - nested.by_course[:, :p] @ slopes - nested.count[:, None] * teacher[nested.courses]
    return NestedFit(
        ratios=ratios,
        error=error,
        slopes=slopes,
        covariance=np.asarray(error * np.linalg.inv(left), dtype=float),
        teacher=teacher,
        course=(ratios.course * inner.of_course)[:, None] * rest,
        pull=shrink * inner.weighted[:, :p],
        spread=error * shrink[:, 0],
        converged=converged,
    )
