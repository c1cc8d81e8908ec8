"""Check visits and views before training: choices, offers and price changes."""

import pandas as pd

from edtech.data.quality.checks import Check, Severity, grade, worst_severity
from edtech.tables.formatting import pluralize
from edtech.tables.roles import VisitRoles

FEW_CHOICES = 50
FEW_OFFERS = 1.5
FEW_VIEWS = 10
MANY_THIN = 0.5
MOVING_COURSES = 0.2
OUTLIER_FACTOR = 10.0


def check_visits(views: pd.DataFrame, roles: VisitRoles) -> tuple[Check, ...]:
    """Return the checks of visits; the last, `learnable`, states whether a choice model can be estimated.

    `views` has one row for each course viewed on a visit, as validated by its contract.
    """
    checks = [
        _choices(views, roles),
        _offers(views, roles),
        _price_changes(views, roles),
        _outliers(views, roles),
        _thin_courses(views, roles),
        _learners(views, roles),
    ]
    return (*checks, _learnable(checks))


def _choices(views: pd.DataFrame, roles: VisitRoles) -> Check:
    chosen_courses, visits = int(views[roles.chosen].sum()), views[roles.visit].nunique()
    return grade(
        "choices",
        "Visits with and without a choice",
        fail=chosen_courses == 0,
        review=chosen_courses < FEW_CHOICES or chosen_courses == visits,
        evidence=f"{chosen_courses:,} of {visits:,} visits ({chosen_courses / visits:.1%}) and "
        f"{chosen_courses / len(views):.2%} of the views led to a choice.",
        fix="Include visits with a choice and visits without one: estimation needs both.",
    )


def _offers(views: pd.DataFrame, roles: VisitRoles) -> Check:
    offers = views.groupby(roles.visit).size()
    return grade(
        "offers",
        "Courses per visit",
        review=float(offers.mean()) < FEW_OFFERS,
        evidence=f"{offers.mean():.2f} courses on average; {(offers == 1).mean():.0%} of the visits have one course.",
        fix="Log every course shown, not only the one opened: substitution is identified only between courses shown "
        "together.",
    )


def _price_changes(views: pd.DataFrame, roles: VisitRoles) -> Check:
    prices = views.groupby(roles.course)[roles.price].nunique()
    moving = float((prices > 1).mean())
    return grade(
        "price_changes",
        "Price changes within courses",
        fail=moving == 0,
        review=moving < MOVING_COURSES,
        evidence=f"{moving:.0%} of {len(prices):,} courses have more than one price.",
        fix="Change more prices: differences between courses confound price with quality.",
    )


def _outliers(views: pd.DataFrame, roles: VisitRoles) -> Check:
    ratio = views[roles.price] / views.groupby(roles.course)[roles.price].transform("median")
    rows = int(((ratio > OUTLIER_FACTOR) | (ratio < 1 / OUTLIER_FACTOR)).sum())
    return grade(
        "price_outliers",
        "Price outliers",
        review=rows > 0,
        evidence=f"{rows:,} of {len(views):,} prices are more than {OUTLIER_FACTOR:.0f} times above or below the "
        "median of the course.",
        fix="Check for wrong currency units and typing errors.",
    )


def _thin_courses(views: pd.DataFrame, roles: VisitRoles) -> Check:
    views_by_course = views[roles.course].value_counts()
    thin = float((views_by_course < FEW_VIEWS).mean())
    return grade(
        "thin_courses",
        "Views per course",
        review=thin > MANY_THIN,
        evidence=f"{thin:.0%} of {len(views_by_course):,} courses have fewer than {FEW_VIEWS} views; the median is "
        f"{views_by_course.median():,.0f}.",
        fix="Use a longer time span, or exclude courses with few views.",
    )


def _learners(views: pd.DataFrame, roles: VisitRoles) -> Check:
    title = "Learners"
    if roles.learner is None:
        return Check(
            "learners",
            title,
            Severity.PASS,
            "No column is mapped to the learner; each visit is treated separately.",
        )
    visits = views.groupby(roles.learner)[roles.visit].nunique()
    owners = views.groupby(roles.visit)[roles.learner].nunique()
    shared = int((owners > 1).sum())
    return grade(
        "learners",
        title,
        fail=shared > 0,
        evidence=f"{pluralize(len(visits), 'learner')} with {visits.mean():.2f} visits on average; {shared:,} visits "
        "have more than one learner.",
        fix="Assign one learner to each visit, or do not map the learner.",
    )


def _learnable(checks: list[Check]) -> Check:
    failed = [check.title for check in checks if check.severity is Severity.FAIL]
    return grade(
        "learnable",
        "Can a choice model be estimated?",
        fail=bool(failed),
        review=True,
        evidence=f"Not yet. Failed checks: {'; '.join(failed)}."
        if failed
        else "Only if prices did not follow demand, which visits do not show."
        + (" Review the checks above, too." if worst_severity(checks) is Severity.REVIEW else ""),
        fix="Follow the checks above; randomize some prices, and store the demand panel of the same courses with these "
        "rows flagged.",
    )
