"""The estimator of `choice_logit`; its fit is in `fitting.choice_logit`. Joint demand is simulated on visits."""

from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from edtech.errors import ContractError, NotIdentifiedError
from edtech.ml.elasticity.demand_curve import DemandCurve, VectorJacobianProduct
from edtech.ml.elasticity.estimators.base import DemandEstimator, assign_slope_groups, values_or_default
from edtech.ml.elasticity.fitting.choice_logit import ChoiceFit, VisitArrays, fit_choice_logit
from edtech.ml.elasticity.fitting.fixed_effects import no_basis
from edtech.ml.elasticity.identification import Identification, identify
from edtech.ml.elasticity.panel import PanelArrays, group_means, panel_arrays
from edtech.tables.arrays import Floats
from edtech.tables.contract import build_table
from edtech.tables.roles import PanelRoles, VisitRoles
from edtech.tables.table_kinds import CONTRACTS

VISIT, CHOICE, VIEWED_AT = "visit_id", "enrolled", "viewed_at"
_CONTRACT = replace(CONTRACTS["visits"], order=())
"""Without an order, because the sample of visits depends on the order of the rows."""
_MAX_PRICE_RATIO = 1.5
"""Visits with a larger median ratio of their prices to the panel's, or its inverse, are of another currency or time."""
_UNSOLD_EFFECT = -12.0
_ITERATIONS = 20


