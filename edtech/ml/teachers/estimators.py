"""The estimators that are stored with a run: effects of teachers, and the expected rating of a row.

Effects are in units of the rating, relative to the average rated teacher. An unrated teacher has the mean effect of
teachers with the same attributes, or 0.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from edtech.ml.teachers.covariates import CovariateEncoding, teacher_attributes
from edtech.ml.teachers.mixed_model import MixedModelFit, NestedData, fit_mixed_model, posterior_fits, sums_by
from edtech.tables.arrays import Codes, Floats
from edtech.tables.roles import RatingRoles


@dataclass(frozen=True, slots=True)
class RatingArrays:
    """The n ratings: `teacher` (n,) and `course` (n,) are codes; `courses` (C,) the teachers' codes of the courses.

    A course of two teachers counts as two courses. Without a column of courses each teacher has one.
    """

    rating: Floats
    teacher: Codes
    course: Codes
    courses: Codes
    teachers: NDArray[np.str_]
    course_names: NDArray[np.str_]

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, rating: ArrayLike, roles: RatingRoles) -> "RatingArrays":
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
        """Number of ratings of each teacher (T,)."""
        return np.bincount(self.teacher, minlength=self.teachers.size).astype(float)

    @property
    def means(self) -> Floats:
        """Mean rating of each teacher (T,)."""
        return np.bincount(self.teacher, self.rating, self.teachers.size) / self.counts


def _course_keys(frame: pd.DataFrame, roles: RatingRoles) -> pd.Series:
    teacher = frame[roles.teacher].astype("str")
    return teacher if roles.course is None else teacher + "\n" + frame[roles.course].astype("str")


class TeacherRatings(RegressorMixin, BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn has no types
    """Base class. `columns` are the roles of a table of ratings as a dict.

    After `fit`: `teachers_` (T,), their `effects_` (T,) and the overall `mean_`; `courses_` and `course_effects_` (C,);
    the error variance `error_`.
    """

    columns: dict[str, Any] | None

    @property
    def roles(self) -> RatingRoles:
        """The columns by their role."""
        return RatingRoles(**(self.columns or {}))

    def fit(self, X: pd.DataFrame, y: ArrayLike) -> Self:
        """Fit ratings `y` (n,) on the other columns `X`."""
        arrays = RatingArrays.from_frame(X, y, self.roles)
        self.teachers_, self.courses_ = arrays.teachers, arrays.course_names
        self.course_effects_ = np.zeros(arrays.courses.size)
        self._fit(X, arrays)
        return self

    @abstractmethod
    def _fit(self, X: pd.DataFrame, arrays: RatingArrays) -> None: ...

    @abstractmethod
    def draws(self, X: pd.DataFrame, y: ArrayLike, count: int, seed: int) -> Floats | None:
        """Return posterior draws (count, T) of the effects, given the training rows; None without a valid posterior."""

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the expected rating of each row, shape (n,)."""
        teacher = pd.Index(self.teachers_).get_indexer(pd.Index(X[self.roles.teacher].astype("str")))
        course = pd.Index(self.courses_).get_indexer(pd.Index(_course_keys(X, self.roles)))
        teacher_effect = np.where(teacher >= 0, self.effects_[teacher], self._unrated(X))
        other_effects = np.where(course >= 0, self.course_effects_[course], 0.0) + self._fixed(X)
        return np.asarray(self.mean_ + teacher_effect + other_effects)

    def _unrated(self, X: pd.DataFrame) -> Floats:
        return np.zeros(len(X))

    def _fixed(self, X: pd.DataFrame) -> Floats:
        return np.zeros(len(X))


def _within_variance(arrays: RatingArrays) -> float:
    """Return the pooled within-teacher variance of ratings; 0 if no teacher has two."""
    free = arrays.rating.size - arrays.teachers.size
    residuals = arrays.rating - arrays.means[arrays.teacher]
    return float(residuals @ residuals) / free if free else 0.0


class RawMeanRatings(TeacherRatings):
    """The mean rating of each teacher, which overstates differences between teachers with few ratings."""

    def __init__(self, columns: dict[str, Any] | None = None) -> None:
        self.columns = columns

    def _fit(self, X: pd.DataFrame, arrays: RatingArrays) -> None:  # noqa: ARG002
        self.mean_ = float(arrays.means.mean())
        self.effects_ = arrays.means - self.mean_
        self.error_ = _within_variance(arrays)

    def draws(self, X: pd.DataFrame, y: ArrayLike, count: int, seed: int) -> Floats | None:  # noqa: ARG002
        """Return None: the standard error of a mean of one rating is not identified."""
        return None


