"""The stored form of `choice_logit`: arrays, a sample of visits, and demand when many prices move at once."""

from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from edtech.errors import ContractError, NotIdentifiedError
from edtech.ml.elasticity.demand_curve import Along, Pull
from edtech.ml.elasticity.estimators.base import DemandEstimator, slope_group, value_at
from edtech.ml.elasticity.fitting.choice_logit import ChoiceFit, VisitArrays, fit_choice
from edtech.ml.elasticity.fitting.fixed_effects import no_curve
from edtech.ml.elasticity.identification import Identification, identify
from edtech.ml.elasticity.panel import PanelArrays, panel_arrays, relative_to_group
from edtech.tables.arrays import Floats
from edtech.tables.contract import build_table
from edtech.tables.families import CONTRACTS
from edtech.tables.roles import PanelRoles, VisitRoles

VISIT, TAKEN, SEEN_AT = "visit_id", "enrolled", "viewed_at"
_CONTRACT = replace(CONTRACTS["visits"], order=())
"""In the order given: which visits are kept is drawn by their order."""
_FAR_OFF = 1.5
"""Visits whose median price is further from the panel's, times or divided by, are not of the panel."""
_NOT_SOLD = -12.0
_ROUNDS = 20


class ChoiceLogitDemand(DemandEstimator):
    """Conditional logit on visits; see `choice`. What-ifs play the sampled visits at the asked prices."""

    def __init__(
        self,
        columns: dict[str, Any] | None = None,
        segment_slopes: bool = True,
        max_visits: int = 20_000,
        max_iterations: int = 50,
        seed: int = 0,
    ) -> None:
        self.columns = columns
        self.segment_slopes = segment_slopes
        self.max_visits = max_visits
        self.max_iterations = max_iterations
        self.seed = seed

    def fit(
        self, X: pd.DataFrame, y: ArrayLike, ground: Identification | None = None, visits: pd.DataFrame | None = None
    ) -> Self:
        """Fit on the panel's columns `X`, its quantity `y` and the offers seen on visits.

        `visits` has a row for each offer seen: visit_id, the panel's unit and price columns, enrolled (taken or not)
        and, where there are periods, the panel's column of them or viewed_at. Raises ContractError where that is not
        so.
        """
        roles = self.roles
        panel = X.assign(**{roles.quantity: np.asarray(y, dtype=float)})
        arrays = panel_arrays(panel, roles)
        if roles.views is not None:
            panel = panel[panel[roles.views] > 0]
        if visits is None or not arrays.repeated:
            raise NotIdentifiedError(
                "A choice model needs the offers seen on visits",
                expected=f"a table with {VISIT}, {roles.unit or 'a unit'}, {roles.price}, {TAKEN}, on repeated units",
                found="no visits" if visits is None else "units that do not repeat",
                fix="train fixed_effects, or bring the visits",
            )
        ground = ground or identify(panel, arrays, roles)
        offers = visit_arrays(visits, panel, arrays, roles)
        found = fit_choice(
            arrays, offers, ground.first, segment_slopes=self.segment_slopes, max_iterations=self.max_iterations
        )
        self._keep(arrays, offers, found)
        return self

    def _keep(self, arrays: PanelArrays, offers: VisitArrays, found: ChoiceFit) -> None:
        self.units_, self.periods_, self.segments_ = arrays.units, arrays.periods, arrays.segments
        self.control_names_ = list(arrays.control_names)
        self.repeated_ = True
        self.scale_, self.tier_, self.loadings_ = found.scale, found.tier, found.loadings
        self.segment_loadings_, self.slopes_ = found.segment_loadings, found.slopes
        self.slope_covariance_, self.slope_freedom_ = found.errors.covariance, found.errors.freedom
        taken = np.isin(np.arange(arrays.units.size), offers.unit)
        self.unit_effects_ = np.where(taken, found.unit_effects, _NOT_SOLD)
        self.segment_effects_, self.period_effects_ = found.segment_effects, found.period_effects
        self.later_effect_, self.iterations_ = found.later_effect, found.iterations
        self.segment_scale_ = relative_to_group(arrays.price, arrays.segment, arrays.segments.size)
        self.unit_segment_ = np.zeros(arrays.units.size, dtype=np.intp)
        self.unit_segment_[arrays.unit] = arrays.segment
        self.mean_price_ = relative_to_group(arrays.price, arrays.unit, arrays.units.size)
        self._sample(offers, arrays.periods.size)
        value = np.exp(self._values(self.mean_price_))
        rivals = self._per_visit(value[self.shelf_unit_])[self.shelf_visit_] - value[self.shelf_unit_]
        crowd = relative_to_group(np.log1p(rivals), self.shelf_unit_, arrays.units.size)
        self.crowd_ = self._calibrated(np.where(np.isnan(crowd), np.nanmean(crowd), crowd), arrays)
        self.segment_elasticity_ = float(self._segment_terms(found, offers) @ found.slopes)

    def _calibrated(self, crowd: Floats, arrays: PanelArrays) -> Floats:
        """Return what rivals are worth to each unit (u,), so that it is expected to sell what it sold, or half one."""
        terms = (arrays.price / self.scale_[arrays.unit])[:, None] * self.loadings_[self.tier_[arrays.unit]]
        value = self.unit_effects_[arrays.unit] + self.period_effects_[arrays.period] + terms @ self.slopes_
        sold = np.maximum(np.bincount(arrays.unit, weights=arrays.quantity, minlength=crowd.size), 0.5)
        for _ in range(_ROUNDS):
            rate = arrays.exposure * expit(value - crowd[arrays.unit])
            expected = np.bincount(arrays.unit, weights=rate, minlength=crowd.size)
            crowd = crowd + np.log(np.maximum(expected, 1e-9) / sold)
        return crowd

    def _sample(self, offers: VisitArrays, periods: int) -> None:
        """Keep at most `max_visits` visits and how many visits of a period each stands for."""
        count = int(offers.visit.max()) + 1
        kept = np.ones(count, dtype=bool)
        if count > self.max_visits:
            chosen = np.random.default_rng(self.seed).choice(count, self.max_visits, replace=False)
            kept = np.isin(np.arange(count), chosen)
        rows = kept[offers.visit]
        self.shelf_visit_ = (np.cumsum(kept) - 1)[offers.visit[rows]]
        self.shelf_unit_ = offers.unit[rows]
        self.visits_each_ = float(count / max(int(kept.sum()), 1) / periods)

    def _segment_terms(self, found: ChoiceFit, offers: VisitArrays) -> Floats:
        """What the slopes have in the mean segment-wide elasticity (k,), weighted by demand."""
        p = found.probability
        terms = (offers.price / self.scale_[offers.unit])[:, None] * self.loadings_[self.tier_[offers.unit]]
        segments = self.segments_.size
        together = offers.visit * segments + self.unit_segment_[offers.unit]
        _, place = np.unique(together, return_inverse=True)
        sums = np.zeros((place.max() + 1, terms.shape[1]))
        np.add.at(sums, place, p[:, None] * terms)
        return np.asarray(p @ (terms - sums[place]) / p.sum())

    def _fit(self, panel: pd.DataFrame, arrays: PanelArrays, ground: Identification) -> None:
        raise NotImplementedError  # `fit` takes the visits too

    # ---- one unit at a time, all others at their mean prices

    def _grouped(self, X: pd.DataFrame) -> tuple[NDArray[np.intp], Floats]:
        unit, _, segment = self._codes(X)
        return slope_group(unit, segment, self.tier_, self.loadings_, self.segment_loadings_)

    def price_terms(self, X: pd.DataFrame) -> Floats:
        """Return what the slopes multiply, shape (n, k)."""
        relative = X[self.roles.price].to_numpy(dtype=float) / self._row_scale(X)
        group, loadings = self._grouped(X)
        return np.asarray(relative[:, None] * loadings[group])

    def _row_scale(self, X: pd.DataFrame) -> Floats:
        unit, _, segment = self._codes(X)
        return value_at(self.scale_, unit, value_at(self.segment_scale_, segment, self.segment_scale_.mean()))

    def _row_rest(self, X: pd.DataFrame) -> Floats:
        """Utility of each row (n,) without its price, against that of its rivals."""
        unit, period, segment = self._codes(X)
        at_segment = value_at(self.segment_effects_, segment, self.segment_effects_.mean())
        when = value_at(self.period_effects_, period, self.later_effect_)
        crowd = value_at(self.crowd_, unit, float(self.crowd_.mean()))
        return np.asarray(value_at(self.unit_effects_, unit, at_segment) + when - crowd)

    def _rate(self, X: pd.DataFrame) -> Floats:
        return np.asarray(expit(self._row_rest(X) + self.price_terms(X) @ self.slopes_))

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the expected quantity of each row, rivals at their mean prices, shape (n,)."""
        return self._exposure(X) * self._rate(X)

    def along(self, X: pd.DataFrame) -> Along:
        """Return demand of the rows at other prices of their own, rivals at their mean prices."""
        price = X[self.roles.price].to_numpy(dtype=float)
        rest, exposure, scale = self._row_rest(X), self._exposure(X), self._row_scale(X)
        return Along("logit", exposure, scale, rest, *self._grouped(X), self.slopes_, no_curve, price)

    def elasticity_terms(self, X: pd.DataFrame) -> Floats:
        """Return what the slopes multiply in each row's own elasticity, shape (n, k)."""
        return self.price_terms(X) * (1 - self._rate(X))[:, None]

    def elasticities(self, X: pd.DataFrame) -> Floats:
        """Return d log E[quantity] / d log price of each row, shape (n,), in closed form."""
        return self.elasticity_terms(X) @ self.slopes_

    # ---- all prices at once

    def _values(self, prices: Floats) -> Floats:
        """Utility of each unit (u,) at `prices` (u,), in a period to come."""
        return np.asarray(self.unit_effects_ + self.later_effect_ + prices / self.scale_ * self._unit_slopes)

    @property
    def _unit_slopes(self) -> Floats:
        return np.asarray((self.loadings_ @ self.slopes_)[self.tier_])

    def _per_visit(self, values: Floats) -> Floats:
        return np.asarray(np.bincount(self.shelf_visit_, weights=values), dtype=float)

    def _probabilities(self, prices: Floats) -> Floats:
        value = np.exp(self._values(prices))[self.shelf_unit_]
        return np.asarray(value / (1 + self._per_visit(value)[self.shelf_visit_]))

    def _per_unit(self, values: Floats) -> Floats:
        sums = np.bincount(self.shelf_unit_, weights=values, minlength=self.units_.size)
        return np.asarray(sums * self.visits_each_, dtype=float)

    def joint_demand(self, prices: Floats, reference: Floats) -> tuple[Floats, Pull]:
        """Return demand per period (u,) at `prices` (u,), and how it moves with the slopes.

        Today's demand at `reference` prices is taken as known, so what moves is the change.
        """
        p = self._probabilities(prices)
        moved = (prices - reference) / self.scale_

        def pull(weights: Floats) -> Floats:
            by_group = np.bincount(self.tier_, self._gained(p, weights) * moved, minlength=len(self.loadings_))
            return np.asarray(by_group @ self.loadings_)

        return self._per_unit(p), pull

    def _gained(self, p: Floats, worth: Floats) -> Floats:
        """Return d (worth @ demand) / d utility of each unit (u,), at chances `p` of the offers seen."""
        each = p * worth[self.shelf_unit_]
        return self._per_unit(each - p * self._per_visit(each)[self.shelf_visit_])

    def joint_value(self, prices: Floats, margin: Floats) -> tuple[Floats, Floats]:
        """Return demand (u,) at `prices` and the gradient (u,) of margin @ demand by the prices, margins held fixed."""
        p = self._probabilities(prices)
        return self._per_unit(p), self._unit_slopes / self.scale_ * self._gained(p, margin)


