"""Charts that compare runs."""

from textwrap import wrap

import altair as alt
import numpy as np
import pandas as pd

from edtech.charts.base import BLUE, GREY, ORANGE, PALETTE, WIDEST, heading, label, layered, need, thin

MOST_LINES = 200
MOST_POINTS = 300
MOST_NAMED = 2 * len(PALETTE)
DASHES = [[1, 0]] * len(PALETTE) + [[5, 3]] * len(PALETTE)
"""Line styles of a legend: each color appears once solid and once dashed."""
NARROW = 20
BROKEN = "split(datum.label, '\\n')"
"""Names beside an axis wrap after `NARROW` letters, which leaves room on a phone."""
BELOW = alt.Legend(orient="bottom", columns=2, labelLimit=WIDEST, title=None)  # beside, it takes half of a phone


def parallel(frame: pd.DataFrame, names: list[str], *, title: str) -> alt.Chart:
    """Draw each run as a line over the numeric columns `names`, each scaled to its range.

    The axes lie below each other, so that their names never overlap. `frame` has `run` and the columns; incomplete rows
    are left out. A legend names up to ten runs; the last column colors the lines of more runs.
    """
    rows = need(frame, ("run", *names), "parallel coordinates").replace([np.inf, -np.inf], np.nan).dropna()
    rows = need(rows, ("run", *names), "parallel coordinates").head(MOST_LINES)
    values = rows[names].astype(float)
    scaled = (values - values.min()) / (values.max() - values.min()).replace(0, 1)
    long = scaled.assign(run=rows["run"].map(label)).melt("run", var_name="column", value_name="scaled")
    long["value"] = values.melt(value_name="value")["value"].to_numpy()
    long["at"] = np.repeat(np.arange(len(names)), len(rows))
    long["shade"] = np.tile(scaled[names[-1]].to_numpy(), len(names))
    lines = {"\n".join(wrap(label(name), NARROW)): name for name in names}
    long["column"] = long["column"].map({name: text for text, name in lines.items()})
    few = len(rows) <= MOST_NAMED
    note = f"each axis runs from its lowest (left) to its highest value; {len(rows):,} of {len(frame):,} runs"
    shaded = "" if few else f"color: {names[-1]} from low (orange) to high (blue); hover over a line for its run"
    chart = alt.Chart(long, title=heading(title, note, shaded), height=alt.Step(48), background="transparent")
    below = alt.Legend(orient="bottom", columns=1, labelLimit=2 * WIDEST, title=None)
    named = alt.Color("run:N", legend=below, scale=alt.Scale(range=list(PALETTE)))
    dashed = {"strokeDash": alt.StrokeDash("run:N", legend=below, scale=alt.Scale(range=DASHES))} if few else {}
    points: alt.Chart = chart.mark_line(opacity=0.7, point=few).encode(
        y=alt.Y("column:N", sort=list(lines), title=None, axis=alt.Axis(labelExpr=BROKEN, grid=True)),
        x=alt.X("scaled:Q", title=None, axis=alt.Axis(values=[0, 1], labelExpr="datum.value ? 'highest' : 'lowest'")),
        color=named if few else alt.Color("shade:Q", legend=None, scale=alt.Scale(range=[ORANGE, BLUE])),
        order="at:Q",
        detail="run:N",
        tooltip=["run:N", "column:N", "value:Q"],
        **dashed,
    )
    return points


def box(frame: pd.DataFrame, *, title: str, y_title: str) -> alt.LayerChart:
    """Draw box plots of `value` by `group`, with each run as a point."""
    rows, note = thin(need(frame, ("group", "value"), "boxes by group"))
    rows = rows.assign(group=rows["group"].map(label))
    base = alt.Chart(rows).encode(
        x=alt.X("group:N", title=None), y=alt.Y("value:Q", title=label(y_title)).scale(zero=False)
    )
    boxes = base.mark_boxplot(color=BLUE, opacity=0.5, outliers=False)
    return layered(
        [boxes, base.mark_circle(color=GREY, opacity=0.7).encode(tooltip=["group", "value"])], heading(title, note)
    )


