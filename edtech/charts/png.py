"""Frame -> PNG bytes, for the artifacts of a run: the figures of `charts.static` on white."""

from collections.abc import Callable
from io import BytesIO
from typing import Literal, ParamSpec

from matplotlib.figure import Figure

from edtech.charts import static, static_classification

P = ParamSpec("P")


def render(figure: Figure, kind: Literal["png", "svg"]) -> bytes:
    """Return the figure as PNG on white (files are looked at anywhere) or as transparent SVG."""
    out = BytesIO()
    if kind == "png":
        figure.savefig(out, format="png", dpi=110, facecolor="white")
    else:
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    return out.getvalue()


def _png(draw: Callable[P, Figure]) -> Callable[P, bytes]:
    def drawn(*args: P.args, **kwargs: P.kwargs) -> bytes:
        return render(draw(*args, **kwargs), "png")

    drawn.__doc__ = f"{draw.__doc__} Return PNG bytes."
    return drawn


actual_vs_predicted = _png(static.actual_vs_predicted)
residuals_plot = _png(static.residuals_plot)
residuals_histogram = _png(static.residuals_histogram)
feature_importance = _png(static.feature_importance)
price_response = _png(static.price_response)
elasticity_by_segment = _png(static.elasticity_by_segment)
revenue_curve = _png(static.revenue_curve)
rank_intervals = _png(static.rank_intervals)
effects_by_ratings = _png(static.effects_by_ratings)
curve = _png(static_classification.curve)
confusion_matrix = _png(static_classification.confusion_matrix)
