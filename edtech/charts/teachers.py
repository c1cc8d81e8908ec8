"""Charts of teachers: the interval of each rank, and what shrinking does to means of few ratings."""

import altair as alt
import numpy as np
import pandas as pd

from edtech.charts.base import BLUE, MAX_ROWS, ORANGE, heading, label, layered, need, thin


def spread_out(teachers: pd.DataFrame, most: int = MAX_ROWS) -> tuple[pd.DataFrame, str]:
    """Return at most `most` teachers, evenly from the first rank to the last, and what is left out in words."""
    if len(teachers) <= most:
        return teachers, ""
    subset = np.unique(np.linspace(0, len(teachers) - 1, most).round().astype(int))
    return teachers.iloc[subset], f"{len(subset)} of {len(teachers):,} teachers shown, evenly from first to last"


def rank_intervals(teachers: pd.DataFrame, *, title: str) -> alt.LayerChart:
    """Draw each teacher's rank with its 90 % interval, the best on top: teacher, ratings, rank, rank_low, rank_high."""
    frame = need(teachers, ("teacher", "ratings", "rank", "rank_low", "rank_high"), "rank intervals")
    rows, note = spread_out(frame.sort_values("rank"))
    rows = rows.assign(teacher=rows["teacher"].map(label))
    base = alt.Chart(rows).encode(y=alt.Y("teacher:N", sort=None, title=None))
    axis = alt.X("rank_low:Q", title="Rank with its 90 % interval (1 is best)").scale(zero=False)
    sentence = ["teacher", "ratings", "rank", "rank_low", "rank_high"]
    bars = base.mark_rule(color=BLUE, opacity=0.5, strokeWidth=5).encode(x=axis, x2="rank_high:Q", tooltip=sentence)
    points = base.mark_point(color=BLUE, filled=True, size=50).encode(x="rank:Q", tooltip=sentence)
    return layered([bars, points], heading(title, note), step=20)


def effects_by_ratings(teachers: pd.DataFrame, *, title: str, unit: str = "stars") -> alt.LayerChart:
    """Draw each teacher's effect and raw mean, both against the mean of all, over the number of ratings."""
    frame = need(teachers, ("teacher", "ratings", "mean", "effect"), "effects by ratings")
    rows, note = thin(frame.assign(raw=frame["mean"] - frame["mean"].mean()))
    base = alt.Chart(rows).encode(x=alt.X("ratings:Q", title="Ratings (log scale)").scale(type="log"))
    sentence = ["teacher", "ratings", "mean", "effect"]
    y = alt.Y("raw:Q", title=f"Against the average teacher ({label(unit)})")
    raw = base.mark_point(color=ORANGE, opacity=0.7).encode(y=y, tooltip=sentence)
    ours = base.mark_point(color=BLUE, filled=True, size=45).encode(y="effect:Q", tooltip=sentence)
    lines = base.mark_rule(color=BLUE, opacity=0.3).encode(y=y, y2="effect:Q")
    return layered([lines, raw, ours], heading(title, "blue: the effect; orange: the raw mean", note))
