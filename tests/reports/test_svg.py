import altair as alt
import pandas as pd
import plotly.graph_objects as go
import pytest

from edtech.charts import models, static
from edtech.errors import ReportError
from edtech.reports import Drawing, figure
from edtech.reports.svg import inline


def test_both_kinds_of_chart_are_drawn_with_ids_of_their_own():
    weeks = pd.DataFrame({"period": [1, 2], "value": [4, 2]})
    errors = pd.DataFrame({"actual": [1, 2], "predicted": [4, 2]})
    drawing = [models.time_series(weeks, title="a", y_title="b"), static.residuals_plot(errors, title="a")]
    for number, chart in enumerate(drawing):
        svg = inline(figure("Demand", chart, 'falls "fast"'), f"f{number}")
        assert svg.startswith("<svg ")
        assert 'aria-label="falls &quot;fast&quot;"' in svg
        assert f'id="f{number}-' in svg
        assert "currentColor" in svg
        assert "#000000" not in svg


def test_what_is_not_drawing_is_left_out():
    hostile = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="alert(1)">
      <script>alert(2)</script><style>* { display: none }</style><foreignObject><b>x</b></foreignObject>
      <image href="https://evil.example/a.png"/><a href="javascript:alert(3)"><text>x</text></a>
      <use xlink:href="https://evil.example/b.svg#c"/><rect id="kept" fill="url(https://evil.example/d)" width="2"/>
      <path style="fill: url(#kept)" d="M0 0"/></svg>"""
    svg = inline(Drawing("x", "x", hostile), "f")
    for word in ("evil", "alert", "script", "style>", "foreign", "<a", "image"):
        assert word not in svg
    assert '<rect id="f-' in svg
    assert "fill: url(#f-" in svg


def test_a_plotly_figure_and_text_that_is_no_svg_are_named_errors():
    with pytest.raises(ReportError, match=r"Expected: a chart of altair or matplotlib\. Found: Figure\."):
        figure("Revenue", go.Figure(), "x")
    with pytest.raises(ReportError, match="'x<y' is not SVG"):
        inline(Drawing("x<y", "x", "<svg><b"), "f")


def test_a_chart_keeps_a_width_of_its_own():
    chart = alt.Chart(pd.DataFrame({"a": [1]})).mark_point().encode(x="a:Q").properties(width=100)
    assert "<svg" in figure("x", chart, "x").svg
    assert 'width="6' not in figure("x", chart, "x").svg.split(">")[0]
