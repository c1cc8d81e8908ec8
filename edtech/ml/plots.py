"""PNG plots that the runs of several families have."""

from edtech.charts import png
from edtech.ml.base import FitResult


def error_plots(result: FitResult, algorithm: str, rmse: str, unit: str) -> dict[str, bytes]:
    """Return plots of predictions against held-out rows by artifact path; none without held-out rows.

    `algorithm` is its title, `rmse` the name of the metric in the plots' title.
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
    """Return the plot of the feature importance, in `unit`; none without features."""
    if result.importance.empty:
        return {}
    title = f"Most important feature: {result.importance['feature'].iloc[0]} (not causal)"
    image = png.feature_importance(result.importance, title=title, unit=unit)
    return {"evaluation/feature_importance.png": image}
