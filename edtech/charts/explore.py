"""Charts of a data set: distributions, price against demand, seasonality, retention, token flows."""

from html import escape

import altair as alt
import pandas as pd
import plotly.graph_objects as go

from edtech.charts.base import BLUE, PALETTE, first, heading, label, layered, need, thin

PANELS = 12
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def distribution(frame: pd.DataFrame, *, title: str, x_title: str) -> alt.LayerChart:
    """Draw a histogram of `rows` over bins `low` to `high` (numbers or dates), or bars of `rows` by `value`."""
    if "value" in frame.columns:
        rows, note = first(need(frame, ("value", "rows"), "distribution"), "values")
        rows = rows.assign(value=rows["value"].map(label))
        bars = alt.Chart(rows).mark_bar(color=BLUE)
        bars = bars.encode(
            y=alt.Y("value:N", sort=None, title=label(x_title)),
            x=alt.X("rows:Q", title="Rows"),
            tooltip=["value", alt.Tooltip("rows:Q", format=",")],
        )
        return layered([bars], heading(title, note), step=22)
    frame = _bins(frame)
    kind = "T" if pd.api.types.is_datetime64_any_dtype(frame["low"]) else "Q"
    bars = alt.Chart(frame).mark_bar(color=BLUE, stroke="white", strokeWidth=0.5)
    bars = bars.encode(
        x=alt.X(f"low:{kind}", title=label(x_title)).scale(zero=False),
        x2="high",
        y=alt.Y("rows:Q", title="Rows"),
        y2=alt.datum(0),
        tooltip=["low", "high", alt.Tooltip("rows:Q", format=",")],
    )
    return layered([bars], heading(title))


