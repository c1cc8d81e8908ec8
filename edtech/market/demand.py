"""Learners, their visits and their choices: a random-utility logit over the offered courses (McFadden 1974).

On a visit, learner i sees a few courses and chooses the one of highest utility, or none (utility 0 plus its own noise):

    U_ij = appeal + 0.8 quality_j + shock_jw + match_ij + sorting x ability_i x teacher_quality_j
           + s - s_ic x price_jw / usual_j + noise_ij

s is the mean sensitivity and s_ic the learner's own in that category. The noise is Gumbel, so the probability of
j is exp(V_ij) / (1 + sum_k exp(V_ik)). Offers and all random draws precede prices: at other prices the market has the
same visits, offers and draws. Only visits after a learner's churn are missing; churn depends on the offers' utility.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from edtech.market.params import MarketParams
from edtech.market.supply import CATEGORIES, QUALITY_WEIGHT, SHARE, START, Supply
from edtech.tables.arrays import Bools, Floats, Ints
from edtech.tables.tokens import UNITS_PER_TOKEN

WEEK_SECONDS = 7 * 86_400
MATCH = 0.3  # utility of a course in the learner's preferred category
FOCUS = 0.7  # share of visits to the preferred category


@dataclass(frozen=True, slots=True)
class Learners:
    """L learners as arrays (L,): first week, day of joining, codes, ability (0, 1), sensitivity (mean 1), loyalty."""

    first_week: Ints
    joined_day: Ints
    preferred: Ints
    ability: Floats
    sensitivity: Floats
    loyalty: Floats
    rate: Floats


@dataclass(frozen=True, slots=True)
class Visits:
    """N visits in order of learner and time; all visits up to the end, as if no learner churned.

    `second` counts from the market's start. `offered` (N, m) holds course numbers, -1 for an empty position.
    Random draws: `noise` (N, m + 1) with the outside option last; `draws` (N, 10), uniform, for the visit's outcomes.
    """

    learner: Ints
    week: Ints
    second: Ints
    offered: Ints
    noise: Floats
    draws: Floats


@dataclass(frozen=True, slots=True)
class Choices:
    """Choices on the N visits at given prices.

    `occurred` (N,): the learner did not churn before. `choice` (N,): position of the chosen course, -1 for none.
    `available` (N, m): offered and not yet owned. `probability` (N, m): choice probability. `slope` (N, m): minus
    d utility / d log price. `churn_probability` (N,) and `churned` (N,): whether this visit is the learner's last.
    """

    occurred: Bools
    choice: Ints
    available: Bools
    probability: Floats
    slope: Floats
    churn_probability: Floats
    churned: Bools


def draw_learners(params: MarketParams, count: int, rng: np.random.Generator) -> Learners:
    """Draw `count` learners."""
    late = rng.random(count) < params.growth
    first = np.where(late, rng.integers(1, params.weeks, size=count), 0)
    joined = np.where(late, 7 * first - rng.integers(0, 7, count), -rng.integers(0, 700, count))
    spread = params.sensitivity_by_learner
    return Learners(
        first_week=first,
        joined_day=joined,
        preferred=rng.choice(len(CATEGORIES), size=count, p=SHARE),
        ability=rng.standard_normal(count),
        sensitivity=np.exp(spread * rng.standard_normal(count) - spread**2 / 2),
        loyalty=rng.standard_normal(count),
        rate=rng.gamma(4.0, params.visits_per_week / 4.0, count),
    )


def season(params: MarketParams) -> Floats:
    """Return the relative number of visits of each week, (W,): high in January and September, low in summer."""
    year = 2 * np.pi * np.arange(params.weeks) / 52
    return np.asarray(1 + params.season * (0.6 * np.cos(year - 0.2) + 0.4 * np.cos(2 * year - 0.2)))


def draw_visits(params: MarketParams, supply: Supply, learners: Learners, rng: np.random.Generator) -> Visits:
    """Draw the visits and their offers, independently of prices."""
    weeks = np.arange(params.weeks)
    rate = learners.rate[:, None] * season(params) * (weeks >= learners.first_week[:, None])
    learner, week = np.nonzero(counts := rng.poisson(rate))
    learner, week = np.repeat(learner, counts[learner, week]), np.repeat(week, counts[learner, week])
    second = week * WEEK_SECONDS + rng.integers(0, WEEK_SECONDS, learner.size)
    second = second[np.lexsort((second, learner))]
    offers = _draw_offers(params, supply, learners.preferred[learner], rng)
    published = supply.first_week[offers] <= week[:, None]
    is_new = np.ones_like(published)
    for position in range(1, params.courses_seen):
        is_new[:, position] = (offers[:, :position] != offers[:, [position]]).all(axis=1)
    offers[~(published & is_new)] = -1
    noise = rng.gumbel(size=(learner.size, params.courses_seen + 1))
    return Visits(learner, week, second, offers, noise, rng.random((learner.size, 10)))


def _draw_offers(params: MarketParams, supply: Supply, preferred: Ints, rng: np.random.Generator) -> Ints:
    """Draw the courses offered on each visit (N, m): mostly of one category, weighted by popularity."""
    cumulative_weight = np.cumsum(supply.weight)
    category_ends = np.searchsorted(supply.category, np.arange(len(CATEGORIES)), side="right")
    high = np.concatenate([[0.0], cumulative_weight])[category_ends]
    low = np.concatenate([[0.0], high[:-1]])
    share = np.where(high > low, SHARE, 0) / SHARE[high > low].sum()
    any_category = rng.choice(len(CATEGORIES), size=preferred.size, p=share)
    focused = (rng.random(preferred.size) < FOCUS) & (share[preferred] > 0)
    main = np.where(focused, preferred, any_category)
    shape = (preferred.size, params.courses_seen)
    other_category = rng.choice(len(CATEGORIES), size=shape, p=share)
    category = np.where(rng.random(shape) < params.same_category, main[:, None], other_category)
    target = low[category] + rng.random(shape) * (high - low)[category]
    return np.asarray(
        np.minimum(np.searchsorted(cumulative_weight, target, side="right"), params.courses - 1), dtype=np.int64
    )


def category_sensitivity(params: MarketParams) -> Floats:
    """Return the price sensitivity of each category, evenly spread around the mean in alphabetical order."""
    steps = np.linspace(-1, 1, len(CATEGORIES))
    return np.asarray(params.price_sensitivity * (1 + params.sensitivity_by_category * steps))


def simulate_choices(params: MarketParams, supply: Supply, learners: Learners, visits: Visits) -> Choices:
    """Simulate the choices on all visits at the supply's token prices."""
    offers, learner, week = visits.offered, visits.learner, visits.week
    is_offered = offers >= 0
    relative = supply.price_units / (supply.usual_price * UNITS_PER_TOKEN)[:, None]
    slope = category_sensitivity(params)[supply.category[offers]] * learners.sensitivity[learner][:, None]
    slope *= relative[offers, week[:, None]]
    base_utility = params.appeal + QUALITY_WEIGHT * supply.quality[:, None] + supply.shock
    utility = base_utility[offers, week[:, None]] - slope + params.price_sensitivity
    utility += MATCH * (supply.category[offers] == learners.preferred[learner][:, None])
    utility += params.sorting * learners.ability[learner][:, None] * supply.teacher_quality[supply.teacher[offers]]

    churn_probability = _churn_probability(
        params, learners.loyalty[learner], np.where(is_offered, np.exp(utility), 0).sum(axis=1)
    )
    churned = visits.draws[:, 0] < churn_probability
    occurred = ~_happened_before(churned, learner)
    churned &= occurred
    choice, available = _resolve_choices(params, utility + visits.noise[:, :-1], visits, is_offered & occurred[:, None])
    weight = np.where(available, np.exp(utility), 0.0)
    probability = weight / (1 + weight.sum(axis=1, keepdims=True))
    return Choices(occurred, choice, available, probability, slope, churn_probability, churned)


