from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pandas as pd
import pytest
from PIL import Image

from edtech.charts import png, static


@pytest.fixture
def pictures(predictions, segments, importances):
    return [
        lambda: png.actual_vs_predicted(predictions, title="$\\frac{"),
        lambda: png.residuals_plot(predictions, title="No bend"),
        lambda: png.residuals_histogram(predictions, title="Centred"),
        lambda: png.feature_importance(importances, title="Price matters"),
        lambda: png.elasticity_by_segment(segments, naive=1.7, title="Every segment", truth=-1.5),
    ]


def test_every_picture_is_a_png_on_white_also_from_threads_and_with_hostile_names(pictures):
    with ThreadPoolExecutor(4) as pool:
        figure = list(pool.map(lambda draw: draw(), pictures * 2))
    for picture in figure:
        image = Image.open(BytesIO(picture)).convert("RGB")
        assert image.width > 600
        assert image.getpixel((2, 2)) == (255, 255, 255)
        assert len(image.getcolors(1 << 24)) > 50


def test_names_are_written_out_and_not_read_as_formulas(segments):
    figure = static.elasticity_by_segment(segments, naive=None, title="costs $5 or $6")
    figure.canvas.draw()
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert names[1] == "=1+1"
    assert names[3] == "\N{REPLACEMENT CHARACTER}" * 2
    assert names[2] == r"\$\frac{1\$"  # matplotlib's own spelling of a dollar that opens no formula
    assert figure.get_suptitle() == r"costs \$5 or \$6"


def test_the_revenue_curve_is_dashed_outside_the_support(curve):
    axes = static.revenue_curve(curve, peak=None, support=(-0.21, 0.33), title="x").axes[0]
    segments = {line.get_linestyle(): line.get_xdata() for line in axes.lines[:3]}
    assert (segments["-"][0], segments["-"][-1]) == (-0.21, 0.33)
    assert (segments["--"][0], segments["--"][-1]) == (0.33, 0.5)
    assert pd.Series(axes.lines[0].get_xdata()).between(-0.5, -0.21).all()
