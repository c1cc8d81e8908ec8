"""The plots of a run of labels as PNG files."""

from edtech.charts import png
from edtech.ml.outcomes.description import finding
from edtech.ml.outcomes.result import LabelResult
from edtech.ml.plots import importance_plot


def plots(result: LabelResult) -> dict[str, bytes]:
    """Return the plots of a run as PNG files that are readable at a glance."""
    titles = curve_titles(result)
    drawn = {
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
    drawn["evaluation/confusion_matrix.png"] = png.confusion_matrix(
        result.tables["confusion"], title=titles["confusion"]
    )
    return drawn | importance_plot(result, "rise of log loss when shuffled")


def x_title(result: LabelResult, table: str) -> str:
    """Return what the x axis of a chart is called where that goes by the data, else nothing.

    A market's features are made, and its learners are watched from their first visit on, in days.
    """
    if table != "survival":
        return ""
    return "Days since the first visit" if result.meanings else "Time watched, in the file's own unit"


def curve_titles(result: LabelResult) -> dict[str, str]:
    """Return a title that says the finding, for each chart."""
    m, tables = result.metrics, result.tables
    gain = tables["gain"]
    fifth = gain.iloc[int((gain["share"] - 0.2).abs().argmin())]
    cells = tables["confusion"].set_index(["outcome", "said"])["rows"]
    found, flagged = cells["yes", "yes"], cells["yes", "yes"] + cells["no", "yes"]
    titles = {
        "calibration": f"Predicted against observed shares: off by {m['calibration_error']:.3f} on average",
        "roc": finding(result),
        "precision_recall": f"PR AUC {m['pr_auc']:.3f} against {m['base_rate']:.3f} by chance",
        "gain": f"The likeliest {fifth['share']:.0%} hold {fifth['captured']:.0%} of all yes: lift {fifth['lift']:.1f}",
        "confusion": f"{found:,} of {flagged:,} rows called yes were yes",
    }
    if "profit" in tables:
        best = tables["profit"].iloc[int(tables["profit"]["expected"].argmax())]
        titles["profit"] = (
            f"Showing to the best {best['share']:.0%} promised {best['expected']:,.0f} tokens for 1,000 views, "
            f"earned {best['earned']:,.0f}"
        )
    if "survival" in tables:
        titles["survival"] = "Share of each cohort still there"
    return titles
