"""A linear mixed model of ratings nested in courses nested in teachers, by restricted maximum likelihood (REML).

    y = D b + teacher + course + error,    teacher ~ N(0, r_t s²), course ~ N(0, r_c s²), error ~ N(0, s²)

Columns of D after the first are standardized covariates with random slopes, b ~ N(0, r_b s²): irrelevant slopes shrink
to 0, and collinear columns are allowed (Robinson 1991, "That BLUP is a good thing", Statistical Science 6). The ratios
r maximize the restricted likelihood (Patterson and Thompson 1971, Biometrika 58), with s² and b profiled out.

Own code, because the inverse of the covariance has a closed form (Woodbury, twice): the likelihood needs only sums by
course, so its cost does not grow with the ratings. statsmodels' MixedLM has no such random slopes, and needs a dense
matrix for each teacher with nested courses.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from edtech.errors import ConvergenceError
from edtech.tables.arrays import Codes, Floats

_MIN_RATIO, _MAX_RATIO = 1e-6, 1e3
_START = 0.2
_MIN_WEIGHT = 1e-3


def sums_by(values: Floats, codes: Codes, size: int) -> Floats:
    """Return the sums (size, k) of the rows (n, k) of each code."""
    return np.column_stack([np.bincount(codes, column, minlength=size) for column in values.T])


@dataclass(frozen=True, slots=True)
class NestedData:
    """The sufficient statistics of n rows with a design (n, p) and responses (n, m).

    The design has the intercept first, then penalized columns. The ratings are the first response; predictions of the
    other responses give the derivative of those of the ratings. `courses` are the teachers' codes of the C courses;
    without courses each teacher has one and `has_courses` is False.
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
    def from_rows(
        cls, design: Floats, responses: Floats, course: Codes, courses: Codes, teachers: int, *, has_courses: bool
    ) -> "NestedData":
        """Return the statistics of rows whose course is `course` (n,)."""
        both = np.column_stack([design, responses])
        by_course = sums_by(both, course, courses.size)
        count = np.bincount(course, minlength=courses.size).astype(float)
        return cls(len(both), design.shape[1], both.T @ both, by_course, count, courses, teachers, has_courses)

    def first_response(self) -> "NestedData":
        """Return the statistics with the ratings as the only response, which the likelihood needs."""
        keep = self.slopes + 1
        return replace(self, cross=self.cross[:keep, :keep], by_course=self.by_course[:, :keep])


@dataclass(frozen=True, slots=True)
class VarianceRatios:
    """Variances of teachers, courses and slopes as multiples of the error variance."""

    teacher: float
    course: float
    slope: float


@dataclass(frozen=True, slots=True)
class MixedModelFit:
    """Predictions at given variance ratios, for each of m responses.

    `slopes` (p, m) with `covariance` (p, p); `teacher` (T, m) and `course` (C, m) are best linear unbiased predictions
    (BLUP). `teacher_slope_derivative` (T, p) is minus the derivative of a teacher's prediction by the slopes,
    `teacher_variance` (T,) its variance given the slopes, and `error` is s².
    """

    ratios: VarianceRatios
    error: float
    slopes: Floats
    covariance: Floats
    teacher: Floats
    course: Floats
    teacher_slope_derivative: Floats
    teacher_variance: Floats
    converged: bool


def fit_mixed_model(data: NestedData) -> MixedModelFit:
    """Return the fit at the ratios that maximize the restricted likelihood.

    Raises ConvergenceError if all ratings are equal.
    """
    names = ["teacher", *(["course"] if data.has_courses else []), *(["slope"] if data.slopes > 1 else [])]

    def ratios(logs: Floats) -> VarianceRatios:
        return VarianceRatios(**{"course": 0.0, "slope": 0.0, **dict(zip(names, np.exp(logs).tolist(), strict=True))})

    first = data.first_response()
    if _criterion(first, VarianceRatios(_START, 0.0, _START)) == -np.inf:
        raise ConvergenceError(
            "The ratings are all the same", expected="ratings that differ", fix="check the column of ratings"
        )
    optimum = minimize(
        lambda logs: _criterion(first, ratios(logs)),
        np.full(len(names), np.log(_START)),
        method="L-BFGS-B",
        bounds=[(np.log(_MIN_RATIO), np.log(_MAX_RATIO))] * len(names),
    )
    return _predictions(data, _zero_at_bound(ratios(optimum.x)), converged=bool(optimum.success))


