"""Frame -> matplotlib figure, for files: a run's PNG artifacts and the drawings in a report.

Built on `matplotlib.figure.Figure`, not on pyplot, whose global state is not safe in threads. Legends have a
place of their own: where matplotlib looks for the best it may take a second, and then warns of it.
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


def actual_vs_predicted(frame: pd.DataFrame, *, title: str, unit: str = "enrollments / week") -> Figure:
    """Draw `predicted` against `actual` with the line on which both are equal."""
    frame, note = thin(need(frame, ("actual", "predicted"), "actual against predicted"))
    figure, axes = blank(title, note, f"Actual ({unit})", f"Predicted ({unit})")
    axes.scatter(frame["actual"], frame["predicted"], s=10, alpha=0.4, color=BLUE, linewidths=0)
    axes.axline((0, 0), slope=1, color=ORANGE, linestyle="--", label="predicted = actual")
    axes.legend(frameon=False, loc="upper left")
    return figure


def residuals_plot(frame: pd.DataFrame, *, title: str, unit: str = "enrollments / week") -> Figure:
    """Draw `actual` minus `predicted` over `predicted`."""
    frame, note = thin(need(frame, ("actual", "predicted"), "residuals"))
    figure, axes = blank(title, note, f"Predicted ({unit})", f"Actual - predicted ({unit})")
    axes.scatter(frame["predicted"], frame["actual"] - frame["predicted"], s=10, alpha=0.4, color=BLUE, linewidths=0)
    axes.axhline(0, color=ORANGE, linestyle="--")
    return figure


def residuals_histogram(frame: pd.DataFrame, *, title: str, unit: str = "enrollments / week") -> Figure:
    """Draw how often each size of `actual` minus `predicted` occurs, and the mean."""
    frame = need(frame, ("actual", "predicted"), "histogram of residuals")
    errors = frame["actual"] - frame["predicted"]
    figure, axes = blank(title, "", f"Actual - predicted ({unit})", "Rows")
    axes.hist(errors, bins=40, color=BLUE)
    axes.axvline(float(errors.mean()), color=ORANGE, linestyle="--", label=f"mean {errors.mean():+.3g}")
    axes.legend(frameon=False, loc="upper right")
    return figure


def feature_importance(
    frame: pd.DataFrame, *, title: str, unit: str = "loss of R² when shuffled", top: int = 15
) -> Figure:
    """Draw the `top` features by `importance`, with their interval where `low`, `high` are given."""
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
    """Draw each segment's own-price elasticity with its 95 % interval; arguments as in `charts.pricing`."""
    rows, note = first(need(segments, ("segment", "estimate"), "elasticity by segment"), "segments")
    figure, axes = blank(title, note, "Own-price elasticity (% demand per % price)", "", rows=len(rows))
    if has_interval(rows):
        axes.hlines(range(len(rows)), rows["low"], rows["high"], color=BLUE, linewidth=3, alpha=0.6)
    axes.plot(rows["estimate"], range(len(rows)), "o", color=BLUE)
    for at, name, color in (
        (naive, "naive (not to be used)", ORANGE),
        (truth, "truth", GREEN),
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
    best: float | None,
    support: tuple[float, float],
    title: str,
    unit: str = "tokens / week",
) -> Figure:
    """Draw revenue over a relative price change; arguments as in `charts.pricing`."""
    curve = need(curve, ("change", "revenue"), "revenue curve").sort_values("change")
    figure, axes = blank(title, "", "Price change against today", f"Token revenue ({unit})")
    axes.axvspan(*support, color=GREY, alpha=0.15, linewidth=0, label="prices seen")
    if has_interval(curve):
        band = curve["change"], curve["low"], curve["high"]
        axes.fill_between(*band, color=BLUE, alpha=0.2, linewidth=0, label="95 % interval")
    edges = [-np.inf, support[0], support[1], np.inf]
    for (start, end), style, name in zip(
        pairwise(edges), ("--", "-", "--"), (None, None, "outside: extrapolated"), strict=True
    ):
        segment = _between(curve[["change", "revenue"]], start, end)
        axes.plot(segment["change"], segment["revenue"], color=BLUE, linestyle=style, label=name)
    axes.axvline(today, color=GREY, label="today")
    if best is not None:
        axes.axvline(best, color=GREEN, label=f"best {best:+.0%}")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def rank_intervals(teachers: pd.DataFrame, *, title: str) -> Figure:
    """Draw each teacher's rank with its 90 % interval, the best on top; arguments as in `charts.teachers`."""
    frame = need(teachers, ("teacher", "rank", "rank_low", "rank_high"), "rank intervals").sort_values("rank")
    rows, note = spread_out(frame)
    figure, axes = blank(title, note, "Rank with its 90 % interval (1 is best)", "", rows=len(rows))
    axes.hlines(range(len(rows)), rows["rank_low"], rows["rank_high"], color=BLUE, linewidth=4, alpha=0.5)
    axes.plot(rows["rank"], range(len(rows)), "o", color=BLUE)
    _name_rows(axes, rows["teacher"])
    return figure


def effects_by_ratings(teachers: pd.DataFrame, *, title: str, unit: str = "stars") -> Figure:
    """Draw each teacher's effect and raw mean over the number of ratings; arguments as in `charts.teachers`."""
    frame, note = thin(need(teachers, ("ratings", "mean", "effect"), "effects by ratings"))
    raw = frame["mean"] - teachers["mean"].mean()
    figure, axes = blank(title, note, "Ratings (log scale)", f"Against the average teacher ({unit})")
    axes.vlines(frame["ratings"], raw, frame["effect"], color=BLUE, alpha=0.3)
    axes.plot(frame["ratings"], raw, "o", color=ORANGE, markerfacecolor="none", label="raw mean")
    axes.plot(frame["ratings"], frame["effect"], "o", color=BLUE, label="effect")
    axes.set_xscale("log")
    axes.legend(frameon=False, loc="upper right")
    return figure


def _between(curve: pd.DataFrame, start: float, end: float) -> pd.DataFrame:
    """Return the curve from start to end, both ends interpolated."""
    low, high = curve["change"].min(), curve["change"].max()
    inner = curve["change"][curve["change"].between(start, end)]
    at = np.unique([*np.clip([start, end], low, high), *inner])
    return pd.DataFrame({"change": at, "revenue": np.interp(at, curve["change"], curve["revenue"])})


def blank(title: str, note: str, x: str, y: str, rows: int | None = None) -> tuple[Figure, Axes]:
    """Return an empty figure, its margins still unset; with `rows`, high enough for a name on each."""
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
    """Return text that matplotlib neither takes for a formula nor lacks the letters for, which would be a warning."""
    points = (letter if ord(letter) in _letters() else "\N{REPLACEMENT CHARACTER}" for letter in label(text, longest))
    return "".join(points).replace("$", r"\$")


@cache
def _letters() -> frozenset[int]:
    """Code points that the font can draw."""
    return frozenset(get_font(findfont(FontProperties())).get_charmap())
