"""One logged run as a report: whatever is stored of it, whoever wrote it."""

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
    """Return what was found, the metrics with their meaning, the settings, and the tables that the run logged.

    `tables`: path of an artifact -> its rows.
    """
    note = [line.strip("# ") for line in run.tags.get(_NOTE, "").splitlines() if line.strip("# ")]
    return Report(
        title=f"Run {run.name}",
        question="What was found, and what is it worth?",
        sections=(
            Section("What was found", (*note, f"Status {run.status}.")),
            Section("Metrics", (), (Table("Metrics", _metrics(run)),)),
            Section("Settings", (), (Table("Parameters", _pairs(run.params, "parameter")), _tags(run))),
            *(_logged(path, frame) for path, frame in tables.items()),
        ),
        provenance=provenance,
    )


def _metrics(run: Run) -> pd.DataFrame:
    rows = [
        (known.title, value, known.unit, BETTER[known.direction], known.help)
        for name, value in sorted(run.metrics.items())
        for known in [metric(name)]
    ]
    return pd.DataFrame(rows, columns=["metric", "value", "unit", "better", "meaning"])


def _tags(run: Run) -> Table:
    shown = {name: text for name, text in run.tags.items() if not name.startswith(_INTERNAL)}
    return Table("Tags", _pairs(shown, "tag"))


def _pairs(values: Mapping[str, str], name: str) -> pd.DataFrame:
    return pd.DataFrame(sorted(values.items()), columns=[name, "value"])


def _logged(path: str, frame: pd.DataFrame) -> Section:
    name = path.rpartition("/")[2].removesuffix(".csv").replace("_", " ")
    title = name[:1].upper() + name[1:]
    return Section(title, (f"As the run logged it in {path}.",), (Table(title, frame),), _drawn(title, frame))


def _drawn(title: str, frame: pd.DataFrame) -> tuple[Drawing, ...]:
    """Draw the tables that a chart of ours is made for."""
    if frame.empty:
        return ()
    if {"feature", "importance"} <= set(frame.columns):
        words = f"Predictions lean most on {frame['feature'].iloc[0]}"
        return (figure(title, charts.importance(frame, title=words, unit="loss when shuffled"), words),)
    if {"actual", "predicted"} <= set(frame.columns):
        words = "Predicted against actual; on the line both are equal"
        return (figure(title, charts.actual_vs_predicted(frame, title=words, unit="per row"), words),)
    return ()