def visit_arrays(visits: pd.DataFrame, panel: pd.DataFrame, arrays: PanelArrays, roles: PanelRoles) -> VisitArrays:
    """Return the offers of units that were taken sometimes, but not always, each with its row of the panel.

    Raises ContractError, listing what is wrong, where the visits break their contract, their times or prices are not
    those of the panel, or none of them meets it.
    """
    timed = None if roles.period is None else roles.period if roles.period in visits.columns else SEEN_AT
    visits = build_table(_CONTRACT, visits, _visit_roles(roles, timed))
    if timed is not None:
        _refuse_other_times(visits[timed], panel[roles.period])
    row = _panel_rows(visits, panel, roles, timed)
    kept = row >= 0
    unit, taken = arrays.unit[row[kept]], visits[TAKEN].to_numpy(dtype=float)[kept]
    seen, sold = np.bincount(unit), np.bincount(unit, weights=taken)
    kept[kept] = ((sold > 0) & (sold < seen))[unit]
    if not kept.any():
        raise ContractError(
            "No visit meets the panel",
            expected="visits to units and periods that are in the panel",
            found=f"{len(visits):,} offers seen, none of them in the panel",
            fix="give visits of the same time and units",
        )
    row, offers = row[kept], visits[kept]
    price = offers[roles.price].to_numpy(dtype=float)
    _refuse_other_prices(price, arrays.price[row])
    return VisitArrays(
        visit=pd.factorize(offers[VISIT])[0].astype(np.intp),
        unit=arrays.unit[row],
        panel_row=row,
        price=price,
        taken=offers[TAKEN].to_numpy(dtype=float),
    )


