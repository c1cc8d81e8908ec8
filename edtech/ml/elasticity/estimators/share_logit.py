"""The stored form of `share_logit`: arrays, and demand when many prices move at once."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edtech.errors import ModelError, NotIdentifiedError
from edtech.ml.elasticity.demand_curve import Pull
from edtech.ml.elasticity.estimators.base import DemandEstimator, value_at
from edtech.ml.elasticity.fitting.fixed_effects import LAST_PERIODS
from edtech.ml.elasticity.fitting.share_logit import (
    SOME_UNSOLD,
    Nests,
    fit_shares,
    nest_instruments,
    observed_shares,
)
from edtech.ml.elasticity.identification import Identification
from edtech.ml.elasticity.panel import PanelArrays, codes, relative_to_group
from edtech.tables.arrays import Floats
from edtech.tables.roles import PanelRoles

_STEP = 1e-4


class ShareLogitDemand(DemandEstimator):
    """Logit of market shares, nested by segment if asked; see `share_logit`."""

    refits_quickly = True

    def __init__(self, columns: dict[str, Any] | None = None, nested: bool = False, unit_effects: bool = True) -> None:
        self.columns = columns
        self.nested = nested
        self.unit_effects = unit_effects

    def _fit(self, panel: pd.DataFrame, arrays: PanelArrays, ground: Identification) -> None:
        roles = self.roles
        if not (states_market(roles) and arrays.repeated):
            raise NotIdentifiedError(
                "A logit of shares needs repeated units and to know what a market is",
                expected="a column that names each unit's market, or one with the number of possible buyers",
                found="units that do not repeat" if states_market(roles) else "no market and no market size",
                fix="name the market or its size, or train fixed_effects",
            )
        market, size = codes(panel, roles.market)[0], self._exposure(panel)
        self.scale_ = float(arrays.price.mean())
        price, share = arrays.price / self.scale_, arrays.quantity / size
        sold = share > 0
        when = market * arrays.periods.size + arrays.period
        nests = Nests.of(when[sold], arrays.segment[sold] if self.nested else None)
        outcome, inside = observed_shares(share[sold], nests)
        instruments = (price[:, None] if ground.instruments is None else ground.instruments)[sold]
        endogenous = price[sold, None]
        if self.nested:
            instruments = np.column_stack([instruments, nest_instruments(instruments, nests)])
            endogenous = np.column_stack([endogenous, inside])
        effects = arrays.effects if self.unit_effects else arrays.effects[:, 1:]
        held = arrays.controls if ground.first is None else np.column_stack([arrays.controls, ground.first.exogenous])
        found = fit_shares(outcome, endogenous, held[sold], instruments, effects[sold], arrays.cluster[sold])
        self.slopes_, self.slope_covariance_ = found.slopes, found.covariance
        self.unsold_ = float(1 - sold.mean())
        if self.unsold_ > SOME_UNSOLD:
            self.slope_covariance_, self.interval_note = None, _unsold_note(self.unsold_)
        self.slope_freedom_ = np.full(self.slopes_.size, float(arrays.units.size - 1))
        self.covariate_slopes_ = found.covariate_slopes[: arrays.controls.shape[1]]
        _refuse_sigma(self.sigma_)
        rest = outcome - endogenous @ found.slopes - arrays.controls[sold] @ found.covariate_slopes
        self._keep_effects(rest, arrays, sold)
        self._keep_market(arrays, market, size)

    @property
    def sigma_(self) -> float:
        """How closely the units of a nest compete, from 0 as all do to 1."""
        return float(self.slopes_[1]) if self.nested else 0.0

    def _keep_effects(self, rest: Floats, arrays: PanelArrays, sold: NDArray[np.bool_]) -> None:
        """Split what prices leave unexplained (sold rows) into the units' and the periods' means."""
        unit, period, units = arrays.unit[sold], arrays.period[sold], arrays.units.size
        by_period = np.zeros(arrays.periods.size)
        for _ in range(20):
            by_unit = relative_to_group(rest - by_period[period], unit, units)
            by_period = np.nan_to_num(relative_to_group(rest - by_unit[unit], period, by_period.size))
            by_period -= by_period[period].mean()
        self.unit_effects_ = np.where(np.isnan(by_unit), np.nanmin(by_unit), by_unit)
        self.period_effects_, self.later_effect_ = by_period, float(by_period[-LAST_PERIODS:].mean())

    def _keep_market(self, arrays: PanelArrays, market: NDArray[np.intp], size: Floats) -> None:
        units = arrays.units.size
        self.mean_price_ = relative_to_group(arrays.price, arrays.unit, units)
        self.unit_size_ = relative_to_group(size, arrays.unit, units)
        controls = [relative_to_group(column, arrays.unit, units) for column in arrays.controls.T]
        self.unit_controls_ = np.column_stack(controls) @ self.covariate_slopes_ if controls else np.zeros(units)
        place = np.zeros((2, units), dtype=np.intp)
        place[:, arrays.unit] = market, arrays.segment
        self.unit_market_, self.unit_segment_ = place
        self.segment_effects_ = relative_to_group(self.unit_effects_, self.unit_segment_, arrays.segments.size)
        power = np.exp(self._values(self.mean_price_) - self.later_effect_) ** (1 / (1 - self.sigma_))
        nests = self._nests()
        in_nest = np.bincount(nests.nest, weights=power)
        worth = np.zeros(int(nests.market.max()) + 1)
        home = np.zeros(in_nest.size, dtype=np.intp)
        home[nests.nest] = nests.market
        np.add.at(worth, home, in_nest ** (1 - self.sigma_))
        self.rivals_near_ = in_nest[nests.nest] - power
        self.rivals_far_ = worth[nests.market] - in_nest[nests.nest] ** (1 - self.sigma_)
        self.segment_elasticity_ = self._segment_elasticity()

    def _segment_elasticity(self) -> float:
        """Mean elasticity where all prices of a segment move together, weighted by demand."""
        moved, total = 0.0, float(self.joint_value(self.mean_price_, self.mean_price_)[0].sum())
        for segment in range(self.segments_.size):
            inside = (self.unit_segment_ == segment).astype(float)
            moved += float((inside * self.mean_price_) @ self.joint_value(self.mean_price_, inside)[1])
        return moved / total

    # ---- one unit at a time, all others at their mean prices

    def _exposure(self, X: pd.DataFrame) -> Floats:
        size = self.roles.market_size
        return np.ones(len(X)) if size is None else X[size].to_numpy(dtype=float)

    def _row_shares(self, X: pd.DataFrame) -> tuple[Floats, Floats]:
        """Share of each row in its market and in its nest, (n,) each."""
        unit, period, segment = self._codes(X)
        own = value_at(self.unit_effects_, unit, value_at(self.segment_effects_, segment, self.unit_effects_.mean()))
        price = X[self.roles.price].to_numpy(dtype=float) / self.scale_
        when = value_at(self.period_effects_, period, self.later_effect_)
        near = value_at(self.rivals_near_, unit, self.rivals_near_.mean()) * np.exp(when / (1 - self.sigma_))
        far = 1 + value_at(self.rivals_far_, unit, self.rivals_far_.mean()) * np.exp(when)
        value = own + when + price * self.slopes_[0] + self._controls(X) @ self.covariate_slopes_
        power = np.exp(value / (1 - self.sigma_))
        worth = (power + near) ** (1 - self.sigma_)
        inside = power / (power + near)
        return np.asarray(inside * worth / (far + worth)), np.asarray(inside)

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the expected quantity of each row, rivals at their mean prices, shape (n,)."""
        return np.asarray(self._exposure(X) * self._row_shares(X)[0])

    def elasticity_terms(self, X: pd.DataFrame) -> Floats:
        """Return the gradient of each row's own elasticity by the slopes, at the fitted shares, shape (n, k)."""
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
        return Nests.of(self.unit_market_, self.unit_segment_ if self.nested else None)

    def _values(self, prices: Floats) -> Floats:
        """Utility of each unit (u,) at `prices` (u,), in a period to come."""
        own = self.unit_effects_ + self.unit_controls_ + self.later_effect_
        return np.asarray(own + prices / self.scale_ * self.slopes_[0])

    def joint_demand(self, prices: Floats, reference: Floats) -> tuple[Floats, Pull]:
        """Return demand per period (u,) at `prices` (u,), and how it moves with the slopes.

        Today's demand at `reference` prices is taken as known, so what moves is the change.
        """
        nests, moved = self._nests(), (prices - reference) / self.scale_
        share, inside = nests.shares(self._values(reference), self.sigma_)
        none = 1 - np.bincount(nests.market, weights=share)[nests.market]

        def demand(slopes: Floats) -> Floats:
            sigma = float(slopes[1]) if self.nested else 0.0
            today = np.log(share / none) - sigma * np.log(inside)
            return np.asarray(self.unit_size_ * nests.shares(today + moved * slopes[0], sigma)[0])

        steps = _STEP * np.eye(self.slopes_.size)
        sides = [demand(self.slopes_ + step) - demand(self.slopes_ - step) for step in steps]
        gradient = np.column_stack(sides) / (2 * _STEP)
        return demand(self.slopes_), lambda weights: np.asarray(weights @ gradient)

    def joint_value(self, prices: Floats, margin: Floats) -> tuple[Floats, Floats]:
        """Return demand (u,) at `prices` and the gradient (u,) of margin @ demand by the prices, margins held fixed."""
        nests, sigma = self._nests(), self.sigma_
        share, inside = nests.shares(self._values(prices), sigma)
        worth = margin * self.unit_size_
        near = np.bincount(nests.nest, weights=worth * inside)[nests.nest]
        all_ = np.bincount(nests.market, weights=worth * share)[nests.market]
        gained = share * ((worth - sigma * near) / (1 - sigma) - all_)
        return self.unit_size_ * share, gained * self.slopes_[0] / self.scale_


def states_market(roles: PanelRoles) -> bool:
    """Whether the panel says what a market is, by its name or its size."""
    return roles.market is not None or roles.market_size is not None


def _unsold_note(unsold: float) -> str:
    return (
        f"There is no honest interval: {unsold:.0%} of the rows sold nothing and are left out, because they have no "
        f"log share. Above {SOME_UNSOLD:.0%} that biases the elasticity towards 0 by more than chance does."
    )


def _refuse_sigma(sigma: float) -> None:
    if not 0 <= sigma < 1:
        raise ModelError(
            "The segments are no nests: units of one do not compete more closely",
            expected="a sigma from 0 to below 1",
            found=f"{sigma:.3f}",
            fix="train without nests",
        )
