"""A logged run as a report: everything that is stored of it, by whichever program logged it."""

from collections.abc import Mapping

import pandas as pd

from edtech.charts import models as charts
from edtech.metrics import BETTER, metric
from edtech.reports.bundle import Drawing, Report, Section, Table
from edtech.reports.svg import figure
from edtech.tracking import Run

_NOTE = "mlflow.note.content"
_INTERNAL = ("mlflow.", "edtech.lock", "edtech.host", "edtech.pid")


def run_report(run: Run, tables: Mapping[str, pd.DataFrame], provenance: Mapping[str, str | int | float]) -> Report:
    """Return the results, the metrics with their meaning, the settings, and the tables that the run logged.

    `tables`: path of an artifact -> its rows.
    """
    note = [line.strip("# ") for line in run.tags.get(_NOTE, "").splitlines() if line.strip("# ")]
    return Report(
        title=f"Run {run.name}",
        question="What are the results, and what is their decision value?",
        sections=(
            Section("Results", (*note, f"Status {run.status}.")),
            Section("Metrics", (), (Table("Metrics", _metrics(run), wording=("metric", "unit", "better", "meaning")),)),
            Section("Settings", (), (Table("Parameters", _pairs(run.params, "parameter")), _tags(run))),
            *(_logged(path, frame) for path, frame in tables.items()),
        ),
        provenance=provenance,
    )


def _metrics(run: Run) -> pd.DataFrame:
    rows = [
        (entry.title, value, entry.unit, BETTER[entry.direction], entry.help)
        for name, value in sorted(run.metrics.items())
        for entry in [metric(name)]
    ]
    return pd.DataFrame(rows, columns=["metric", "value", "unit", "better", "meaning"])


def _tags(run: Run) -> Table:
    tags = {name: text for name, text in run.tags.items() if not name.startswith(_INTERNAL)}
    return Table("Tags", _pairs(tags, "tag"))


def _pairs(values: Mapping[str, str], name: str) -> pd.DataFrame:
    return pd.DataFrame(sorted(values.items()), columns=[name, "value"])


def _logged(path: str, frame: pd.DataFrame) -> Section:
    name = path.rpartition("/")[2].removesuffix(".csv").replace("_", " ")
    title = name[:1].upper() + name[1:]
    return Section(title, (f"Logged by the run in {path}.",), (Table(title, frame),), _figures(title, frame))


def _figures(title: str, frame: pd.DataFrame) -> tuple[Drawing, ...]:
    """Return the charts of tables that our charts can draw."""
    if frame.empty:
        return ()
    if {"feature", "importance"} <= set(frame.columns):
        text = f"Most important feature: {frame['feature'].iloc[0]} (not causal)"
        return (figure(title, charts.importance(frame, title=text, unit="loss when shuffled"), text),)
    if {"actual", "predicted"} <= set(frame.columns):
        text = "Predicted versus actual values; they are equal on the line"
        return (figure(title, charts.actual_vs_predicted(frame, title=text, unit="per row"), text),)
    return ()
