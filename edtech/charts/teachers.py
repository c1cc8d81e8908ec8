"""Charts of teachers: rank intervals, and the shrinkage of means with few ratings."""

import altair as alt
import numpy as np
import pandas as pd

from edtech.charts.base import BLUE, MAX_ROWS, ORANGE, heading, label, layered, need, thin


def spread_out(teachers: pd.DataFrame, most: int = MAX_ROWS) -> tuple[pd.DataFrame, str]:
    """Return at most `most` teachers, evenly spaced by rank, and a note if teachers are left out."""
    if len(teachers) <= most:
        return teachers, ""
    subset = np.unique(np.linspace(0, len(teachers) - 1, most).round().astype(int))
    return teachers.iloc[subset], f"{len(subset)} of {len(teachers):,} teachers shown, evenly spaced by rank"


def rank_intervals(teachers: pd.DataFrame, *, title: str) -> alt.LayerChart:
    """Draw the rank of each teacher with its 90% interval, rank 1 on top.

    Columns: teacher, ratings, rank, rank_low, rank_high.
    """
    frame = need(teachers, ("teacher", "ratings", "rank", "rank_low", "rank_high"), "rank intervals")
    rows, note = spread_out(frame.sort_values("rank"))
    rows = rows.assign(teacher=rows["teacher"].map(label))
    base = alt.Chart(rows).encode(y=alt.Y("teacher:N", sort=None, title=None))
    axis = alt.X("rank_low:Q", title="Rank with 90% interval (1 is highest)").scale(zero=False)
    tooltip = ["teacher", "ratings", "rank", "rank_low", "rank_high"]
    bars = base.mark_rule(color=BLUE, opacity=0.5, strokeWidth=5).encode(x=axis, x2="rank_high:Q", tooltip=tooltip)
    points = base.mark_point(color=BLUE, filled=True, size=50).encode(x="rank:Q", tooltip=tooltip)
    return layered([bars, points], heading(title, note), step=20)


def effects_by_ratings(teachers: pd.DataFrame, *, title: str, unit: str = "stars") -> alt.LayerChart:
    """Draw teacher effects and raw means, relative to the overall mean, over the number of ratings."""
    frame = need(teachers, ("teacher", "ratings", "mean", "effect"), "effects by ratings")
    rows, note = thin(frame.assign(raw=frame["mean"] - frame["mean"].mean()))
    base = alt.Chart(rows).encode(x=alt.X("ratings:Q", title="Ratings (log scale)").scale(type="log"))
    tooltip = ["teacher", "ratings", "mean", "effect"]
    y = alt.Y("raw:Q", title=f"Difference from average teacher ({label(unit)})")
    raw = base.mark_point(color=ORANGE, opacity=0.7).encode(y=y, tooltip=tooltip)
    effects = base.mark_point(color=BLUE, filled=True, size=45).encode(y="effect:Q", tooltip=tooltip)
    lines = base.mark_rule(color=BLUE, opacity=0.3).encode(y=y, y2="effect:Q")
    return layered([lines, raw, effects], heading(title, "blue: teacher effect; orange: raw mean", note))
