"""Plots that the runs of several families have, as PNG files that are readable at a glance."""

from edtech.charts import png
from edtech.ml.base import FitResult


def error_plots(result: FitResult, algorithm: str, rmse: str, unit: str) -> dict[str, bytes]:
    """Return how predictions of the rows held back compare with what came; none where no row was held back.

    `algorithm` is its title, `rmse` the name of the metric that the plots' title tells.
    """
    if result.evaluation.empty:
        return {}
    title = f"{algorithm} on {result.split}: RMSE {result.metrics[rmse]:.3g}"
    return {
        "evaluation/actual_vs_predicted.png": png.actual_vs_predicted(result.evaluation, title=title, unit=unit),
        "evaluation/residuals_plot.png": png.residuals_plot(result.evaluation, title=title, unit=unit),
        "evaluation/residuals_histogram.png": png.residuals_histogram(result.evaluation, title=title, unit=unit),
    }


def importance_plot(result: FitResult, unit: str) -> dict[str, bytes]:
    """Return what predictions lean on, in `unit`; none where no feature was looked at."""
    if result.importance.empty:
        return {}
    title = f"Predictions lean most on {result.importance['feature'].iloc[0]}"
    drawn = png.feature_importance(result.importance, title=title, unit=unit)
    return {"evaluation/feature_importance.png": drawn}