class ChoiceLogitDemand(DemandEstimator):
    """Conditional logit on visits. What-ifs simulate the sampled visits at the requested prices."""

    def __init__(
        self,
        columns: dict[str, Any] | None = None,
        *,
        segment_slopes: bool,
        max_visits: int,
        max_iterations: int,
        seed: int,
    ) -> None:
        self.columns = columns
        self.segment_slopes = segment_slopes
        self.max_visits = max_visits
        self.max_iterations = max_iterations
        self.seed = seed

    def fit(
        self,
        X: pd.DataFrame,
        y: ArrayLike,
        identification: Identification | None = None,
        visits: pd.DataFrame | None = None,
    ) -> Self:
        """Fit on the panel's columns `X`, its quantity `y` and the offers of visits.

        `visits` has a row for each offer shown: visit_id, the panel's unit and price columns, enrolled (chosen or not)
        and, if the panel has periods, its period column or viewed_at. Raises ContractError for other tables.
        """
        roles = self.roles
        panel = X.assign(**{roles.quantity: np.asarray(y, dtype=float)})
        arrays = panel_arrays(panel, roles)
        if roles.views is not None:
            panel = panel[panel[roles.views] > 0]
        if visits is None or not arrays.repeated:
            raise NotIdentifiedError(
                "A choice model needs the offers shown on visits",
                expected=f"a table with {VISIT}, {roles.unit or 'a unit'}, {roles.price}, {CHOICE}, on repeated units",
                actual="no visits" if visits is None else "units that do not repeat",
                fix="train fixed_effects, or add a table of visits",
            )
        identification = identification or identify(panel, arrays, roles)
        offers = visit_arrays(visits, panel, arrays, roles)
        fitted = fit_choice_logit(
            arrays,
            offers,
            identification.first_stage,
            segment_slopes=self.segment_slopes,
            max_iterations=self.max_iterations,
        )
        self._store_fit(arrays, offers, fitted)
        return self

    def _store_fit(self, arrays: PanelArrays, offers: VisitArrays, fitted: ChoiceFit) -> None:
        self.units_, self.periods_, self.segments_ = arrays.units, arrays.periods, arrays.segments
        self.control_names_ = list(arrays.control_names)
        self.repeated_ = True
        self.scale_, self.slope_group_, self.slope_design_ = fitted.scale, fitted.slope_group, fitted.slope_design
        self.segment_slope_design_, self.slopes_ = fitted.segment_slope_design, fitted.slopes
        self.slope_covariance_, self.slope_degrees_of_freedom_ = (
            fitted.inference.covariance,
            fitted.inference.degrees_of_freedom,
        )
        ever_chosen = np.isin(np.arange(arrays.units.size), offers.unit)
        self.unit_effects_ = np.where(ever_chosen, fitted.unit_effects, _UNSOLD_EFFECT)
        self.segment_effects_, self.period_effects_ = fitted.segment_effects, fitted.period_effects
        self.future_period_effect_, self.iterations_ = fitted.future_period_effect, fitted.iterations
        self.segment_scale_ = group_means(arrays.price, arrays.segment, arrays.segments.size)
        self.unit_segment_ = np.zeros(arrays.units.size, dtype=np.intp)
        self.unit_segment_[arrays.unit] = arrays.segment
        self.mean_price_ = group_means(arrays.price, arrays.unit, arrays.units.size)
        self._sample_visits(offers, arrays.periods.size)
        value = np.exp(self._utilities(self.mean_price_))
        rivals = self._sum_by_visit(value[self.offered_unit_])[self.offered_visit_] - value[self.offered_unit_]
        competitor_value = group_means(np.log1p(rivals), self.offered_unit_, arrays.units.size)
        self.competitor_value_ = self._calibrate_competitor_value(
            np.where(np.isnan(competitor_value), np.nanmean(competitor_value), competitor_value), arrays
        )
        self.segment_elasticity_ = float(self._segment_terms(fitted, offers) @ fitted.slopes)

    def _calibrate_competitor_value(self, competitor_value: Floats, arrays: PanelArrays) -> Floats:
        """Return the competitor value of each unit (u,) at which its expected sales equal its sales, at least 0.5."""
        terms = (arrays.price / self.scale_[arrays.unit])[:, None] * self.slope_design_[self.slope_group_[arrays.unit]]
        value = self.unit_effects_[arrays.unit] + self.period_effects_[arrays.period] + terms @ self.slopes_
        sold = np.maximum(np.bincount(arrays.unit, weights=arrays.quantity, minlength=competitor_value.size), 0.5)
        for _ in range(_ITERATIONS):
            rate = arrays.exposure * expit(value - competitor_value[arrays.unit])
            expected = np.bincount(arrays.unit, weights=rate, minlength=competitor_value.size)
            competitor_value = competitor_value + np.log(np.maximum(expected, 1e-9) / sold)
        return competitor_value

    def _sample_visits(self, offers: VisitArrays, periods: int) -> None:
        """Store a sample of at most `max_visits` visits, and the visits per period that each of them represents."""
        count = int(offers.visit.max()) + 1
        sampled = np.ones(count, dtype=bool)
        if count > self.max_visits:
            sample = np.random.default_rng(self.seed).choice(count, self.max_visits, replace=False)
            sampled = np.isin(np.arange(count), sample)
        rows = sampled[offers.visit]
        self.offered_visit_ = (np.cumsum(sampled) - 1)[offers.visit[rows]]
        self.offered_unit_ = offers.unit[rows]
        self.visit_weight_ = float(count / max(int(sampled.sum()), 1) / periods)

    def _segment_terms(self, fitted: ChoiceFit, offers: VisitArrays) -> Floats:
        """Return the derivative (k,) of the demand-weighted segment elasticity with respect to the slopes."""
        p = fitted.probability
        terms = (offers.price / self.scale_[offers.unit])[:, None] * self.slope_design_[self.slope_group_[offers.unit]]
        segments = self.segments_.size
        visit_segment = offers.visit * segments + self.unit_segment_[offers.unit]
        _, index = np.unique(visit_segment, return_inverse=True)
        sums = np.zeros((index.max() + 1, terms.shape[1]))
        np.add.at(sums, index, p[:, None] * terms)
        return np.asarray(p @ (terms - sums[index]) / p.sum())

    # ---- one unit at a time, competitors at their mean prices

    def _slope_groups(self, X: pd.DataFrame) -> tuple[NDArray[np.intp], Floats]:
        unit, _, segment = self._codes(X)
        return assign_slope_groups(unit, segment, self.slope_group_, self.slope_design_, self.segment_slope_design_)

    def price_terms(self, X: pd.DataFrame) -> Floats:
        """Return the derivative of utility with respect to the slopes, shape (n, k)."""
        relative = X[self.roles.price].to_numpy(dtype=float) / self._row_scale(X)
        group, slope_design = self._slope_groups(X)
        return np.asarray(relative[:, None] * slope_design[group])

    def _row_scale(self, X: pd.DataFrame) -> Floats:
        unit, _, segment = self._codes(X)
        return values_or_default(
            self.scale_, unit, values_or_default(self.segment_scale_, segment, self.segment_scale_.mean())
        )

    def _row_offset(self, X: pd.DataFrame) -> Floats:
        """Return the utility of each row (n,) without its price effect, less the competitor value."""
        unit, period, segment = self._codes(X)
        at_segment = values_or_default(self.segment_effects_, segment, self.segment_effects_.mean())
        period_effect = values_or_default(self.period_effects_, period, self.future_period_effect_)
        competitor_value = values_or_default(self.competitor_value_, unit, float(self.competitor_value_.mean()))
        return np.asarray(values_or_default(self.unit_effects_, unit, at_segment) + period_effect - competitor_value)

    def _rate(self, X: pd.DataFrame) -> Floats:
        return np.asarray(expit(self._row_offset(X) + self.price_terms(X) @ self.slopes_))

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the expected quantity of each row, competitors at their mean prices, shape (n,)."""
        return self._exposure(X) * self._rate(X)

    def demand_curve(self, X: pd.DataFrame) -> DemandCurve:
        """Return the demand of the rows as a function of their own prices, competitors at their mean prices."""
        price = X[self.roles.price].to_numpy(dtype=float)
        offset, exposure, scale = self._row_offset(X), self._exposure(X), self._row_scale(X)
        return DemandCurve("logit", exposure, scale, offset, *self._slope_groups(X), self.slopes_, no_basis, price)

    def elasticity_terms(self, X: pd.DataFrame) -> Floats:
        """Return the derivative of each row's own elasticity with respect to the slopes, shape (n, k)."""
        return self.price_terms(X) * (1 - self._rate(X))[:, None]

    def elasticities(self, X: pd.DataFrame) -> Floats:
        """Return d log E[quantity] / d log price of each row, shape (n,), in closed form."""
        return self.elasticity_terms(X) @ self.slopes_

    # ---- all prices at once

    def _utilities(self, prices: Floats) -> Floats:
        """Return the utility of each unit (u,) at `prices` (u,), in a future period."""
        return np.asarray(self.unit_effects_ + self.future_period_effect_ + prices / self.scale_ * self._unit_slopes)

    @property
    def _unit_slopes(self) -> Floats:
        return np.asarray((self.slope_design_ @ self.slopes_)[self.slope_group_])

    def _sum_by_visit(self, values: Floats) -> Floats:
        return np.asarray(np.bincount(self.offered_visit_, weights=values), dtype=float)

    def _probabilities(self, prices: Floats) -> Floats:
        value = np.exp(self._utilities(prices))[self.offered_unit_]
        return np.asarray(value / (1 + self._sum_by_visit(value)[self.offered_visit_]))

    def _sum_by_unit(self, values: Floats) -> Floats:
        sums = np.bincount(self.offered_unit_, weights=values, minlength=self.units_.size)
        return np.asarray(sums * self.visit_weight_, dtype=float)

    def joint_demand(self, prices: Floats, reference: Floats) -> tuple[Floats, VectorJacobianProduct]:
        """Return demand per period (u,) at `prices` (u,), and its vector-Jacobian product by the slopes.

        Demand at `reference` prices is treated as known; only the change depends on the slopes.
        """
        p = self._probabilities(prices)
        price_change = (prices - reference) / self.scale_

        def vjp(weights: Floats) -> Floats:
            by_group = np.bincount(
                self.slope_group_, self._utility_gradient(p, weights) * price_change, minlength=len(self.slope_design_)
            )
            return np.asarray(by_group @ self.slope_design_)

        return self._sum_by_unit(p), vjp

    def _utility_gradient(self, p: Floats, weights: Floats) -> Floats:
        """Return d (weights @ demand) / d utility of each unit (u,), at choice probabilities `p` of the offers."""
        weighted = p * weights[self.offered_unit_]
        return self._sum_by_unit(weighted - p * self._sum_by_visit(weighted)[self.offered_visit_])

    def joint_value(self, prices: Floats, margin: Floats) -> tuple[Floats, Floats]:
        """Return demand (u,) at `prices` and the gradient (u,) of margin @ demand by the prices, margins constant."""
        p = self._probabilities(prices)
        return self._sum_by_unit(p), self._unit_slopes / self.scale_ * self._utility_gradient(p, margin)


