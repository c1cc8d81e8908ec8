"""Health of visits and views before training: what was offered, what was taken, and whether prices moved."""

import pandas as pd

from edtech.data.quality.checks import Check, Severity, grade, worst_severity
from edtech.tables.roles import VisitRoles

FEW_CHOICES = 50
FEW_OFFERS = 1.5
FEW_VIEWS = 10
MANY_THIN = 0.5
MOVING_COURSES = 0.2
OUTLIER_FACTOR = 10.0


def check_visits(views: pd.DataFrame, roles: VisitRoles) -> tuple[Check, ...]:
    """Return the findings on visits; the last, `learnable`, says whether choices can be learned from.

    `views` has one row for each course seen on a visit, as the contract of visits leaves it.
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
    taken, visits = int(views[roles.chosen].sum()), views[roles.visit].nunique()
    return grade(
        "choices",
        "Some visits take a course and some take none",
        fail=taken == 0,
        review=taken < FEW_CHOICES or taken == visits,
        evidence=f"{taken:,} of {visits:,} visits ({taken / visits:.1%}) took one of the courses they saw; "
        f"{taken / len(views):.2%} of the views.",
        fix="Add visits that took a course, and those that took none: without both, no choice can be learned from.",
    )


def _offers(views: pd.DataFrame, roles: VisitRoles) -> Check:
    seen = views.groupby(roles.visit).size()
    return grade(
        "offers",
        "Several courses are seen on a visit",
        review=float(seen.mean()) < FEW_OFFERS,
        evidence=f"{seen.mean():.2f} courses on average; {(seen == 1).mean():.0%} of the visits saw one only.",
        fix="Log every course that was shown, not only the one that was opened: what courses take from each other can "
        "be seen only where they were seen together.",
    )


def _price_changes(views: pd.DataFrame, roles: VisitRoles) -> Check:
    prices = views.groupby(roles.course)[roles.price].nunique()
    moving = float((prices > 1).mean())
    return grade(
        "price_changes",
        "Prices change within courses",
        fail=moving == 0,
        review=moving < MOVING_COURSES,
        evidence=f"{moving:.0%} of {len(prices):,} courses were seen at more than one price.",
        fix="Change prices of more courses; differences between courses alone mix price with quality.",
    )


def _outliers(views: pd.DataFrame, roles: VisitRoles) -> Check:
    ratio = views[roles.price] / views.groupby(roles.course)[roles.price].transform("median")
    rows = int(((ratio > OUTLIER_FACTOR) | (ratio < 1 / OUTLIER_FACTOR)).sum())
    return grade(
        "price_outliers",
        "No prices out of all proportion",
        review=rows > 0,
        evidence=f"{rows:,} of {len(views):,} prices are more than {OUTLIER_FACTOR:.0f} times above or below the "
        "median of their course.",
        fix="Look for wrong units of currency and typing errors.",
    )


def _thin_courses(views: pd.DataFrame, roles: VisitRoles) -> Check:
    seen = views[roles.course].value_counts()
    thin = float((seen < FEW_VIEWS).mean())
    return grade(
        "thin_courses",
        "Courses are seen often enough",
        review=thin > MANY_THIN,
        evidence=f"{thin:.0%} of {len(seen):,} courses were seen fewer than {FEW_VIEWS} times; the median is "
        f"{seen.median():,.0f}.",
        fix="Use a longer time, or leave out courses that hardly anyone saw.",
    )


def _learners(views: pd.DataFrame, roles: VisitRoles) -> Check:
    title = "Who came is known"
    if roles.learner is None:
        return Check("learners", title, Severity.PASS, "No learner is given; visits are then taken one by one.")
    visits = views.groupby(roles.learner)[roles.visit].nunique()
    owners = views.groupby(roles.visit)[roles.learner].nunique()
    shared = int((owners > 1).sum())
    return grade(
        "learners",
        title,
        fail=shared > 0,
        evidence=f"{len(visits):,} learners came {visits.mean():.2f} times on average; {shared:,} visits name more "
        "than one learner.",
        fix="Give each visit one learner, or do without the learner.",
    )


def _learnable(checks: list[Check]) -> Check:
    bad = [check.title for check in checks if check.severity is Severity.FAIL]
    return grade(
        "learnable",
        "Can choices be learned from here?",
        fail=bool(bad),
        review=True,
        evidence=f"Not yet. It fails on: {'; '.join(bad)}."
        if bad
        else "Only on a condition: nothing in visits says that prices did not follow demand."
        + (" Look at the findings above, too." if worst_severity(checks) is Severity.REVIEW else ""),
        fix="Do what the findings above say; draw some prices at random, and keep the demand panel of the same courses "
        "with these rows flagged.",
    )
