"""Draw matplotlib figures for files: the PNG artifacts of a run and the figures of a report.

These use `matplotlib.figure.Figure` instead of pyplot, whose global state is not thread-safe. Legends have a fixed
position, because matplotlib's search for the best position can take a second and then warns.
"""

from functools import cache
from itertools import pairwise
from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ticker import PercentFormatter

from edtech.charts.base import BLUE, GREEN, GREY, ORANGE, first, has_interval, label, need, thin
from edtech.charts.teachers import spread_out
from edtech.tables.formatting import format_change


def actual_vs_predicted(frame: pd.DataFrame, *, title: str, unit: str = "enrollments / week") -> Figure:
    """Draw `predicted` against `actual`, with the diagonal."""
    frame, note = thin(need(frame, ("actual", "predicted"), "actual against predicted"))
    figure, axes = blank(title, note, f"Actual ({unit})", f"Predicted ({unit})")
    axes.scatter(frame["actual"], frame["predicted"], s=10, alpha=0.4, color=BLUE, linewidths=0)
    axes.axline((0, 0), slope=1, color=ORANGE, linestyle="--", label="predicted = actual")
    axes.legend(frameon=False, loc="upper left")
    return figure


def residuals_plot(frame: pd.DataFrame, *, title: str, unit: str = "enrollments / week") -> Figure:
    """Draw residuals (`actual` minus `predicted`) over `predicted`."""
    frame, note = thin(need(frame, ("actual", "predicted"), "residuals"))
    figure, axes = blank(title, note, f"Predicted ({unit})", f"Residual ({unit})")
    axes.scatter(frame["predicted"], frame["actual"] - frame["predicted"], s=10, alpha=0.4, color=BLUE, linewidths=0)
    axes.axhline(0, color=ORANGE, linestyle="--")
    return figure


def residuals_histogram(frame: pd.DataFrame, *, title: str, unit: str = "enrollments / week") -> Figure:
    """Draw the histogram of residuals (`actual` minus `predicted`) and their mean."""
    frame = need(frame, ("actual", "predicted"), "histogram of residuals")
    errors = frame["actual"] - frame["predicted"]
    figure, axes = blank(title, "", f"Residual ({unit})", "Rows")
    axes.hist(errors, bins=40, color=BLUE)
    axes.axvline(float(errors.mean()), color=ORANGE, linestyle="--", label=f"mean {errors.mean():+.3g}")
    axes.legend(frameon=False, loc="upper right")
    return figure


def feature_importance(
    frame: pd.DataFrame, *, title: str, unit: str = "loss of R² when shuffled", top: int = 15
) -> Figure:
    """Draw the `top` features by `importance`, with the interval `low` to `high` if given."""
    frame = need(frame, ("feature", "importance"), "importance").sort_values("importance", ascending=False)
    rows, note = first(frame, "features", top)
    figure, axes = blank(title, note, f"Importance ({unit})", "", rows=len(rows))
    axes.barh(range(len(rows)), rows["importance"], color=BLUE)
    if has_interval(rows):
        axes.hlines(range(len(rows)), rows["low"], rows["high"], color=ORANGE, linewidth=2)
    _name_rows(axes, rows["feature"])
    return figure