def visit_arrays(visits: pd.DataFrame, panel: pd.DataFrame, arrays: PanelArrays, roles: PanelRoles) -> VisitArrays:
    """Return the offers of units that were chosen sometimes but not always, with their rows of the panel.

    Raises ContractError if the visits break their contract, have other times or prices than the panel, or if none
    matches the panel.
    """
    time_column = None if roles.period is None else roles.period if roles.period in visits.columns else VIEWED_AT
    visits = build_table(_CONTRACT, visits, _visit_roles(roles, time_column))
    if time_column is not None:
        _require_comparable_times(visits[time_column], panel[roles.period])
    row = _panel_rows(visits, panel, roles, time_column)
    usable = row >= 0
    unit, choice = arrays.unit[row[usable]], visits[CHOICE].to_numpy(dtype=float)[usable]
    offered, sold = np.bincount(unit), np.bincount(unit, weights=choice)
    usable[usable] = ((sold > 0) & (sold < offered))[unit]
    if not usable.any():
        raise ContractError(
            "No visit matches the panel",
            expected="visits to units and periods that are in the panel",
            actual=f"{len(visits):,} offers, none of them in the panel",
            fix="use visits of the same time and units",
        )
    row, offers = row[usable], visits[usable]
    price = offers[roles.price].to_numpy(dtype=float)
    _require_comparable_prices(price, arrays.price[row])
    return VisitArrays(
        visit=pd.factorize(offers[VISIT])[0].astype(np.intp),
        unit=arrays.unit[row],
        panel_row=row,
        price=price,
        choice=offers[CHOICE].to_numpy(dtype=float),
    )


