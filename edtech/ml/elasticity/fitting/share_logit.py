"""Fit of `share_logit`: a logit or nested logit of market shares, which models substitution without data on visits.

    log(share / outside share) = unit effect + period effect + slope * price + sigma * log(share within nest) + ...

(Berry 1994, "Estimating Discrete-Choice Models of Product Differentiation", RAND Journal of Economics 25(2).) Shares
are quantities over the stated market size. Units compete within a market and period; with nests, units of a segment
compete more closely. With a randomized discount or an instrument, the price and the share within the nest are
instrumented (two-stage least squares). Rows without sales have no log share and are dropped. If there are many, the
elasticity is biased towards 0 (Gandhi, Lu & Shi 2023, "Estimating Demand for Differentiated Products with Zeroes in
Market Share Data", Quantitative Economics 14(2)).

Own code, because pyfixest instruments only one column.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edtech.errors import ContractError
from edtech.ml.elasticity.fitting.inference import collinearity_error, independent_columns, residualize, sandwich
from edtech.tables.arrays import Codes, Floats

REVIEW_UNSOLD_SHARE, MAX_UNSOLD_SHARE = 0.05, 0.1
"""Shares of rows without sales: above the first there is no valid interval, above the second no recommendation.

In simulations with Poisson sales, an elasticity of -2.77 was estimated as -2.65 with 4% of the rows unsold, as -2.33
with 9%, as -1.68 with 25% and as -1.15 with 40%."""


@dataclass(frozen=True, slots=True)
class Nests:
    """The market and nest of n rows, as codes; a nest is within one market."""

    market: Codes
    nest: Codes

    @classmethod
    def from_segments(cls, market: Codes, segment: Codes | None) -> "Nests":
        """Return nests of segments (n,) within markets (n,); without segments, each market is one nest."""
        market = np.unique(market, return_inverse=True)[1]
        nest = market if segment is None else market * (int(segment.max()) + 1) + segment
        return cls(market, np.unique(nest, return_inverse=True)[1])

    def shares(self, value: Floats, sigma: float) -> tuple[Floats, Floats]:
        """Return the share of the market and the share within the nest (n,) at utilities `value` (n,).

        >>> nests = Nests.from_segments(np.array([0, 0]), None)
        >>> nests.shares(np.array([0.0, 0.0]), sigma=0.0)[0].round(3)
        array([0.333, 0.333])
        """
        power = np.exp(value / (1 - sigma))
        in_nest = np.bincount(self.nest, weights=power)
        inside = power / in_nest[self.nest]
        market = np.zeros(in_nest.size, dtype=np.intp)
        market[self.nest] = self.market
        nest_value = in_nest ** (1 - sigma)
        total = 1 + np.bincount(market, weights=nest_value)
        return inside * (nest_value / total[market])[self.nest], inside


@dataclass(frozen=True, slots=True)
class ShareFit:
    """Slopes (e,) of price and, with nests, sigma; their clustered `covariance` (e, e); slopes of covariates."""

    slopes: Floats
    covariance: Floats
    covariate_slopes: Floats


def log_shares(share: Floats, nests: Nests) -> tuple[Floats, Floats]:
    """Return log(share / outside share) and log(share within nest) of rows (n,) with sales.

    Raises ContractError if the sales of a market reach its size.
    """
    total = np.bincount(nests.market, weights=share)
    if total.max() >= 1:
        raise ContractError(
            "Sales reach the market size, so the outside share is not positive",
            expected="quantities that are shares of their market, or a column with the number of possible buyers",
            actual=f"{int((total >= 1).sum()):,} of {total.size:,} markets, one at {total.max():.3g} times its size",
            fix="name the market of each unit and a larger market size",
        )
    in_nest = np.bincount(nests.nest, weights=share)
    return np.log(share / (1 - total)[nests.market]), np.log(share / in_nest[nests.nest])


def nest_instruments(instruments: Floats, nests: Nests) -> Floats:
    """Return instruments for the share within a nest: the log number of units and competitors' mean instruments."""
    count = np.bincount(nests.nest).astype(float)
    columns = [np.log(count)[nests.nest]]
    for column in instruments.T:
        rivals = np.bincount(nests.nest, weights=column)[nests.nest] - column
        columns.append(rivals / np.maximum(count[nests.nest] - 1, 1))
    return np.column_stack(columns)


def fit_share_logit(
    outcome: Floats,
    endogenous: Floats,
    controls: Floats,
    instruments: Floats,
    effects: NDArray[np.uint64],
    cluster: Codes,
) -> ShareFit:
    """Fit `outcome` (n,) on `endogenous` (n, e) and `controls` (n, c) by two-stage least squares with absorbed effects.

    Raises ConvergenceError if the instruments do not identify the endogenous columns.
    """
    e, c = endogenous.shape[1], controls.shape[1]
    residuals = residualize(
        np.column_stack([outcome, endogenous, controls, instruments]), effects, np.ones_like(outcome)
    )
    independent = independent_columns(residuals[:, 1 + e : 1 + e + c])
    exogenous = residuals[:, 1 + e : 1 + e + c][:, independent]
    regressors, all_instruments = (
        np.column_stack([residuals[:, 1 : 1 + e], exogenous]),
        np.column_stack([exogenous, residuals[:, 1 + e + c :]]),
    )
    fitted = all_instruments @ np.linalg.lstsq(all_instruments, regressors, rcond=None)[0]
    if np.linalg.matrix_rank(fitted) < fitted.shape[1]:
        raise collinearity_error()
    bread = np.linalg.inv(fitted.T @ fitted)
    slopes = bread @ (fitted.T @ residuals[:, 0])
    influence = (fitted * (residuals[:, 0] - regressors @ slopes)[:, None]) @ bread
    covariate_slopes = np.zeros(c)
    covariate_slopes[independent] = slopes[e:]
    return ShareFit(slopes[:e], sandwich(influence, cluster)[:e, :e], covariate_slopes)
