"""The registry of model families: a new family is one more in this tuple."""

from edtech.errors import ParamsError
from edtech.ml.base import Family
from edtech.ml.elasticity.family import TOKEN_ELASTICITY
from edtech.ml.outcomes.families import CHURN_PREDICTION, COURSE_COMPLETION, ENROLLMENT_PROPENSITY
from edtech.ml.teachers.family import TEACHER_QUALITY

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (TOKEN_ELASTICITY, ENROLLMENT_PROPENSITY, COURSE_COMPLETION, CHURN_PREDICTION, TEACHER_QUALITY)
}


def get_family(name: str) -> Family:
    """Return the family of that name. Raises ParamsError for an unknown name."""
    if name not in FAMILIES:
        raise ParamsError(
            "There is no such model family",
            expected=f"one of {', '.join(FAMILIES)}",
            actual=repr(name)[:80],
            fix="choose from the list",
        )
    return FAMILIES[name]