def _visit_roles(roles: PanelRoles, timed: str | None) -> VisitRoles:
    return VisitRoles(
        visit=VISIT, course=roles.unit or "", price=roles.price, chosen=TAKEN, time=timed, dates=roles.dates
    )


def _refuse_other_times(times: pd.Series, periods: pd.Series) -> None:
    kinds = ["numbers" if pd.api.types.is_numeric_dtype(one) else "dates" for one in (times, periods)]
    if kinds[0] != kinds[1]:
        raise ContractError(
            "The times of the visits cannot be compared with the periods of the panel",
            expected=f"{kinds[1]}, as the panel's column {str(periods.name)!r} has",
            found=kinds[0],
            where=f"column {str(times.name)!r} of the visits",
            fix="give both as dates or both as numbers of the same clock",
        )


def _refuse_other_prices(seen: Floats, of_panel: Floats) -> None:
    """Refuse visits in another currency; a panel's price is a mean over its period, so single ones may be far off."""
    middle = float(np.median(seen / of_panel))
    if not 1 / _FAR_OFF <= middle <= _FAR_OFF:
        raise ContractError(
            "The prices of the visits are not those of the panel",
            expected=f"prices whose median is at most {_FAR_OFF:g} times off the panel's of the same unit and period",
            found=f"a median of {middle:.3g} times the panel's",
            fix="give both in the same currency and of the same time",
        )


def _panel_rows(visits: pd.DataFrame, panel: pd.DataFrame, roles: PanelRoles, timed: str | None) -> np.ndarray:
    """Row of the panel for each offer seen, -1 where there is none; a time belongs to the last period begun."""
    keys = [panel[roles.unit].astype(str)]
    sought = [visits[roles.unit].astype(str)]
    if roles.period is not None and timed is not None:
        periods = np.sort(panel[roles.period].unique())
        times = visits[timed].to_numpy()
        begun = np.searchsorted(periods, times, side="right") - 1
        if periods.size > 1:  # what came after the last period is not in the panel: it may be held back
            begun[times >= periods[-1] + np.diff(periods).min()] = -1
        keys.append(pd.Series(np.searchsorted(periods, panel[roles.period].to_numpy()), index=panel.index))
        sought.append(pd.Series(begun, index=visits.index))
    index = pd.MultiIndex.from_arrays(keys)
    return np.asarray(index.get_indexer(pd.MultiIndex.from_arrays(sought)), dtype=np.intp)
