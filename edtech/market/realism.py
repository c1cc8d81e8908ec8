"""Realism of a generated market: the figures that docs/market.md compares with published ranges."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from edtech.market.storage import Market

EXPONENTIAL_SHARE = 0.33
"""Share of the top tenth if sizes are exponential, 0.1 (1 + ln 10); above it, the tail is heavy."""


@dataclass(frozen=True, slots=True)
class Realism:
    """Figures of a market.

    `top_share`: share of enrollments of the tenth of courses with the most. `price_quality`: correlation of true
    quality and log price within categories. `naive_elasticity`: pooled slope of log(1 + enrollments) on log price,
    versus the `true_elasticity`. `conversion` of views, `completion` of enrollments, and the mean `monthly_churn` are
    shares.
    """

    top_share: float
    price_quality: float
    naive_elasticity: float
    true_elasticity: float
    conversion: float
    completion: float
    monthly_churn: float


def measure_realism(market: Market) -> Realism:
    """Measure the realism figures of a market."""
    panel = market.tables["course_weeks"]
    sold = panel.groupby("course_id")["enrollments"].sum().sort_values(ascending=False)
    naive = np.polyfit(np.log(panel["token_price"]), np.log1p(panel["enrollments"]), 1)[0]
    return Realism(
        top_share=float(sold.iloc[: max(len(sold) // 10, 1)].sum() / sold.sum()),
        price_quality=_price_quality(market),
        naive_elasticity=float(naive),
        true_elasticity=market.truth.own_elasticity,
        conversion=float(panel["enrollments"].sum() / panel["views"].sum()),
        completion=float(market.tables["enrollments"]["completed"].mean()),
        monthly_churn=_monthly_churn(market, panel["week"]),
    )


def _price_quality(market: Market) -> float:
    log_price = np.log(market.tables["course_weeks"].groupby("course_id")["list_price"].mean())
    category = market.tables["courses"].set_index("course_id")["category"]
    quality = market.truth.tables["courses"].set_index("course_id")["quality"]
    return float(quality.corr(log_price - log_price.groupby(category).transform("mean")))


def _monthly_churn(market: Market, week: "pd.Series[pd.Timestamp]") -> float:
    """Return the mean share of learners present at the start of a 30-day period who leave within it."""
    left = market.truth.tables["learners"]["left_at"]
    joined = market.tables["learners"]["joined_on"]
    starts = np.arange(week.min().to_datetime64(), week.max().to_datetime64(), np.timedelta64(30, "D"))
    present = [(joined <= start) & ~(left < start) for start in starts[:-1]]
    departed = [left.between(start, stop, inclusive="left") for start, stop in pairwise(starts)]
    shares = [
        (present_learners & leaves).sum() / present_learners.sum()
        for present_learners, leaves in zip(present, departed, strict=True)
        if present_learners.any()
    ]
    return float(np.mean(shares)) if shares else float("nan")
