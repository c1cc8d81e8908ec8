"""Fit of `choice_logit`: a conditional logit of which offer of a visit is chosen, so that substitution is modeled.

    V = unit effect + period effect + slope[unit] * price / mean price of the unit + control function
    slope[unit] = slope[segment] + level slope * log(mean price of the unit / mean price of its segment)
    P(choose offer j of a visit) = exp(V_j) / (1 + sum over the visit's offers of exp(V_l))

McFadden (1974). It is fitted as a Poisson regression with an effect for each visit and a row for the outside option,
which has the same estimates (Baker 1994, "The Multinomial-Poisson Transformation", The Statistician 43(4)).

The level slope lets expensive units be more or less elastic than cheap ones. The first stage is that of the panel; its
residual is assigned to the visits of the same unit and period.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edtech.ml.elasticity.fitting.fixed_effects import (
    LAST_PERIODS,
    build_segment_slope_design,
    build_slope_design,
    slope_groups,
)
from edtech.ml.elasticity.fitting.inference import (
    FirstStage,
    SlopeInference,
    cluster_information,
    cluster_sums,
    collinearity_error,
    few_cluster_inference,
    independent_columns,
    residualize,
)
from edtech.ml.elasticity.fitting.irls import IrlsData, IrlsFit, fit_irls
from edtech.ml.elasticity.fitting.partial_pooling import partially_pool
from edtech.ml.elasticity.panel import PanelArrays, group_means
from edtech.tables.arrays import Codes, Floats

_ITERATIONS = 50
_UNOBSERVED_EFFECT = -20.0
"""Effect of a unit without visits."""

_MIN_LEVEL_GAP, _MIN_UNITS_OFF_LEVEL = 0.05, 10
"""The level slope needs this many units with a mean price this far (in logs) from that of their segment."""


@dataclass(frozen=True, slots=True)
class VisitArrays:
    """m offers shown on visits, as arrays (m,).

    `visit` and `unit` are codes, `panel_row` is the row of the panel, and `choice` is 1 for the chosen offer, else 0.
    """

    visit: Codes
    unit: Codes
    panel_row: Codes
    price: Floats
    choice: Floats


@dataclass(frozen=True, slots=True)
class ChoiceFit:
    """A fit with k price slopes; each of the u units is its own slope group.

    `scale` and `unit_effects` are (u,), `period_effects` (t,), `slope_design` (u, k), `segment_slope_design` (segments,
    k). `probability` (m,) is the choice probability of each offer.
    """

    scale: Floats
    slope_group: NDArray[np.intp]
    slope_design: Floats
    segment_slope_design: Floats
    slopes: Floats
    inference: SlopeInference
    unit_effects: Floats
    segment_effects: Floats
    period_effects: Floats
    future_period_effect: float
    probability: Floats
    iterations: int


def fit_choice_logit(
    arrays: PanelArrays,
    visits: VisitArrays,
    first_stage: FirstStage | None,
    *,
    segment_slopes: bool = True,
    max_iterations: int = 50,
) -> ChoiceFit:
    """Fit the choice among the offers of `visits`, which refer to rows of `arrays`.

    Raises ConvergenceError if the iterations do not converge or prices are collinear with the effects.
    """
    units = arrays.units.size
    scale = group_means(arrays.price, arrays.unit, units)
    slope_design, n_exchangeable = _unit_slope_design(arrays, visits, scale, slope_groups(arrays, segment_slopes, 1))
    k = slope_design.shape[1]
    parts = [(visits.price / scale[visits.unit])[:, None] * slope_design[visits.unit]]
    if first_stage is not None:
        parts += [first_stage.exogenous[visits.panel_row], first_stage.powers[visits.panel_row]]
    design, data, n_offers = _with_outside_option(np.column_stack(parts), visits, arrays, units)
    columns = independent_columns(residualize(design, data.effects, np.ones(design.shape[0])))
    if not np.isin(np.arange(k), columns).all():
        raise collinearity_error()
    irls = fit_irls(design[:, columns], data, "exponential", max_iterations)
    slopes = np.zeros(design.shape[1])
    slopes[columns] = irls.slopes
    inference = _slope_inference(irls, visits, arrays, first_stage, slopes, n_offers)
    slopes[columns], inference = partially_pool(slopes[columns], inference, n_exchangeable)
    slope_group = np.arange(units)
    unit_effects, period_effects = _recover_effects(
        irls.eta - design @ slopes, data, n_offers, units, arrays.periods.size
    )
    segment_of = np.zeros(units, dtype=np.intp)
    segment_of[arrays.unit] = arrays.segment
    return ChoiceFit(
        scale=scale,
        slope_group=slope_group,
        slope_design=slope_design,
        segment_slope_design=build_segment_slope_design(slope_design, arrays, slope_group),
        slopes=slopes[:k],
        inference=inference.first(k),
        unit_effects=unit_effects,
        segment_effects=group_means(unit_effects, segment_of, arrays.segments.size),
        period_effects=period_effects,
        future_period_effect=float(period_effects[-LAST_PERIODS:].mean()),
        probability=np.exp(irls.eta[:n_offers]),
        iterations=irls.iterations,
    )


def _unit_slope_design(
    arrays: PanelArrays, visits: VisitArrays, scale: Floats, segment: NDArray[np.intp]
) -> tuple[Floats, int]:
    """Return the matrix (u, k) that maps the slopes to those of the units, and the number of segment slopes.

    The last column is the level slope. It is left out if too few units with varying prices differ from their segment's
    price level.
    """
    by_segment = build_slope_design(arrays.price / scale[arrays.unit], arrays, segment[arrays.unit])[segment]
    segment_level = group_means(np.log(scale)[arrays.unit], segment[arrays.unit], int(segment.max()) + 1)
    relative_price_level = np.log(scale) - segment_level[segment]
    price_varies = np.bincount(visits.unit, (visits.price / scale[visits.unit] - 1) ** 2, minlength=scale.size) > 0
    if (price_varies & (np.abs(relative_price_level) > _MIN_LEVEL_GAP)).sum() < _MIN_UNITS_OFF_LEVEL:
        return by_segment, by_segment.shape[1]
    return np.column_stack([by_segment, relative_price_level]), by_segment.shape[1]


def _with_outside_option(
    columns: Floats, visits: VisitArrays, arrays: PanelArrays, units: int
) -> tuple[Floats, IrlsData, int]:
    """Return design and data with a row for the outside option of each visit at the end, and the number of offers.

    `visits` holds only units that were chosen at least once: others have no finite effect.
    """
    count = int(visits.visit.max()) + 1
    chosen_per_visit = np.bincount(visits.visit, weights=visits.choice, minlength=count)
    outside = np.full(count, units), np.arange(count), np.full(count, arrays.periods.size)
    inside = visits.unit, visits.visit, arrays.period[visits.panel_row]
    effects = np.column_stack([np.concatenate(pair) for pair in zip(inside, outside, strict=True)]).astype(np.uint64)
    quantity = np.concatenate([visits.choice, 1 - chosen_per_visit])
    design = np.vstack([columns, np.zeros((count, columns.shape[1]))])
    return design, IrlsData(quantity, np.ones_like(quantity), effects), visits.choice.size


def _slope_inference(
    irls: IrlsFit,
    visits: VisitArrays,
    arrays: PanelArrays,
    first_stage: FirstStage | None,
    slopes: Floats,
    n_offers: int,
) -> SlopeInference:
    """Return the inference of all slopes, clustered by unit, for both steps; each outside option is its own cluster."""
    inside, outside = irls.design[:n_offers], irls.design[n_offers:]
    weights = irls.weights[:n_offers]
    information = irls.design.T @ (irls.design * irls.weights[:, None])
    scores = cluster_sums(inside * irls.response_residuals[:n_offers, None], visits.unit)
    if first_stage is not None:
        eta_derivative = first_stage.eta_derivative(slopes[-first_stage.powers.shape[1] :])[visits.panel_row]
        cross = (inside * (weights * eta_derivative)[:, None]).T @ first_stage.instruments[visits.panel_row]
        first_stage_scores = (first_stage.instruments * first_stage.residual[:, None]) @ np.linalg.solve(
            first_stage.information, cross.T
        )
        scores_by_unit = np.zeros((arrays.units.size, scores.shape[1]))
        np.add.at(scores_by_unit, arrays.unit, first_stage_scores)
        scores += scores_by_unit[np.unique(visits.unit)]
    outside_influence = (outside * irls.response_residuals[n_offers:, None]) @ np.linalg.inv(information)
    inference = few_cluster_inference(scores, cluster_information(inside, weights, visits.unit), information)
    return SlopeInference(inference.covariance + outside_influence.T @ outside_influence, inference.degrees_of_freedom)


def _recover_effects(
    effect_sums: Floats, data: IrlsData, n_offers: int, units: int, periods: int
) -> tuple[Floats, Floats]:
    """Split `effect_sums` less the visit effects, known from the outside options, into unit and period effects."""
    visit = data.effects[:n_offers, 1].astype(np.intp)
    inside = effect_sums[:n_offers] - effect_sums[n_offers:][visit]
    unit, period = (data.effects[:n_offers, column].astype(np.intp) for column in (0, 2))
    by_unit, by_period = np.zeros(units), np.zeros(periods)
    for _ in range(_ITERATIONS):
        by_unit = np.nan_to_num(group_means(inside - by_period[period], unit, units), nan=_UNOBSERVED_EFFECT)
        by_period = np.nan_to_num(group_means(inside - by_unit[unit], period, periods))
    center = float(by_period[period].mean())
    return by_unit + center, by_period - center
