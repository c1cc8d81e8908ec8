"""Demand at prices by a fitted model, for a typical period with one row per unit.

A what-if is about a typical future period: each unit has its mean views, its own effect and the mean effect of the last
eight periods. The model's slopes give the effect of prices; their covariance gives the intervals.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edtech.errors import PricingError
from edtech.ml.elasticity.demand_curve import DemandCurve, VectorJacobianProduct
from edtech.ml.elasticity.panel import ALL, original_labels
from edtech.ml.elasticity.protocols import DemandCurveModel, SmoothDemandModel, SubstitutionModel
from edtech.ml.elasticity.result import ElasticityResult
from edtech.tables.arrays import Floats
from edtech.tables.formatting import format_names
from edtech.tables.roles import PanelRoles
from edtech.tables.table_kinds import build_panel
from edtech.tables.values import to_number

_FUTURE_PERIOD = "a later period"
SAME_PRICE = 1e-9
"""Prices that differ by no more than this share are the same."""
MIN_SOLD = 1e-6
"""Enrollments per period over all units; below this, demand counts as zero."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Expected quantity (u,), and its vector-Jacobian product with the k slopes, None without a valid interval.

    `changed` (u,) are the units with another price than the baseline, if the model has substitution.
    """

    quantity: Floats
    vjp: VectorJacobianProduct | None
    changed: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """Demand of u units at prices, per period. `frame` has one typical row per unit, at its baseline price.

    `names` are the units as in the panel, `units` the same as text. `low` and `high` (u,) are the observed prices of
    each unit, `randomized_low` and `randomized_high` the randomized ones, None without any. `model_positions` (u,) are
    the positions of the units in the model, -1 for a unit that was never offered. `demand_curve` is demand by each
    unit's own price, if the model has it in closed form.
    """

    result: ElasticityResult
    frame: pd.DataFrame
    units: pd.Index
    names: pd.Index
    segments: pd.Series
    baseline: Floats
    low: Floats
    high: Floats
    randomized_low: Floats | None
    randomized_high: Floats | None
    model_positions: NDArray[np.intp]
    demand_curve: DemandCurve | None = None

    @property
    def covariance(self) -> Floats | None:
        """Covariance of the slopes (k, k), clustered; None if the algorithm has no valid confidence interval."""
        covariance: Floats | None = self.result.model.slope_covariance_
        return covariance

    def demand(self, prices: Floats) -> Demand:
        """Return demand at `prices` (u,). Today's demand counts as known; its change is uncertain."""
        if self.has_substitution:
            return self._joint_demand(prices)
        if self.demand_curve is not None:
            return Demand(*self.demand_curve.demand(prices))
        model, frame = self.result.model, self._at(prices)
        if self.covariance is None or not isinstance(model, SmoothDemandModel):
            return Demand(model.predict(frame), None)
        gradient = model.demand_slope(frame)[:, None] * (model.price_terms(frame) - model.price_terms(self.frame))
        return Demand(model.predict(frame), lambda weights: np.asarray(weights @ gradient))

    def _at(self, prices: Floats) -> pd.DataFrame:
        return self.frame.assign(**{self.result.roles.price: prices})

    @property
    def _substitution_model(self) -> SubstitutionModel:
        assert isinstance(self.result.model, SubstitutionModel)  # noqa: S101  # only called with substitution
        return self.result.model

    @property
    def has_substitution(self) -> bool:
        """Whether the model has substitution between units."""
        return isinstance(self.result.model, SubstitutionModel)

    @property
    def views(self) -> float | None:
        """Views of all units in a typical period, None without views."""
        name = self.result.roles.views
        return None if name is None else float(self.frame[name].sum())

    def changed(self, prices: Floats) -> NDArray[np.bool_]:
        """Return which units (u,) have another price than the baseline."""
        return np.abs(prices / self.baseline - 1) > SAME_PRICE

    def demand_alone(self, prices: Floats) -> Floats:
        """Return the expected quantity (u,) of each unit at its price, all others at their mean prices."""
        if self.demand_curve is not None:
            return self.demand_curve.demand(prices)[0]
        return np.asarray(self.result.model.predict(self._at(prices)), dtype=float)

    def _joint_demand(self, prices: Floats) -> Demand:
        model = self._substitution_model
        quantity, vjp = model.joint_demand(self._to_model_units(prices), self._to_model_units(self.baseline))
        zeros = np.zeros_like(model.mean_price_)
        return Demand(
            self._to_response_units(quantity),
            lambda weights: vjp(self._to_model_units(weights, zeros)),
            self.changed(prices),
        )

    def value_gradient(self, prices: Floats, margin: Floats) -> tuple[Floats, Floats]:
        """Return demand (u,) at `prices`, and the gradient (u,) of margin @ demand by prices at fixed margins."""
        margins = self._to_model_units(margin, np.zeros_like(self._substitution_model.mean_price_))
        quantity, gradient = self._substitution_model.joint_value(self._to_model_units(prices), margins)
        return self._to_response_units(quantity), self._to_response_units(gradient)

    def _to_model_units(self, values: Floats, default: Floats | None = None) -> Floats:
        """Return values (u,) for all units of the model; the others have the default, their mean price."""
        positions = self.model_positions
        full = (self._substitution_model.mean_price_ if default is None else default).copy()
        full[positions[positions >= 0]] = values[positions >= 0]
        return np.asarray(full, dtype=float)

    def _to_response_units(self, values: Floats) -> Floats:
        """Return the model's values for the response's units; units that were never offered sell nothing."""
        present = (self.model_positions >= 0).reshape(-1, *[1] * (values.ndim - 1))
        return np.asarray(np.where(present, values[self.model_positions], 0.0), dtype=float)

    def demand_grid(self, prices: Floats) -> Floats:
        """Return the expected quantity at a grid of prices (u, g), shape (u, g)."""
        u, g = prices.shape
        if self.demand_curve is not None:
            return np.column_stack([self.demand_curve.demand(column)[0] for column in prices.T])
        frame = self.frame.loc[np.repeat(self.frame.index.to_numpy(), g)].assign(
            **{self.result.roles.price: prices.ravel()}
        )
        return np.asarray(self.result.model.predict(frame), dtype=float).reshape(u, g)


