"""The estimator of `share_logit`; its fit is in `fitting.share_logit`."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edtech.errors import ModelError, NotIdentifiedError
from edtech.ml.elasticity.demand_curve import VectorJacobianProduct
from edtech.ml.elasticity.estimators.base import PanelDemandEstimator, values_or_default
from edtech.ml.elasticity.fitting.fixed_effects import LAST_PERIODS
from edtech.ml.elasticity.fitting.share_logit import (
    REVIEW_UNSOLD_SHARE,
    Nests,
    fit_share_logit,
    log_shares,
    nest_instruments,
)
from edtech.ml.elasticity.identification import Identification
from edtech.ml.elasticity.panel import PanelArrays, encode_levels, group_means
from edtech.tables.arrays import Floats
from edtech.tables.roles import PanelRoles

_SLOPE_STEP = 1e-4


class ShareLogitDemand(PanelDemandEstimator):
    """Logit of market shares, with segments as nests if `nested`."""

    refits_quickly = True

    def __init__(self, columns: dict[str, Any] | None = None, *, nested: bool, unit_effects: bool) -> None:
        self.columns = columns
        self.nested = nested
        self.unit_effects = unit_effects

    def _fit(self, panel: pd.DataFrame, arrays: PanelArrays, identification: Identification) -> None:
        roles = self.roles
        if not (has_market_roles(roles) and arrays.repeated):
            raise NotIdentifiedError(
                "A logit of market shares needs repeated units and a market",
                expected="a column with each unit's market, or one with the number of potential buyers",
                actual="units that do not repeat" if has_market_roles(roles) else "no market and no market size",
                fix="name the market or its size, or train fixed_effects",
            )
        market, size = encode_levels(panel, roles.market)[0], self._exposure(panel)
        self.scale_ = float(arrays.price.mean())
        price, share = arrays.price / self.scale_, arrays.quantity / size
        sold = share > 0
        market_period = market * arrays.periods.size + arrays.period
        nests = Nests.from_segments(market_period[sold], arrays.segment[sold] if self.nested else None)
        outcome, log_nest_share = log_shares(share[sold], nests)
        instruments = (price[:, None] if identification.instruments is None else identification.instruments)[sold]
        endogenous = price[sold, None]
        if self.nested:
            instruments = np.column_stack([instruments, nest_instruments(instruments, nests)])
            endogenous = np.column_stack([endogenous, log_nest_share])
        effects = arrays.effects if self.unit_effects else arrays.effects[:, 1:]
        exogenous = (
            arrays.controls
            if identification.first_stage is None
            else np.column_stack([arrays.controls, identification.first_stage.exogenous])
        )
        fitted = fit_share_logit(outcome, endogenous, exogenous[sold], instruments, effects[sold], arrays.cluster[sold])
        self.slopes_, self.slope_covariance_ = fitted.slopes, fitted.covariance
        self.unsold_share_ = float(1 - sold.mean())
        if self.unsold_share_ > REVIEW_UNSOLD_SHARE:
            self.slope_covariance_, self.interval_note = None, _unsold_note(self.unsold_share_)
        self.slope_degrees_of_freedom_ = np.full(self.slopes_.size, float(arrays.units.size - 1))
        self.covariate_slopes_ = fitted.covariate_slopes[: arrays.controls.shape[1]]
        _require_valid_sigma(self.sigma_)
        residuals = outcome - endogenous @ fitted.slopes - arrays.controls[sold] @ fitted.covariate_slopes
        self._store_effects(residuals, arrays, sold)
        self._store_market(arrays, market, size)

    @property
    def sigma_(self) -> float:
        """Correlation of preferences within a nest, from 0 (no nests) to below 1."""
        return float(self.slopes_[1]) if self.nested else 0.0

    def _store_effects(self, residuals: Floats, arrays: PanelArrays, sold: NDArray[np.bool_]) -> None:
        """Split the residuals of rows with sales into unit and period effects."""
        unit, period, units = arrays.unit[sold], arrays.period[sold], arrays.units.size
        by_period = np.zeros(arrays.periods.size)
        for _ in range(20):
            by_unit = group_means(residuals - by_period[period], unit, units)
            by_period = np.nan_to_num(group_means(residuals - by_unit[unit], period, by_period.size))
            by_period -= by_period[period].mean()
        self.unit_effects_ = np.where(np.isnan(by_unit), np.nanmin(by_unit), by_unit)
        self.period_effects_, self.future_period_effect_ = by_period, float(by_period[-LAST_PERIODS:].mean())

    def _store_market(self, arrays: PanelArrays, market: NDArray[np.intp], size: Floats) -> None:
        units = arrays.units.size
        self.mean_price_ = group_means(arrays.price, arrays.unit, units)
        self.unit_size_ = group_means(size, arrays.unit, units)
        controls = [group_means(column, arrays.unit, units) for column in arrays.controls.T]
        self.unit_controls_ = np.column_stack(controls) @ self.covariate_slopes_ if controls else np.zeros(units)
        market_and_segment = np.zeros((2, units), dtype=np.intp)
        market_and_segment[:, arrays.unit] = market, arrays.segment
        self.unit_market_, self.unit_segment_ = market_and_segment
        self.segment_effects_ = group_means(self.unit_effects_, self.unit_segment_, arrays.segments.size)
        power = np.exp(self._utilities(self.mean_price_) - self.future_period_effect_) ** (1 / (1 - self.sigma_))
        nests = self._nests()
        in_nest = np.bincount(nests.nest, weights=power)
        market_value = np.zeros(int(nests.market.max()) + 1)
        market_of_nest = np.zeros(in_nest.size, dtype=np.intp)
        market_of_nest[nests.nest] = nests.market
        np.add.at(market_value, market_of_nest, in_nest ** (1 - self.sigma_))
        self.nest_competitor_value_ = in_nest[nests.nest] - power
        self.market_competitor_value_ = market_value[nests.market] - in_nest[nests.nest] ** (1 - self.sigma_)
        self.segment_elasticity_ = self._segment_elasticity()

    def _segment_elasticity(self) -> float:
        """Return the demand-weighted mean elasticity if all prices of a segment change together."""
        change, total = 0.0, float(self.joint_value(self.mean_price_, self.mean_price_)[0].sum())
        for segment in range(self.segments_.size):
            inside = (self.unit_segment_ == segment).astype(float)
            change += float((inside * self.mean_price_) @ self.joint_value(self.mean_price_, inside)[1])
        return change / total

    # ---- one unit at a time, competitors at their mean prices

    def _exposure(self, X: pd.DataFrame) -> Floats:
        size = self.roles.market_size
        return np.ones(len(X)) if size is None else X[size].to_numpy(dtype=float)

    def _row_shares(self, X: pd.DataFrame) -> tuple[Floats, Floats]:
        """Return the share of each row in its market and in its nest, (n,) each."""
        unit, period, segment = self._codes(X)
        unit_effect = values_or_default(
            self.unit_effects_, unit, values_or_default(self.segment_effects_, segment, self.unit_effects_.mean())
        )
        price = X[self.roles.price].to_numpy(dtype=float) / self.scale_
        period_effect = values_or_default(self.period_effects_, period, self.future_period_effect_)
        nest_competitors = values_or_default(
            self.nest_competitor_value_, unit, self.nest_competitor_value_.mean()
        ) * np.exp(period_effect / (1 - self.sigma_))
        market_competitors = 1 + values_or_default(
            self.market_competitor_value_, unit, self.market_competitor_value_.mean()
        ) * np.exp(period_effect)
        value = unit_effect + period_effect + price * self.slopes_[0] + self._controls(X) @ self.covariate_slopes_
        power = np.exp(value / (1 - self.sigma_))
        nest_value = (power + nest_competitors) ** (1 - self.sigma_)
        nest_share = power / (power + nest_competitors)
        return np.asarray(nest_share * nest_value / (market_competitors + nest_value)), np.asarray(nest_share)

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the expected quantity of each row, competitors at their mean prices, shape (n,)."""
        return np.asarray(self._exposure(X) * self._row_shares(X)[0])

    def elasticity_terms(self, X: pd.DataFrame) -> Floats:
        """Return the derivative of each row's own elasticity by the slopes, at the fitted shares, shape (n, k)."""
        share, inside = self._row_shares(X)
        price, sigma = X[self.roles.price].to_numpy(dtype=float) / self.scale_, self.sigma_
        by_price = price * ((1 - sigma * inside) / (1 - sigma) - share)
        by_sigma = self.slopes_[0] * price * (1 - inside) / (1 - sigma) ** 2
        return np.column_stack([by_price, by_sigma][: self.slopes_.size])

    def elasticities(self, X: pd.DataFrame) -> Floats:
        """Return d log E[quantity] / d log price of each row, shape (n,), in closed form."""
        return np.asarray(self.elasticity_terms(X)[:, 0] * self.slopes_[0])

    # ---- all prices at once

    def _nests(self) -> Nests:
        return Nests.from_segments(self.unit_market_, self.unit_segment_ if self.nested else None)

    def _utilities(self, prices: Floats) -> Floats:
        """Return the utility of each unit (u,) at `prices` (u,), in a future period."""
        own = self.unit_effects_ + self.unit_controls_ + self.future_period_effect_
        return np.asarray(own + prices / self.scale_ * self.slopes_[0])

    def joint_demand(self, prices: Floats, reference: Floats) -> tuple[Floats, VectorJacobianProduct]:
        """Return demand per period (u,) at `prices` (u,), and its vector-Jacobian product by the slopes.

        Demand at `reference` prices is treated as known; only the change depends on the slopes.
        """
        nests, price_change = self._nests(), (prices - reference) / self.scale_
        share, nest_share = nests.shares(self._utilities(reference), self.sigma_)
        outside_share = 1 - np.bincount(nests.market, weights=share)[nests.market]

        def demand(slopes: Floats) -> Floats:
            sigma = float(slopes[1]) if self.nested else 0.0
            today = np.log(share / outside_share) - sigma * np.log(nest_share)
            return np.asarray(self.unit_size_ * nests.shares(today + price_change * slopes[0], sigma)[0])

        steps = _SLOPE_STEP * np.eye(self.slopes_.size)
        sides = [demand(self.slopes_ + step) - demand(self.slopes_ - step) for step in steps]
        gradient = np.column_stack(sides) / (2 * _SLOPE_STEP)
        return demand(self.slopes_), lambda weights: np.asarray(weights @ gradient)

    def joint_value(self, prices: Floats, margin: Floats) -> tuple[Floats, Floats]:
        """Return demand (u,) at `prices` and the gradient (u,) of margin @ demand by the prices, margins constant."""
        nests, sigma = self._nests(), self.sigma_
        share, nest_share = nests.shares(self._utilities(prices), sigma)
        sized_margin = margin * self.unit_size_
        nest_mean = np.bincount(nests.nest, weights=sized_margin * nest_share)[nests.nest]
        market_mean = np.bincount(nests.market, weights=sized_margin * share)[nests.market]
        utility_gradient = share * ((sized_margin - sigma * nest_mean) / (1 - sigma) - market_mean)
        return self.unit_size_ * share, utility_gradient * self.slopes_[0] / self.scale_


def has_market_roles(roles: PanelRoles) -> bool:
    """Return whether the panel has a column with the market or its size."""
    return roles.market is not None or roles.market_size is not None


def _unsold_note(unsold: float) -> str:
    return (
        f"No valid confidence interval: {unsold:.0%} of the rows have no sales and are dropped, because they have no "
        f"log share. Above {REVIEW_UNSOLD_SHARE:.0%} this biases the elasticity towards 0 by more than its error."
    )


def _require_valid_sigma(sigma: float) -> None:
    if not 0 <= sigma < 1:
        raise ModelError(
            "Segments are not nests: units of a segment do not compete more closely",
            expected="a sigma of at least 0 and below 1",
            actual=f"{sigma:.3f}",
            fix="train without nests",
        )