def elasticity_by_segment(
    segments: pd.DataFrame, *, naive: float | None, title: str, truth: float | None = None
) -> Figure:
    """Draw the own-price elasticity of each segment with its 95% interval; arguments as in `charts.pricing`."""
    rows, note = first(need(segments, ("segment", "estimate"), "elasticity by segment"), "segments")
    figure, axes = blank(title, note, "Own-price elasticity (% demand per 1% price)", "", rows=len(rows))
    if has_interval(rows):
        axes.hlines(range(len(rows)), rows["low"], rows["high"], color=BLUE, linewidth=3, alpha=0.6)
    axes.plot(rows["estimate"], range(len(rows)), "o", color=BLUE)
    for at, name, color in (
        (naive, "naive (do not use)", ORANGE),
        (truth, "ground truth", GREEN),
        (0.0, "no effect", GREY),
    ):
        if at is not None:
            axes.axvline(at, color=color, linestyle="--", label=name)
    if "truth" in rows.columns:
        axes.plot(rows["truth"], range(len(rows)), "|", color=GREEN, markersize=18, markeredgewidth=3)
    _name_rows(axes, rows["segment"])
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def revenue_curve(
    curve: pd.DataFrame,
    *,
    today: float = 0.0,
    peak: float | None,
    support: tuple[float, float],
    title: str,
    unit: str = "tokens / week",
) -> Figure:
    """Draw revenue over a relative price change; arguments as in `charts.pricing`."""
    curve = need(curve, ("change", "revenue"), "revenue curve").sort_values("change")
    figure, axes = blank(title, "", "Price change from today", f"Token revenue ({unit})")
    axes.axvspan(*support, color=GREY, alpha=0.15, linewidth=0, label="observed prices")
    if has_interval(curve):
        band = curve["change"], curve["low"], curve["high"]
        axes.fill_between(*band, color=BLUE, alpha=0.2, linewidth=0, label="95% interval")
    edges = [-np.inf, support[0], support[1], np.inf]
    for (start, end), style, name in zip(pairwise(edges), ("--", "-", "--"), (None, None, "extrapolated"), strict=True):
        segment = _between(curve[["change", "revenue"]], start, end)
        axes.plot(segment["change"], segment["revenue"], color=BLUE, linestyle=style, label=name)
    axes.axvline(today, color=GREY, label="today")
    if peak is not None:
        axes.axvline(peak, color=GREEN, label=f"peak {format_change(peak, 0)}")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def rank_intervals(teachers: pd.DataFrame, *, title: str) -> Figure:
    """Draw the rank of each teacher with its 90% interval, rank 1 on top; arguments as in `charts.teachers`."""
    frame = need(teachers, ("teacher", "rank", "rank_low", "rank_high"), "rank intervals").sort_values("rank")
    rows, note = spread_out(frame)
    figure, axes = blank(title, note, "Rank with 90% interval (1 is highest)", "", rows=len(rows))
    axes.hlines(range(len(rows)), rows["rank_low"], rows["rank_high"], color=BLUE, linewidth=4, alpha=0.5)
    axes.plot(rows["rank"], range(len(rows)), "o", color=BLUE)
    _name_rows(axes, rows["teacher"])
    return figure


def effects_by_ratings(teachers: pd.DataFrame, *, title: str, unit: str = "stars") -> Figure:
    """Draw teacher effects and raw means over the number of ratings; arguments as in `charts.teachers`."""
    frame, note = thin(need(teachers, ("ratings", "mean", "effect"), "effects by ratings"))
    raw = frame["mean"] - teachers["mean"].mean()
    figure, axes = blank(title, note, "Ratings (log scale)", f"Difference from average teacher ({unit})")
    axes.vlines(frame["ratings"], raw, frame["effect"], color=BLUE, alpha=0.3)
    axes.plot(frame["ratings"], raw, "o", color=ORANGE, markerfacecolor="none", label="raw mean")
    axes.plot(frame["ratings"], frame["effect"], "o", color=BLUE, label="teacher effect")
    axes.set_xscale("log")
    axes.legend(frameon=False, loc="upper right")
    return figure


def _between(curve: pd.DataFrame, start: float, end: float) -> pd.DataFrame:
    """Return the curve from start to end, with both ends interpolated."""
    low, high = curve["change"].min(), curve["change"].max()
    inner = curve["change"][curve["change"].between(start, end)]
    at = np.unique([*np.clip([start, end], low, high), *inner])
    return pd.DataFrame({"change": at, "revenue": np.interp(at, curve["change"], curve["revenue"])})


def blank(title: str, note: str, x: str, y: str, rows: int | None = None) -> tuple[Figure, Axes]:
    """Return an empty figure without margins; with `rows`, high enough for a name per row."""
    height = 4.0 if rows is None else 1.4 + 0.28 * rows
    figure = Figure(figsize=(7.2, height))
    axes = figure.add_subplot()
    lines = [*wrap(plain(title, 160), 80), *filter(None, [plain(note, 90)])]
    figure.suptitle("\n".join(lines), fontsize=11, ha="left", va="top")
    axes.set_xlabel(plain(x))
    axes.set_ylabel(plain(y))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    return figure, axes


def _name_rows(axes: Axes, names: pd.Series) -> None:
    axes.set_yticks(range(len(names)), [plain(name, 30) for name in names])
    axes.invert_yaxis()


def plain(text: object, longest: int = 60) -> str:
    """Return text without formulas and without letters that the font lacks, because matplotlib would warn."""
    points = (letter if ord(letter) in _letters() else "\N{REPLACEMENT CHARACTER}" for letter in label(text, longest))
    return "".join(points).replace("$", r"\$")


@cache
def _letters() -> frozenset[int]:
    """Return the code points that the font can draw."""
    return frozenset(get_font(findfont(FontProperties())).get_charmap())
