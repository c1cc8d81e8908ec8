"""Fit of `fixed_effects`: unit and period effects, price slopes by segment, and a control function.

    eta = unit effect + period effect + slope[segment] * price term + control function + covariates
    logit: quantity / views = expit(eta);  exponential, log: quantity = views * exp(eta)

The likelihood is a grouped logit of quantity per view (`logit`) or a Poisson pseudo-likelihood (`exponential`, `log`),
fitted by IRLS with absorbed effects (Correia, Guimarães & Zylkin 2020, "Fast Poisson estimation with high-dimensional
fixed effects", Stata Journal 20(1); Stammann 2018 for the logit).

The price term is the price relative to the unit's own mean price, in logs for `log`. A slope is then the quantity-
weighted mean of the units' elasticities. Cheap, middle and expensive units of a segment get their own slopes if this
lowers Akaike's criterion.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from edtech.errors import ModelError, NotIdentifiedError
from edtech.ml.elasticity.fitting.inference import (
    FirstStage,
    SlopeInference,
    half_width,
    independent_columns,
    residualize,
    two_step_inference,
)
from edtech.ml.elasticity.fitting.irls import DemandForm, IrlsData, IrlsFit, fit_irls
from edtech.ml.elasticity.panel import PanelArrays, group_means
from edtech.tables.arrays import Floats

SlopeTiers = Literal["auto", "one", "three"]
Basis = Callable[[Floats], Floats]
"""Maps price terms (n,) to c columns (n, c) that let demand be nonlinear."""

LAST_PERIODS = 8
"""The effect of a future period is the mean of this many last periods."""
SLOPES_PER_SEGMENT = 3
"""Slopes for the cheap, middle and expensive units of a segment."""

MIN_VIEWS_ELASTICITY = 0.05
"""A smaller elasticity of views is ignored: its effect is below that of other errors."""

_HALF_A_SALE = 0.5
"""A unit without sales counts as half a sale over all its views; else its effect would be minus infinity."""


@dataclass(frozen=True, slots=True)
class FixedEffectsFit:
    """A fit with k price slopes, of which the first l are linear and the others belong to the basis.

    `scale` (groups,) is the mean price of each group and `slope_group` (groups,) its slope group. `slope_design` (slope
    groups, l) maps the linear slopes to those of the slope groups, `segment_slope_design` (segments, l) to the
    quantity-weighted means of the segments. `inference` accounts for both steps. Effects are on the scale of eta.
    """

    form: DemandForm
    scale: Floats
    slope_group: NDArray[np.intp]
    slope_design: Floats
    segment_slope_design: Floats
    slopes: Floats
    inference: SlopeInference
    covariate_slopes: Floats
    group_effects: Floats
    segment_effects: Floats
    period_effects: Floats
    future_period_effect: float
    iterations: int


def price_term(form: DemandForm, relative_price: Floats) -> Floats:
    """Return the regressor of a price slope, of the shape of `relative_price`."""
    return np.log(relative_price) if form == "log" else relative_price


def no_basis(term: Floats) -> Floats:
    """Return no columns, so that demand is linear in the price term."""
    return np.empty((term.size, 0))


def fit_fixed_effects(
    arrays: PanelArrays,
    first_stage: FirstStage | None,
    *,
    form: DemandForm,
    tiers: SlopeTiers = "auto",
    segment_slopes: bool = True,
    basis: Basis = no_basis,
    max_iterations: int = 50,
) -> FixedEffectsFit:
    """Fit the model; `tiers="auto"` uses three slopes for each segment if this lowers Akaike's criterion.

    All segments share the `basis`. Raises ConvergenceError if the iterations do not converge.
    """
    counts = (
        {"one": (1,), "three": (SLOPES_PER_SEGMENT,), "auto": (1, SLOPES_PER_SEGMENT)}[tiers]
        if arrays.repeated
        else (1,)
    )
    candidates: list[_Candidate] = []
    for count in counts:
        start_eta = candidates[-1].irls.eta if candidates else None  # close to the optimum: same effects, fewer slopes
        slope_group = slope_groups(arrays, segment_slopes, count)
        candidates.append(_fit_candidate(arrays, first_stage, form, slope_group, basis, max_iterations, start_eta))
    dispersion = candidates[0].irls.dispersion
    best = min(candidates, key=lambda draft: draft.irls.deviance / dispersion + 2 * draft.k)
    return _complete_fit(best, arrays, first_stage)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A converged fit for given slope groups, without inference and effects, which only the selected one needs."""

    form: DemandForm
    scale: Floats
    slope_group: NDArray[np.intp]
    slope_design: Floats
    k: int
    design: Floats
    informative: NDArray[np.bool_]
    columns: NDArray[np.intp]
    irls: IrlsFit