def posterior_fits(data: NestedData, best: VarianceRatios) -> list[tuple[float, MixedModelFit]]:
    """Return fits on a grid of the variances of teachers and courses, with their posterior weights, which sum to 1.

    Both standard deviations have a flat prior (Gelman 2006, Bayesian Analysis 1), so that intervals include the
    uncertainty of the variances.
    """
    sds, widths = _sd_grid()
    courses = list(zip(sds, widths, strict=True)) if data.has_courses else [(0.0, 1.0)]
    grid = [
        (VarianceRatios(float(teacher**2), float(course**2), best.slope), float(np.log(width * course_width)))
        for teacher, width in zip(sds, widths, strict=True)
        for course, course_width in courses
    ]
    first = data.first_response()
    logs = np.array([width - _criterion(first, ratios) / 2 for ratios, width in grid])
    weights = np.exp(logs - logs.max())
    weights[weights < _MIN_WEIGHT * weights.max()] = 0
    weights /= weights.sum()
    return [
        (float(weight), _predictions(data, ratios, converged=True))
        for weight, (ratios, _) in zip(weights, grid, strict=True)
        if weight
    ]


def _sd_grid() -> tuple[Floats, Floats]:
    """Return standard deviations relative to that of the error, denser near 0, and the width of each grid cell."""
    sds = np.concatenate([[0.0], np.geomspace(0.03, 4, 24)])
    return sds, np.asarray(np.gradient(sds), dtype=float)


def _zero_at_bound(ratios: VarianceRatios) -> VarianceRatios:
    """Set a ratio at its lower bound to 0, except that of slopes, which is a divisor."""
    teacher, course = (0.0 if ratio < 2 * _MIN_RATIO else ratio for ratio in (ratios.teacher, ratios.course))
    return VarianceRatios(teacher, course, ratios.slope)


@dataclass(frozen=True, slots=True)
class _InverseProducts:
    """Products with the inverse of the covariance, relative to s²."""

    product: Floats  # (p + m, p + m)
    logdet: float
    weighted: Floats  # (T, p + m)
    weight: Floats  # (T,)
    of_course: Floats  # (C,)


def _inverse_products(data: NestedData, ratios: VarianceRatios) -> _InverseProducts:
    of_course = 1 / (1 + data.count * ratios.course)
    product = data.cross - (data.by_course * (ratios.course * of_course)[:, None]).T @ data.by_course
    weighted = sums_by(data.by_course * of_course[:, None], data.courses, data.teachers)
    weight = np.bincount(data.courses, data.count * of_course, minlength=data.teachers).astype(float)
    product = product - (weighted * (ratios.teacher / (1 + ratios.teacher * weight))[:, None]).T @ weighted
    logdet = float(np.log1p(ratios.teacher * weight).sum() - np.log(of_course).sum())
    if (penalized := data.slopes - 1) > 0:
        at = np.arange(1, data.slopes)
        product[at, at] += 1 / ratios.slope
        logdet += penalized * float(np.log(ratios.slope))
    return _InverseProducts(product, logdet, weighted, weight, of_course)


def _criterion(data: NestedData, ratios: VarianceRatios) -> float:
    """Return -2 times the log restricted likelihood, up to a constant."""
    products, p = _inverse_products(data, ratios), data.slopes
    left, right = products.product[:p, :p], products.product[:p, p]
    residual = float(products.product[p, p] - right @ np.linalg.solve(left, right))
    if residual <= 1e-9 * data.rows:
        return -np.inf
    return (data.rows - 1) * float(np.log(residual)) + products.logdet + float(np.linalg.slogdet(left)[1])


def _predictions(data: NestedData, ratios: VarianceRatios, *, converged: bool) -> MixedModelFit:
    products, p = _inverse_products(data, ratios), data.slopes
    left, right = products.product[:p, :p], products.product[:p, p:]
    slopes: Floats = np.asarray(np.linalg.solve(left, right), dtype=float)
    error = float(products.product[p, p] - right[:, 0] @ slopes[:, 0]) / (data.rows - 1)
    shrink = (ratios.teacher / (1 + ratios.teacher * products.weight))[:, None]
    teacher = shrink * (products.weighted[:, p:] - products.weighted[:, :p] @ slopes)
    residuals = data.by_course[:, p:] - data.by_course[:, :p] @ slopes - data.count[:, None] * teacher[data.courses]
    return MixedModelFit(
        ratios=ratios,
        error=error,
        slopes=slopes,
        covariance=np.asarray(error * np.linalg.inv(left), dtype=float),
        teacher=teacher,
        course=(ratios.course * products.of_course)[:, None] * residuals,
        teacher_slope_derivative=shrink * products.weighted[:, :p],
        teacher_variance=error * shrink[:, 0],
        converged=converged,
    )
