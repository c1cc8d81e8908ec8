"""Runs side by side as a report, and the tables that the Compare page shows."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from edtech.charts import models as charts
from edtech.metrics import BETTER, Kind, Metric, interval_of, metric
from edtech.reports.bundle import Drawing, Report, Section, Table
from edtech.reports.svg import figure
from edtech.tracking.compare import Comparison

KINDS: tuple[tuple[Kind, str], ...] = (
    ("model", "Model metrics"),
    ("business", "Business metrics"),
    ("truth", "Versus ground truth"),
)
MAX_TAG = 200
BEST = "★ "
GOOD, BAD = " ✓", " ✗"
SIGNS = {1: GOOD, 0: "", -1: BAD}
"""The mark after a better or worse difference to the baseline, for readers who see no color."""


def metric_table(comparison: Comparison, kind: Kind) -> pd.DataFrame:
    """Return one row per metric: metric, one text column per run, unit, better; a star marks the best value.

    A value is followed by its 95% interval, if its ends are logged, and by the difference to the baseline with a mark
    for better or worse. Guessed directions say so.
    """
    logged = comparison.metrics_of(kind).index
    ends = {end for name in logged for end in interval_of(name, logged) or ()}
    rows = []
    for name in [name for name in logged if name not in ends]:
        entry = comparison.dictionary.get(name, metric(name))
        cells = {label: _cell(comparison, name, run_id) for run_id, label in comparison.labels.items()}
        rows.append({"metric": entry.title, **cells, "unit": entry.unit, "better": _direction(entry)})
    return pd.DataFrame(rows)


def _direction(entry: Metric) -> str:
    direction = BETTER[entry.direction]
    return f"{direction or 'not ranked'} (a guess)" if entry.guessed else direction


def _cell(comparison: Comparison, name: str, run_id: str) -> str:
    value = float(comparison.metrics.loc[name, run_id])  # type: ignore[arg-type]  # a frame of floats
    if np.isnan(value):
        return "-"
    star = BEST if run_id in comparison.best.get(name, ()) else ""
    text = f"{star}{_display(value)}{_interval(comparison, name, run_id)}"
    if comparison.differences is None or run_id == comparison.baseline:
        return text
    difference = float(comparison.differences.loc[name, run_id])  # type: ignore[arg-type]  # a frame of floats
    if np.isnan(difference) or difference == 0:
        return text
    better = 0.0 if comparison.better is None else float(comparison.better.loc[name, run_id])  # type: ignore[arg-type]
    return f"{text} ({_display(difference, '+')}{SIGNS[int(better)]})"


def _interval(comparison: Comparison, name: str, run_id: str) -> str:
    pair = interval_of(name, comparison.metrics.index)
    ends = [] if pair is None else comparison.metrics.loc[list(pair), run_id].tolist()
    return f" [{_display(ends[0])}, {_display(ends[1])}]" if ends and np.isfinite(ends).all() else ""


def _display(value: float, sign: str = "") -> str:
    return f"{value:{sign},.0f}" if abs(value) >= 1000 else f"{value:{sign}.4g}"


def param_table(comparison: Comparison, every: bool = False) -> pd.DataFrame:
    """Return the parameters that differ, or all of them: parameter, one column per run."""
    return _texts(comparison, comparison.params if every else comparison.differing_params, "parameter")


def tag_table(comparison: Comparison, every: bool = False) -> pd.DataFrame:
    """Return the tags that differ, or all of them: tag, one column per run; long values are cut."""
    tags = _texts(comparison, comparison.tags if every else comparison.differing_tags, "tag")
    return tags.map(lambda text: text if len(text) <= MAX_TAG else f"{text[:MAX_TAG]}…")


def _texts(comparison: Comparison, values: pd.DataFrame, name: str) -> pd.DataFrame:
    return values.rename(columns=dict(comparison.labels)).fillna("-").rename_axis(name).reset_index()


def metric_pairs(comparison: Comparison, x: str, y: str) -> pd.DataFrame:
    """Return run, x, y: two metrics, or numeric parameters, of each run."""
    return pd.DataFrame(
        {
            "run": [comparison.labels[run_id] for run_id in comparison.metrics.columns],
            "x": _values(comparison, x),
            "y": _values(comparison, y),
        }
    )


def _values(comparison: Comparison, name: str) -> pd.Series:
    """Return a metric of each run, or the parameter of that name; NaN if it is not a number."""
    values = comparison.metrics if name in comparison.metrics.index else comparison.params
    return pd.to_numeric(values.reindex([name]).iloc[0].reset_index(drop=True), errors="coerce").astype(float)


def pair_title(pairs: pd.DataFrame, x: Metric, y: Metric) -> str:
    """Return a sentence on whether the run with the best `x` also has the best `y`."""
    rows = pairs.dropna()
    if len(rows) < 2:
        return f"{y.title} against {x.title}"
    first, second = (_best_run(rows, column, entry.direction) for column, entry in (("x", x), ("y", y)))
    if first is None or second is None:
        return f"{y.title} against {x.title}"
    if first == second:
        return f"The run with the best {x.title} also has the best {y.title}"
    return f"The run with the best {x.title} is not the one with the best {y.title}"


def _best_run(rows: pd.DataFrame, column: str, direction: str) -> object | None:
    values = {"higher": rows[column], "lower": -rows[column], "zero": -rows[column].abs()}
    return None if direction not in values else rows["run"].to_numpy()[values[direction].argmax()]


def comparison_report(comparison: Comparison, x: str, y: str, provenance: Mapping[str, str | int | float]) -> Report:
    """Return the comparison as a report: what differs, the metrics by kind, and one metric against another."""
    pairs = metric_pairs(comparison, x, y)
    x_metric, y_metric = (comparison.dictionary.get(name, metric(name)) for name in (x, y))
    title = pair_title(pairs, x_metric, y_metric)
    warnings = (comparison.warning,) if comparison.warning else ()
    sections = [
        Section(
            heading,
            (f"{BEST}marks the best value by each metric's direction. Brackets hold 95% intervals.",),
            (
                Table(heading, metric_table(comparison, kind), wording=("metric", "unit", "better")),
                Table(f"{heading}, exact", _exact(comparison, kind)),
            ),
        )
        for kind, heading in KINDS
        if len(comparison.metrics_of(kind))
    ]
    return Report(
        title="Comparison of runs",
        question=f"Which of {len(comparison.labels)} runs is more accurate, and what is the decision value of each?",
        sections=(
            Section("Differences", warnings, _differences(comparison)),
            *sections,
            Section("One metric against another", (title,), (), _scatter(pairs, title, x_metric, y_metric)),
        ),
        provenance=provenance,
    )


def _differences(comparison: Comparison) -> tuple[Table, ...]:
    tags = tag_table(comparison)
    tag_tables = () if tags.empty else (Table("Tags that differ", tags),)
    return (Table("Parameters that differ", param_table(comparison)), *tag_tables)


def _exact(comparison: Comparison, kind: Kind) -> pd.DataFrame:
    return comparison.metrics_of(kind).rename(columns=dict(comparison.labels)).rename_axis("metric").reset_index()


def _scatter(pairs: pd.DataFrame, title: str, x: Metric, y: Metric) -> tuple[Drawing, ...]:
    finite = pairs.replace([np.inf, -np.inf], np.nan).dropna()
    if finite.empty:
        return ()
    chart = charts.metric_scatter(pairs, title=title, x_title=axis_title(x), y_title=axis_title(y))
    return (figure(title, chart, title),)


def axis_title(metric: Metric) -> str:
    """Return a metric's title with its unit."""
    return f"{metric.title} ({metric.unit})" if metric.unit else metric.title
