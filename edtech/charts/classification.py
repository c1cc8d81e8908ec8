"""Charts of probabilities against what came of them, and of who stays; `AXES` is shared with the files of a run."""

from dataclasses import dataclass
from typing import Any, Literal

import altair as alt
import pandas as pd

from edtech.charts.base import BLUE, ORANGE, PALETTE, TEXT, heading, label, layered, need


@dataclass(frozen=True, slots=True)
class Axes:
    """Which columns a curve is drawn from, what they are called, and the line to compare with."""

    x: str
    y: str
    x_title: str
    y_title: str
    reference: Literal["diagonal", "zero", "none"] = "none"
    reference_name: str = ""
    steps: bool = False
    by: str | None = None


AXES = {
    "calibration": Axes("predicted", "observed", "Predicted probability", "Observed share", "diagonal", "right"),
    "roc": Axes(
        "false_positive", "true_positive", "Share of no called yes", "Share of yes called yes", "diagonal", "by chance"
    ),
    "precision_recall": Axes("recall", "precision", "Share of yes found (recall)", "Share right (precision)"),
    "gain": Axes("share", "captured", "Likeliest share of rows", "Share of all yes in them", "diagonal", "at random"),
    "profit": Axes("share", "earned", "Share of rows shown, best first", "Tokens per 1,000 rows", "zero", "none"),
    "survival": Axes("time", "share", "Time", "Share still there", steps=True, by="cohort"),
}
"""The curves that are known."""


def curve(frame: pd.DataFrame, *, kind: str, title: str, x_title: str = "") -> alt.LayerChart:
    """Draw one of the curves of `AXES`, with its interval where `low`, `high` are given; `x_title` replaces its own."""
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
    """Draw the `rows` of each `outcome` (yes, no) by what was `said`."""
    frame = need(frame, ("outcome", "said", "rows"), "confusion matrix")
    base = alt.Chart(frame).encode(
        x=alt.X("said:N", title="Called", sort=["yes", "no"]).axis(labelAngle=0),
        y=alt.Y("outcome:N", title="Was", sort=["yes", "no"]),
    )
    cells = base.mark_rect(stroke=TEXT, fill=BLUE).encode(
        opacity=alt.Opacity("rows:Q", legend=None).scale(domainMin=0, range=[0.05, 0.6])
    )
    text = base.mark_text(fontSize=16, color=TEXT).encode(text=alt.Text("rows:Q", format=","))
    return layered([cells.encode(tooltip=["outcome", "said", "rows"]), text], heading(title), step=60)


def odds(frame: pd.DataFrame, *, title: str, top: int = 15) -> alt.LayerChart:
    """Draw odds ratios by `feature` on a logarithmic axis: `ratio` with `low`, `high` where there are any."""
    rows = need(frame, ("feature", "ratio", "low", "high"), "odds ratios").head(top)
    rows = rows.assign(feature=rows["feature"].map(label))
    base = alt.Chart(rows).encode(y=alt.Y("feature:N", sort=None, title=None).axis(labelLimit=260))
    x = alt.X("ratio:Q", title="Multiplied by (95% interval)").scale(type="log")
    points = base.mark_point(filled=True, color=BLUE, size=70).encode(x=x, tooltip=["feature", "ratio", "low", "high"])
    rules = base.mark_rule(color=BLUE, strokeWidth=2).encode(x=alt.X("low:Q").scale(type="log"), x2="high:Q")
    item = alt.Chart(pd.DataFrame({"ratio": [1.0]})).mark_rule(color=ORANGE, strokeDash=[5, 4]).encode(x="ratio:Q")
    return layered([rules, points, item], heading(title), step=22)
