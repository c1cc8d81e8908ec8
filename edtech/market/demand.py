"""Learners, their visits, and what they choose: a random-utility logit over the courses seen (McFadden 1974).

On a visit, learner i sees a few courses and takes that of highest utility, or none (utility 0 plus its own noise):

    U_ij = appeal + 0.8 quality_j + shock_jw + match_ij + sorting x ability_i x teacher_quality_j
           + s - s_ic x price_jw / usual_j + noise_ij

s is the mean sensitivity and s_ic the learner's own in that category. The noise is Gumbel, so the chance of j is
exp(V_ij) / (1 + sum_k exp(V_ik)). What is seen, and all random draws, are made before any price is looked at: the same
market at other prices has the same visitors, shelves and draws. Only the visits after a learner has left for good are
missing, and leaving depends a little on the offers seen.
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
    """N visits in order of learner and time; every learner's visits up to the end, as if nobody ever left.

    `second` counts from the market's start. `seen` (N, m) holds course numbers, -1 for an empty place. The draws:
    `noise` (N, m + 1) with the outside option last, `draws` (N, 10) uniforms for what follows a visit.
    """

    learner: Ints
    week: Ints
    second: Ints
    seen: Ints
    noise: Floats
    draws: Floats


@dataclass(frozen=True, slots=True)
class Choices:
    """What happened on the N visits at some prices.

    `made`: the learner had not left before (N,). `choice`: place of the course taken, -1 for none (N,). `open`: the
    learner may take it: seen, not yet owned (N, m). `probability` to be taken (N, m). `slope`: minus d utility /
    d log price (N, m). `leaving`: chance that this visit is the last (N,), `left`: that it was.
    """

    made: Bools
    choice: Ints
    open: Bools
    probability: Floats
    slope: Floats
    leaving: Floats
    left: Bools


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
    """Draw when learners come and which courses they see; prices are not looked at."""
    weeks = np.arange(params.weeks)
    rate = learners.rate[:, None] * season(params) * (weeks >= learners.first_week[:, None])
    learner, week = np.nonzero(counts := rng.poisson(rate))
    learner, week = np.repeat(learner, counts[learner, week]), np.repeat(week, counts[learner, week])
    second = week * WEEK_SECONDS + rng.integers(0, WEEK_SECONDS, learner.size)
    second = second[np.lexsort((second, learner))]
    seen = _shelf(params, supply, learners.preferred[learner], rng)
    published = supply.first_week[seen] <= week[:, None]
    fresh = np.ones_like(published)
    for place in range(1, params.courses_seen):
        fresh[:, place] = (seen[:, :place] != seen[:, [place]]).all(axis=1)
    seen[~(published & fresh)] = -1
    noise = rng.gumbel(size=(learner.size, params.courses_seen + 1))
    return Visits(learner, week, second, seen, noise, rng.random((learner.size, 10)))


def _shelf(params: MarketParams, supply: Supply, preferred: Ints, rng: np.random.Generator) -> Ints:
    """Return the courses shown on each visit (N, m): mostly of one category, popular ones more often."""
    ends = np.cumsum(supply.weight)
    stops = np.searchsorted(supply.category, np.arange(len(CATEGORIES)), side="right")
    high = np.concatenate([[0.0], ends])[stops]
    low = np.concatenate([[0.0], high[:-1]])
    share = np.where(high > low, SHARE, 0) / SHARE[high > low].sum()
    any_category = rng.choice(len(CATEGORIES), size=preferred.size, p=share)
    focused = (rng.random(preferred.size) < FOCUS) & (share[preferred] > 0)
    main = np.where(focused, preferred, any_category)
    shape = (preferred.size, params.courses_seen)
    stray = rng.choice(len(CATEGORIES), size=shape, p=share)
    category = np.where(rng.random(shape) < params.same_category, main[:, None], stray)
    drawn = low[category] + rng.random(shape) * (high - low)[category]
    return np.asarray(np.minimum(np.searchsorted(ends, drawn, side="right"), params.courses - 1), dtype=np.int64)


def category_sensitivity(params: MarketParams) -> Floats:
    """Return the price sensitivity of each category, evenly spread around the mean in alphabetical order."""
    steps = np.linspace(-1, 1, len(CATEGORIES))
    return np.asarray(params.price_sensitivity * (1 + params.sensitivity_by_category * steps))


def choose(params: MarketParams, supply: Supply, learners: Learners, visits: Visits) -> Choices:
    """Return what the visitors do at the supply's token prices."""
    seen, learner, week = visits.seen, visits.learner, visits.week
    shown = seen >= 0
    relative = supply.price_units / (supply.usual_price * UNITS_PER_TOKEN)[:, None]
    slope = category_sensitivity(params)[supply.category[seen]] * learners.sensitivity[learner][:, None]
    slope *= relative[seen, week[:, None]]
    worth = params.appeal + QUALITY_WEIGHT * supply.quality[:, None] + supply.shock
    value = worth[seen, week[:, None]] - slope + params.price_sensitivity
    value += MATCH * (supply.category[seen] == learners.preferred[learner][:, None])
    value += params.sorting * learners.ability[learner][:, None] * supply.teacher_quality[supply.teacher[seen]]

    leaving = _leaving(params, learners.loyalty[learner], np.where(shown, np.exp(value), 0).sum(axis=1))
    left = visits.draws[:, 0] < leaving
    made = ~_before(left, learner)
    left &= made
    choice, open_ = _take(params, value + visits.noise[:, :-1], visits, shown & made[:, None])
    weight = np.where(open_, np.exp(value), 0.0)
    probability = weight / (1 + weight.sum(axis=1, keepdims=True))
    return Choices(made, choice, open_, probability, slope, leaving, left)


