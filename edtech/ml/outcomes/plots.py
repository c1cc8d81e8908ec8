"""The plots of a run of an outcome family as PNG files."""

from edtech.charts import png
from edtech.ml.outcomes.description import finding
from edtech.ml.outcomes.result import OutcomeResult
from edtech.ml.plots import importance_plot


def plots(result: OutcomeResult) -> dict[str, bytes]:
    """Return the plots of a run as PNG files by artifact path."""
    titles = curve_titles(result)
    images = {
        f"evaluation/{name}.png": png.curve(
            result.tables[table], kind=table, title=titles[table], x_title=x_title(result, table)
        )
        for name, table in (
            ("calibration_curve", "calibration"),
            ("roc_curve", "roc"),
            ("precision_recall_curve", "precision_recall"),
            ("lift_curve", "gain"),
            ("profit_curve", "profit"),
            ("survival_curve", "survival"),
        )
        if table in result.tables and len(result.tables[table])
    }
    images["evaluation/confusion_matrix.png"] = png.confusion_matrix(
        result.tables["confusion"], title=titles["confusion"]
    )
    return images | importance_plot(result, "increase of log loss if shuffled")


def x_title(result: OutcomeResult, table: str) -> str:
    """Return the title of the x axis of a chart if it depends on the data, else nothing."""
    if table != "survival":
        return ""
    return "Days since the first visit" if result.meanings else "Duration (unit of the upload)"


def curve_titles(result: OutcomeResult) -> dict[str, str]:
    """Return a title with the finding, for each chart."""
    m, tables = result.metrics, result.tables
    gain = tables["gain"]
    fifth = gain.iloc[int((gain["share"] - 0.2).abs().argmin())]
    cells = tables["confusion"].set_index(["outcome", "said"])["rows"]
    true_positives, flagged = cells["yes", "yes"], cells["yes", "yes"] + cells["no", "yes"]
    titles = {
        "calibration": f"Calibration error {m['calibration_error']:.3f} on average",
        "roc": finding(result),
        "precision_recall": f"PR AUC {m['pr_auc']:.3f}, {m['base_rate']:.3f} by chance",
        "gain": f"The top {fifth['share']:.0%} contain {fifth['captured']:.0%} of positives: lift {fifth['lift']:.1f}",
        "confusion": f"{true_positives:,} of {flagged:,} predicted positives are correct",
    }
    if "profit" in tables:
        best = tables["profit"].iloc[int(tables["profit"]["expected"].argmax())]
        titles["profit"] = (
            f"Showing to the top {best['share']:.0%}: {best['expected']:,.0f} tokens expected per 1,000 views, "
            f"{best['earned']:,.0f} earned"
        )
    if "survival" in tables:
        titles["survival"] = "Retention by cohort"
    return titles
