import numpy as np
import pandas as pd
import plotly.io
import pytest
import vl_convert

from edtech.charts import pricing
from edtech.errors import ReportError
from tests.browser import watch


def rendered_spec(chart) -> str:
    """Render as a browser would; an invalid specification or hostile data would fail here."""
    return vl_convert.vegalite_to_svg(chart.to_json())


def test_the_revenue_curve_shows_interval_support_today_and_peak(curve):
    figure = pricing.revenue_curve(curve, today=0.0, peak=0.05, support=(-0.2, 0.3), title="Earns more")
    lines = {trace.name: trace for trace in figure.data}
    inside, outside = lines["observed prices"], lines["extrapolated"]
    solid = pd.Series(inside.y, index=curve["change"].round(3)).dropna()
    assert (inside.line.dash, outside.line.dash) == ("solid", "dash")
    assert (solid.index.min(), solid.index.max()) == (-0.2, 0.3)
    assert pd.Series(outside.y).notna().sum() == len(curve) - len(solid) + 2  # joined at both ends
    assert lines["95% interval"].fill == "toself"
    spans = [(shape.x0, shape.x1) for shape in figure.layout.shapes]
    assert spans == [(-0.2, 0.3), (0.0, 0.0), (0.05, 0.05)]
    assert [note.text for note in figure.layout.annotations] == ["today", "peak +5%"]
    assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)"
    assert "tokens / week" in figure.layout.yaxis.title.text


def test_without_interval_or_peak_neither_is_drawn(curve):
    missing = curve.assign(low=float("nan"), high=float("nan"))
    figure = pricing.revenue_curve(missing, peak=None, support=(-1, 1), title="")
    assert [trace.name for trace in figure.data] == ["observed prices"]
    assert len(figure.layout.shapes) == 2


def test_no_rows_is_a_named_error(curve):
    with pytest.raises(ReportError, match="revenue curve cannot be drawn"):
        pricing.revenue_curve(curve.head(0), peak=None, support=(0, 0), title="")


@pytest.mark.browser
def test_a_hostile_title_stays_text_in_plotly(page, curve, tmp_path):
    title = "<a href='https://evil.example'>click</a><b>&amp;"
    figure = pricing.revenue_curve(curve, peak=None, support=(-0.2, 0.2), title=title)
    file = tmp_path / "curve.html"
    file.write_text(plotly.io.to_html(figure, include_plotlyjs=True, validate=False))
    observed = watch(page)
    page.goto(file.as_uri())
    assert page.locator(".gtitle").text_content() == title
    assert page.locator("svg a").count() == 0
    assert (observed.errors, observed.strangers) == ([], [])


def test_effects_keep_their_order_and_show_their_values():
    effects = pd.DataFrame({"name": ["Revenue", "Enrollments"], "change": [0.031, -0.12]})
    effects = effects.assign(low=effects["change"] - 0.05, high=effects["change"] + 0.05)
    svg = rendered_spec(pricing.effect_bars(effects, title="Fewer, more expensive"))
    assert svg.index("Revenue") < svg.index("Enrollments")
    assert "+3.1%" in svg
    assert "-12.0%" in svg
    assert "Change from today" in svg
    assert len(pricing.effect_bars(effects.drop(columns=["low", "high"]), title="").layer) == 2


def test_an_effect_from_zero_is_new_and_has_no_bar():
    effects = pd.DataFrame({"name": ["Revenue", "Commission"], "change": [0.031, np.inf]})
    svg = rendered_spec(pricing.effect_bars(effects, title=""))
    assert ">new<" in svg
    assert "inf" not in svg.casefold()


def test_segments_of_any_name_are_shown_as_text(segments):
    chart = pricing.elasticity_by_segment(segments, naive=1.7, title="<b>Every</b> segment", truth=-1.5)
    svg = rendered_spec(chart)
    assert "<img" not in svg
    assert "&lt;img src=x onerror=alert(1)&gt;" in svg
    assert "naive (do not use)" in svg
    assert chart.to_dict()["background"] == "transparent"
    assert "ground truth" not in rendered_spec(pricing.elasticity_by_segment(segments, naive=1.7, title=""))


def test_a_thousand_segments_do_not_make_an_endless_chart(segments):
    many = pd.concat([segments] * 1_000)
    assert f"30 of {len(many):,} segments shown" in rendered_spec(
        pricing.elasticity_by_segment(many, naive=None, title="x")
    )


def test_small_effects_can_be_read_on_their_bars_and_axis():
    small = pd.DataFrame({"name": ["Revenue"], "change": [0.00034], "low": [0.0001], "high": [0.0006]})
    svg = rendered_spec(pricing.effect_bars(small, title="Small"))
    assert ">+0.034%<" in svg
    assert ">+0.02%<" in svg.replace("0.020%", "0.02%")
    assert svg.count(">+0.0%<") == 0
    large = rendered_spec(pricing.effect_bars(small.assign(change=0.12, low=0.1, high=0.14), title="Large"))
    assert ">+12.0%<" in large
