"""The rows of one shard of learners: tables and ground truth."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from edtech.jobs.progress import Progress, no_progress
from edtech.market import ledger
from edtech.market.demand import Choices, Learners, Visits, to_timestamps
from edtech.market.outcomes import TEACHER_EFFECT, Outcomes, split_payment
from edtech.market.platform import daily_flows
from edtech.market.shard import Shard, Sums, World, draw_shard, simulate_shard
from edtech.market.supply import CATEGORIES, START, decode, make_ids
from edtech.tables.tokens import UNITS_PER_TOKEN

STRIDE = 10**9  # the row identifiers of shard n start at n x STRIDE
SOURCES = ("search", "browse", "recommendation", "email", "partner")
DEVICES = ("desktop", "phone", "tablet")
REGIONS = ("Africa", "Americas", "Asia", "Europe", "Oceania")
AGES = ("18-24", "25-34", "35-44", "45-54", "55+")
EDUCATION = ("secondary", "bachelor", "master", "doctorate")
SEGMENTS = ("student", "career changer", "professional", "hobbyist")


@dataclass(frozen=True, slots=True)
class ShardRows:
    """The rows of a shard's tables and ground truth, its daily flows, and its sums."""

    tables: dict[str, pd.DataFrame]
    truth: dict[str, pd.DataFrame]
    flows: pd.DataFrame
    sums: Sums


def shard_rows(world: World, number: int, progress: Progress = no_progress) -> ShardRows:
    """Generate one shard from its seed; `progress` gets the completed fraction and the next step."""
    progress(0.0, "visits")
    shard, first = draw_shard(world, number), number * STRIDE
    progress(0.3, "choices")
    choices, outcomes, sums = simulate_shard(world, shard)
    progress(0.55, "ledger")
    transactions = ledger.learner_transactions(world.params, world.supply, shard.learners, outcomes)
    learner_numbers = world.learner_numbers(number)
    entries = ledger.ledger_table(world.params, transactions, first, learner_numbers)
    progress(0.75, "tables")
    ids = make_ids("L", world.params.learners, learner_numbers)
    views, chances = _views(world, shard.visits, choices, ids, first)
    tables = {
        "learners": _learners(world, number, shard.learners, ids),
        "views": views,
        "enrollments": _enrollments(world, outcomes, ids, first),
        "token_ledger": entries,
    }
    truth = {
        "learners": _learner_truth(shard, choices, ids),
        "visits": _visit_truth(choices, first),
        "views": chances,
        "enrollments": pd.DataFrame(
            {
                "enrollment_id": tables["enrollments"]["enrollment_id"],
                "completion_probability": outcomes.completion_probability,
                "refund_probability": outcomes.refund_probability,
            }
        ),
    }
    progress(0.9, "platform metrics")
    flows = daily_flows(world.params.weeks, tables["token_ledger"], tables["enrollments"], views, tables["learners"])
    return ShardRows(tables, truth, flows, sums)


def _learners(world: World, number: int, learners: Learners, ids: "pd.api.extensions.ExtensionArray") -> pd.DataFrame:
    # A separate random stream, so that a new attribute changes no visit.
    seed = world.seeds[number]
    rng = np.random.default_rng(np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, 0)))
    count = len(ids)
    reported = rng.random((2, count)) >= world.params.missing_rate
    level = np.clip(np.rint(1.1 + 0.7 * learners.ability + 0.6 * rng.standard_normal(count)), 0, 3).astype(np.int64)
    age = np.clip(rng.poisson(1.6, count), 0, len(AGES) - 1)
    # Price-sensitive learners are more often students.
    student = rng.random(count) < np.clip(0.3 * learners.sensitivity**2, 0, 0.9)
    segment = np.where(student, 0, rng.integers(1, len(SEGMENTS), count))
    return pd.DataFrame(
        {
            "learner_id": ids,
            "joined_on": START + learners.joined_day * np.timedelta64(1, "D"),
            "region": decode(rng.choice(len(REGIONS), size=count, p=[0.12, 0.27, 0.33, 0.24, 0.04]), REGIONS),
            "age_group": pd.Series(decode(age, AGES)).where(reported[0]),
            "segment": decode(segment, SEGMENTS),
            "education_level": pd.Series(decode(level, EDUCATION)).where(reported[1]),
            "preferred_category": decode(learners.preferred, CATEGORIES),
        }
    )


