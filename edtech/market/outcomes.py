"""Outcomes of an enrollment: completion, progress, refund, rating."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr, ndtri

from edtech.market.demand import WEEK_SECONDS, Choices, Learners, Visits
from edtech.market.params import MarketParams
from edtech.market.supply import Supply
from edtech.tables.arrays import Bools, Floats, Ints
from edtech.tables.tokens import UNITS_PER_TOKEN

DAY_SECONDS = 86_400
STUDY_HOURS = 3.0  # a week
PACE_SPREAD = 0.4  # standard deviation of log hours a week among learners
TEACHER_EFFECT = 0.4  # log odds of completion per unit of teacher quality


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The E enrollments in order of learner and time; times in seconds from the start, -1 if it did not happen."""

    visit: Ints
    learner: Ints
    course: Ints
    week: Ints
    enrolled: Ints
    units: Ints
    completion_probability: Floats
    refund_probability: Floats
    progress: Floats
    completed: Ints
    refunded: Ints
    rating: Floats


def simulate_outcomes(
    params: MarketParams, supply: Supply, learners: Learners, visits: Visits, choices: Choices
) -> Outcomes:
    """Simulate the outcomes of every enrollment up to the end, from the draws of its visit."""
    visit = np.flatnonzero(choices.choice >= 0)
    learner, week = visits.learner[visit], visits.week[visit]
    course = visits.offered[visit, choices.choice[visit]]
    draws = visits.draws[visit].T
    end = params.weeks * WEEK_SECONDS
    enrolled = np.minimum(visits.second[visit] + (draws[7] * 1_800).astype(np.int64), (week + 1) * WEEK_SECONDS - 1)

    quality, teacher = supply.quality[course], supply.teacher_quality[supply.teacher[course]]
    ability, level = learners.ability[learner], supply.level[course]
    completion_probability = expit(
        logit(params.completion_rate) + 0.6 * ability + TEACHER_EFFECT * teacher + 0.3 * quality - 0.3 * (level - 0.7)
    )
    refund_probability = (
        expit(logit(params.refund_rate) - 0.4 * quality - 0.2 * ability)
        if params.refund_rate
        else 0 * completion_probability
    )
    refund_at = enrolled + 1 + (draws[5] * (params.refund_days * DAY_SECONDS - 1)).astype(np.int64)
    refunding = draws[4] < refund_probability
    refunded = np.where(refunding & (refund_at < end), refund_at, -1)

    pace = STUDY_HOURS * np.exp(PACE_SPREAD * ndtri(np.clip(draws[3], 1e-9, 1 - 1e-9)))
    finish_at = enrolled + np.ceil(supply.hours[course] / pace * WEEK_SECONDS).astype(np.int64)
    finishing = (draws[1] < completion_probability) & ~refunding
    completed = np.where(finishing & (finish_at < end), finish_at, -1)
    reached = np.where(finishing, 1.0, np.where(refunding, 0.2, 0.95) * draws[2])
    progress = np.minimum(reached, (end - enrolled) / (finish_at - enrolled))
    progress = np.where(completed >= 0, 1.0, np.minimum(progress, 0.999)).round(3)
    rating = _ratings(params, draws[6], teacher, quality, completed >= 0)
    rating = np.where((refunded < 0) & (progress > 0.3), rating, np.nan)
    return Outcomes(
        visit,
        learner,
        course,
        week,
        enrolled,
        supply.price_units[course, week],
        completion_probability,
        refund_probability,
        progress,
        completed,
        refunded,
        rating,
    )


def completed_within(
    params: MarketParams,
    completion_probability: Floats,
    refund_probability: Floats,
    hours: Floats,
    *,
    days: float,
    after_days: float = 0.0,
) -> Floats:
    """Return the true probability (n,) that an enrollment is completed within `days`.

    It follows from the probabilities of completion and refund and the course's `hours`. With `after_days`, it is
    conditional on neither completion nor refund by then.
    """

    def share_completed(by: float) -> Floats:
        return np.asarray(ndtr(np.log(STUDY_HOURS * max(by, 1e-9) / 7 / hours) / PACE_SPREAD))

    completion_without_refund = completion_probability * (1 - refund_probability)
    resolved = completion_without_refund * share_completed(after_days) + refund_probability * min(
        after_days / params.refund_days, 1.0
    )
    return np.asarray(
        completion_without_refund * np.maximum(share_completed(days) - share_completed(after_days), 0) / (1 - resolved)
    )


def _ratings(params: MarketParams, draw: Floats, teacher: Floats, quality: Floats, completed: Bools) -> Floats:
    """Return stars from 1 to 5, NaN without a rating: half of the learners rate, less `missing_rate`."""
    rating_probability = 0.5 * (1 - params.missing_rate)
    noise = ndtri(np.clip(draw / rating_probability, 1e-9, 1 - 1e-9))
    stars = 3.6 + 0.5 * teacher + 0.4 * quality + 0.4 * completed + 0.8 * noise
    return np.where(draw < rating_probability, np.clip(np.rint(stars), 1, 5), np.nan)


def split_payment(params: MarketParams, units: NDArray[np.int64]) -> tuple[Ints, Ints, Ints]:
    """Split amounts into teacher earnings, commission and burned units; commission takes the rounding remainder."""
    burned = np.floor(units * params.burn_rate + 1e-9).astype(np.int64)
    teacher = np.floor(units * (1 - params.commission_rate - params.burn_rate) + 1e-9).astype(np.int64)
    return teacher, units - teacher - burned, burned


def to_units(count: int) -> int:
    """Convert whole tokens to units."""
    return count * UNITS_PER_TOKEN
