"""Draw the figures of `charts.static` as PNG bytes on white, for the artifacts of a run."""

from collections.abc import Callable
from io import BytesIO
from typing import Literal, ParamSpec

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from edtech.charts import static, static_classification

P = ParamSpec("P")


MARGIN, BELOW = 0.15, 0.58
"""Inches of the outer margin, and of the space for ticks and title of the x axis."""


def render(figure: Figure, kind: Literal["png", "svg"]) -> bytes:
    """Return the figure as PNG on white, because any viewer may open it, or as transparent SVG."""
    canvas, out = FigureCanvasAgg(figure), BytesIO()
    _make_room(figure, canvas)
    if kind == "svg":
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
        return out.getvalue()
    figure.set(dpi=110, facecolor="white")
    # `savefig` would compute the layout again
    canvas.print_png(out, pil_kwargs={"compress_level": 1})  # type: ignore[no-untyped-call]
    return out.getvalue()


def _make_room(figure: Figure, canvas: FigureCanvasAgg) -> None:
    """Set the margins to fit title, legend and names, measured once; matplotlib's own layouts measure twice.

    The space below the axes is constant. Titles differ in lines; names of rows and legends differ in width.
    """
    (axes,), (width, height), renderer = figure.axes, figure.get_size_inches(), canvas.get_renderer()  # type: ignore[no-untyped-call]
    title, legend, inner = figure.texts[0], axes.get_legend(), axes.get_window_extent()
    names = axes.yaxis.get_tightbbox(renderer) or inner
    beside = inner.x1 if legend is None else max(inner.x1, legend.get_window_extent(renderer).x1)
    top = title.get_window_extent(renderer).height
    title.set_position((MARGIN / width, 1 - MARGIN / height))
    outside = inner.x0 - names.x0, beside - inner.x1, top + max(names.y1 - inner.y1, 0.05 * figure.dpi)
    left, right, above = (MARGIN + max(pixels, 0.0) / figure.dpi for pixels in outside)
    figure.subplots_adjust(left / width, BELOW / height, 1 - right / width, 1 - above / height)


def _png(draw: Callable[P, Figure]) -> Callable[P, bytes]:
    def draw_png(*args: P.args, **kwargs: P.kwargs) -> bytes:
        return render(draw(*args, **kwargs), "png")

    draw_png.__doc__ = f"{draw.__doc__} Return PNG bytes."
    return draw_png


actual_vs_predicted = _png(static.actual_vs_predicted)
residuals_plot = _png(static.residuals_plot)
residuals_histogram = _png(static.residuals_histogram)
feature_importance = _png(static.feature_importance)
elasticity_by_segment = _png(static.elasticity_by_segment)
rank_intervals = _png(static.rank_intervals)
effects_by_ratings = _png(static.effects_by_ratings)
curve = _png(static_classification.curve)
confusion_matrix = _png(static_classification.confusion_matrix)
