"""The rows that a shard of learners adds to the tables and to the truth."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from edtech.jobs.progress import Progress, no_progress
from edtech.market import ledger
from edtech.market.demand import Choices, Learners, Visits, moment
from edtech.market.outcomes import TEACHER_EFFECT, Outcomes, split
from edtech.market.platform import daily_flows
from edtech.market.shard import Shard, Sums, World, draw_shard, play
from edtech.market.supply import CATEGORIES, START, names, text
from edtech.tables.tokens import UNITS_PER_TOKEN

STRIDE = 10**9  # identifiers of a shard's rows start at its number times this
SOURCES = ("search", "browse", "recommendation", "email", "partner")
DEVICES = ("desktop", "phone", "tablet")
REGIONS = ("Africa", "Americas", "Asia", "Europe", "Oceania")
AGES = ("18-24", "25-34", "35-44", "45-54", "55+")
EDUCATION = ("secondary", "bachelor", "master", "doctorate")
SEGMENTS = ("student", "career changer", "professional", "hobbyist")


@dataclass(frozen=True, slots=True)
class ShardRows:
    """One shard's share of a market: rows of the tables and of the truth, daily flows, and sums."""

    tables: dict[str, pd.DataFrame]
    truth: dict[str, pd.DataFrame]
    flows: pd.DataFrame
    sums: Sums


def shard_rows(world: World, number: int, progress: Progress = no_progress) -> ShardRows:
    """Make a shard from its seed, whole; `progress` gets the completed fraction and the next step."""
    progress(0.0, "visits")
    shard, first = draw_shard(world, number), number * STRIDE
    progress(0.3, "choices")
    choices, done, sums = play(world, shard)
    progress(0.55, "ledger")
    moves = ledger.learner_transactions(world.params, world.supply, shard.learners, done)
    people = world.people(number)
    entries = ledger.ledger_table(world.params, moves, first, people)
    progress(0.75, "tables")
    ids = names("L", world.params.learners, people)
    views, chances = _views(world, shard.visits, choices, ids, first)
    tables = {
        "learners": _learners(world, number, shard.learners, ids),
        "views": views,
        "enrollments": _enrollments(world, done, ids, first),
        "token_ledger": entries,
    }
    truth = {
        "learners": _learner_truth(shard, choices, ids),
        "visits": _visit_truth(choices, first),
        "views": chances,
        "enrollments": pd.DataFrame(
            {
                "enrollment_id": tables["enrollments"]["enrollment_id"],
                "completion_probability": done.completion_probability,
                "refund_probability": done.refund_probability,
            }
        ),
    }
    progress(0.9, "books")
    flows = daily_flows(world.params.weeks, tables["token_ledger"], tables["enrollments"], views, tables["learners"])
    return ShardRows(tables, truth, flows, sums)


def _learners(world: World, number: int, learners: Learners, ids: "pd.api.extensions.ExtensionArray") -> pd.DataFrame:
    # An own stream, so that a new attribute changes no visit.
    seed = world.seeds[number]
    rng = np.random.default_rng(np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, 0)))
    count = len(ids)
    known = rng.random((2, count)) >= world.params.missing_rate
    level = np.clip(np.rint(1.1 + 0.7 * learners.ability + 0.6 * rng.standard_normal(count)), 0, 3).astype(np.int64)
    age = np.clip(rng.poisson(1.6, count), 0, len(AGES) - 1)
    # Who feels prices more is more often a student.
    student = rng.random(count) < np.clip(0.3 * learners.sensitivity**2, 0, 0.9)
    segment = np.where(student, 0, rng.integers(1, len(SEGMENTS), count))
    return pd.DataFrame(
        {
            "learner_id": ids,
            "joined_on": START + learners.joined_day * np.timedelta64(1, "D"),
            "region": text(rng.choice(len(REGIONS), size=count, p=[0.12, 0.27, 0.33, 0.24, 0.04]), REGIONS),
            "age_group": pd.Series(text(age, AGES)).where(known[0]),
            "segment": text(segment, SEGMENTS),
            "education_level": pd.Series(text(level, EDUCATION)).where(known[1]),
            "preferred_category": text(learners.preferred, CATEGORIES),
        }
    )