def _fit_candidate(
    arrays: PanelArrays,
    first_stage: FirstStage | None,
    form: DemandForm,
    slope_group: NDArray[np.intp],
    basis: Basis,
    max_iterations: int,
    start_eta: Floats | None,
) -> _Candidate:
    scale = group_means(arrays.price, arrays.group, slope_group.size)
    term = price_term(form, arrays.price / scale[arrays.group])
    slope_design = build_slope_design(term, arrays, slope_group[arrays.group])
    curved_terms = basis(term)
    n_linear = slope_design.shape[1]
    parts = [term[:, None] * slope_design[slope_group[arrays.group]], curved_terms, arrays.controls]
    if first_stage is not None:
        parts += [first_stage.exogenous, first_stage.powers]
    design = np.column_stack(parts)
    informative = _informative_rows(arrays, form)
    _require_informative_rows(informative)
    columns = independent_columns(
        residualize(design[informative], arrays.effects[informative], np.ones(int(informative.sum())))
    )
    _require_price_variation(columns, n_linear)
    data = IrlsData(arrays.quantity[informative], arrays.exposure[informative], arrays.effects[informative])
    irls = fit_irls(design[informative][:, columns], data, form, max_iterations, start_eta)
    return _Candidate(
        form, scale, slope_group, slope_design, n_linear + curved_terms.shape[1], design, informative, columns, irls
    )


def _complete_fit(candidate: _Candidate, arrays: PanelArrays, first_stage: FirstStage | None) -> FixedEffectsFit:
    design, informative, columns, irls, k = (
        candidate.design,
        candidate.informative,
        candidate.columns,
        candidate.irls,
        candidate.k,
    )
    slopes = np.zeros(design.shape[1])
    slopes[columns] = irls.slopes
    eta_derivative = None if first_stage is None else first_stage.eta_derivative(slopes[-first_stage.powers.shape[1] :])
    second_step = np.zeros((informative.size, columns.size + 2))
    second_step[informative] = np.column_stack([irls.design, irls.weights, irls.response_residuals])
    inference = two_step_inference(
        second_step[:, :-2], second_step[:, -2], second_step[:, -1], arrays.cluster, first_stage, eta_derivative
    )
    effects = _recover_effects(arrays, informative, irls.eta - design[informative] @ slopes, design @ slopes)
    return FixedEffectsFit(
        form=candidate.form,
        scale=candidate.scale,
        slope_group=candidate.slope_group,
        slope_design=candidate.slope_design,
        segment_slope_design=build_segment_slope_design(candidate.slope_design, arrays, candidate.slope_group),
        slopes=slopes[:k],
        inference=inference.first(k),
        covariate_slopes=slopes[k : k + arrays.controls.shape[1]],
        group_effects=effects[0],
        segment_effects=effects[1],
        period_effects=effects[2],
        future_period_effect=float(effects[2][-LAST_PERIODS:].mean()),
        iterations=irls.iterations,
    )


def slope_groups(arrays: PanelArrays, by_segment: bool, groups_per_segment: int) -> NDArray[np.intp]:
    """Return the slope group of each group (groups,): its segment, or its price quantile within its segment."""
    groups = int(arrays.group.max()) + 1
    segment = np.zeros(groups, dtype=np.intp)
    if by_segment:
        segment[arrays.group] = arrays.segment
    if groups_per_segment == 1:
        return segment
    prices = pd.Series(group_means(arrays.price, arrays.group, groups))
    rank = prices.groupby(segment).rank(method="first", pct=True).to_numpy()
    return segment * groups_per_segment + np.minimum(
        (rank * groups_per_segment).astype(np.intp), groups_per_segment - 1
    )


def build_slope_design(term: Floats, arrays: PanelArrays, slope_group: NDArray[np.intp]) -> Floats:
    """Return the matrix (slope groups, k) that maps k slopes to those of the slope groups; `slope_group` is (n,).

    A slope group without price variation within units gets the quantity-weighted mean of the other groups' slopes.
    """
    size = int(slope_group.max()) + 1
    columns = np.zeros((term.size, size))
    columns[np.arange(term.size), slope_group] = term
    within = residualize(columns, arrays.effects, np.ones_like(term))
    varies = (within**2).sum(axis=0) > 1e-6 * np.maximum((columns**2).sum(axis=0), 1e-12)
    sold = np.bincount(slope_group, weights=arrays.quantity, minlength=size)
    varies &= sold > 0
    if not varies.any():
        return np.ones((size, 1))
    slope_design = np.zeros((size, int(varies.sum())))
    slope_design[varies] = np.eye(int(varies.sum()))
    slope_design[~varies] = sold[varies] / sold[varies].sum()
    return slope_design


