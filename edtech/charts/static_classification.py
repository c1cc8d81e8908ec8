"""Draw charts of classifiers and survival models with matplotlib, for files."""

from typing import Literal

import pandas as pd
from matplotlib.figure import Figure

from edtech.charts.base import ORANGE, PALETTE, need
from edtech.charts.classification import AXES
from edtech.charts.static import blank, plain


def curve(frame: pd.DataFrame, *, kind: str, title: str, x_title: str = "") -> Figure:
    """Draw a curve of `AXES`; arguments as in `charts.classification`."""
    axes = AXES[kind]
    frame = need(frame, (axes.x, axes.y, *((axes.by,) if axes.by else ())), kind)
    figure, plot = blank(title, "", x_title or axes.x_title, axes.y_title)
    groups = [("", frame)] if axes.by is None else [(str(name), segment) for name, segment in frame.groupby(axes.by)]
    style = "steps-post" if axes.steps else "default"
    for number, (name, segment) in enumerate(groups):
        color = PALETTE[number % len(PALETTE)]
        marker = "o" if kind == "calibration" else None
        plot.plot(
            segment[axes.x], segment[axes.y], color=color, drawstyle=style, marker=marker, label=plain(name) or None
        )
        if {"low", "high"} <= set(segment.columns):
            if kind == "calibration":
                plot.vlines(segment[axes.x], segment["low"], segment["high"], color=color)
            else:
                step: Literal["post"] | None = "post" if axes.steps else None
                plot.fill_between(segment[axes.x], segment["low"], segment["high"], color=color, alpha=0.15, step=step)
    if axes.reference != "none":
        ends = [frame[axes.x].min(), frame[axes.x].max()]
        level = ends if axes.reference == "diagonal" else [0, 0]
        plot.plot(ends, level, color=ORANGE, linestyle="--", label=axes.reference_name)
    if axes.reference != "none" or axes.by:
        plot.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def confusion_matrix(frame: pd.DataFrame, *, title: str) -> Figure:
    """Draw the number of `rows` by actual `outcome` (yes, no) and predicted class `said`."""
    frame = need(frame, ("outcome", "said", "rows"), "confusion matrix")
    cells = frame.pivot_table(index="outcome", columns="said", values="rows").loc[["yes", "no"], ["yes", "no"]]
    figure, plot = blank(title, "", "Predicted", "Actual")
    plot.grid(visible=False)
    plot.imshow(cells, cmap="Blues", vmin=0, vmax=2 * max(cells.to_numpy().max(), 1))
    plot.set_xticks([0, 1], ["yes", "no"])
    plot.set_yticks([0, 1], ["yes", "no"])
    counts = cells.to_numpy(dtype=float)
    for row in range(2):
        for column in range(2):
            plot.text(column, row, f"{counts[row, column]:,.0f}", ha="center", va="center", color="black")
    return figure
