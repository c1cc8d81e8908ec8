"""Charts of classifiers and survival models; the PNG files of a run share `AXES`."""

from dataclasses import dataclass
from typing import Any, Literal

import altair as alt
import pandas as pd

from edtech.charts.base import BLUE, ORANGE, PALETTE, TEXT, heading, label, layered, need


@dataclass(frozen=True, slots=True)
class Axes:
    """The columns of a curve, the titles of its axes, and its reference line."""

    x: str
    y: str
    x_title: str
    y_title: str
    reference: Literal["diagonal", "zero", "none"] = "none"
    reference_name: str = ""
    steps: bool = False
    by: str | None = None


AXES = {
    "calibration": Axes(
        "predicted", "observed", "Predicted probability", "Observed share", "diagonal", "perfect calibration"
    ),
    "roc": Axes("false_positive", "true_positive", "False positive rate", "True positive rate", "diagonal", "chance"),
    "precision_recall": Axes("recall", "precision", "Recall", "Precision"),
    "gain": Axes(
        "share",
        "captured",
        "Share of rows, highest scores first",
        "Share of positives captured",
        "diagonal",
        "random order",
    ),
    "profit": Axes(
        "share",
        "earned",
        "Share of rows targeted, highest scores first",
        "Tokens per 1,000 rows",
        "zero",
        "no targeting",
    ),
    "survival": Axes("time", "share", "Time", "Survival probability", steps=True, by="cohort"),
}
"""The axes of each curve, by its name."""


def curve(frame: pd.DataFrame, *, kind: str, title: str, x_title: str = "") -> alt.LayerChart:
    """Draw a curve of `AXES`, with an interval if `low` and `high` are given; `x_title` replaces the default title."""
    axes = AXES[kind]
    columns = (axes.x, axes.y, *((axes.by,) if axes.by else ()))
    frame = need(frame, columns, kind)
    shape: Literal["step-after", "linear"] = "step-after" if axes.steps else "linear"
    color: Any = alt.value(BLUE)
    if axes.by:
        frame = frame.assign(**{axes.by: frame[axes.by].map(label)})
        color = alt.Color(f"{axes.by}:N", title=None).scale(range=list(PALETTE))
    base = alt.Chart(frame).encode(x=alt.X(f"{axes.x}:Q", title=x_title or axes.x_title), color=color)
    line = base.mark_line(point=kind == "calibration", interpolate=shape)
    layers = [line.encode(y=alt.Y(f"{axes.y}:Q", title=axes.y_title), tooltip=list(columns))]
    if {"low", "high"} <= set(frame.columns):
        band = base.mark_rule() if kind == "calibration" else base.mark_area(opacity=0.15, interpolate=shape)
        layers.insert(0, band.encode(y="low:Q", y2="high:Q"))
    note = ""
    if axes.reference != "none":
        ends = [float(frame[axes.x].min()), float(frame[axes.x].max())]
        level = ends if axes.reference == "diagonal" else [0.0, 0.0]
        rule = alt.Chart(pd.DataFrame({axes.x: ends, axes.y: level})).mark_line(color=ORANGE, strokeDash=[5, 4])
        layers.append(rule.encode(x=f"{axes.x}:Q", y=f"{axes.y}:Q"))
        note = f"Dashed: {axes.reference_name}"
    return layered(layers, heading(title, note))


def confusion_matrix(frame: pd.DataFrame, *, title: str) -> alt.LayerChart:
    """Draw the number of `rows` by actual `outcome` (yes, no) and predicted class `said`."""
    frame = need(frame, ("outcome", "said", "rows"), "confusion matrix")
    base = alt.Chart(frame).encode(
        x=alt.X("said:N", title="Predicted", sort=["yes", "no"]).axis(labelAngle=0),
        y=alt.Y("outcome:N", title="Actual", sort=["yes", "no"]),
    )
    cells = base.mark_rect(stroke=TEXT, fill=BLUE).encode(
        opacity=alt.Opacity("rows:Q", legend=None).scale(domainMin=0, range=[0.05, 0.6])
    )
    text = base.mark_text(fontSize=16, color=TEXT).encode(text=alt.Text("rows:Q", format=","))
    return layered(
        [cells.encode(tooltip=["outcome", alt.Tooltip("said:N", title="predicted"), "rows"]), text],
        heading(title),
        step=60,
    )


def odds(frame: pd.DataFrame, *, title: str, top: int = 15) -> alt.LayerChart:
    """Draw `ratio` by `feature` on a logarithmic axis, with the interval `low` to `high` if given."""
    rows = need(frame, ("feature", "ratio", "low", "high"), "odds ratios").head(top)
    rows = rows.assign(feature=rows["feature"].map(label))
    base = alt.Chart(rows).encode(y=alt.Y("feature:N", sort=None, title=None).axis(labelLimit=260))
    x = alt.X("ratio:Q", title="Multiplied by (95% interval)").scale(type="log")
    points = base.mark_point(filled=True, color=BLUE, size=70).encode(x=x, tooltip=["feature", "ratio", "low", "high"])
    rules = base.mark_rule(color=BLUE, strokeWidth=2).encode(x=alt.X("low:Q").scale(type="log"), x2="high:Q")
    no_effect = alt.Chart(pd.DataFrame({"ratio": [1.0]})).mark_rule(color=ORANGE, strokeDash=[5, 4]).encode(x="ratio:Q")
    return layered([rules, points, no_effect], heading(title), step=22)
