"""`fixed_effects`: unit and period effects, a price slope for each segment, and a control function where there is one.

The model is a grouped logit of quantity per view (`logit`) or a Poisson pseudo-likelihood (`exponential`, `log`), both
fitted by iterated weighted least squares with the effects taken out at each step (Correia, Guimarães & Zylkin 2020,
"Fast Poisson estimation with high-dimensional fixed effects", Stata Journal 20(1); Stammann 2018 for the logit).

    eta = unit effect + period effect - slope[segment] * price term + control function + covariates
    logit: quantity / views = expit(eta);  exponential, log: quantity = views * exp(eta)

The price term is price over the unit's own mean price, its log for `log`, the constant elasticity. So a slope is a mean
of the units' elasticities, each counted by what it sold, whatever they depend on. Where Akaike's criterion asks for it,
dear, middling and cheap units of a segment get slopes of their own.
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
    SlopeErrors,
    half_width,
    independent_columns,
    stacked_errors,
    take_out,
)
from edtech.ml.elasticity.fitting.irls import Form, Rows, Settled, iterate
from edtech.ml.elasticity.panel import PanelArrays, relative_to_group
from edtech.tables.arrays import Floats

Tiers = Literal["auto", "one", "three"]
Curve = Callable[[Floats], Floats]
"""What bends demand beyond a straight line: price terms (n,) to c more columns (n, c)."""

LAST_PERIODS = 8
"""A new period has the mean effect of this many last ones."""
TIERS = 3
"""Slopes of a segment where one is not enough: for its cheap, middling and dear units."""

SMALL = 0.05
"""An elasticity of views below this is left out: it would change the answer by less than other things do."""

_HALF_A_SALE = 0.5
"""A unit that sold nothing counts as half a sale over all its views; its own effect would be minus infinity."""


@dataclass(frozen=True, slots=True)
class FixedEffectsFit:
    """A fit with k price slopes, those of a curve last, and some covariates.

    `scale` (groups,) is each group's mean price, `tier` (groups,) its slope group, `loadings` (slope groups, l) how the
    first l slopes make up that of a slope group and `segment_loadings` (segments, l) those of a segment, counted by
    quantity.
    `errors` counts both steps and is clustered. Effects are on the scale of eta.
    """

    form: Form
    scale: Floats
    tier: NDArray[np.intp]
    loadings: Floats
    segment_loadings: Floats
    slopes: Floats
    errors: SlopeErrors
    covariate_slopes: Floats
    group_effects: Floats
    segment_effects: Floats
    period_effects: Floats
    later_effect: float
    iterations: int


def price_term(form: Form, relative_price: Floats) -> Floats:
    """Return what a slope multiplies, of the shape of `relative_price`."""
    return np.log(relative_price) if form == "log" else relative_price


def no_curve(term: Floats) -> Floats:
    """Return no columns: a straight line."""
    return np.empty((term.size, 0))


def fit_fixed_effects(
    arrays: PanelArrays,
    first: FirstStage | None,
    *,
    form: Form,
    tiers: Tiers = "auto",
    segment_slopes: bool = True,
    curve: Curve = no_curve,
    max_iterations: int = 50,
) -> FixedEffectsFit:
    """Fit the model; with `tiers="auto"` three slopes for each segment are kept where they lower Akaike's criterion.

    `curve` is the same for all segments. Raises ConvergenceError where the iterations do not settle.
    """
    counts = {"one": (1,), "three": (TIERS,), "auto": (1, TIERS)}[tiers] if arrays.repeated else (1,)
    drafts: list[_Draft] = []
    for count in counts:
        start = drafts[-1].settled.eta if drafts else None  # near: the same effects, fewer slopes
        tier = slope_groups(arrays, segment_slopes, count)
        drafts.append(_settle(arrays, first, form, tier, curve, max_iterations, start))
    dispersion = drafts[0].settled.dispersion
    best = min(drafts, key=lambda draft: draft.settled.deviance / dispersion + 2 * draft.k)
    return _finished(best, arrays, first)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A settled fit of some slope groups, before its errors and effects: only the one chosen needs them."""

    form: Form
    scale: Floats
    tier: NDArray[np.intp]
    loadings: Floats
    k: int
    design: Floats
    kept: NDArray[np.bool_]
    columns: NDArray[np.intp]
    settled: Settled