def build_segment_slope_design(slope_design: Floats, arrays: PanelArrays, slope_group: NDArray[np.intp]) -> Floats:
    """Return the matrix (segments, k) that maps k slopes to the quantity-weighted mean slopes of the segments."""
    weights = arrays.quantity + 1e-9
    sums = np.zeros((arrays.segments.size, slope_design.shape[1]))
    np.add.at(sums, arrays.segment, weights[:, None] * slope_design[slope_group[arrays.group]])
    return np.asarray(sums / np.bincount(arrays.segment, weights=weights)[:, None], dtype=float)


def _informative_rows(arrays: PanelArrays, form: DemandForm) -> NDArray[np.bool_]:
    """Return a mask (n,) of rows whose unit and period effects are finite: some sales, and in a logit not all views."""
    informative = np.ones(arrays.price.size, dtype=bool)
    for codes in (arrays.group, arrays.period):
        sold = np.bincount(codes, weights=arrays.quantity)
        exposure = np.bincount(codes, weights=arrays.exposure)
        informative &= (sold > 0)[codes] & ((sold < exposure)[codes] if form == "logit" else True)
    return informative


def _require_informative_rows(informative: NDArray[np.bool_]) -> None:
    """Raise NotIdentifiedError for a logit in which all units or periods sold at every view."""
    if not informative.any():
        raise NotIdentifiedError(
            "A logit of sales per view has no informative rows",
            expected="units and periods with sales, but not at every view",
            actual=f"{informative.size:,} rows, none of a unit and a period like that",
            fix="check the column of views, train without it, or choose the form 'exponential'",
        )


def _require_price_variation(columns: NDArray[np.intp], n_linear: int) -> None:
    if not np.isin(np.arange(n_linear), columns).all():
        raise NotIdentifiedError(
            "Prices do not vary independently within units",
            expected="units whose price changes over time, and not only with the covariates",
            actual="prices that are fully explained by unit effects, period effects and covariates",
            fix="randomize prices for some units and periods, drop covariates, or use one slope for all segments",
        )


def _recover_effects(
    arrays: PanelArrays, informative: NDArray[np.bool_], effect_sums: Floats, slope_terms: Floats
) -> tuple[Floats, Floats, Floats]:
    """Split `effect_sums` of the informative rows into group and period effects; period effects have mean 0 over rows.

    Returns the group effects, the mean group effect of each segment, and the period effects.
    """
    groups, periods = int(arrays.group.max()) + 1, int(arrays.period.max()) + 1
    group, period = arrays.group[informative], arrays.period[informative]
    rows = np.arange(group.size)
    entries = np.ones(group.size)
    indicators = sparse.hstack(
        [
            sparse.csr_array((entries, (rows, group)), shape=(group.size, groups)),
            sparse.csr_array((entries, (rows, period)), shape=(group.size, periods)),
        ]
    )
    solution = sparse.linalg.lsqr(indicators, effect_sums, atol=1e-12, btol=1e-12)[0]
    group_effects, period_effects = solution[:groups], solution[groups:]
    observed = np.bincount(period, minlength=periods) > 0
    center = float(period_effects[period].mean())
    period_effects = np.where(observed, period_effects - center, 0.0)
    group_effects = group_effects + center
    sold = np.bincount(group, minlength=groups) > 0
    views = np.bincount(arrays.group, weights=arrays.exposure, minlength=groups)
    typical = group_means(slope_terms, arrays.group, groups)
    unsold_effects = np.log(_HALF_A_SALE / (views + 1)) - typical
    group_effects = np.where(sold, group_effects, unsold_effects)
    segment_of = np.zeros(groups, dtype=np.intp)
    segment_of[arrays.group] = arrays.segment
    segment_effects = np.bincount(segment_of, weights=group_effects) / np.bincount(segment_of)
    return group_effects, segment_effects, period_effects


def views_elasticity(arrays: PanelArrays, first_stage: FirstStage | None) -> Floats | None:
    """Return the price elasticity of views and its 95% interval (3,), with unit and period effects.

    If views react to the price, a model of sales per view holds a part of the price effect constant. Returns None if
    units do not repeat or the elasticity is not identified.
    """
    if not arrays.repeated or np.ptp(arrays.exposure) == 0:
        return None
    views_as_quantity = replace(arrays, quantity=arrays.exposure, exposure=np.ones_like(arrays.exposure))
    try:
        fit = fit_fixed_effects(views_as_quantity, first_stage, form="log", tiers="one", segment_slopes=False)
    except ModelError:
        return None
    slope = float(fit.slopes[0])
    half = half_width(np.ones(1), fit.inference.covariance, fit.inference.degrees_of_freedom)
    return np.array([slope, slope - half, slope + half])


def views_react(elasticity: Floats | None) -> bool:
    """Return whether views react to the price, significantly and by enough to matter."""
    return (
        elasticity is not None
        and abs(elasticity[0]) > MIN_VIEWS_ELASTICITY
        and (elasticity[1] > 0 or elasticity[2] < 0)
    )