def lines(frame: pd.DataFrame, *, title: str, x_title: str, y_title: str, equal: bool = False) -> alt.LayerChart:
    """Draw `y` over `x` for each `run`; `equal` adds the diagonal."""
    rows, note = thin(need(frame, ("run", "x", "y"), "lines by run"), 20_000)
    rows = rows.assign(run=rows["run"].map(label))
    base = alt.Chart(rows).encode(
        x=alt.X("x:Q", title=label(x_title)), y=alt.Y("y:Q", title=label(y_title)).scale(zero=False)
    )
    color = alt.Color("run:N", title=None, legend=BELOW, scale=alt.Scale(range=list(PALETTE)))
    layers = [
        base.mark_line(point=len(rows) <= MOST_POINTS).encode(
            color=color, strokeDash=alt.StrokeDash("run:N", legend=BELOW), tooltip=["run", "x", "y"]
        )
    ]
    if equal:
        ends = pd.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0]})
        layers.append(alt.Chart(ends).mark_line(color=GREY, strokeDash=[4, 4]).encode(x="x:Q", y="y:Q"))
    return layered(layers, heading(title, note))


def over_time(frame: pd.DataFrame, *, title: str, y_title: str) -> alt.LayerChart:
    """Draw `value` over `time` (start of the run) by `group`, with a color and a shape per group."""
    rows, note = thin(need(frame, ("time", "value", "group", "run"), "a metric over time"))
    base = alt.Chart(rows.assign(group=rows["group"].map(label), run=rows["run"].map(label))).encode(
        x=alt.X("time:T", title="Started"),
        y=alt.Y("value:Q", title=label(y_title)).scale(zero=False),
        color=alt.Color("group:N", title=None, legend=BELOW, scale=alt.Scale(range=list(PALETTE))),
    )
    points = base.mark_point(filled=True, size=60).encode(
        shape=alt.Shape("group:N", legend=BELOW), tooltip=["run", "group", "time", "value"]
    )
    return layered([base.mark_line(opacity=0.4), points], heading(title, note))


def importance_side_by_side(frame: pd.DataFrame, *, title: str, top: int = 12) -> alt.Chart:
    """Draw the share of importance of the `top` features for each run: `run`, `feature`, `share`."""
    frame = need(frame, ("run", "feature", "share"), "importance side by side")
    order = frame.groupby("feature")["share"].mean().nlargest(top).index.tolist()
    visible = frame[frame["feature"].isin(order)].assign(run=lambda rows: rows["run"].map(label))
    chart = alt.Chart(visible, title=heading(title, f"{len(order)} features"), background="transparent").mark_bar()
    points: alt.Chart = chart.encode(
        y=alt.Y("feature:N", sort=order, title=None, axis=alt.Axis(labelLimit=WIDEST)),
        yOffset="run:N",
        x=alt.X("share:Q", title="Share of the run's importance", axis=alt.Axis(format="%")),
        color=alt.Color("run:N", title=None, legend=BELOW, scale=alt.Scale(range=list(PALETTE))),
        tooltip=["run", "feature", "share"],
    )
    return points


def interval_rows(frame: pd.DataFrame, *, title: str, x_title: str) -> alt.LayerChart:
    """Draw `mean` with `low` to `high` for each `group`."""
    visible = need(frame, ("group", "mean"), "means by group").assign(group=lambda rows: rows["group"].map(label))
    base = alt.Chart(visible).encode(y=alt.Y("group:N", sort=None, title=None, axis=alt.Axis(labelLimit=WIDEST)))
    points = base.mark_point(color=BLUE, filled=True, size=80).encode(
        x=alt.X("mean:Q", title=label(x_title)).scale(zero=False), tooltip=["group", "mean", "low", "high"]
    )
    return layered(
        [base.mark_rule(color=ORANGE, strokeWidth=3).encode(x="low:Q", x2="high:Q"), points], heading(title), 24
    )