def _bins(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the bins, with a width for the single bin of a constant."""
    need(frame, ("low", "high", "rows"), "distribution")
    flat = frame["low"] == frame["high"]
    width = pd.Timedelta(days=1) if pd.api.types.is_datetime64_any_dtype(frame["low"]) else 1.0
    return frame.assign(high=frame["high"].where(~flat, frame["high"] + width))


def price_demand(
    frame: pd.DataFrame, *, price_title: str, quantity_title: str
) -> tuple[list[tuple[str, alt.Chart]], str]:
    """Draw mean `quantity` against mean `price` by unit: name and chart of each `segment`, the largest first.

    All charts share their scales. As separate charts they fit beside or below each other. Also returns a note if
    segments or points are left out.
    """
    frame = need(frame, ("price", "quantity", "segment"), "price against demand by segment")
    order = frame["segment"].value_counts().index
    few, note = first(pd.DataFrame({"segment": order}), "segments", PANELS)
    rows, thinned = thin(frame[frame["segment"].isin(few["segment"])])
    price = alt.Scale(type="log", zero=False, nice=False, padding=5, domain=_ends(rows["price"]))
    quantity = alt.Scale(type="symlog", domain=[0, float(rows["quantity"].max()) or 1.0])
    panels = []
    for segment in few["segment"]:
        points = alt.Chart(rows[rows["segment"] == segment], height=190, background="transparent")
        points = points.mark_circle(color=BLUE, opacity=0.4, size=20).encode(
            x=alt.X("price:Q", title=label(price_title), scale=price),
            y=alt.Y("quantity:Q", title=label(quantity_title), scale=quantity),
            tooltip=["price", "quantity"],
        )
        panels.append((label(segment), points))
    return panels, ". ".join(piece for piece in (note, thinned) if piece)


def _ends(values: "pd.Series[float]") -> list[float]:
    """Return the lowest and highest value, 10% apart on each side if they are equal."""
    low, high = float(values.min()), float(values.max())
    return [low, high] if low < high else [low * 0.9, high * 1.1]


def mean_by(frame: pd.DataFrame, *, title: str, x_title: str, y_title: str) -> alt.LayerChart:
    """Draw a `mean` with its 95% interval (plus and minus `error`) by bin or by `value`."""
    by_value = "value" in frame.columns
    frame = need(
        frame,
        ("value", "mean", "error", "rows") if by_value else ("low", "high", "mean", "error", "rows"),
        "mean by column",
    )
    frame = frame.assign(least=frame["mean"] - frame["error"], most=frame["mean"] + frame["error"])
    y = alt.Y("mean:Q", title=label(y_title)).scale(zero=False)
    note = "lines: 95% confidence intervals, if rows are independent"
    if by_value:
        base = alt.Chart(frame.assign(value=frame["value"].map(label))).encode(
            y=alt.Y("value:N", sort=None, title=label(x_title)), tooltip=["value", "rows", "mean"]
        )
        x = alt.X("mean:Q", title=label(y_title)).scale(zero=False)
        points = base.mark_point(color=BLUE, filled=True, size=50).encode(x=x)
        rule = base.mark_rule(color=BLUE).encode(x=alt.X("least:Q"), x2="most")
        return layered([rule, points], heading(title, note), step=22)
    middle = frame["low"] + (frame["high"] - frame["low"]) / 2
    kind = "T" if pd.api.types.is_datetime64_any_dtype(frame["low"]) else "Q"
    base = alt.Chart(frame.assign(middle=middle)).encode(
        x=alt.X(f"middle:{kind}", title=label(x_title)).scale(zero=False), tooltip=["low", "high", "rows", "mean"]
    )
    points = base.mark_point(color=BLUE, filled=True, size=50).encode(y=y)
    rule = base.mark_rule(color=BLUE).encode(y=alt.Y("least:Q", title=label(y_title)), y2="most")
    return layered([rule, points], heading(title, note))


def seasonality(frame: pd.DataFrame, *, title: str, unit: str = "enrollments / day") -> alt.LayerChart:
    """Draw mean `enrollments` by `week` of the year and `weekday` (1 = Monday) as a heat map."""
    frame = need(frame, ("week", "weekday", "enrollments"), "seasonality")
    cells = alt.Chart(frame.assign(day=[WEEKDAYS[day - 1] for day in frame["weekday"]])).mark_rect()
    cells = cells.encode(
        x=alt.X("week:O", title="Week of the year").axis(labelAngle=0, values=list(range(1, 54, 4))),
        y=alt.Y("day:O", title=None, sort=list(WEEKDAYS)),
        color=_shade("enrollments", unit),
        tooltip=["week", "day", alt.Tooltip("enrollments:Q", format=",.1f")],
    )
    return layered([cells], heading(title), step=22)


def retention(frame: pd.DataFrame, *, title: str) -> alt.LayerChart:
    """Draw the retention triangle: the active `share` of each `cohort` by `months` after joining."""
    frame = need(frame, ("cohort", "months", "share", "learners", "active"), "retention")
    named = pd.to_datetime(frame["cohort"]).dt.strftime("%Y-%m")
    frame = frame.assign(cohort=named + " (" + frame["learners"].map("{:,}".format) + ")")
    base = alt.Chart(frame).encode(
        x=alt.X("months:O", title="Months after joining").axis(labelAngle=0),
        y=alt.Y("cohort:O", title="Joined (learners)"),
    )
    cells = base.mark_rect().encode(
        color=_shade("share", "active", "%"),
        tooltip=["cohort", "months", "active", alt.Tooltip("share:Q", format=".1%")],
    )
    lowest, highest = float(frame["share"].min()), float(frame["share"].max())
    dark = alt.when(alt.datum.share > lowest + 0.55 * (highest - lowest)).then(alt.value("white"))
    text = base.mark_text(fontSize=10).encode(
        text=alt.Text("share:Q", format=".0%"), color=dark.otherwise(alt.value("#222222"))
    )
    chart = layered([cells, text], heading(title), step=22)
    chart.width = alt.Step(36)
    return chart


def _shade(column: str, title: str, form: str = ",.0f") -> alt.Color:
    legend = alt.Legend(format=form)
    return alt.Color(f"{column}:Q", title=label(title), legend=legend, scale=alt.Scale(scheme="blues"))


def token_flows(
    frame: pd.DataFrame, *, title: str, flows: tuple[str, ...] = ("issued", "spent", "burned")
) -> go.Figure:
    """Draw `tokens` of each `flow` over `day`, with zoom and hover; a click in the legend shows or hides a line.

    Only `flows` are visible at first.
    """
    frame = need(frame, ("day", "flow", "tokens"), "token flows")
    figure = go.Figure()
    for position, (name, rows) in enumerate(frame.groupby("flow", sort=False)):
        figure.add_trace(
            go.Scattergl(
                x=rows["day"],
                y=rows["tokens"],
                name=escape(label(str(name).replace("_", " "))),
                mode="lines",
                line={
                    "color": PALETTE[position % len(PALETTE)],
                    "dash": ("solid", "dash", "dot")[position // len(PALETTE)],
                },
                visible=True if name in flows else "legendonly",
            )
        )
    figure.update_layout(
        title=escape(label(title, 120)),
        xaxis={"title": "Day", "rangeslider": {"visible": True, "thickness": 0.06}},
        yaxis={"title": "Tokens / day (supply and treasury: tokens held)", "tickformat": ",.3~s"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hovermode="x unified",
        legend={"orientation": "h", "yanchor": "top", "y": -0.5},
        height=540,
        margin={"t": 60, "r": 10, "b": 10},
    )
    return figure