def _views(
    world: World, visits: Visits, choices: Choices, ids: "pd.api.extensions.ExtensionArray", first: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `views` and the enrollment probability of each; 0 for a course that the learner owns."""
    visit, position = np.nonzero((visits.offered >= 0) & choices.occurred[:, None])
    course = visits.offered[visit, position]
    source, device = (visits.draws[visit, column] for column in (8, 9))
    view_id = first + np.arange(visit.size)
    table = pd.DataFrame(
        {
            "view_id": view_id,
            "visit_id": first + visit,
            "learner_id": ids.take(visits.learner[visit]),
            "course_id": make_ids("C", world.params.courses).take(course),
            "viewed_at": to_timestamps(visits.second[visit]),
            "token_price": world.supply.price_units[course, visits.week[visit]] / UNITS_PER_TOKEN,
            "source": decode(np.searchsorted([0.4, 0.65, 0.82, 0.93], source), SOURCES),
            "device": decode(np.searchsorted([0.5, 0.93], device), DEVICES),
            "enrolled": choices.choice[visit] == position,
        }
    )
    return table, pd.DataFrame({"view_id": view_id, "enrollment_probability": choices.probability[visit, position]})


def _enrollments(world: World, outcomes: Outcomes, ids: "pd.api.extensions.ExtensionArray", first: int) -> pd.DataFrame:
    """Return `enrollments`; amounts in integer units of 1/100 token, prices in tokens."""
    teacher, commission, burned = split_payment(world.params, outcomes.units)
    never = np.datetime64("NaT")
    return pd.DataFrame(
        {
            "enrollment_id": first + np.arange(outcomes.visit.size),
            "learner_id": ids.take(outcomes.learner),
            "course_id": make_ids("C", world.params.courses).take(outcomes.course),
            "teacher_id": make_ids("T", world.params.teachers).take(world.supply.teacher[outcomes.course]),
            "enrolled_at": to_timestamps(outcomes.enrolled),
            "token_price": outcomes.units / UNITS_PER_TOKEN,
            "discount_pct": world.supply.discount[outcomes.course, outcomes.week],
            "tokens_spent": outcomes.units,
            "teacher_tokens": teacher,
            "commission_tokens": commission,
            "burned_tokens": burned,
            "progress": outcomes.progress,
            "completed": outcomes.completed >= 0,
            "completed_at": np.where(outcomes.completed >= 0, to_timestamps(outcomes.completed), never),
            "rating": outcomes.rating,
            "refunded": outcomes.refunded >= 0,
            "refunded_at": np.where(outcomes.refunded >= 0, to_timestamps(outcomes.refunded), never),
        }
    )


def _learner_truth(shard: Shard, choices: Choices, ids: "pd.api.extensions.ExtensionArray") -> pd.DataFrame:
    last = np.full(len(ids), np.datetime64("NaT", "us"))
    last[shard.visits.learner[choices.churned]] = to_timestamps(shard.visits.second[choices.churned])
    learners = shard.learners
    columns = {
        "ability": learners.ability,
        "price_sensitivity": learners.sensitivity,
        "visits_per_week": learners.rate,
    }
    return pd.DataFrame({"learner_id": ids, **columns, "left_at": last})


def _visit_truth(choices: Choices, first: int) -> pd.DataFrame:
    occurred = choices.occurred
    columns = {"churn_probability": choices.churn_probability[occurred], "left": choices.churned[occurred]}
    return pd.DataFrame({"visit_id": first + np.flatnonzero(occurred), **columns})


def teacher_truth(world: World) -> pd.DataFrame:
    """Return the quality of teachers, and its effect on the log odds of completion."""
    quality = world.supply.teacher_quality
    ids = make_ids("T", world.params.teachers)
    return pd.DataFrame({"teacher_id": ids, "quality": quality, "completion_effect": TEACHER_EFFECT * quality})


def course_truth(world: World) -> pd.DataFrame:
    """Return each course's quality, usual price (tokens) and relative frequency among offers."""
    supply = world.supply
    columns = {"quality": supply.quality, "usual_price": supply.usual_price, "popularity": supply.weight}
    return pd.DataFrame({"course_id": make_ids("C", world.params.courses), **columns})
