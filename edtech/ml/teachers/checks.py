"""The diagnostics card of a training of `teacher_quality`."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import f as f_distribution
from scipy.stats import norm

from edtech.data.quality.checks import Check, grade
from edtech.ml.teachers.covariates import Encoding, of_teachers
from edtech.ml.teachers.estimators import MixedRatings, RatingArrays, ShrunkenRatings, TeacherRatings
from edtech.ml.teachers.mixed_model import sums_by
from edtech.tables.arrays import Floats
from edtech.tables.roles import RatingRoles

FEW = 5
_LEVEL = 0.01


@dataclass(frozen=True, slots=True)
class Sorting:
    """The covariate that rises most with the effect of its rows' teacher: by how much, and the evidence for it."""

    feature: str
    slope: float
    p_value: float

    @property
    def seen(self) -> bool:
        """Whether it is more than chance."""
        return self.p_value < _LEVEL


def courses_differ(arrays: RatingArrays) -> bool:
    """Tell whether the courses of a teacher differ by more than chance: the F test of one-way ANOVA."""
    count = np.bincount(arrays.course).astype(float)
    mean = np.bincount(arrays.course, arrays.rating) / count
    between, free = count.size - arrays.teachers.size, arrays.rating.size - count.size
    if between <= 0 or free <= 0:
        return False
    within = float(np.sum((arrays.rating - mean[arrays.course]) ** 2)) / free
    apart = float(count @ (mean - arrays.means[arrays.courses]) ** 2) / between
    return bool(within > 0 and f_distribution.sf(apart / within, between, free) < _LEVEL)


def sorting(effects: Floats, arrays: RatingArrays, rows: pd.DataFrame, roles: RatingRoles) -> Sorting | None:
    """Return what tells best that learners are not spread over teachers by chance; None without covariates.

    For each covariate, the slope of its mean by teacher on the teacher's effect, with errors robust to teachers of
    different size (White 1980, Econometrica 48), at the level of Bonferroni.
    """
    known = rows[list(roles.covariates)]
    own = of_teachers(known, rows[roles.teacher])
    encoding = Encoding.of(known.drop(columns=own))
    matrix = encoding.matrix(known)
    if not matrix.shape[1] or effects.size < FEW or not np.ptp(effects):
        return None
    means = sums_by(matrix, arrays.teacher, arrays.teachers.size) / arrays.counts[:, None]
    weights = arrays.counts / arrays.counts.sum()
    apart = effects - weights @ effects
    slopes = (weights * apart) @ means / (weights @ apart**2)
    rest = means - weights @ means - np.outer(apart, slopes)
    spread = np.sqrt((((weights * apart)[:, None] * rest) ** 2).sum(axis=0)) / (weights @ apart**2)
    score = np.divide(np.abs(slopes), spread, out=np.zeros_like(slopes), where=spread > 0)
    best = int(np.argmax(score))
    return Sorting(_names(encoding)[best], float(slopes[best]), min(1.0, float(2 * norm.sf(score[best])) * score.size))


def _names(encoding: Encoding) -> list[str]:
    return [*encoding.numbers, *(f"{name} {level}" for name, shares in encoding.levels.items() for level in shares)]


def card(
    model: TeacherRatings, arrays: RatingArrays, metrics: Mapping[str, float], found: Sorting | None
) -> tuple[Check, ...]:
    """Return the findings of a training."""
    checks = [_few(arrays), _sorted(model, found), _baseline(model, metrics)]
    if isinstance(model, MixedRatings | ShrunkenRatings):
        checks.insert(1, _apart(model))
    if isinstance(model, MixedRatings):
        checks.append(_converged(model))
    else:
        checks.append(_clustered(arrays))
    return tuple(check for check in checks if check is not None)


def _few(arrays: RatingArrays) -> Check:
    few = int((arrays.counts < FEW).sum())
    share = few / arrays.teachers.size
    return grade(
        "few_ratings",
        "Ratings of each teacher",
        review=share > 0.25,
        evidence=f"{few:,} of {arrays.teachers.size:,} teachers have fewer than {FEW} ratings; half have "
        f"{np.median(arrays.counts):.0f} or more",
        fix="Read the interval of the rank: a teacher with few ratings may stand nearly anywhere.",
    )


def _apart(model: MixedRatings | ShrunkenRatings) -> Check:
    spread, reliability = np.sqrt(model.variance_), float(np.mean(model.reliability_))
    return grade(
        "teachers_apart",
        "Teachers can be told apart",
        fail=model.variance_ == 0,
        review=reliability < 0.3,
        evidence=f"standard deviation of teachers beyond chance {spread:.2f}, mean reliability {reliability:.2f}",
        fix="Do not rank these teachers: what separates them is chance. Collect more ratings of each.",
    )


def _sorted(model: TeacherRatings, found: Sorting | None) -> Check | None:
    if found is None:
        return None
    held = isinstance(model, MixedRatings) and model.controls
    chance = f"p {found.p_value:.2g} after counting all covariates tried"
    moves = f"{found.feature[:60]} goes {'up' if found.slope > 0 else 'down'} with the teacher's effect ({chance})"
    return grade(
        "sorting",
        "Learners are spread over teachers by chance",
        review=found.seen and not held,
        evidence=(moves + ("; the covariates are held fixed" if held else ""))
        if found.seen
        else f"none seen: {chance}",
        fix="Use mixed_model, which compares teachers at equal learners.",
    )


def _baseline(model: TeacherRatings, metrics: Mapping[str, float]) -> Check | None:
    ours, raw = metrics.get("rating_rmse"), metrics.get("rating_rmse_raw_mean")
    if ours is None or raw is None or not isinstance(model, MixedRatings | ShrunkenRatings):
        return None
    return grade(
        "baseline",
        "Better than raw means on later ratings",
        review=ours > raw,
        evidence=f"RMSE {ours:.3f} against {raw:.3f} of the raw means",
        fix="Look whether ratings changed over time, or leave the covariates out.",
    )


def _clustered(arrays: RatingArrays) -> Check:
    return grade(
        "courses_differ",
        "Courses of a teacher are rated alike",
        review=courses_differ(arrays),
        evidence=f"{arrays.courses.size:,} courses of {arrays.teachers.size:,} teachers",
        fix="Use mixed_model: ratings of one course go together and say less of the teacher than they seem to.",
    )


def _converged(model: MixedRatings) -> Check:
    return grade(
        "convergence",
        "The search for the variances settled",
        fail=not model.converged_,
        evidence=f"standard deviation of courses {np.sqrt(model.course_variance_):.2f}, of single ratings "
        f"{np.sqrt(model.error_):.2f}",
        fix="Leave out covariates that are nearly the same, or use empirical_bayes.",
    )