def _settle(
    arrays: PanelArrays,
    first: FirstStage | None,
    form: Form,
    tier: NDArray[np.intp],
    curve: Curve,
    max_iterations: int,
    start: Floats | None,
) -> _Draft:
    scale = relative_to_group(arrays.price, arrays.group, tier.size)
    term = price_term(form, arrays.price / scale[arrays.group])
    loadings = slope_loadings(term, arrays, tier[arrays.group])
    bends = curve(term)
    lines = loadings.shape[1]
    parts = [term[:, None] * loadings[tier[arrays.group]], bends, arrays.controls]
    if first is not None:
        parts += [first.exogenous, first.powers]
    design = np.column_stack(parts)
    kept = _informative(arrays, form)
    _refuse_none_informative(kept)
    columns = independent_columns(take_out(design[kept], arrays.effects[kept], np.ones(int(kept.sum()))))
    _refuse_flat_prices(columns, lines)
    rows = Rows(arrays.quantity[kept], arrays.exposure[kept], arrays.effects[kept])
    settled = iterate(design[kept][:, columns], rows, form, max_iterations, start)
    return _Draft(form, scale, tier, loadings, lines + bends.shape[1], design, kept, columns, settled)


def _finished(draft: _Draft, arrays: PanelArrays, first: FirstStage | None) -> FixedEffectsFit:
    design, kept, columns, settled, k = draft.design, draft.kept, draft.columns, draft.settled, draft.k
    slopes = np.zeros(design.shape[1])
    slopes[columns] = settled.slopes
    pull = None if first is None else first.pull(slopes[-first.powers.shape[1] :])
    used = np.zeros((kept.size, columns.size + 2))
    used[kept] = np.column_stack([settled.design, settled.weights, settled.errors])
    spread = stacked_errors(used[:, :-2], used[:, -2], used[:, -1], arrays.cluster, first, pull)
    effects = _effects(arrays, kept, settled.eta - design[kept] @ slopes, design @ slopes)
    return FixedEffectsFit(
        form=draft.form,
        scale=draft.scale,
        tier=draft.tier,
        loadings=draft.loadings,
        segment_loadings=segment_loadings(draft.loadings, arrays, draft.tier),
        slopes=slopes[:k],
        errors=spread.first(k),
        covariate_slopes=slopes[k : k + arrays.controls.shape[1]],
        group_effects=effects[0],
        segment_effects=effects[1],
        period_effects=effects[2],
        later_effect=float(effects[2][-LAST_PERIODS:].mean()),
        iterations=settled.iterations,
    )


def slope_groups(arrays: PanelArrays, by_segment: bool, tiers: int) -> NDArray[np.intp]:
    """Return which slope each group has, shape (groups,): its segment's, or that of its third of prices in it."""
    groups = int(arrays.group.max()) + 1
    segment = np.zeros(groups, dtype=np.intp)
    if by_segment:
        segment[arrays.group] = arrays.segment
    if tiers == 1:
        return segment
    prices = pd.Series(relative_to_group(arrays.price, arrays.group, groups))
    rank = prices.groupby(segment).rank(method="first", pct=True).to_numpy()
    return segment * tiers + np.minimum((rank * tiers).astype(np.intp), tiers - 1)


def slope_loadings(term: Floats, arrays: PanelArrays, tier: NDArray[np.intp]) -> Floats:
    """Return how k slopes make up those of the slope groups, shape (slope groups, k); `tier` (n,) is each row's.

    A slope group whose prices do not move within its units cannot tell a slope of its own: it gets the mean of the
    others, by their quantity.
    """
    size = int(tier.max()) + 1
    columns = np.zeros((term.size, size))
    columns[np.arange(term.size), tier] = term
    within = take_out(columns, arrays.effects, np.ones_like(term))
    moves = (within**2).sum(axis=0) > 1e-6 * np.maximum((columns**2).sum(axis=0), 1e-12)
    sold = np.bincount(tier, weights=arrays.quantity, minlength=size)
    moves &= sold > 0
    if not moves.any():
        return np.ones((size, 1))
    loadings = np.zeros((size, int(moves.sum())))
    loadings[moves] = np.eye(int(moves.sum()))
    loadings[~moves] = sold[moves] / sold[moves].sum()
    return loadings