def _visit_roles(roles: PanelRoles, time_column: str | None) -> VisitRoles:
    return VisitRoles(
        visit=VISIT, course=roles.unit or "", price=roles.price, chosen=CHOICE, time=time_column, dates=roles.dates
    )


def _require_comparable_times(times: pd.Series, periods: pd.Series) -> None:
    units = ["numbers" if pd.api.types.is_numeric_dtype(values) else "dates" for values in (times, periods)]
    if units[0] != units[1]:
        raise ContractError(
            "The times of the visits cannot be compared with the periods of the panel",
            expected=f"{units[1]}, as the panel's column {str(periods.name)!r} has",
            actual=units[0],
            where=f"column {str(times.name)!r} of the visits",
            fix="use dates in both, or numbers of the same scale in both",
        )


def _require_comparable_prices(visit_prices: Floats, panel_prices: Floats) -> None:
    """Raise ContractError for visits in another currency; single prices may differ from the panel's period means."""
    median_ratio = float(np.median(visit_prices / panel_prices))
    if not 1 / _MAX_PRICE_RATIO <= median_ratio <= _MAX_PRICE_RATIO:
        raise ContractError(
            "The prices of the visits do not match those of the panel",
            expected=f"a median ratio to the panel's prices from 1/{_MAX_PRICE_RATIO:g} to {_MAX_PRICE_RATIO:g}",
            actual=f"a median ratio of {median_ratio:.3g}",
            fix="use the same currency and the same time in both",
        )


def _panel_rows(visits: pd.DataFrame, panel: pd.DataFrame, roles: PanelRoles, time_column: str | None) -> np.ndarray:
    """Return the panel row of each offer, -1 if there is none; a time belongs to the last period that has started."""
    panel_keys = [panel[roles.unit].astype(str)]
    visit_keys = [visits[roles.unit].astype(str)]
    if roles.period is not None and time_column is not None:
        periods = np.sort(panel[roles.period].unique())
        times = visits[time_column].to_numpy()
        last_started = np.searchsorted(periods, times, side="right") - 1
        if periods.size > 1:  # times after the last period are not in the panel: they may be held out
            last_started[times >= periods[-1] + np.diff(periods).min()] = -1
        panel_keys.append(pd.Series(np.searchsorted(periods, panel[roles.period].to_numpy()), index=panel.index))
        visit_keys.append(pd.Series(last_started, index=visits.index))
    index = pd.MultiIndex.from_arrays(panel_keys)
    return np.asarray(index.get_indexer(pd.MultiIndex.from_arrays(visit_keys)), dtype=np.intp)
