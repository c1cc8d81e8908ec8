"""Charts of runs against each other."""

import altair as alt
import numpy as np
import pandas as pd

from edtech.charts.base import BLUE, GREY, ORANGE, PALETTE, heading, label, layered, need, thin

MOST_LINES = 200
MOST_POINTS = 300
WIDEST = 220
"""Pixels that a name beside an axis may take."""
BELOW = alt.Legend(orient="bottom", columns=2, labelLimit=WIDEST, title=None)  # beside, it takes half of a phone


def parallel(frame: pd.DataFrame, names: list[str], *, title: str, color: str | None = None) -> alt.Chart:
    """Draw a line for each run over the numeric columns `names`, each scaled from its lowest to its highest value.

    `frame` has `run` and the columns; rows without all of them are left out. `color` is one of the columns.
    """
    shown = need(frame, ("run", *names), "parallel coordinates").replace([np.inf, -np.inf], np.nan).dropna()
    shown = need(shown, ("run", *names), "parallel coordinates").head(MOST_LINES)
    values = shown[names].astype(float)
    width = (values.max() - values.min()).replace(0, 1)
    scaled = (values - values.min()) / width
    long = scaled.assign(run=shown["run"].map(label)).melt("run", var_name="column", value_name="place")
    long["value"] = values.melt(value_name="value")["value"].to_numpy()
    long["shade"] = np.tile(scaled[color].to_numpy() if color else np.zeros(len(scaled)), len(names))
    note = f"each axis from its lowest to its highest value; {len(shown):,} of {len(frame):,} runs"
    chart = alt.Chart(long, title=heading(title, note), height=320, background="transparent").mark_line(opacity=0.6)
    shade = alt.Color("shade:Q", legend=None, scale=alt.Scale(range=[ORANGE, BLUE])) if color else alt.value(BLUE)
    drawn: alt.Chart = chart.encode(
        x=alt.X("column:N", sort=names, title=None, axis=alt.Axis(labelAngle=-25, labelLimit=WIDEST)),
        y=alt.Y("place:Q", title="lowest to highest", axis=alt.Axis(values=[0, 1])),
        detail="run:N", color=shade, tooltip=["run:N", "column:N", "value:Q"],
    )  # fmt: skip
    return drawn


def box(frame: pd.DataFrame, *, title: str, y_title: str) -> alt.LayerChart:
    """Draw `value` by `group` as boxes with every run as a point."""
    shown, note = thin(need(frame, ("group", "value"), "boxes by group"))
    shown = shown.assign(group=shown["group"].map(label))
    base = alt.Chart(shown).encode(
        x=alt.X("group:N", title=None), y=alt.Y("value:Q", title=label(y_title)).scale(zero=False)
    )
    boxes = base.mark_boxplot(color=BLUE, opacity=0.5, outliers=False)
    return layered(
        [boxes, base.mark_circle(color=GREY, opacity=0.7).encode(tooltip=["group", "value"])], heading(title, note)
    )


def lines(frame: pd.DataFrame, *, title: str, x_title: str, y_title: str, equal: bool = False) -> alt.LayerChart:
    """Draw `y` over `x` for each `run`; `equal` adds the line on which both are the same."""
    shown, note = thin(need(frame, ("run", "x", "y"), "lines by run"), 20_000)
    shown = shown.assign(run=shown["run"].map(label))
    base = alt.Chart(shown).encode(
        x=alt.X("x:Q", title=label(x_title)), y=alt.Y("y:Q", title=label(y_title)).scale(zero=False)
    )  # fmt: skip
    color = alt.Color("run:N", title=None, legend=BELOW, scale=alt.Scale(range=list(PALETTE)))
    layers = [
        base.mark_line(point=len(shown) <= MOST_POINTS).encode(
            color=color, strokeDash=alt.StrokeDash("run:N", legend=BELOW), tooltip=["run", "x", "y"]
        )
    ]
    if equal:
        ends = pd.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0]})
        layers.append(alt.Chart(ends).mark_line(color=GREY, strokeDash=[4, 4]).encode(x="x:Q", y="y:Q"))
    return layered(layers, heading(title, note))


def over_time(frame: pd.DataFrame, *, title: str, y_title: str) -> alt.LayerChart:
    """Draw `value` over `time` (when a run started) by `group`, each group with a color and a shape."""
    shown, note = thin(need(frame, ("time", "value", "group", "run"), "a metric over time"))
    base = alt.Chart(shown.assign(group=shown["group"].map(label), run=shown["run"].map(label))).encode(
        x=alt.X("time:T", title="Started"), y=alt.Y("value:Q", title=label(y_title)).scale(zero=False),
        color=alt.Color("group:N", title=None, legend=BELOW, scale=alt.Scale(range=list(PALETTE))),
    )  # fmt: skip
    points = base.mark_point(filled=True, size=60).encode(
        shape=alt.Shape("group:N", legend=BELOW), tooltip=["run", "group", "time", "value"]
    )
    return layered([base.mark_line(opacity=0.4), points], heading(title, note))


def importance_side_by_side(frame: pd.DataFrame, *, title: str, top: int = 12) -> alt.Chart:
    """Draw the share of importance of the `top` features for each run: `run`, `feature`, `share`."""
    frame = need(frame, ("run", "feature", "share"), "importance side by side")
    order = frame.groupby("feature")["share"].mean().nlargest(top).index.tolist()
    shown = frame[frame["feature"].isin(order)].assign(run=lambda rows: rows["run"].map(label))
    chart = alt.Chart(shown, title=heading(title, f"{len(order)} features"), background="transparent").mark_bar()
    drawn: alt.Chart = chart.encode(
        y=alt.Y("feature:N", sort=order, title=None, axis=alt.Axis(labelLimit=WIDEST)), yOffset="run:N",
        x=alt.X("share:Q", title="Share of the run's importance", axis=alt.Axis(format="%")),
        color=alt.Color("run:N", title=None, legend=BELOW, scale=alt.Scale(range=list(PALETTE))),
        tooltip=["run", "feature", "share"],
    )  # fmt: skip
    return drawn


def interval_rows(frame: pd.DataFrame, *, title: str, x_title: str) -> alt.LayerChart:
    """Draw `mean` with `low` to `high` for each `group`."""
    shown = need(frame, ("group", "mean"), "means by group").assign(group=lambda rows: rows["group"].map(label))
    base = alt.Chart(shown).encode(y=alt.Y("group:N", sort=None, title=None, axis=alt.Axis(labelLimit=WIDEST)))
    points = base.mark_point(color=BLUE, filled=True, size=80).encode(
        x=alt.X("mean:Q", title=label(x_title)).scale(zero=False), tooltip=["group", "mean", "low", "high"]
    )  # fmt: skip
    return layered(
        [base.mark_rule(color=ORANGE, strokeWidth=3).encode(x="low:Q", x2="high:Q"), points], heading(title), 24
    )
