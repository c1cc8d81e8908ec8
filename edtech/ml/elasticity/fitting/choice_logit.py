"""`choice_logit`: which of the offers seen on a visit is taken, or none; so offers compete and substitution is known.

A conditional logit (McFadden 1974) on visits, fitted as a Poisson regression with an effect for each visit and a row
for taking none, which has the same estimates (Baker 1994, "The Multinomial-Poisson Transformation", The Statistician
43(4)).

    V = unit effect + period effect + slope[unit] * price / the unit's mean price + control function
    slope[unit] = slope[segment] + dearness slope * log(the unit's mean price / its segment's)
    P(take j of the offers seen) = exp(V_j) / (1 + sum over the offers seen of exp(V_l))

Where a token costs alike whatever it is paid for, demand for a dear unit falls by more as its price rises by a percent;
where buyers of dear units look at prices less, by less. One more slope, over all segments, lets the data say which.

The control function is that of `fixed_effects`: the first stage is fitted on the panel and its residual carried to the
visits of the same unit and period.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edtech.ml.elasticity.fitting.fixed_effects import LAST_PERIODS, segment_loadings, slope_groups, slope_loadings
from edtech.ml.elasticity.fitting.inference import (
    FirstStage,
    SlopeErrors,
    cluster_information,
    cluster_sums,
    few_cluster_errors,
    independent_columns,
    not_told_apart,
    take_out,
)
from edtech.ml.elasticity.fitting.irls import Rows, Settled, iterate
from edtech.ml.elasticity.fitting.partial_pooling import partially_pooled
from edtech.ml.elasticity.panel import PanelArrays, relative_to_group
from edtech.tables.arrays import Codes, Floats

_ROUNDS = 50
_NEVER = -20.0
"""Effect of a unit that nobody saw."""

_DEAR, _FEWEST_DEAR = 0.05, 10
"""What dearness does is asked of at least so many units that are this far (log points) from their segment's prices."""


@dataclass(frozen=True, slots=True)
class VisitArrays:
    """m offers seen on visits, as arrays (m,): codes of visit and unit, row of the panel, price, whether it was
    taken.
    """

    visit: Codes
    unit: Codes
    panel_row: Codes
    price: Floats
    taken: Floats


@dataclass(frozen=True, slots=True)
class ChoiceFit:
    """A fit of k slopes. `unit_effects` (u,), `period_effects` (t,) and `scale` (u,); `loadings` as in `fixed_effects`,
    each unit a slope group (`tier`) of its own.

    `probability` (m,) is that of each offer seen to be taken.
    """

    scale: Floats
    tier: NDArray[np.intp]
    loadings: Floats
    segment_loadings: Floats
    slopes: Floats
    errors: SlopeErrors
    unit_effects: Floats
    segment_effects: Floats
    period_effects: Floats
    later_effect: float
    probability: Floats
    iterations: int


def fit_choice(
    arrays: PanelArrays,
    visits: VisitArrays,
    first: FirstStage | None,
    *,
    segment_slopes: bool = True,
    max_iterations: int = 50,
) -> ChoiceFit:
    """Fit the choice among the offers of `visits`, whose rows of `arrays` they name.

    Raises ConvergenceError where the iterations do not settle or prices cannot be told apart from the effects.
    """
    units = arrays.units.size
    scale = relative_to_group(arrays.price, arrays.unit, units)
    loadings, alike = _unit_loadings(arrays, visits, scale, slope_groups(arrays, segment_slopes, 1))
    k = loadings.shape[1]
    parts = [(visits.price / scale[visits.unit])[:, None] * loadings[visits.unit]]
    if first is not None:
        parts += [first.exogenous[visits.panel_row], first.powers[visits.panel_row]]
    design, rows, seen = _with_outside(np.column_stack(parts), visits, arrays, units)
    columns = independent_columns(take_out(design, rows.effects, np.ones(design.shape[0])))
    if not np.isin(np.arange(k), columns).all():
        raise not_told_apart()
    settled = iterate(design[:, columns], rows, "exponential", max_iterations)
    slopes = np.zeros(design.shape[1])
    slopes[columns] = settled.slopes
    errors = _errors(settled, visits, arrays, first, slopes, seen)
    slopes[columns], errors = partially_pooled(slopes[columns], errors, alike)
    tier = np.arange(units)
    unit_effects, period_effects = _effects(settled.eta - design @ slopes, rows, seen, units, arrays.periods.size)
    segment_of = np.zeros(units, dtype=np.intp)
    segment_of[arrays.unit] = arrays.segment
    return ChoiceFit(
        scale=scale,
        tier=tier,
        loadings=loadings,
        segment_loadings=segment_loadings(loadings, arrays, tier),
        slopes=slopes[:k],
        errors=errors.first(k),
        unit_effects=unit_effects,
        segment_effects=relative_to_group(unit_effects, segment_of, arrays.segments.size),
        period_effects=period_effects,
        later_effect=float(period_effects[-LAST_PERIODS:].mean()),
        probability=np.exp(settled.eta[:seen]),
        iterations=settled.iterations,
    )