def price_response(result: ElasticityResult, panel: pd.DataFrame, baseline: pd.Series | None = None) -> Response:
    """Return the response of the panel's units; `baseline` (by unit) replaces the mean price.

    Raises ContractError if the panel violates its contract, PricingError if baseline prices are missing, not positive,
    repeated, or so high that demand is zero.
    """
    roles = result.roles
    frame = _typical_rows(build_panel(panel, roles), roles)
    units = pd.Index(frame.index.astype(str), name="unit")
    frame = frame.reset_index(drop=True)
    if baseline is not None:
        frame[roles.price] = _checked_baseline(baseline, units)
    if unknown := _unknown_units(result, frame, units):
        raise PricingError(
            "The model lacks some units, but substitution needs all of them",
            expected="the units it was trained on",
            actual=f"{len(unknown):,} others, first {', '.join(map(repr, unknown[:5]))}",
            fix="train again on data with these units",
        )
    prices = frame[roles.price].to_numpy(dtype=float)
    low, high = _observed_prices(result, units, prices)
    randomized = (
        _observed_prices(result, units, prices, "randomized_") if result.support["randomized_low"].notna().any() else ()
    )
    encoded = result.model.with_category_codes(frame)
    response = Response(
        result=result,
        frame=encoded,
        units=units,
        names=(original_labels(units, panel, roles.unit) if roles.unit else pd.RangeIndex(len(units))).rename("unit"),
        segments=frame[roles.segment].astype(str) if roles.segment else pd.Series(ALL, index=frame.index),
        baseline=frame[roles.price].to_numpy(dtype=float),
        low=low,
        high=high,
        randomized_low=randomized[0] if randomized else None,
        randomized_high=randomized[1] if randomized else None,
        model_positions=np.asarray(pd.Index(result.model.units_).get_indexer(units), dtype=np.intp),
        demand_curve=result.model.demand_curve(encoded) if isinstance(result.model, DemandCurveModel) else None,
    )
    if baseline is not None:
        _check_sold(response)
    return response


