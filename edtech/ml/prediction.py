"""Predictions of a stored model for other rows: the rows are checked against what the model was trained on first."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from edtech.errors import ContractError, TrackingError
from edtech.ml.training_support import out_of_range_warnings, prediction_meaning
from edtech.tables import values, words
from edtech.tables.contract import Failure, check_column, failed_rows
from edtech.tables.families import contract_for
from edtech.tables.roles import Roles
from edtech.tracking.model_validation import SAMPLE

if TYPE_CHECKING:
    from edtech.tracking.runs import RunStore

PREDICTION = "prediction"
IMPORTANCE = "evaluation/feature_importance.csv"
SUPPORT = "result/support.csv"
NUMBERS = {"double", "float", "long", "integer"}
WHOLE = {"long", "integer"}
_MOST_LISTED = 20
_MAX_FAILED_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Predictions:
    """Rows with the model's prediction, what it is of, and a sentence for each column beyond what training saw."""

    rows: pd.DataFrame
    meaning: str
    warnings: tuple[str, ...]


def predict_rows(store: "RunStore", run_id: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the model's `prediction` for each; the same numbers as `mlflow.pyfunc` gives.

    Raises ContractError listing every value that does not fit, and what loading a model raises.
    """
    return predict_with_warnings(store, run_id, rows).rows


def predict_with_warnings(store: "RunStore", run_id: str, rows: pd.DataFrame) -> Predictions:
    """Return the same with what the predictions are of, and what the model never saw; raises as `score`."""
    model = store.load_model(run_id)
    fitted = conform_rows(rows, store.signature(run_id), getattr(model, "roles", None))
    name = PREDICTION
    while name in rows:
        name += "_"
    found = rows.reset_index(drop=True).assign(**{name: np.asarray(model.predict(fitted), dtype=float)})
    family = store.get_run(run_id).tags.get("model_type", "")
    return Predictions(
        found, prediction_meaning(model, family), out_of_range_warnings(model, fitted, _support(store, run_id))
    )


def _support(store: "RunStore", run_id: str) -> pd.DataFrame | None:
    """Return the prices that each unit was seen at; None where the run keeps none."""
    try:
        kept = pd.read_csv(BytesIO(store.read_artifact(run_id, SUPPORT)))
    except (TrackingError, ValueError):
        return None
    return kept if {"unit", "low", "high"} <= set(kept) else None


def template(store: "RunStore", run_id: str, most: int = 20) -> pd.DataFrame:
    """Return a table with the columns of the model and rows that it was asked; no row where the run kept none."""
    names = list(store.signature(run_id))
    try:
        kept = pd.read_csv(BytesIO(store.read_artifact(run_id, SAMPLE)), nrows=most)
    except (TrackingError, ValueError):
        kept = pd.DataFrame()
    return kept[names] if set(names) <= set(kept) else pd.DataFrame(columns=names)


def normalize_decimal(text: str) -> str:
    """Return a number typed with a decimal comma with a point; what may be thousands stays as it is, to be refused."""
    typed = text.strip()
    grouped = re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", typed)
    return typed.replace(",", ".") if re.fullmatch(r"[+-]?\d+,\d+", typed) and not grouped else text


def example_row(store: "RunStore", run_id: str) -> dict[str, str]:
    """Return a row that the run's model was asked, as text; empty where the run kept none."""
    try:
        kept = pd.read_csv(BytesIO(store.read_artifact(run_id, SAMPLE)), nrows=1, dtype=str, keep_default_na=False)
    except (TrackingError, ValueError):
        return {}
    return {str(name): str(values.iloc[0]) for name, values in kept.items()} if len(kept) else {}


def important_columns(store: "RunStore", run_id: str) -> tuple[str, ...]:
    """Return the columns whose shuffling made predictions worse, most first; empty where that was not logged."""
    try:
        table = pd.read_csv(BytesIO(store.read_artifact(run_id, IMPORTANCE)))
        shares = table.set_index("feature")["importance"].astype(float)
    except (TrackingError, ValueError, KeyError):
        return ()
    return tuple(str(name) for name in shares[shares > 0].sort_values(ascending=False, kind="stable").index)


def conform_rows(rows: pd.DataFrame, signature: Mapping[str, str], roles: Roles | None = None) -> pd.DataFrame:
    """Return the columns of the signature, in their types: by the contract of the model's roles, else by type alone.

    Raises ContractError: columns are missing, or values do not fit; `failures` holds row, column, value and problem.
    """
    names = [str(name) for name in rows]
    missing = [name for name in signature if names.count(name) != 1]
    if missing or rows.empty:
        raise ContractError(
            f"The table cannot be scored: {f'it lacks {values.listed(missing)}' if missing else 'it has no rows'}",
            expected=f"at least one row with the columns {values.listed(signature, 60)}, each once",
            found=f"{len(rows):,} rows with {values.listed(names)}",
            fix="add or rename these columns",
        )
    rows = rows.reset_index(drop=True)
    failures: list[Failure] = []
    columns: dict[str, pd.Series] = {}
    for name, kind in signature.items():
        columns[name], found = _column(rows[name], kind, roles)
        failures += found
    if failures:
        raise _refusal(failures, len(rows))
    return pd.DataFrame(columns)


def _refusal(failures: list[Failure], rows: int) -> ContractError:
    error = ContractError(
        f"The table does not fit what the model was trained on, in {words.counted(len(failures), 'way')}",
        expected="values as in the training data",
        found=f"the failures listed, in {words.counted(rows, 'row')} (counted from 1 without the header line)",
        fix="correct or remove these rows",
        details=[str(one) for one in failures[:_MOST_LISTED]],
    )
    error.failures = failed_rows(failures)
    return error


def _column(column: pd.Series, kind: str, roles: Roles | None) -> tuple[pd.Series, list[Failure]]:
    name = str(column.name)
    if roles is not None and name in roles.columns():
        converted, failures = check_column(contract_for(roles), roles, column)
    else:
        converted, failures = _convert(kind)(column).rename(name), []
    if failures:
        return converted, failures
    wrong = _wrong(converted, kind)
    if not wrong.any():
        return _typed(converted, kind), []
    must = {"boolean": "must be true or false", "string": "must be text"}.get(
        kind, "must be a whole number" if kind in WHOLE else "must be a number" if kind in NUMBERS else "must be a date"
    )
    at = np.flatnonzero(wrong)
    cells = tuple((cell,) for cell in column.iloc[at[:_MAX_FAILED_ROWS]].astype(object))
    return converted, [Failure((name,), must, len(at), tuple(int(row) + 1 for row in at[:_MAX_FAILED_ROWS]), cells)]


def _convert(kind: str) -> Callable[[pd.Series], pd.Series]:
    if kind in NUMBERS:
        return values.as_number
    return {"boolean": values.as_flag, "string": values.as_text}.get(kind, values.as_period)


def _wrong(column: pd.Series, kind: str) -> Any:  # noqa: ANN401  # an array of bool (n,)
    """Tell which values the type cannot hold; a gap only where it is a number or text."""
    if kind in NUMBERS:
        number = values.to_number(column)
        return ((number.isna() & (column.notna() | (kind in WHOLE))) | (number % 1 != 0) & (kind in WHOLE)).to_numpy()
    if kind == "boolean" and column.dtype != bool:
        return ~column.astype("str").str.strip().str.casefold().isin(list(values.FLAGS)).to_numpy()
    if kind == "datetime":
        dated = pd.api.types.is_datetime64_any_dtype
        return (column.isna() if dated(column) else ~column.map(lambda cell: dated(_date_of(cell)))).to_numpy()
    return np.zeros(len(column), dtype=bool)


def _date_of(cell: object) -> pd.Series:
    return values.as_period(pd.Series([cell]))


def _typed(column: pd.Series, kind: str) -> pd.Series:
    types = {"double": "float64", "float": "float32", "long": "int64", "integer": "int32", "boolean": "bool"}
    return column.astype(np.dtype(types[kind])) if kind in types else column