def _unit_loadings(
    arrays: PanelArrays, visits: VisitArrays, scale: Floats, segment: NDArray[np.intp]
) -> tuple[Floats, int]:
    """Return how the slopes make up those of the units (u, k), and how many of them are slopes of segments.

    After those stands one by how dear a unit is, but where too few units that move their prices differ from their
    segments' prices to tell it.
    """
    by_segment = slope_loadings(arrays.price / scale[arrays.unit], arrays, segment[arrays.unit])[segment]
    usual = relative_to_group(np.log(scale)[arrays.unit], segment[arrays.unit], int(segment.max()) + 1)
    dearness = np.log(scale) - usual[segment]
    moves = np.bincount(visits.unit, (visits.price / scale[visits.unit] - 1) ** 2, minlength=scale.size) > 0
    if (moves & (np.abs(dearness) > _DEAR)).sum() < _FEWEST_DEAR:
        return by_segment, by_segment.shape[1]
    return np.column_stack([by_segment, dearness]), by_segment.shape[1]


def _with_outside(columns: Floats, visits: VisitArrays, arrays: PanelArrays, units: int) -> tuple[Floats, Rows, int]:
    """Return design and rows with one row for each visit's taking none at the end, and how many stand before them.

    `visits` holds only units that somebody took: the others have no finite effect.
    """
    count = int(visits.visit.max()) + 1
    taken = np.bincount(visits.visit, weights=visits.taken, minlength=count)
    outside = np.full(count, units), np.arange(count), np.full(count, arrays.periods.size)
    seen = visits.unit, visits.visit, arrays.period[visits.panel_row]
    effects = np.column_stack([np.concatenate(pair) for pair in zip(seen, outside, strict=True)]).astype(np.uint64)
    quantity = np.concatenate([visits.taken, 1 - taken])
    design = np.vstack([columns, np.zeros((count, columns.shape[1]))])
    return design, Rows(quantity, np.ones_like(quantity), effects), visits.taken.size


def _errors(
    settled: Settled, visits: VisitArrays, arrays: PanelArrays, first: FirstStage | None, slopes: Floats, seen: int
) -> SlopeErrors:
    """Errors of all slopes, both steps counted, clustered by unit; taking none is a cluster of each visit."""
    inside, outside = settled.design[:seen], settled.design[seen:]
    weights = settled.weights[:seen]
    total = settled.design.T @ (settled.design * settled.weights[:, None])
    scores = cluster_sums(inside * settled.errors[:seen, None], visits.unit)
    if first is not None:
        pull = first.pull(slopes[-first.powers.shape[1] :])[visits.panel_row]
        cross = (inside * (weights * pull)[:, None]).T @ first.instruments[visits.panel_row]
        moved = (first.instruments * first.residual[:, None]) @ np.linalg.solve(first.information, cross.T)
        everywhere = np.zeros((arrays.units.size, scores.shape[1]))
        np.add.at(everywhere, arrays.unit, moved)
        scores += everywhere[np.unique(visits.unit)]
    none = (outside * settled.errors[seen:, None]) @ np.linalg.inv(total)
    found = few_cluster_errors(scores, cluster_information(inside, weights, visits.unit), total)
    return SlopeErrors(found.covariance + none.T @ none, found.freedom)


def _effects(total: Floats, rows: Rows, seen: int, units: int, periods: int) -> tuple[Floats, Floats]:
    """Split `total` less the visits' own effects, which taking none has alone, into unit and period effects."""
    visit = rows.effects[:seen, 1].astype(np.intp)
    inside = total[:seen] - total[seen:][visit]
    unit, period = (rows.effects[:seen, place].astype(np.intp) for place in (0, 2))
    by_unit, by_period = np.zeros(units), np.zeros(periods)
    for _ in range(_ROUNDS):
        by_unit = np.nan_to_num(relative_to_group(inside - by_period[period], unit, units), nan=_NEVER)
        by_period = np.nan_to_num(relative_to_group(inside - by_unit[unit], period, periods))
    center = float(by_period[period].mean())
    return by_unit + center, by_period - center
