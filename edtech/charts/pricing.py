"""Charts of prices, demand and the effects of price changes.

Charts that follow a slider name their channels (`alt.X2("to:Q")`), because Altair takes 6 ms to interpret a bare text.
"""

import math
from html import escape

import altair as alt
import numpy as np
import pandas as pd
import plotly.graph_objects as go

from edtech.charts.base import BLUE, GREEN, GREY, ORANGE, TEXT, first, has_interval, heading, label, layered, need
from edtech.tables.formatting import format_change

PERCENT = "+.0%"
WIDEST_NAME = 160  # pixels: half of a narrow screen
BELOW = alt.Legend(orient="bottom", columns=3)  # beside the chart it leaves no room on a phone


def revenue_curve(
    curve: pd.DataFrame,
    *,
    today: float = 0.0,
    peak: float | None,
    support: tuple[float, float],
    title: str,
    unit: str = "tokens / week",
) -> go.Figure:
    """Draw revenue over a relative price change, with zoom and hover.

    `curve` has `change` (0.1 is +10%, ascending), `revenue` and optionally the 95% interval `low`, `high`.
    `today`, `peak` and `support` (lowest and highest change within observed prices) are relative changes as well.
    The line is dashed outside the support. Raises ReportError without rows.
    """
    curve = need(curve, ("change", "revenue"), "revenue curve").sort_values("change")
    figure = go.Figure()
    figure.add_vrect(*support, fillcolor=GREY, opacity=0.15, line_width=0)
    if has_interval(curve):
        _add_band(figure, curve.dropna(subset=["low", "high"]))
    _add_lines(figure, curve, support, unit)
    peak_is_right = peak is not None and peak > today
    _add_mark(figure, today, "today", GREY, "top left" if peak_is_right else "top right")
    if peak is not None:
        _add_mark(figure, peak, f"peak {format_change(peak, 0)}", GREEN, "top right" if peak_is_right else "top left")
    figure.update_layout(
        title=escape(label(title, 120)),
        xaxis={"title": "Price change from today (gray: observed prices)", "tickformat": PERCENT, "zeroline": False},
        yaxis={"title": escape(f"Token revenue ({label(unit)})"), "tickformat": ",.3~s"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hovermode="x unified",
        legend={"orientation": "h", "y": -0.25},
        margin={"t": 60, "r": 10},
    )
    return figure


def demand_curve(
    curve: pd.DataFrame, *, support: tuple[float, float], title: str, unit: str = "enrollments / week"
) -> alt.LayerChart:
    """Draw demand per period over a relative price change: `change`, `quantity`, `quantity_low` and `quantity_high`."""
    curve = curve.rename(columns={"quantity_low": "low", "quantity_high": "high"})
    return _over_change(curve, "quantity", support, title, f"Demand ({label(unit)})")


def elasticity_curve(curve: pd.DataFrame, *, support: tuple[float, float], title: str) -> alt.LayerChart:
    """Draw the price elasticity of demand over a relative price change: `change`, `elasticity`."""
    return _over_change(
        curve[["change", "elasticity"]], "elasticity", support, title, "Elasticity (% demand per 1% price)"
    )


def _over_change(
    curve: pd.DataFrame, value: str, support: tuple[float, float], title: str, y_title: str
) -> alt.LayerChart:
    curve = need(curve, ("change", value), value)
    base = alt.Chart(curve).encode(x=alt.X("change:Q", title="Price change from today", axis=alt.Axis(format="+.0%")))
    line = base.mark_line(color=BLUE).encode(
        y=alt.Y(f"{value}:Q", title=y_title).scale(zero=False),
        tooltip=[alt.Tooltip("change:Q", format="+.0%"), alt.Tooltip(f"{value}:Q")],
    )
    observed_range = alt.Chart(pd.DataFrame({"from": [support[0]], "to": [support[1]]}))
    layers = [observed_range.mark_rect(color=GREY, opacity=0.15).encode(x=alt.X("from:Q"), x2=alt.X2("to:Q"))]
    if has_interval(curve):
        band = base.mark_area(color=BLUE, opacity=0.2)
        layers.append(band.encode(y=alt.Y("low:Q"), y2=alt.Y2("high:Q")))
    return layered(
        [*layers, line], heading(title, "gray: observed prices; band: 95% interval" if has_interval(curve) else "")
    )


def _add_band(figure: go.Figure, curve: pd.DataFrame) -> None:
    figure.add_scatter(
        x=[*curve["change"], *curve["change"][::-1]],
        y=[*curve["high"], *curve["low"][::-1]],
        fill="toself",
        fillcolor="rgba(0,114,178,0.2)",
        line={"width": 0},
        name="95% interval",
        hoverinfo="skip",
    )


def _add_lines(figure: go.Figure, curve: pd.DataFrame, support: tuple[float, float], unit: str) -> None:
    inside = curve["change"].between(support[0] - 1e-9, support[1] + 1e-9)
    hover = f"%{{y:,.4~s}} {escape(label(unit))}<extra></extra>"
    segments = {"observed prices": (inside, "solid"), "extrapolated": (~inside, "dash")}
    for name, (segment, dash) in segments.items():
        # The dashed line starts at the end of the solid line, because a gap would look like an effect.
        joined = segment | (
            segment.shift(1, fill_value=False) | segment.shift(-1, fill_value=False) if dash == "dash" else segment
        )
        if segment.any():
            figure.add_scatter(
                x=curve["change"],
                y=curve["revenue"].where(joined),
                mode="lines",
                line={"color": BLUE, "dash": dash},
                name=name,
                hovertemplate=hover,
            )


def _add_mark(figure: go.Figure, at: float, text: str, color: str, position: str) -> None:
    figure.add_vline(at, line={"color": color, "width": 2}, annotation_text=text, annotation_position=position)


def effect_bars(effects: pd.DataFrame, *, title: str) -> alt.LayerChart:
    """Draw changes from today as bars with their 95% intervals.

    `effects` has `name`, `change` (0.1 is +10%) and optionally `low`, `high`; rows keep their order. An infinite
    change, from zero today, has no bar.
    """
    effects = need(effects, ("name", "change"), "effects").assign(name=lambda frame: frame["name"].map(label))
    effects = effects.assign(text=effects["change"].map(format_change), change=effects["change"].replace(np.inf, 0.0))
    base = alt.Chart(effects).encode(y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=WIDEST_NAME)))
    bars = base.mark_bar(color=BLUE, height={"band": 0.5}).encode(
        x=alt.X("change:Q", title="Change from today", axis=alt.Axis(format=_ticks(effects))),
        tooltip=[alt.Tooltip("name:N"), alt.Tooltip("text:N")],
    )
    labels = base.mark_text(align="center", dy=-18, color=TEXT, fontWeight="bold")
    layers = [bars, labels.encode(x=alt.X("change:Q"), text=alt.Text("text:N"))]
    if has_interval(effects):
        rule = base.mark_rule(color=ORANGE, strokeWidth=3)
        layers.append(rule.encode(x=alt.X("low:Q"), x2=alt.X2("high:Q")))
    return layered(layers, heading(title), step=48)


