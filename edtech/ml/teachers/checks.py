"""The checks of a training of `teacher_quality`."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import f as f_distribution
from scipy.stats import norm

from edtech.data.quality.checks import Check, grade
from edtech.ml.teachers.covariates import CovariateEncoding, teacher_attributes
from edtech.ml.teachers.estimators import MixedRatings, RatingArrays, ShrunkenRatings, TeacherRatings
from edtech.ml.teachers.mixed_model import sums_by
from edtech.tables.arrays import Floats
from edtech.tables.roles import RatingRoles

FEW = 5
_LEVEL = 0.01


@dataclass(frozen=True, slots=True)
class Sorting:
    """The covariate with the most significant slope on the teacher's effect."""

    feature: str
    slope: float
    p_value: float

    @property
    def significant(self) -> bool:
        """Whether the slope is significant."""
        return self.p_value < _LEVEL


def courses_differ(arrays: RatingArrays) -> bool:
    """Return whether courses of a teacher differ significantly, by the F test of one-way ANOVA."""
    count = np.bincount(arrays.course).astype(float)
    mean = np.bincount(arrays.course, arrays.rating) / count
    between_freedom, within_freedom = count.size - arrays.teachers.size, arrays.rating.size - count.size
    if between_freedom <= 0 or within_freedom <= 0:
        return False
    within_variance = float(np.sum((arrays.rating - mean[arrays.course]) ** 2)) / within_freedom
    between_variance = float(count @ (mean - arrays.means[arrays.courses]) ** 2) / between_freedom
    return bool(
        within_variance > 0
        and f_distribution.sf(between_variance / within_variance, between_freedom, within_freedom) < _LEVEL
    )


def find_sorting(effects: Floats, arrays: RatingArrays, rows: pd.DataFrame, roles: RatingRoles) -> Sorting | None:
    """Return the strongest evidence that learners are sorted to teachers; None without covariates.

    For each covariate, the slope of its mean by teacher on the teacher's effect, with heteroskedasticity-robust
    standard errors (White 1980, Econometrica 48) and a Bonferroni correction.
    """
    covariates = rows[list(roles.covariates)]
    attributes = teacher_attributes(covariates, rows[roles.teacher])
    encoding = CovariateEncoding.learn(covariates.drop(columns=attributes))
    matrix = encoding.matrix(covariates)
    if not matrix.shape[1] or effects.size < FEW or not np.ptp(effects):
        return None
    means = sums_by(matrix, arrays.teacher, arrays.teachers.size) / arrays.counts[:, None]
    weights = arrays.counts / arrays.counts.sum()
    centered_effects = effects - weights @ effects
    slopes = (weights * centered_effects) @ means / (weights @ centered_effects**2)
    residuals = means - weights @ means - np.outer(centered_effects, slopes)
    standard_errors = np.sqrt((((weights * centered_effects)[:, None] * residuals) ** 2).sum(axis=0)) / (
        weights @ centered_effects**2
    )
    score = np.divide(np.abs(slopes), standard_errors, out=np.zeros_like(slopes), where=standard_errors > 0)
    best = int(np.argmax(score))
    return Sorting(_names(encoding)[best], float(slopes[best]), min(1.0, float(2 * norm.sf(score[best])) * score.size))


def _names(encoding: CovariateEncoding) -> list[str]:
    return [*encoding.numbers, *(f"{name} {level}" for name, shares in encoding.levels.items() for level in shares)]


def all_checks(
    model: TeacherRatings, arrays: RatingArrays, metrics: Mapping[str, float], sorting: Sorting | None
) -> tuple[Check, ...]:
    """Return the checks of a training."""
    checks = [_check_few_ratings(arrays), _check_sorting(model, sorting), _check_baseline(model, metrics)]
    if isinstance(model, MixedRatings | ShrunkenRatings):
        checks.insert(1, _check_reliability(model))
    if isinstance(model, MixedRatings):
        checks.append(_check_convergence(model))
    else:
        checks.append(_check_courses(arrays))
    return tuple(check for check in checks if check is not None)


def _check_few_ratings(arrays: RatingArrays) -> Check:
    few = int((arrays.counts < FEW).sum())
    share = few / arrays.teachers.size
    return grade(
        "few_ratings",
        "Ratings per teacher",
        review=share > 0.25,
        evidence=f"{few:,} of {arrays.teachers.size:,} teachers have fewer than {FEW} ratings; half have "
        f"{np.median(arrays.counts):.0f} or more",
        fix="Use the interval of the rank: a teacher with few ratings may have nearly any rank.",
    )


def _check_reliability(model: MixedRatings | ShrunkenRatings) -> Check:
    spread, reliability = np.sqrt(model.variance_), float(np.mean(model.reliability_))
    return grade(
        "teachers_apart",
        "Reliability",
        fail=model.variance_ == 0,
        review=reliability < 0.3,
        evidence=f"standard deviation of teachers beyond chance {spread:.2f}, mean reliability {reliability:.2f}",
        fix="Do not rank these teachers: they differ mostly by chance. Collect more ratings per teacher.",
    )


def _check_sorting(model: TeacherRatings, sorting: Sorting | None) -> Check | None:
    if sorting is None:
        return None
    controlled = isinstance(model, MixedRatings) and model.controls
    p_value = f"p = {sorting.p_value:.2g}, Bonferroni-corrected"
    verb = "increases" if sorting.slope > 0 else "decreases"
    trend = f"{sorting.feature[:60]} {verb} with the teacher's effect ({p_value})"
    return grade(
        "sorting",
        "No sorting of learners to teachers",
        review=sorting.significant and not controlled,
        evidence=(trend + ("; the model controls for the covariates" if controlled else ""))
        if sorting.significant
        else f"no significant covariate: {p_value}",
        fix="Use mixed_model, which compares teachers at equal learners.",
    )


def _check_baseline(model: TeacherRatings, metrics: Mapping[str, float]) -> Check | None:
    ours, raw = metrics.get("rating_rmse"), metrics.get("rating_rmse_raw_mean")
    if ours is None or raw is None or not isinstance(model, MixedRatings | ShrunkenRatings):
        return None
    return grade(
        "baseline",
        "Later ratings are predicted better than by raw means",
        review=ours > raw,
        evidence=f"held-out RMSE {ours:.3f}, of the raw means {raw:.3f}",
        fix="Check whether ratings changed over time, or leave the covariates out.",
    )


def _check_courses(arrays: RatingArrays) -> Check:
    return grade(
        "courses_differ",
        "No course effects",
        review=courses_differ(arrays),
        evidence=f"{arrays.courses.size:,} courses of {arrays.teachers.size:,} teachers",
        fix="Use mixed_model: ratings of one course are correlated, so they are less informative than they seem.",
    )


def _check_convergence(model: MixedRatings) -> Check:
    return grade(
        "convergence",
        "Convergence",
        fail=not model.converged_,
        evidence=f"standard deviation of courses {np.sqrt(model.course_variance_):.2f}, of single ratings "
        f"{np.sqrt(model.error_):.2f}",
        fix="Leave out collinear covariates, or use empirical_bayes.",
    )
