"""Charts of the token economy: supply, sources and sinks, price index, inequality of balances, and forecasts."""

import altair as alt
import pandas as pd

from edtech.charts.base import BLUE, GREEN, GREY, ORANGE, has_interval, heading, label, layered, need, thin

HOLDERS = {"learners": BLUE, "teachers": ORANGE, "treasury": GREEN}
SIDES = {"source": BLUE, "sink": ORANGE}
BELOW = alt.Legend(orient="bottom", columns=3, title=None)
MOST_DAYS = 600


def supply(frame: pd.DataFrame, *, title: str) -> alt.LayerChart:
    """Draw token holdings at the end of each `day`, stacked by holder: `learners`, `teachers`, `treasury`."""
    rows, note = thin(need(frame, ("day", *HOLDERS), "supply"), MOST_DAYS)
    long = rows.melt("day", list(HOLDERS), "holder", "tokens")
    area = alt.Chart(long).mark_area(opacity=0.8)
    area = area.encode(
        x=alt.X("day:T", title="End of the day"),
        y=alt.Y("tokens:Q", title="Tokens held").axis(format=",.3~s"),
        color=alt.Color("holder:N", legend=BELOW).scale(domain=list(HOLDERS), range=list(HOLDERS.values())),
        tooltip=["day:T", "holder", alt.Tooltip("tokens:Q", format=",.0f")],
    )
    return layered([area], heading(title, note))


def causes(frame: pd.DataFrame, *, title: str) -> alt.LayerChart:
    """Draw tokens issued and removed by cause: `cause`, `tokens`, `side` (source, sink)."""
    frame = need(frame, ("cause", "tokens", "side"), "sources and sinks")
    bars = alt.Chart(frame.assign(cause=frame["cause"].map(label))).mark_bar()
    bars = bars.encode(
        x=alt.X("tokens:Q", title="Tokens in the period").axis(format=",.3~s"),
        y=alt.Y("cause:N", title=None, sort=None),
        color=alt.Color("side:N", legend=BELOW).scale(domain=list(SIDES), range=list(SIDES.values())),
        tooltip=["cause", "side", alt.Tooltip("tokens:Q", format=",.2f")],
    )
    return layered([bars], heading(title), step=24)


def price_index(frame: pd.DataFrame, *, title: str) -> alt.LayerChart:
    """Draw the price index: `index` over `period`, where the first period is 100."""
    rows, note = thin(need(frame, ("period", "index"), "price index"), MOST_DAYS)
    kind = "T" if pd.api.types.is_datetime64_any_dtype(rows["period"]) else "O"
    line = alt.Chart(rows).mark_line(color=BLUE)
    line = line.encode(
        x=alt.X(f"period:{kind}", title="Period"),
        y=alt.Y("index:Q", title="Price index (first period = 100)").scale(zero=False),
        tooltip=["period", alt.Tooltip("index:Q", format=".1f")],
    )
    return layered([line], heading(title, note))


def forecast_bands(frame: pd.DataFrame, *, title: str, y_title: str) -> alt.LayerChart:
    """Draw a forecast by `week`: the median `mid` with the 90% prediction interval `low` to `high`, if any."""
    frame = need(frame, ("week", "mid"), "forecast")
    x = alt.X("week:T", title="Week ending")
    line = alt.Chart(frame).mark_line(color=BLUE, point=True)
    line = line.encode(
        x=x,
        y=alt.Y("mid:Q", title=label(y_title)).scale(zero=False).axis(format=",.3~s"),
        tooltip=["week:T", alt.Tooltip("mid:Q", format=",.0f")],
    )
    if not has_interval(frame):
        return layered([line], heading(title))
    band = alt.Chart(frame).mark_area(color=BLUE, opacity=0.2).encode(x=x, y="low:Q", y2="high:Q")
    return layered([band, line], heading(title))


def lorenz(frame: pd.DataFrame, *, title: str) -> alt.LayerChart:
    """Draw the Lorenz curve: the `share_of_tokens` of the poorest `share_of_learners`, and the line of equality."""
    frame = need(frame, ("share_of_learners", "share_of_tokens"), "Lorenz curve")
    axes = {
        "x": alt.X("share_of_learners:Q", title="Share of learners, poorest first").axis(format="%"),
        "y": alt.Y("share_of_tokens:Q", title="Share of learners' tokens").axis(format="%"),
    }
    curve = alt.Chart(frame).mark_area(color=BLUE, opacity=0.4, line={"color": BLUE}).encode(**axes)
    equality = pd.DataFrame({"share_of_learners": [0.0, 1.0], "share_of_tokens": [0.0, 1.0]})
    line = alt.Chart(equality).mark_line(color=GREY, strokeDash=[4, 4]).encode(**axes)
    return layered([curve, line], heading(title))
