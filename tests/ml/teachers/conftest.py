"""Simulated ratings with a known truth."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from edtech.tables.roles import RatingRoles

ROLES = RatingRoles(learner=None, course="course_id", time="time", covariates=("ability", "level", "experience"))


@dataclass(frozen=True, slots=True)
class Simulated:
    """Simulated ratings; true `effects` by teacher."""

    rows: pd.DataFrame
    effects: "pd.Series[float]"


def simulate(
    seed=0,
    teachers=80,
    courses=3,
    mean_ratings=8.0,
    teacher_sd=0.5,
    course_sd=0.3,
    error_sd=0.8,
    ability=0.6,
    sorting=0.5,
    experience=0.3,
) -> Simulated:
    """Able learners rate higher and, with `sorting`, choose better teachers; experience says something of a teacher."""
    rng = np.random.default_rng(seed)
    years = rng.normal(size=teachers)
    effect = experience * years + rng.normal(0, teacher_sd, teachers)
    teacher = np.repeat(np.arange(teachers), courses)
    course_effect = rng.normal(0, course_sd, teacher.size)
    course = np.repeat(np.arange(teacher.size), rng.poisson(mean_ratings, teacher.size))
    of = teacher[course]
    able = rng.normal(size=course.size) + (sorting * effect[of] / effect.std() if sorting else 0.0)
    level = rng.choice(["beginner", "advanced"], course.size)
    rating = 4 + effect[of] + course_effect[course] + ability * able + 0.2 * (level == "advanced")
    rows = pd.DataFrame(
        {
            "teacher_id": [f"T{number:03d}" for number in of],
            "course_id": [f"C{number:04d}" for number in course],
            "time": rng.permutation(course.size),
            "rating": rating + rng.normal(0, error_sd, course.size),
            "ability": able,
            "level": level,
            "experience": years[of],
        }
    )
    names = [f"T{number:03d}" for number in range(teachers)]
    return Simulated(rows, pd.Series(effect, index=names)[sorted(rows["teacher_id"].unique())])


@pytest.fixture(scope="session")
def simulated() -> Simulated:
    return simulate()
