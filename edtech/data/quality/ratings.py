"""Check ratings by teacher before training: the scale, the links between teachers, and their comparability."""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from edtech.data.quality.checks import Check, grade, summarize
from edtech.tables.formatting import format_counts, pluralize
from edtech.tables.roles import RatingRoles

FEW_RATINGS = 5
MANY_THIN = 0.5
MANY_MISSING = 0.2
CONNECTED = 0.9


def check_ratings(ratings: pd.DataFrame, roles: RatingRoles) -> tuple[Check, ...]:
    """Return the checks of ratings; the last, `learnable`, states whether teachers can be compared.

    `ratings` has one row for each rating, as validated by its contract.
    """
    checks = [
        _missing(ratings, roles),
        _duplicates(ratings, roles),
        _scale(ratings, roles),
        _thin(ratings, roles),
        _connected(ratings, roles),
    ]
    return (*checks, summarize("Can teachers be compared?", checks, len(ratings)))


def _missing(ratings: pd.DataFrame, roles: RatingRoles) -> Check:
    gaps = ratings[list(roles.columns())].isna().sum()
    incomplete = gaps[gaps > MANY_MISSING * len(ratings)]
    missing = {str(name): int(rows) for name, rows in gaps[gaps > 0].items()}
    return grade(
        "missing_values",
        "Missing values",
        review=len(incomplete) > 0,
        evidence=f"Missing values: {format_counts(missing)}."
        if missing
        else f"No missing value in {len(ratings):,} rows.",
        fix="Find out why values are missing; exclude covariates that are rarely known.",
    )


def _duplicates(ratings: pd.DataFrame, roles: RatingRoles) -> Check:
    keys = [name for name in (roles.teacher, roles.learner, roles.course, roles.time, roles.rating) if name is not None]
    identified = roles.learner is not None
    rows = int(ratings.duplicated(keys, keep=False).sum()) if identified else 0
    return grade(
        "duplicates",
        "Duplicate ratings",
        review=rows > 0.01 * len(ratings),
        evidence=f"{rows:,} of {len(ratings):,} ratings equal another rating in {', '.join(keys)[:200]}."
        if identified
        else "Without a learner, duplicates cannot be distinguished from equal ratings.",
        fix="Remove duplicates: they overstate the precision.",
    )


def _scale(ratings: pd.DataFrame, roles: RatingRoles) -> Check:
    stars = ratings[roles.rating]
    top = float((stars == stars.max()).mean())
    return grade(
        "scale",
        "Variation of ratings",
        fail=stars.nunique() < 2,
        review=top > 0.9 or stars.nunique() > 1_000,
        evidence=f"{pluralize(stars.nunique(), 'different rating')} from {stars.min():,.6g} to {stars.max():,.6g}, "
        f"mean {stars.mean():.3g}; {top:.0%} have the highest rating.",
        fix="Check that this column is the rating; if most ratings are the highest, teachers hardly differ.",
    )


def _thin(ratings: pd.DataFrame, roles: RatingRoles) -> Check:
    number = ratings[roles.teacher].value_counts()
    thin = float((number < FEW_RATINGS).mean())
    return grade(
        "ratings_per_teacher",
        "Ratings per teacher",
        review=thin > MANY_THIN,
        fail=len(number) < 2,
        evidence=f"{pluralize(len(number), 'teacher')}, median {number.median():,.0f} ratings; {thin:.0%} have fewer "
        f"than {FEW_RATINGS}.",
        fix="Use a longer time span: estimates of teachers with few ratings shrink toward the mean.",
    )


def _connected(ratings: pd.DataFrame, roles: RatingRoles) -> Check:
    """Check that learners link the teachers; only then are effects of teachers identified (Abowd et al. 1999)."""
    title = "Linked teachers"
    if roles.learner is None:
        return grade(
            "linked_teachers",
            title,
            review=True,
            evidence="No column is mapped to the learner, so teachers get the credit for able learners.",
            fix="Map the learner, to compare teachers by the same learners.",
        )
    share = _largest_linked(ratings[roles.teacher], ratings[roles.learner])
    return grade(
        "linked_teachers",
        title,
        review=share < CONNECTED,
        evidence=f"{share:.0%} of the teachers are linked by learners who rate several teachers.",
        fix="Use a longer time span: only linked teachers can be compared with learners held constant.",
    )


def _largest_linked(teacher: pd.Series, learner: pd.Series) -> float:
    """Return the share of teachers in the largest connected set."""
    teacher_codes, learner_codes = (pd.factorize(values)[0] for values in (teacher, learner))
    teachers = int(teacher_codes.max()) + 1
    nodes = teachers + int(learner_codes.max()) + 1
    edges = (teacher_codes, learner_codes + teachers)
    links = coo_array((np.ones(len(teacher_codes)), edges), shape=(nodes, nodes))
    group = connected_components(links, directed=False)[1][:teachers]
    return float(np.bincount(group).max() / teachers)