def segment_loadings(loadings: Floats, arrays: PanelArrays, tier: NDArray[np.intp]) -> Floats:
    """Return how the k slopes make up those of the segments, by quantity, shape (segments, k)."""
    weights = arrays.quantity + 1e-9
    sums = np.zeros((arrays.segments.size, loadings.shape[1]))
    np.add.at(sums, arrays.segment, weights[:, None] * loadings[tier[arrays.group]])
    return np.asarray(sums / np.bincount(arrays.segment, weights=weights)[:, None], dtype=float)


def _informative(arrays: PanelArrays, form: Form) -> NDArray[np.bool_]:
    """Rows whose unit and period both sold something and, for a logit, not to every view: others have no effect."""
    kept = np.ones(arrays.price.size, dtype=bool)
    for codes in (arrays.group, arrays.period):
        sold = np.bincount(codes, weights=arrays.quantity)
        seen = np.bincount(codes, weights=arrays.exposure)
        kept &= (sold > 0)[codes] & ((sold < seen)[codes] if form == "logit" else True)
    return kept


def _refuse_none_informative(kept: NDArray[np.bool_]) -> None:
    """Refuse a logit of units or periods that all sold to every view; in other forms a row that sold always is kept."""
    if not kept.any():
        raise NotIdentifiedError(
            "A logit of sales per view has no row to learn from",
            expected="units and periods that sold something, but not to every view",
            found=f"{kept.size:,} rows, none of a unit and a period like that",
            fix="check the column of views, train without it, or choose the form 'exponential'",
        )


def _refuse_flat_prices(columns: NDArray[np.intp], lines: int) -> None:
    if not np.isin(np.arange(lines), columns).all():
        raise NotIdentifiedError(
            "Prices do not move on their own within the units",
            expected="units whose price changed at some time, and not only with the covariates",
            found="prices that unit and period effects and covariates explain whole",
            fix="change prices for some units at random for some periods, drop covariates, or use one slope for all",
        )


def _effects(
    arrays: PanelArrays, kept: NDArray[np.bool_], total: Floats, slopes_part: Floats
) -> tuple[Floats, Floats, Floats]:
    """Split `total` (kept rows) into group and period effects; the period effects have mean 0 over their rows.

    Returns group effects, mean group effect of each segment, period effects.
    """
    groups, periods = int(arrays.group.max()) + 1, int(arrays.period.max()) + 1
    group, period = arrays.group[kept], arrays.period[kept]
    rows = np.arange(group.size)
    one = np.ones(group.size)
    both = sparse.hstack(
        [
            sparse.csr_array((one, (rows, group)), shape=(group.size, groups)),
            sparse.csr_array((one, (rows, period)), shape=(group.size, periods)),
        ]
    )
    solution = sparse.linalg.lsqr(both, total, atol=1e-12, btol=1e-12)[0]
    group_effects, period_effects = solution[:groups], solution[groups:]
    seen = np.bincount(period, minlength=periods) > 0
    center = float(period_effects[period].mean())
    period_effects = np.where(seen, period_effects - center, 0.0)
    group_effects = group_effects + center
    sold = np.bincount(group, minlength=groups) > 0
    views = np.bincount(arrays.group, weights=arrays.exposure, minlength=groups)
    typical = relative_to_group(slopes_part, arrays.group, groups)
    silent = np.log(_HALF_A_SALE / (views + 1)) - typical
    group_effects = np.where(sold, group_effects, silent)
    segment_of = np.zeros(groups, dtype=np.intp)
    segment_of[arrays.group] = arrays.segment
    segment_effects = np.bincount(segment_of, weights=group_effects) / np.bincount(segment_of)
    return group_effects, segment_effects, period_effects


def views_slope(arrays: PanelArrays, first: FirstStage | None) -> Floats | None:
    """Return the elasticity of views by the price and its 95 % interval (3,), with the effects that sales have.

    None where units do not repeat or it cannot be told.
    """
    if not arrays.repeated or np.ptp(arrays.exposure) == 0:
        return None
    seen = replace(arrays, quantity=arrays.exposure, exposure=np.ones_like(arrays.exposure))
    try:
        fit = fit_fixed_effects(seen, first, form="log", tiers="one", segment_slopes=False)
    except ModelError:
        return None
    slope = float(fit.slopes[0])
    half = half_width(np.ones(1), fit.errors.covariance, fit.errors.freedom)
    return np.array([slope, slope - half, slope + half])


def reacts(slope: Floats | None) -> bool:
    """Whether views react to the price by more than chance and by enough to matter."""
    return slope is not None and abs(slope[0]) > SMALL and (slope[1] > 0 or slope[2] < 0)
