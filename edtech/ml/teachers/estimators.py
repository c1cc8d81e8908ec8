"""The estimators that are stored with a run: teachers' effects as arrays, and the expected rating of a row.

An effect is in units of the rating, against the average rated teacher. A teacher who was not rated has the effect that
teachers of the same attributes have on average, else none.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from edtech.ml.teachers.covariates import Encoding, of_teachers
from edtech.ml.teachers.mixed_model import Nested, NestedFit, fit_nested, posterior, sums_by
from edtech.tables.arrays import Codes, Floats
from edtech.tables.roles import RatingRoles


@dataclass(frozen=True, slots=True)
class RatingArrays:
    """The n ratings: `teacher` (n,) and `course` (n,) are codes; `courses` (C,) the teachers' codes of the courses.

    A course that two teachers give counts once for each. Without a column of courses each teacher has one.
    """

    rating: Floats
    teacher: Codes
    course: Codes
    courses: Codes
    teachers: NDArray[np.str_]
    course_names: NDArray[np.str_]

    @classmethod
    def of(cls, frame: pd.DataFrame, rating: ArrayLike, roles: RatingRoles) -> "RatingArrays":
        """Return the arrays of a frame's rows."""
        teacher, teachers = pd.factorize(frame[roles.teacher].astype("str"), sort=True)
        course, names = pd.factorize(_course_keys(frame, roles), sort=True)
        courses = np.zeros(len(names), dtype=np.intp)
        courses[course] = teacher
        return cls(
            np.asarray(rating, float),
            teacher,
            course,
            courses,
            np.asarray(teachers, dtype=np.str_),
            np.asarray(names, dtype=np.str_),
        )

    @property
    def counts(self) -> Floats:
        """Ratings of each teacher (T,)."""
        return np.bincount(self.teacher, minlength=self.teachers.size).astype(float)

    @property
    def means(self) -> Floats:
        """Mean rating of each teacher (T,)."""
        return np.bincount(self.teacher, self.rating, self.teachers.size) / self.counts


def _course_keys(frame: pd.DataFrame, roles: RatingRoles) -> pd.Series:
    teacher = frame[roles.teacher].astype("str")
    return teacher if roles.course is None else teacher + "\n" + frame[roles.course].astype("str")