def _ticks(effects: pd.DataFrame) -> str:
    """Return a number format with enough digits to distinguish the ticks of the axis, at least one."""
    ends = np.abs(effects.reindex(columns=["change", "low", "high"]).to_numpy(dtype=float))
    reach = max(float(np.nanmax(ends, initial=0.0, where=np.isfinite(ends))), 1e-9)
    return f"+.{max(1, -1 - math.floor(math.log10(reach)))}~%"


def elasticity_by_segment(
    segments: pd.DataFrame, *, naive: float | None, title: str, truth: float | None = None
) -> alt.LayerChart:
    """Draw the own-price elasticity of each segment with its 95% interval.

    `segments` has `segment`, `estimate` and optionally `low`, `high`, `truth`. `naive` (the pooled log-log slope) and
    `truth` are lines over all segments. At most 30 segments are shown.
    """
    segments, note = first(need(segments, ("segment", "estimate"), "elasticity by segment"), "segments")
    segments = segments.assign(segment=segments["segment"].map(label))
    base = alt.Chart(segments).encode(y=alt.Y("segment:N", sort=None, title=None))
    axis = alt.X("estimate:Q", title="Own-price elasticity (% demand per 1% price)")
    layers: list[alt.Chart] = []
    if has_interval(segments):
        layers.append(base.mark_rule(color=BLUE, strokeWidth=3, opacity=0.6).encode(x="low:Q", x2="high:Q"))
    layers.append(base.mark_point(color=BLUE, filled=True, size=80).encode(x=axis, tooltip=list(segments.columns)))
    if "truth" in segments.columns:
        layers.append(base.mark_tick(color=GREEN, thickness=3, size=20).encode(x="truth:Q"))
    references = {"naive (do not use)": (naive, ORANGE), "ground truth": (truth, GREEN), "no effect": (0.0, GREY)}
    points = {name: pair for name, pair in references.items() if pair[0] is not None}
    lines = pd.DataFrame({"line": list(points), "at": [at for at, _ in points.values()]})
    color = alt.Color("line:N", title=None, legend=BELOW).scale(
        domain=list(points), range=[color for _, color in points.values()]
    )
    layers.append(alt.Chart(lines).mark_rule(strokeDash=[5, 4], strokeWidth=2).encode(x="at:Q", color=color))
    return layered(layers, heading(title, note), step=28)
