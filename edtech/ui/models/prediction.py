"""Batch and single predictions of a registered model."""

from typing import Any

import pandas as pd
import streamlit as st

from edtech.errors import ContractError
from edtech.ml.prediction import NUMBERS, Predictions, normalize_decimal
from edtech.reports.export import frame_csv
from edtech.tables.formatting import pluralize
from edtech.tracking.registry import ModelVersion
from edtech.ui.cache import dataset_cache, model_cache, services
from edtech.ui.widgets import error_panel, escape, format_number, show_errors

MAX_ROWS = 1_000
_HELP = {
    "double": "A number.",
    "float": "A number.",
    "long": "A whole number.",
    "integer": "A whole number.",
    "datetime": "A date, such as 2024-01-31.",
    "any": "A date or a number.",
}


def predict_file(version: ModelVersion) -> None:
    """Predict the rows of a file, and list invalid rows."""
    signature = model_cache.signature(version.run_id)
    st.markdown(f"The file needs {pluralize(len(signature), 'column')}:")
    st.dataframe(
        pd.DataFrame(list(signature.items()), columns=["Column", "Type"]),
        hide_index=True,
        key="scoring.columns",
        height=200,
    )
    st.download_button(
        "Download template",
        frame_csv(model_cache.scoring_template(version.run_id)),
        f"{version.name}-template.csv",
        "text/csv",
        key="scoring.template",
        on_click="ignore",
        icon=":material/download:",
        help="A file with these columns and example rows. Replace the rows with yours.",
    )
    limit = services.settings().upload_limit_mb
    file = st.file_uploader(
        "File (CSV, TSV, Parquet or XLSX)",
        key="scoring.file",
        max_upload_size=limit,
        help=f"At most {limit} MB. Every row gets a prediction.",
    )
    if file is None:
        return
    with show_errors():
        upload = dataset_cache.staged(f"scoring.{file.file_id}", None, None, file)
        if isinstance(upload, Exception):
            raise upload
        rows = upload.frame if upload.path is None else pd.read_parquet(upload.path)
        _show(version, rows)


def _show(version: ModelVersion, rows: pd.DataFrame) -> None:
    try:
        predictions = model_cache.scored(version.run_id, rows)
    except ContractError as error:
        error_panel(error)
        if error.failures is not None:
            st.dataframe(error.failures.head(MAX_ROWS), hide_index=True, key="scoring.failures")
        return
    st.success(
        f"{pluralize(len(predictions.rows), 'row')} predicted: {escape(predictions.meaning)}.", icon=":material/done:"
    )
    _warn_extrapolation(predictions)
    st.dataframe(predictions.rows.head(MAX_ROWS), hide_index=True, key="scoring.rows")
    st.download_button(
        "Download predictions",
        frame_csv(predictions.rows),
        "predictions.csv",
        key="scoring.get",
        on_click="ignore",
        icon=":material/download:",
    )


def predict_row(version: ModelVersion) -> None:
    """Predict a single row from a form with the columns of the model's signature."""
    signature, important = model_cache.signature(version.run_id), model_cache.important_columns(version.run_id)
    first = [name for name in important if name in signature] or list(signature)
    others = [name for name in signature if name not in first]
    st.caption(_describe(len(first), bool(important), bool(model_cache.example_row(version.run_id))))
    with st.form("scoring.one", border=True):
        values = _fields(version, first)
        if others:
            with st.expander(f"{pluralize(len(others), 'less important column')}"):
                values |= _fields(version, others)
        requested = st.form_submit_button("Predict", type="primary", icon=":material/play_arrow:")
    if not requested:
        return
    with show_errors():
        row = pd.DataFrame({name: [_typed(values[name], kind)] for name, kind in signature.items()})
        predicted = model_cache.scored(version.run_id, row)
        value = float(predicted.rows.iloc[:, -1].to_numpy(dtype=float)[0])
        text = f"{value:.1%}" if predicted.meaning.startswith("Probability") else format_number(value)
        st.metric(escape(predicted.meaning), text, border=True, help="The model's prediction for this row.")
        _warn_extrapolation(predicted)


def _typed(value: object, kind: str) -> object:
    return normalize_decimal(value) if isinstance(value, str) and kind in {*NUMBERS, "any"} else value


def _warn_extrapolation(predictions: Predictions) -> None:
    """Warn about values outside the training data."""
    if predictions.warnings:
        message = "".join(f"\n- {escape(warning)}" for warning in predictions.warnings)
        st.warning(
            f"These values are outside the training data, so the prediction is uncertain:\n{message}",
            icon=":material/explore_off:",
        )


def _describe(first: int, ordered: bool, filled: bool) -> str:
    order = (
        f"The {pluralize(first, 'most important column')}, in descending order."
        if ordered
        else "Columns are in the order of the model, because no feature importance was logged."
    )
    return f"{order} {'The values are those of an example row.' if filled else ''}".strip()


def _fields(version: ModelVersion, names: list[str]) -> dict[str, Any]:
    signature, example = model_cache.signature(version.run_id), model_cache.example_row(version.run_id)
    values, columns = {}, st.columns(3)
    for position, name in enumerate(names):
        with columns[position % 3]:
            values[name] = _field(name, signature[name], version.run_id, example.get(name, ""))
    return values


def _field(name: str, kind: str, run_id: str, example: str) -> object:
    """Show a widget for a column, filled with the example; numbers are text inputs, so that a value can be missing."""
    key, label = f"scoring.{run_id}.{name}", escape(name)
    if kind == "boolean":
        return st.toggle(label, example.casefold() in ("true", "1"), key=key)
    return st.text_input(label, example, max_chars=200, key=key, help=_HELP.get(kind, "Text."))