def _churn_probability(params: MarketParams, loyalty: Floats, offer: Floats) -> Floats:
    """Return the churn probability after a visit whose offers have this sum of exp(utility)."""
    # At a rate of 0 the log odds are minus infinity, so nobody churns.
    odds = logit(params.churn_rate) - 0.5 * loyalty - params.churn_price_response * (np.log1p(offer) - 0.7)
    return np.asarray(expit(odds))


def _happened_before(event: Bools, group: Ints) -> Bools:
    """Return for each row whether an event happened earlier in its group; groups are contiguous."""
    count: Ints = np.cumsum(event) - event
    first = np.flatnonzero(np.r_[True, group[1:] != group[:-1]]) if group.size else np.empty(0, dtype=np.int64)
    return np.asarray(count > np.repeat(count[first], np.diff(np.r_[first, group.size])))


def _resolve_choices(params: MarketParams, score: Floats, visits: Visits, is_offered: Bools) -> tuple[Ints, Bools]:
    """Return the position chosen on each visit (N,), and the available positions (N, m).

    With `once_only`, a purchase removes that course from the learner's later visits and can change the choices there.
    Each pass fixes at least the earliest open visit of every learner, so the loop ends.
    """
    available = is_offered
    while True:
        choice = _best_option(np.where(available, score, -np.inf), visits.noise[:, -1])
        not_owned = is_offered & ~_owned(params, visits, choice) if params.once_only else is_offered
        if (not_owned == available).all():
            return choice, available
        available = not_owned


def _best_option(score: Floats, outside: Floats) -> Ints:
    best = score.argmax(axis=1)
    return np.where(score[np.arange(len(score)), best] > outside, best, -1)


def _owned(params: MarketParams, visits: Visits, choice: Ints) -> Bools:
    """Return whether each offer is a course that the learner chose on an earlier visit, (N, m)."""
    key = visits.learner[:, None] * params.courses + visits.offered
    purchases = np.flatnonzero(choice >= 0)
    bought_keys, first = np.unique(key[purchases, choice[purchases]], return_index=True)
    is_repeated = np.isin(key, bought_keys) & (visits.offered >= 0)
    owned = np.zeros_like(is_repeated)
    owned[is_repeated] = np.nonzero(is_repeated)[0] > purchases[first][np.searchsorted(bought_keys, key[is_repeated])]
    return owned


def to_timestamps(second: Ints) -> NDArray[np.datetime64]:
    """Return times from seconds since the market's start."""
    return np.asarray(START + second.astype("timedelta64[s]"))
