"""Files that are added to the run of each training: a summary, predictions of a sample, a validation script."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from edtech.metrics import METRICS
from edtech.settings import PROJECT
from edtech.tracking import model_validation
from edtech.tracking.model_files import translate_model_errors
from edtech.tracking.run_items import RunItems

SUMMARY = "evaluation/evaluation_summary.txt"
SCRIPT = "evaluation/model_validation.py"
SAMPLE_ROWS = 200


def add_evaluation_files(items: RunItems) -> RunItems:
    """Return the items with a summary and, if there is a sample, the model's predictions for it.

    Raises UntrustedModelError or TrackingError if the model cannot predict its sample.
    """
    items = _add_sample(items)
    if items.kind != "training" or not items.metrics:
        return items
    return replace(items, artifacts={SUMMARY: evaluation_summary(items), **items.artifacts})


def _add_sample(items: RunItems) -> RunItems:
    if items.sample is None or items.model is None:
        return items
    inputs = items.sample.inputs.head(SAMPLE_ROWS).reset_index(drop=True)
    actual = items.sample.actual.head(SAMPLE_ROWS).astype(float).reset_index(drop=True)

    def unused(name: str) -> str:
        return unused(f"{name}_") if name in inputs else name

    def table(predicted: np.ndarray) -> str:
        outcome = pd.DataFrame({unused("actual"): actual, unused("predicted"): predicted})
        return str(pd.concat([outcome, inputs], axis=1).to_csv(index=False))

    # Predicts from the rows as read from CSV, since the script does the same.
    with translate_model_errors(items.model):
        read = model_validation.read_sample(table(np.zeros(len(inputs))).encode(), csv_dtypes(inputs))
        predicted = np.asarray(items.model.estimator.predict(read.iloc[:, 2:]), dtype=float)
    return replace(items, artifacts={model_validation.SAMPLE: table(predicted), **items.artifacts})


def csv_dtypes(inputs: pd.DataFrame) -> dict[str, str]:
    """Return the dtype of each column as pandas reads it from CSV."""
    return {str(name): "str" if dtype.kind == "O" else str(dtype) for name, dtype in inputs.dtypes.items()}


def validation_script(run_id: str, uri: str, inputs: pd.DataFrame) -> str:
    """Return the script that validates a run; it runs unchanged on each machine that can reach the store."""
    constants = {"PROJECT": str(PROJECT), "DTYPES": csv_dtypes(inputs)}
    source = Path(model_validation.__file__).read_text(encoding="utf-8")
    return retarget_script(_set_constants(source, constants), run_id, uri)


def retarget_script(script: str, run_id: str, uri: str) -> str:
    """Return the script for a copy of the run in another store."""
    return _set_constants(script, {"RUN_ID": run_id, "TRACKING_URI": uri})


def _set_constants(script: str, values: Mapping[str, object]) -> str:
    """Return the script with its constants set; values become Python literals, so no text in them can run as code."""
    lines = script.splitlines()
    for line_number, line in enumerate(lines):
        name = line.partition(" = ")[0].partition(":")[0]
        if name in values:
            lines[line_number] = f"{name} = {values[name]!r}"
    return "\n".join(lines) + "\n"


def evaluation_summary(items: RunItems) -> str:
    """Return a training as plain text: model type, data, metrics with titles and units, parameters."""
    header = {"Model type": items.tags.get("model_type"), "Split": items.tags.get("split")}
    data = [f"{item.name} ({item.context}, digest {item.digest}, {len(item.frame):,} rows)" for item in items.datasets]
    lines = [items.name, "=" * len(items.name), *(f"{name}: {value}" for name, value in header.items() if value)]
    lines += [f"Data: {item}" for item in data]
    lines += [
        "",
        *_table("Metrics", {_title(name): f"{value:,.6g} {_unit(name)}" for name, value in items.metrics.items()}),
    ]
    lines += ["", *_table("Parameters", items.params), "", items.description]
    return "\n".join(line.rstrip() for line in lines).strip() + "\n"


def _table(title: str, values: Mapping[str, object]) -> list[str]:
    width = max(map(len, values), default=0)
    return [title, *(f"  {name:<{width}}  {value}" for name, value in values.items())]


def _title(name: str) -> str:
    return f"{METRICS[name].title} ({name})" if name in METRICS else name


def _unit(name: str) -> str:
    return METRICS[name].unit if name in METRICS else ""