def _leaving(params: MarketParams, loyalty: Floats, offer: Floats) -> Floats:
    """Return the chance to leave for good after a visit whose courses have this sum of exp(utility)."""
    # At a rate of 0 the log odds are minus infinity, and so is their sum: nobody leaves.
    odds = logit(params.churn_rate) - 0.5 * loyalty - params.churn_price_response * (np.log1p(offer) - 0.7)
    return np.asarray(expit(odds))


def _before(event: Bools, group: Ints) -> Bools:
    """Return whether an event happened earlier in the same group; groups are contiguous."""
    count: Ints = np.cumsum(event) - event
    first = np.flatnonzero(np.r_[True, group[1:] != group[:-1]]) if group.size else np.empty(0, dtype=np.int64)
    return np.asarray(count > np.repeat(count[first], np.diff(np.r_[first, group.size])))


def _take(params: MarketParams, score: Floats, visits: Visits, shown: Bools) -> tuple[Ints, Bools]:
    """Return the place taken on each visit, and which places were open to the learner.

    With `once_only` a purchase closes that course on the learner's later visits, which can change what is taken there;
    each pass settles at least the earliest unsettled visit of every learner, so the passes end.
    """
    open_ = shown
    while True:
        choice = _best(np.where(open_, score, -np.inf), visits.noise[:, -1])
        now_open = shown & ~_owned(params, visits, choice) if params.once_only else shown
        if (now_open == open_).all():
            return choice, open_
        open_ = now_open


def _best(score: Floats, outside: Floats) -> Ints:
    best = score.argmax(axis=1)
    return np.where(score[np.arange(len(score)), best] > outside, best, -1)


def _owned(params: MarketParams, visits: Visits, choice: Ints) -> Bools:
    """Return which places show a course that the learner took on an earlier visit, (N, m)."""
    key = visits.learner[:, None] * params.courses + visits.seen
    taken = np.flatnonzero(choice >= 0)
    bought, first = np.unique(key[taken, choice[taken]], return_index=True)
    again = np.isin(key, bought) & (visits.seen >= 0)
    owned = np.zeros_like(again)
    owned[again] = np.nonzero(again)[0] > taken[first][np.searchsorted(bought, key[again])]
    return owned


def moment(second: Ints) -> NDArray[np.datetime64]:
    """Return times from seconds since the market's start."""
    return np.asarray(START + second.astype("timedelta64[s]"))