class ShrunkenRatings(TeacherRatings):
    """Normal-normal empirical Bayes: each mean is shrunk to the grand mean, more with fewer ratings.

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
        reliability = self.variance_ / (self.variance_ + noise) if self.variance_ else np.zeros(teachers)
        self.reliability_ = reliability
        self.effects_ = reliability * (means - self.mean_)
        # The error of the grand mean counts in an effect by its shrinkage.
        self.spread_ = reliability * noise + (1 - reliability) ** 2 / weights.sum()

    def draws(self, X: pd.DataFrame, y: ArrayLike, count: int, seed: int) -> Floats | None:  # noqa: ARG002
        """Return draws from the normal posterior at the estimated variances; None if that of teachers is 0."""
        if not self.variance_:
            return None
        noise = np.random.default_rng(seed).standard_normal((count, self.effects_.size))
        return np.asarray(self.effects_ + noise * np.sqrt(self.spread_))


class MixedRatings(TeacherRatings):
    """Random effects of teachers and courses, given covariates; its fit is in `mixed_model`.

    Slopes of covariates are estimated within teachers, so that sorting of able learners to better teachers does not
    bias them (Chetty, Friedman and Rockoff 2014, American Economic Review 104). Attributes of teachers predict the mean
    of their effects (Fay and Herriot 1979, JASA 74).
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
        covariates = X[list(self.roles.covariates)]
        attributes = teacher_attributes(covariates, X[self.roles.teacher])
        controls = [name for name in covariates if name not in attributes] if self.controls else []
        self.controls_ = CovariateEncoding.learn(covariates[controls]).as_dict()
        self.attributes_ = CovariateEncoding.learn(
            covariates[attributes] if self.attributes else covariates[[]]
        ).as_dict()
        self.slopes_, self.slope_covariance_ = self._within_teacher_slopes(covariates, arrays)
        nested, design = self._adjust_for_covariates(covariates, arrays)
        best = fit_mixed_model(nested)
        self.error_, self.converged_ = best.error, best.converged
        self.variance_, self.course_variance_ = best.ratios.teacher * best.error, best.ratios.course * best.error
        self.reliability_ = (
            1 - best.teacher_variance / self.variance_ if self.variance_ else np.zeros(best.teacher_variance.size)
        )
        fits = posterior_fits(nested, best.ratios)
        total = sum(weight * _teacher_totals(fit, design)[:, 0] for weight, fit in fits)
        self.mean_ = float(np.mean(total))
        self.effects_ = np.asarray(total - self.mean_)
        self.attribute_slopes_ = np.asarray(sum(weight * fit.slopes[:, 0] for weight, fit in fits))
        if nested.has_courses:
            self.course_effects_ = np.asarray(sum(weight * fit.course[:, 0] for weight, fit in fits))

    def _nested(self, arrays: RatingArrays, columns: Floats, responses: Floats) -> NestedData:
        design = np.column_stack([np.ones(len(columns)), columns])
        named = self.course_effects and self.roles.course is not None
        own = (arrays.course, arrays.courses) if named else (arrays.teacher, np.arange(arrays.teachers.size))
        return NestedData.from_rows(design, responses, *own, arrays.teachers.size, has_courses=named)

    def _within_teacher_slopes(self, covariates: pd.DataFrame, arrays: RatingArrays) -> tuple[Floats, Floats]:
        """Return the within-teacher slopes (k,) of the controls, and their covariance."""
        matrix = CovariateEncoding.from_dict(self.controls_).matrix(covariates)
        if not matrix.shape[1]:
            return np.zeros(0), np.zeros((0, 0))
        means = sums_by(matrix, arrays.teacher, arrays.teachers.size) / arrays.counts[:, None]
        fit = fit_mixed_model(self._nested(arrays, matrix - means[arrays.teacher], arrays.rating[:, None]))
        return fit.slopes[1:, 0], fit.covariance[1:, 1:]

    def _adjust_for_covariates(self, covariates: pd.DataFrame, arrays: RatingArrays) -> tuple[NestedData, Floats]:
        """Return data of ratings adjusted for the controls, and the teachers' attributes (T, 1 + k).

        The controls are further responses: their effects are minus the derivative of the teachers' effects by the
        slopes of the controls.
        """
        matrix = CovariateEncoding.from_dict(self.controls_).matrix(covariates)
        columns = CovariateEncoding.from_dict(self.attributes_).matrix(covariates)
        responses = np.column_stack([arrays.rating - matrix @ self.slopes_, matrix])
        design = np.ones((arrays.teachers.size, 1 + columns.shape[1]))
        design[arrays.teacher, 1:] = columns
        return self._nested(arrays, columns, responses), design

    def draws(self, X: pd.DataFrame, y: ArrayLike, count: int, seed: int) -> Floats | None:
        """Return draws that include uncertainty of variances, slopes of attributes, effects and slopes of controls."""
        arrays = RatingArrays.from_frame(X, y, self.roles)
        nested, design = self._adjust_for_covariates(X[list(self.roles.covariates)], arrays)
        rng = np.random.default_rng(seed)
        fits = posterior_fits(nested, fit_mixed_model(nested).ratios)
        draws_by_fit = []
        for (_, fit), n_draws in zip(fits, rng.multinomial(count, [weight for weight, _ in fits]), strict=True):
            total = _teacher_totals(fit, design)
            effects = total[:, 0] + rng.standard_normal((n_draws, len(total))) * np.sqrt(fit.teacher_variance)
            effects += _normal_draws(rng, n_draws, fit.covariance) @ (design - fit.teacher_slope_derivative).T
            draws_by_fit.append(effects - _normal_draws(rng, n_draws, self.slope_covariance_) @ total[:, 1:].T)
        return np.concatenate(draws_by_fit)

    def _unrated(self, X: pd.DataFrame) -> Floats:
        encoding = CovariateEncoding.from_dict(self.attributes_)
        return np.asarray(self.attribute_slopes_[0] - self.mean_ + encoding.matrix(X) @ self.attribute_slopes_[1:])

    def _fixed(self, X: pd.DataFrame) -> Floats:
        return np.asarray(CovariateEncoding.from_dict(self.controls_).matrix(X) @ self.slopes_)


def _teacher_totals(fit: MixedModelFit, design: Floats) -> Floats:
    """Return the sums of the effects of attributes and of teachers, (T, m)."""
    return np.asarray(design @ fit.slopes + fit.teacher)


def _normal_draws(rng: np.random.Generator, count: int, covariance: Floats) -> Floats:
    """Return draws (count, k) from a normal distribution with mean 0."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(rng.standard_normal((count, values.size)) @ (vectors * np.sqrt(np.maximum(values, 0))).T)
