"""Health of ratings by teacher before training: the scale, who rates whom, and whether teachers can be compared."""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from edtech.data.quality.checks import Check, grade, summarize
from edtech.tables.formatting import format_counts
from edtech.tables.roles import RatingRoles

FEW_RATINGS = 5
MANY_THIN = 0.5
MANY_MISSING = 0.2
CONNECTED = 0.9


def check_ratings(ratings: pd.DataFrame, roles: RatingRoles) -> tuple[Check, ...]:
    """Return the findings on ratings; the last, `learnable`, says whether teachers can be compared by them.

    `ratings` has one row for each rating, as the contract of ratings leaves it.
    """
    checks = [
        _missing(ratings, roles),
        _duplicates(ratings, roles),
        _scale(ratings, roles),
        _thin(ratings, roles),
        _connected(ratings, roles),
    ]
    return (*checks, summarize("Can teachers be compared by these ratings?", checks, len(ratings)))


def _missing(ratings: pd.DataFrame, roles: RatingRoles) -> Check:
    gaps = ratings[list(roles.columns())].isna().sum()
    many = gaps[gaps > MANY_MISSING * len(ratings)]
    found = {str(name): int(rows) for name, rows in gaps[gaps > 0].items()}
    return grade(
        "missing_values",
        "Missing values",
        review=len(many) > 0,
        evidence=f"Columns with gaps: {format_counts(found)}."
        if found
        else f"No cell of {len(ratings):,} rows is missing.",
        fix="Ask why they are missing; leave out covariates that are hardly ever known.",
    )


def _duplicates(ratings: pd.DataFrame, roles: RatingRoles) -> Check:
    keys = [name for name in (roles.teacher, roles.learner, roles.course, roles.time, roles.rating) if name is not None]
    told = roles.learner is not None
    rows = int(ratings.duplicated(keys, keep=False).sum()) if told else 0
    return grade(
        "duplicates",
        "No rating twice",
        review=rows > 0.01 * len(ratings),
        evidence=f"{rows:,} of {len(ratings):,} ratings are equal to another in {', '.join(keys)[:200]}."
        if told
        else "Without a learner equal ratings cannot be told from copies.",
        fix="Remove copies; they make ratings look surer than they are.",
    )


def _scale(ratings: pd.DataFrame, roles: RatingRoles) -> Check:
    stars = ratings[roles.rating]
    top = float((stars == stars.max()).mean())
    return grade(
        "scale",
        "Ratings differ",
        fail=stars.nunique() < 2,
        review=top > 0.9 or stars.nunique() > 1_000,
        evidence=f"{stars.nunique():,} different ratings from {stars.min():,.6g} to {stars.max():,.6g}, "
        f"{stars.mean():.3g} on average; {top:.0%} are the highest.",
        fix="Check that this column is the rating; where nearly all are the highest, few differences can be seen.",
    )


def _thin(ratings: pd.DataFrame, roles: RatingRoles) -> Check:
    number = ratings[roles.teacher].value_counts()
    thin = float((number < FEW_RATINGS).mean())
    return grade(
        "ratings_per_teacher",
        "Enough ratings for each teacher",
        review=thin > MANY_THIN,
        fail=len(number) < 2,
        evidence=f"{len(number):,} teachers with {number.median():,.0f} ratings at the median; {thin:.0%} have fewer "
        f"than {FEW_RATINGS}.",
        fix="Use a longer time; teachers with few ratings are pulled towards the mean.",
    )


def _connected(ratings: pd.DataFrame, roles: RatingRoles) -> Check:
    """Teachers can be compared apart from their learners only where learners link them (Abowd et al. 1999)."""
    title = "Learners rate several teachers"
    if roles.learner is None:
        return grade(
            "linked_teachers",
            title,
            review=True,
            evidence="There is no learner, so able learners who choose good teachers count for the teachers.",
            fix="Map the learner, so that teachers are compared by the same learners.",
        )
    share = _largest_linked(ratings[roles.teacher], ratings[roles.learner])
    return grade(
        "linked_teachers",
        title,
        review=share < CONNECTED,
        evidence=f"{share:.0%} of the teachers are linked by learners who rate more than one of them.",
        fix="Only linked teachers can be compared with their learners held fixed: use a longer time.",
    )


def _largest_linked(teacher: pd.Series, learner: pd.Series) -> float:
    """Return the share of teachers in the largest set that learners link."""
    one, other = (pd.factorize(values)[0] for values in (teacher, learner))
    teachers, nodes = int(one.max()) + 1, int(one.max() + other.max()) + 2
    links = coo_array((np.ones(len(one)), (one, other + teachers)), shape=(nodes, nodes))
    group = connected_components(links, directed=False)[1][:teachers]
    return float(np.bincount(group).max() / teachers)
