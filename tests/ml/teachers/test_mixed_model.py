"""The closed forms against the full covariance matrices."""

import numpy as np
import pytest
from scipy.optimize import minimize

from edtech.errors import ConvergenceError
from edtech.ml.teachers.mixed_model import NestedData, fit_mixed_model


@pytest.fixture(scope="module")
def case():
    """60 ratings of 20 courses of 8 teachers, two covariates."""
    rng = np.random.default_rng(5)
    courses = np.sort(rng.integers(0, 8, 20))
    courses[:8] = np.arange(8)
    course = np.concatenate([np.arange(20), rng.integers(0, 20, 40)])
    columns = rng.normal(size=(60, 2))
    rating = 3 + rng.normal(size=8)[courses[course]] + 0.5 * rng.normal(size=20)[course] + columns @ [0.4, -0.3]
    rating = rating + rng.normal(0, 0.7, 60)
    return np.column_stack([np.ones(60), columns]), rating, course, courses


def covariance(ratios, design, course, courses):
    """The variance of ratings over that of the error, written out."""
    of_course, of_teacher = np.eye(20)[course], np.eye(8)[courses[course]]
    return (
        np.eye(course.size)
        + ratios[0] * of_teacher @ of_teacher.T
        + ratios[1] * of_course @ of_course.T
        + ratios[2] * design[:, 1:] @ design[:, 1:].T
    )


def restricted(logs, design, rating, course, courses):
    """-2 log restricted likelihood with the intercept as the one fixed column, from the matrices themselves."""
    inverse = np.linalg.inv(variance := covariance(np.exp(logs), design, course, courses))
    item = design[:, 0]
    weight = item @ inverse @ item
    others = rating - item * (item @ inverse @ rating) / weight
    return 59 * np.log(others @ inverse @ others) + np.linalg.slogdet(variance)[1] + np.log(weight)


def test_the_ratios_are_those_of_the_matrices_likelihood(case):
    fit = fit_mixed_model(NestedData.from_rows(case[0], case[1][:, None], *case[2:], 8, has_courses=True))
    result = minimize(restricted, np.log([0.2, 0.2, 0.2]), args=case, method="Nelder-Mead", options={"xatol": 1e-6})
    ours = [fit.ratios.teacher, fit.ratios.course, fit.ratios.slope]
    assert fit.converged
    # both searches stop where the likelihood is flat to some 1e-6
    assert ours == pytest.approx(np.exp(result.x), rel=0.01)


def test_predictions_are_the_conditional_means_of_the_joint_normal(case):
    design, rating, course, courses = case
    fit = fit_mixed_model(NestedData.from_rows(design, rating[:, None], course, courses, 8, has_courses=True))
    ratios = (fit.ratios.teacher, fit.ratios.course, fit.ratios.slope)
    inverse = np.linalg.inv(covariance(ratios, design, course, courses))
    item = design[:, 0]
    mean = (item @ inverse @ rating) / (item @ inverse @ item)
    weighted = inverse @ (rating - mean)
    assert fit.slopes[:, 0] == pytest.approx([mean, *(ratios[2] * design[:, 1:].T @ weighted)])
    assert fit.teacher[:, 0] == pytest.approx(ratios[0] * np.eye(8)[courses[course]].T @ weighted)
    assert fit.course[:, 0] == pytest.approx(ratios[1] * np.eye(20)[course].T @ weighted)
    assert fit.error == pytest.approx((rating - mean) @ weighted / 59)


def test_predictions_answer_linearly_to_other_responses(case):
    design, rating, course, courses = case
    other = np.random.default_rng(0).normal(size=60)
    fit = fit_mixed_model(
        NestedData.from_rows(design, np.column_stack([rating, other]), course, courses, 8, has_courses=True)
    )
    nested = NestedData.from_rows(
        design, np.column_stack([rating, rating - 0.3 * other]), course, courses, 8, has_courses=True
    )
    changed = fit_mixed_model(nested).teacher
    assert changed[:, 1] == pytest.approx(fit.teacher[:, 0] - 0.3 * fit.teacher[:, 1])


def test_ratings_that_are_all_the_same_are_refused(case):
    nested = NestedData.from_rows(case[0], np.full((60, 1), 5.0), *case[2:], 8, has_courses=True)
    with pytest.raises(ConvergenceError, match="all the same"):
        fit_mixed_model(nested)
