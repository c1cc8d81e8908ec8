"""Example files to download: what an upload looks like when it keeps the contract."""

import numpy as np
import pandas as pd

_CATEGORIES = ("Programming", "Design", "Languages", "Data Science")


def sample_panel_csv() -> bytes:
    """Return a demand panel of 40 courses by 26 weeks as CSV, the same at every call.

    Its columns are those of `course_weeks`. Enrollments are binomial in views with log odds that fall by 0.04 for each
    token of price; a tenth of the rows carries a discount drawn at random.
    """
    rng = np.random.default_rng(20_240_101)
    courses, weeks = 40, 26
    unit, week = np.divmod(np.arange(courses * weeks), weeks)
    list_price = rng.uniform(20, 60, courses).round()[unit]
    randomized = rng.random(len(unit)) < 0.1
    discount = np.where(randomized, rng.choice([0.0, 0.1, 0.2, 0.3], len(unit)), 0.0)
    price = (list_price * (1 - discount)).round(2)
    views = rng.poisson(rng.uniform(40, 160, courses)[unit])
    appeal = rng.normal(0, 0.4, courses)[unit] + 0.03 * (list_price - 40)
    frame = pd.DataFrame(
        {
            "course_id": [f"C{i + 1:03d}" for i in unit],
            "week": (pd.Timestamp("2024-01-01") + pd.to_timedelta(7 * week, unit="D")).strftime("%Y-%m-%d"),
            "category": np.array(_CATEGORIES)[unit % len(_CATEGORIES)],
            "list_price": list_price,
            "discount_pct": discount,
            "token_price": price,
            "views": views,
            "enrollments": rng.binomial(views, 1 / (1 + np.exp(0.8 - appeal + 0.04 * price))),
            "price_randomized": randomized,
            "randomized_discount": discount,
        }
    )
    return frame.to_csv(index=False, lineterminator="\n").encode()
