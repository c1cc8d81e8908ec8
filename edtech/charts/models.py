"""Charts of model performance, and of metrics across runs."""

import altair as alt
import numpy as np
import pandas as pd

from edtech.charts.base import BLUE, ORANGE, TEXT, WIDEST, first, has_interval, heading, label, layered, need, thin


def actual_vs_predicted(frame: pd.DataFrame, *, title: str, unit: str = "enrollments / week") -> alt.LayerChart:
    """Draw `predicted` against `actual`, with the diagonal."""
    frame, note = thin(need(frame, ("actual", "predicted"), "actual against predicted"))
    both = frame[["actual", "predicted"]].to_numpy()
    ends = [both.min(), both.max()]
    points = alt.Chart(frame).mark_circle(color=BLUE, opacity=0.4)
    diagonal = alt.Chart(pd.DataFrame({"actual": ends, "predicted": ends})).mark_line(color=ORANGE, strokeDash=[5, 4])
    axes = {
        "x": alt.X("actual:Q", title=f"Actual ({label(unit)})"),
        "y": alt.Y("predicted:Q", title=f"Predicted ({label(unit)})"),
    }
    return layered(
        [points.encode(**axes, tooltip=["actual", "predicted"]), diagonal.encode(**axes)], heading(title, note)
    )


def residuals(frame: pd.DataFrame, *, title: str, unit: str = "enrollments / week") -> alt.LayerChart:
    """Draw residuals (`actual` minus `predicted`) over `predicted`."""
    frame, note = thin(need(frame, ("actual", "predicted"), "residuals"))
    frame = frame.assign(residual=frame["actual"] - frame["predicted"])
    points = alt.Chart(frame).mark_circle(color=BLUE, opacity=0.4)
    points = points.encode(
        x=alt.X("predicted:Q", title=f"Predicted ({label(unit)})"),
        y=alt.Y("residual:Q", title=f"Residual ({label(unit)})"),
        tooltip=["actual", "predicted", "residual"],
    )
    zero = (
        alt.Chart(pd.DataFrame({"residual": [0.0]})).mark_rule(color=ORANGE, strokeDash=[5, 4]).encode(y="residual:Q")
    )
    return layered([points, zero], heading(title, note))


def importance(
    frame: pd.DataFrame, *, title: str, unit: str = "loss of R² when shuffled", top: int = 15
) -> alt.LayerChart:
    """Draw the `top` features by `importance`, with their interval where `low`, `high` are given."""
    frame = need(frame, ("feature", "importance"), "importance").sort_values("importance", ascending=False)
    rows, note = first(frame, "features", top)
    rows = rows.assign(feature=rows["feature"].map(label))
    base = alt.Chart(rows).encode(y=alt.Y("feature:N", sort=None, title=None, axis=alt.Axis(labelLimit=WIDEST)))
    bars = base.mark_bar(color=BLUE).encode(x=alt.X("importance:Q", title=f"Importance ({label(unit)})"))
    layers = [bars.encode(tooltip=["feature", "importance"])]
    if has_interval(rows):
        layers.append(base.mark_rule(color=ORANGE, strokeWidth=3).encode(x="low:Q", x2="high:Q"))
    return layered(layers, heading(title, note), step=22)


def metric_scatter(frame: pd.DataFrame, *, title: str, x_title: str, y_title: str) -> alt.LayerChart:
    """Draw each `run` by two metrics `x` and `y`; runs without both are left out."""
    frame = need(frame, ("run", "x", "y"), "runs by two metrics")
    finite = frame.replace([np.inf, -np.inf], np.nan).dropna(subset=["x", "y"])
    left_out = len(frame) - len(finite)
    visible = need(finite, ("run", "x", "y"), "runs by two metrics").assign(run=lambda rows: rows["run"].map(label))
    note = f"{left_out} runs without both metrics are not shown" if left_out else ""
    base = alt.Chart(visible).encode(
        x=alt.X("x:Q", title=label(x_title), scale=_around(visible["x"])),
        y=alt.Y("y:Q", title=label(y_title), scale=_around(visible["y"])),
    )
    points = base.mark_point(color=BLUE, filled=True, size=110).encode(tooltip=["run", "x", "y"])
    middle = float(visible["x"].min() + visible["x"].max()) / 2
    inwards = alt.expr(f"datum.x > {middle!r} ? 'right' : 'left'")  # so that names at the edges are not cut off
    names = base.mark_text(color=TEXT, dy=-12, align=inwards).encode(text="run:N")
    return layered([points.interactive(), names], heading(title, note))


def _around(values: pd.Series) -> alt.Scale:
    """Return a scale over the values, wider if they only differ by rounding.

    Otherwise a range of 1e-9 around 8,790 would label every tick 8,790.000000.
    """
    low, high = float(values.min()), float(values.max())
    reach = 0.05 * max(abs(low), abs(high)) or 1.0
    if high - low > 1e-4 * reach:
        return alt.Scale(zero=False, padding=20)
    return alt.Scale(domain=[low - reach, high + reach], nice=True)


def time_series(frame: pd.DataFrame, *, title: str, y_title: str, x_title: str = "Week") -> alt.LayerChart:
    """Draw `value` over `period` (dates or numbers) from 0, with the interval `low` to `high` if given."""
    frame = need(frame, ("period", "value"), "time series")
    kind = "T" if pd.api.types.is_datetime64_any_dtype(frame["period"]) else "Q"
    base = alt.Chart(frame)
    base = base.encode(x=alt.X(f"period:{kind}", title=label(x_title)))
    line = base.mark_line(color=BLUE, point={"color": BLUE, "size": 18}).encode(
        y=alt.Y("value:Q", title=label(y_title)), tooltip=["period", "value"]
    )
    layers = [line.interactive(bind_y=False)]
    if has_interval(frame):
        layers.insert(0, base.mark_area(color=BLUE, opacity=0.2).encode(y="low:Q", y2="high:Q"))
    return layered(layers, heading(title))
