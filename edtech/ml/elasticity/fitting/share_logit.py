"""`share_logit`: a logit of market shares against buying none, so that a panel without visits knows substitution.

    log(share / share of none) = unit effect + period effect - slope * price + sigma * log(share in its nest) + ...

(Berry 1994, "Estimating Discrete-Choice Models of Product Differentiation", RAND Journal of Economics 25(2).) Shares
are quantities over the stated market size, and units compete within a market and period. The price, and with nests the
share in the nest, are instrumented by two-stage least squares where there is a randomized discount or an instrument.
With sigma = 0 all units compete alike; with nests, those of a segment compete more closely. Rows that sold nothing have
no log share and are left out, and those left are the lucky ones at high prices: where there are many, the elasticity
is biased towards 0 (Gandhi, Lu & Shi 2023, "Estimating Demand for Differentiated Products with Zeroes in Market Share
Data", Quantitative Economics 14(2)).

Written out here because pyfixest instruments one column only, and linearmodels is a package for what ten lines do.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edtech.errors import ContractError
from edtech.ml.elasticity.fitting.inference import collinearity_error, independent_columns, residualize, sandwich
from edtech.tables.arrays import Codes, Floats

REVIEW_UNSOLD_SHARE, MAX_UNSOLD_SHARE = 0.05, 0.1
"""Shares of rows that sold nothing: above the first there is no honest interval, above the second no answer.

Where Poisson sales left 4 % of the rows unsold, an elasticity of -2.77 was found as -2.65; with 9 % as -2.33, with 25 %
as -1.68, with 40 % as -1.15."""


@dataclass(frozen=True, slots=True)
class Nests:
    """Who competes with whom: codes of n rows' market and nest, each nest in one market."""

    market: Codes
    nest: Codes

    @classmethod
    def from_segments(cls, market: Codes, segment: Codes | None) -> "Nests":
        """Return the nests that segments (n,) make within markets (n,); None: each market is one nest."""
        market = np.unique(market, return_inverse=True)[1]
        nest = market if segment is None else market * (int(segment.max()) + 1) + segment
        return cls(market, np.unique(nest, return_inverse=True)[1])

    def shares(self, value: Floats, sigma: float) -> tuple[Floats, Floats]:
        """Return the shares of the market and of the nest (n,) at these utilities (n,)."""
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
    """Slopes (e,) of price and, where there are nests, sigma; `covariance` (e, e) is clustered; those of covariates."""

    slopes: Floats
    covariance: Floats
    covariate_slopes: Floats


def log_shares(share: Floats, nests: Nests) -> tuple[Floats, Floats]:
    """Return log(share / share of none) and log(share in the nest) of rows (n,) that sold something.

    Raises ContractError where a market sold more than its size, or all of it.
    """
    total = np.bincount(nests.market, weights=share)
    if total.max() >= 1:
        raise ContractError(
            "A market sold as much as its size or more, so nobody is left who bought nothing",
            expected="quantities that are shares of their market, or a column with the number of possible buyers",
            actual=f"{int((total >= 1).sum()):,} of {total.size:,} markets, one at {total.max():.3g} times its size",
            fix="name the market of each unit and a larger market size",
        )
    in_nest = np.bincount(nests.nest, weights=share)
    return np.log(share / (1 - total)[nests.market]), np.log(share / in_nest[nests.nest])


def nest_instruments(instruments: Floats, nests: Nests) -> Floats:
    """Return what moves a share in its nest from outside: how many rivals are there, and their mean instruments."""
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
    """Two-stage least squares of `outcome` (n,) on `endogenous` (n, e) and `controls` (n, c), effects taken out.

    Raises ConvergenceError where the instruments do not move the endogenous columns apart.
    """
    e, c = endogenous.shape[1], controls.shape[1]
    residuals = residualize(np.column_stack([outcome, endogenous, controls, instruments]), effects, np.ones_like(outcome))
    independent = independent_columns(residuals[:, 1 + e : 1 + e + c])
    exogenous = residuals[:, 1 + e : 1 + e + c][:, independent]
    regressors, all_instruments = np.column_stack([residuals[:, 1 : 1 + e], exogenous]), np.column_stack([exogenous, residuals[:, 1 + e + c :]])
    fitted = all_instruments @ np.linalg.lstsq(all_instruments, regressors, rcond=None)[0]
    if np.linalg.matrix_rank(fitted) < fitted.shape[1]:
        raise collinearity_error()
    bread = np.linalg.inv(fitted.T @ fitted)
    slopes = bread @ (fitted.T @ residuals[:, 0])
    influence = (fitted * (residuals[:, 0] - regressors @ slopes)[:, None]) @ bread
    covariate_slopes = np.zeros(c)
    covariate_slopes[independent] = slopes[e:]
    return ShareFit(slopes[:e], sandwich(influence, cluster)[:e, :e], covariate_slopes)