class TeacherRatings(RegressorMixin, BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn has no types
    """Expected rating of rows. `columns` are the roles of a table of ratings as a plain dict.

    After `fit`: `teachers_` (T,) and their `effects_` (T,), `mean_`; `courses_` and `course_effects_` (C,); `error_`,
    the variance of ratings of one course.
    """

    columns: dict[str, Any] | None

    @property
    def roles(self) -> RatingRoles:
        """The columns by their role."""
        return RatingRoles(**(self.columns or {}))

    def fit(self, X: pd.DataFrame, y: ArrayLike) -> Self:
        """Fit ratings `y` (n,) on the other columns `X`."""
        arrays = RatingArrays.of(X, y, self.roles)
        self.teachers_, self.courses_ = arrays.teachers, arrays.course_names
        self.course_effects_ = np.zeros(arrays.courses.size)
        self._fit(X, arrays)
        return self

    @abstractmethod
    def _fit(self, X: pd.DataFrame, arrays: RatingArrays) -> None: ...

    @abstractmethod
    def draws(self, X: pd.DataFrame, y: ArrayLike, count: int, seed: int) -> Floats | None:
        """Return draws (count, T) of the effects, given the rows it was fitted on; None where no draw is honest."""

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the expected rating of each row, shape (n,)."""
        teacher = pd.Index(self.teachers_).get_indexer(pd.Index(X[self.roles.teacher].astype("str")))
        course = pd.Index(self.courses_).get_indexer(pd.Index(_course_keys(X, self.roles)))
        known = np.where(teacher >= 0, self.effects_[teacher], self._unrated(X))
        beside = np.where(course >= 0, self.course_effects_[course], 0.0) + self._fixed(X)
        return np.asarray(self.mean_ + known + beside)

    def _unrated(self, X: pd.DataFrame) -> Floats:
        return np.zeros(len(X))

    def _fixed(self, X: pd.DataFrame) -> Floats:
        return np.zeros(len(X))


def _within_variance(arrays: RatingArrays) -> float:
    """Return the variance of ratings of one teacher, pooled; 0 where no teacher has two."""
    free = arrays.rating.size - arrays.teachers.size
    rest = arrays.rating - arrays.means[arrays.teacher]
    return float(rest @ rest) / free if free else 0.0


class RawMeanRatings(TeacherRatings):
    """The mean rating of each teacher: a warning of what chance does to few ratings, not an answer."""

    def __init__(self, columns: dict[str, Any] | None = None) -> None:
        self.columns = columns

    def _fit(self, X: pd.DataFrame, arrays: RatingArrays) -> None:  # noqa: ARG002
        self.mean_ = float(arrays.means.mean())
        self.effects_ = arrays.means - self.mean_
        self.error_ = _within_variance(arrays)

    def draws(self, X: pd.DataFrame, y: ArrayLike, count: int, seed: int) -> Floats | None:  # noqa: ARG002
        """Return None: the spread of a mean of one rating is not known."""
        return None


class ShrunkenRatings(TeacherRatings):
    """Empirical Bayes, normal-normal: each mean is pulled to the grand mean the more, the fewer its ratings.

    Efron and Morris (1975), JASA 70; Morris (1983), JASA 78; variance components by the method of moments for groups of
    different size (Searle, Casella and McCulloch 1992, "Variance Components", 3.6).
    """

    def __init__(self, columns: dict[str, Any] | None = None) -> None:
        self.columns = columns

    def _fit(self, X: pd.DataFrame, arrays: RatingArrays) -> None:  # noqa: ARG002
        means, counts = arrays.means, arrays.counts
        rows, teachers = arrays.rating.size, arrays.teachers.size
        self.error_ = _within_variance(arrays)
        between = counts @ (means - arrays.rating.mean()) ** 2 - (teachers - 1) * self.error_
        size = rows - counts @ counts / rows
        self.variance_ = max(float(between / size), 0.0) if size else 0.0
        noise = self.error_ / counts
        weights = 1 / (self.variance_ + noise) if self.variance_ else counts
        self.mean_ = float(weights @ means / weights.sum())
        kept = self.variance_ / (self.variance_ + noise) if self.variance_ else np.zeros(teachers)
        self.reliability_ = kept
        self.effects_ = kept * (means - self.mean_)
        # The grand mean is estimated too: its error reaches an effect by the share that was pulled to it.
        self.spread_ = kept * noise + (1 - kept) ** 2 / weights.sum()

    def draws(self, X: pd.DataFrame, y: ArrayLike, count: int, seed: int) -> Floats | None:  # noqa: ARG002
        """Return draws from the normal posterior at the estimated variances; None where that of teachers is 0."""
        if not self.variance_:
            return None
        noise = np.random.default_rng(seed).standard_normal((count, self.effects_.size))
        return np.asarray(self.effects_ + noise * np.sqrt(self.spread_))


class MixedRatings(TeacherRatings):
    """Random effects of teachers and of their courses, with who enrols held fixed; see `nested`.

    The slopes of covariates are read within teachers, so that able learners who choose better teachers do not make
    the covariates look as if they earned the ratings (Chetty, Friedman and Rockoff 2014, American Economic Review 104).
    What is known of a teacher says where the effects of such teachers lie (Fay and Herriot 1979, JASA 74).
    """

    def __init__(
        self,
        columns: dict[str, Any] | None = None,
        *,
        controls: bool,
        attributes: bool,
        course_effects: bool,
    ) -> None:
        self.columns = columns
        self.controls = controls
        self.attributes = attributes
        self.course_effects = course_effects

    def _fit(self, X: pd.DataFrame, arrays: RatingArrays) -> None:
        known = X[list(self.roles.covariates)]
        attributes = of_teachers(known, X[self.roles.teacher])
        held = [name for name in known if name not in attributes] if self.controls else []
        self.controls_ = Encoding.of(known[held]).as_dict()
        self.attributes_ = Encoding.of(known[attributes] if self.attributes else known[[]]).as_dict()
        self.slopes_, self.slope_covariance_ = self._slopes_within(known, arrays)
        nested, design = self._at_equal_covariates(known, arrays)
        best = fit_nested(nested)
        self.error_, self.converged_ = best.error, best.converged
        self.variance_, self.course_variance_ = best.ratios.teacher * best.error, best.ratios.course * best.error
        self.reliability_ = 1 - best.spread / self.variance_ if self.variance_ else np.zeros(best.spread.size)
        fits = posterior(nested, best.ratios)
        total = sum(weight * _totals(fit, design)[:, 0] for weight, fit in fits)
        self.mean_ = float(np.mean(total))
        self.effects_ = np.asarray(total - self.mean_)
        self.attribute_slopes_ = np.asarray(sum(weight * fit.slopes[:, 0] for weight, fit in fits))
        if nested.has_courses:
            self.course_effects_ = np.asarray(sum(weight * fit.course[:, 0] for weight, fit in fits))

    def _nested(self, arrays: RatingArrays, columns: Floats, responses: Floats) -> Nested:
        design = np.column_stack([np.ones(len(columns)), columns])
        named = self.course_effects and self.roles.course is not None
        own = (arrays.course, arrays.courses) if named else (arrays.teacher, np.arange(arrays.teachers.size))
        return Nested.of(design, responses, *own, arrays.teachers.size, has_courses=named)

    def _slopes_within(self, known: pd.DataFrame, arrays: RatingArrays) -> tuple[Floats, Floats]:
        """Return the slopes (k,) of what is held fixed, read within teachers, and their covariance."""
        matrix = Encoding.from_dict(self.controls_).matrix(known)
        if not matrix.shape[1]:
            return np.zeros(0), np.zeros((0, 0))
        means = sums_by(matrix, arrays.teacher, arrays.teachers.size) / arrays.counts[:, None]
        fit = fit_nested(self._nested(arrays, matrix - means[arrays.teacher], arrays.rating[:, None]))
        return fit.slopes[1:, 0], fit.covariance[1:, 1:]

    def _at_equal_covariates(self, known: pd.DataFrame, arrays: RatingArrays) -> tuple[Nested, Floats]:
        """Return the ratings at equal covariates, with the covariates as further responses, and teachers' attributes.

        What the effects of the further responses are says how those of the ratings answer to an error of the slopes.
        """
        matrix = Encoding.from_dict(self.controls_).matrix(known)
        columns = Encoding.from_dict(self.attributes_).matrix(known)
        responses = np.column_stack([arrays.rating - matrix @ self.slopes_, matrix])
        design = np.ones((arrays.teachers.size, 1 + columns.shape[1]))
        design[arrays.teacher, 1:] = columns
        return self._nested(arrays, columns, responses), design

    def draws(self, X: pd.DataFrame, y: ArrayLike, count: int, seed: int) -> Floats | None:
        """Return draws of the variances, then of attributes' slopes, of effects and of the slopes held fixed."""
        arrays = RatingArrays.of(X, y, self.roles)
        nested, design = self._at_equal_covariates(X[list(self.roles.covariates)], arrays)
        rng = np.random.default_rng(seed)
        fits = posterior(nested, fit_nested(nested).ratios)
        parts = []
        for (_, fit), part in zip(fits, rng.multinomial(count, [weight for weight, _ in fits]), strict=True):
            total = _totals(fit, design)
            drawn = total[:, 0] + rng.standard_normal((part, len(total))) * np.sqrt(fit.spread)
            drawn += _normal(rng, part, fit.covariance) @ (design - fit.pull).T
            parts.append(drawn - _normal(rng, part, self.slope_covariance_) @ total[:, 1:].T)
        return np.concatenate(parts)

    def _unrated(self, X: pd.DataFrame) -> Floats:
        encoding = Encoding.from_dict(self.attributes_)
        return np.asarray(self.attribute_slopes_[0] - self.mean_ + encoding.matrix(X) @ self.attribute_slopes_[1:])

    def _fixed(self, X: pd.DataFrame) -> Floats:
        return np.asarray(Encoding.from_dict(self.controls_).matrix(X) @ self.slopes_)


def _totals(fit: NestedFit, design: Floats) -> Floats:
    """Return what teachers' attributes and their own effects come to, (T, m)."""
    return np.asarray(design @ fit.slopes + fit.teacher)


def _normal(rng: np.random.Generator, count: int, covariance: Floats) -> Floats:
    """Return draws (count, k) of a normal of mean 0."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(rng.standard_normal((count, values.size)) @ (vectors * np.sqrt(np.maximum(values, 0))).T)