def _views(
    world: World, visits: Visits, choices: Choices, ids: "pd.api.extensions.ExtensionArray", first: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `views` and the true chance of each; a course already owned is shown and has none."""
    visit, place = np.nonzero((visits.seen >= 0) & choices.made[:, None])
    course = visits.seen[visit, place]
    source, device = (visits.draws[visit, column] for column in (8, 9))
    view_id = first + np.arange(visit.size)
    table = pd.DataFrame(
        {
            "view_id": view_id,
            "visit_id": first + visit,
            "learner_id": ids.take(visits.learner[visit]),
            "course_id": names("C", world.params.courses).take(course),
            "viewed_at": moment(visits.second[visit]),
            "token_price": world.supply.price_units[course, visits.week[visit]] / UNITS_PER_TOKEN,
            "source": text(np.searchsorted([0.4, 0.65, 0.82, 0.93], source), SOURCES),
            "device": text(np.searchsorted([0.5, 0.93], device), DEVICES),
            "enrolled": choices.choice[visit] == place,
        }
    )
    return table, pd.DataFrame({"view_id": view_id, "enrollment_probability": choices.probability[visit, place]})


def _enrollments(world: World, done: Outcomes, ids: "pd.api.extensions.ExtensionArray", first: int) -> pd.DataFrame:
    """Return `enrollments`; amounts in integer units of 1/100 token, prices in tokens."""
    teacher, commission, burned = split(world.params, done.units)
    never = np.datetime64("NaT")
    return pd.DataFrame(
        {
            "enrollment_id": first + np.arange(done.visit.size),
            "learner_id": ids.take(done.learner),
            "course_id": names("C", world.params.courses).take(done.course),
            "teacher_id": names("T", world.params.teachers).take(world.supply.teacher[done.course]),
            "enrolled_at": moment(done.enrolled),
            "token_price": done.units / UNITS_PER_TOKEN,
            "discount_pct": world.supply.discount[done.course, done.week],
            "tokens_spent": done.units,
            "teacher_tokens": teacher,
            "commission_tokens": commission,
            "burned_tokens": burned,
            "progress": done.progress,
            "completed": done.completed >= 0,
            "completed_at": np.where(done.completed >= 0, moment(done.completed), never),
            "rating": done.rating,
            "refunded": done.refunded >= 0,
            "refunded_at": np.where(done.refunded >= 0, moment(done.refunded), never),
        }
    )


def _learner_truth(shard: Shard, choices: Choices, ids: "pd.api.extensions.ExtensionArray") -> pd.DataFrame:
    last = np.full(len(ids), np.datetime64("NaT", "us"))
    last[shard.visits.learner[choices.left]] = moment(shard.visits.second[choices.left])
    people = shard.learners
    columns = {"ability": people.ability, "price_sensitivity": people.sensitivity, "visits_per_week": people.rate}
    return pd.DataFrame({"learner_id": ids, **columns, "left_at": last})


def _visit_truth(choices: Choices, first: int) -> pd.DataFrame:
    made = choices.made
    columns = {"churn_probability": choices.leaving[made], "left": choices.left[made]}
    return pd.DataFrame({"visit_id": first + np.flatnonzero(made), **columns})


def teacher_truth(world: World) -> pd.DataFrame:
    """Return the quality of teachers, and what it adds to the log odds of completion."""
    quality = world.supply.teacher_quality
    ids = names("T", world.params.teachers)
    return pd.DataFrame({"teacher_id": ids, "quality": quality, "completion_effect": TEACHER_EFFECT * quality})


def course_truth(world: World) -> pd.DataFrame:
    """Return the quality of courses, what such a course usually costs (tokens), and how often it is shown."""
    supply = world.supply
    columns = {"quality": supply.quality, "usual_price": supply.usual_price, "popularity": supply.weight}
    return pd.DataFrame({"course_id": names("C", world.params.courses), **columns})