def _unknown_units(result: ElasticityResult, frame: pd.DataFrame, units: pd.Index) -> list[str]:
    """Offered units that a model with substitution was not trained on."""
    if not isinstance(result.model, SubstitutionModel):
        return []
    offered = units if result.roles.views is None else units[frame[result.roles.views].to_numpy() > 0]
    return [str(unit) for unit in offered.difference(pd.Index(result.model.units_))]


def _typical_rows(rows: pd.DataFrame, roles: PanelRoles) -> pd.DataFrame:
    """One row per unit, indexed by it: means of numbers, the first value of other columns, a future period."""
    unit = rows.index if roles.unit is None else rows[roles.unit]
    means = [roles.price, *(name for name in (roles.views, roles.market_size) if name)]
    firsts = [roles.segment] if roles.segment else []
    for name in roles.controls:
        (means if pd.api.types.is_numeric_dtype(rows[name]) else firsts).append(name)
    aggregations = {name: "mean" for name in means} | {name: "first" for name in firsts}
    frame = rows.groupby(unit, sort=True).agg(aggregations).astype(dict.fromkeys(means, float))
    if roles.unit is not None:
        frame[roles.unit] = frame.index.astype(str)
    if roles.period is not None:
        frame[roles.period] = _FUTURE_PERIOD
    return frame


def _observed_prices(
    result: ElasticityResult, units: pd.Index, prices: Floats, kind: str = ""
) -> tuple[Floats, Floats]:
    """Lowest and highest observed price of each unit; a new unit has only its own price."""
    support = result.support[["unit", f"{kind}low", f"{kind}high"]].set_axis(["unit", "low", "high"], axis=1)
    if result.roles.unit is None:
        return np.full(len(units), support["low"].iloc[0]), np.full(len(units), support["high"].iloc[0])
    observed = support.set_index(support["unit"].astype(str)).reindex(units)
    low, high = observed["low"].to_numpy(dtype=float), observed["high"].to_numpy(dtype=float)
    return np.where(np.isnan(low), prices, low), np.where(np.isnan(high), prices, high)


def _checked_baseline(baseline: pd.Series, units: pd.Index) -> Floats:
    stated = to_number(baseline).set_axis(baseline.index.astype(str))
    if len(twice := stated.index[stated.index.duplicated()].unique()):
        raise PricingError(
            "Some units have several baseline prices",
            expected="one price for each unit of the panel",
            actual=f"{len(twice):,} units with more, first {format_names(twice, 5)}",
            fix="leave one price for each unit",
        )
    prices = stated.reindex(units)
    wrong = prices[~((prices > 0) & np.isfinite(prices))]
    if len(wrong):
        raise PricingError(
            "Some units have no usable baseline price",
            expected="a price above 0 for each unit of the panel",
            actual=f"{len(wrong):,} units without one, first {', '.join(map(repr, wrong.index[:5]))}",
            fix="give a price for each unit, or leave the baseline out to start from mean prices",
        )
    return prices.to_numpy(dtype=float)


def _check_sold(response: Response) -> None:
    """Raise PricingError if demand at the baseline is zero: no relative change exists."""
    if not (sold := float(response.demand(response.baseline).quantity.sum())) >= MIN_SOLD:
        raise PricingError(
            "Demand at the baseline prices is zero",
            expected=f"prices near the observed ones, {response.low.min():,.2f} to {response.high.max():,.2f}",
            actual=f"{sold:.2g} enrollments per period at {response.baseline.min():,.2f} to "
            f"{response.baseline.max():,.2f}",
            fix="check the unit of the prices",
        )
