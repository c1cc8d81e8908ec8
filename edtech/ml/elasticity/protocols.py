"""What other packages may use of a fitted demand model; each protocol adds one ability."""

from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edtech.ml.elasticity.demand_curve import DemandCurve, VectorJacobianProduct
from edtech.tables.arrays import Floats
from edtech.tables.roles import PanelRoles


class DemandModel(Protocol):
    """A fitted model of the expected quantity of a panel's rows.

    `units_`: the trained units. `slope_covariance_` (k, k) and `slope_degrees_of_freedom_` (k,): the covariance is None
    if there is no valid interval. `interval_note`: the assumptions of an interval, or the reason why there is none.
    """

    units_: NDArray[np.str_]
    slope_covariance_: Floats | None
    slope_degrees_of_freedom_: Floats
    interval_note: str

    @property
    def roles(self) -> PanelRoles:
        """The panel's columns by role."""

    def predict(self, X: pd.DataFrame) -> Floats:
        """Return the expected quantity of each row, shape (n,)."""

    def elasticities(self, X: pd.DataFrame) -> Floats:
        """Return d log E[quantity] / d log price of each row, shape (n,)."""

    def with_category_codes(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return `X` with unit, period and segment as categories, for repeated predictions."""


@runtime_checkable
class SmoothDemandModel(DemandModel, Protocol):
    """A demand model that is differentiable in its slopes row by row."""

    def price_terms(self, X: pd.DataFrame) -> Floats:
        """Return the terms that the slopes multiply, shape (n, k)."""

    def demand_slope(self, X: pd.DataFrame) -> Floats:
        """Return the derivative of each row's demand by its linear predictor, shape (n,)."""


@runtime_checkable
class DemandCurveModel(Protocol):
    """A demand model that gives the demand of the same rows at many prices, with its derivative by the slopes."""

    def demand_curve(self, X: pd.DataFrame) -> DemandCurve:
        """Return the demand curve of the rows."""


@runtime_checkable
class SubstitutionModel(Protocol):
    """A demand model with substitution between units: all prices at once.

    `mean_price_` (u,): the mean price of each trained unit. `segment_elasticity_`: the elasticity if all prices of a
    segment change together.
    """

    mean_price_: Floats
    segment_elasticity_: float

    def joint_demand(self, prices: Floats, reference: Floats) -> tuple[Floats, VectorJacobianProduct]:
        """Return the demand per period (u,) at `prices` (u,), and its vector-Jacobian product by the slopes."""

    def joint_value(self, prices: Floats, margin: Floats) -> tuple[Floats, Floats]:
        """Return the demand (u,) at `prices` (u,) and the gradient (u,) of margin @ demand by the prices."""
