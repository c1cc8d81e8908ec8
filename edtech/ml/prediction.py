"""Predictions of a stored model for new rows, which are first checked against the model's signature and contract."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from edtech.errors import ContractError, TrackingError
from edtech.ml.base import Family
from edtech.ml.families import FAMILIES
from edtech.tables import values
from edtech.tables.contract import Failure, check_column, failed_rows
from edtech.tables.formatting import format_names, pluralize
from edtech.tables.roles import Roles
from edtech.tables.table_kinds import contract_for
from edtech.tracking.model_validation import SAMPLE

if TYPE_CHECKING:
    from edtech.tracking.runs import RunStore

PREDICTION = "prediction"
IMPORTANCE = "evaluation/feature_importance.csv"
SUPPORT = "result/support.csv"
NUMBERS = {"double", "float", "long", "integer"}
WHOLE = {"long", "integer"}
_MAX_LISTED = 20
_MAX_FAILED_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Predictions:
    """Rows with the model's prediction, what a prediction is, and a sentence for each column outside the training."""

    rows: pd.DataFrame
    meaning: str
    warnings: tuple[str, ...]


def predict_rows(store: "RunStore", run_id: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the model's `prediction`, the same numbers as `mlflow.pyfunc` returns.

    Raises ContractError, which lists every value that does not fit, and the errors of loading a model.
    """
    return predict_with_warnings(store, run_id, rows).rows


def predict_with_warnings(store: "RunStore", run_id: str, rows: pd.DataFrame) -> Predictions:
    """Return predictions, their meaning, and warnings about values outside the training data; raises as above."""
    model = store.load_model(run_id)
    inputs = conform_rows(rows, store.signature(run_id), getattr(model, "roles", None))
    name = PREDICTION
    while name in rows:
        name += "_"
    predicted = rows.reset_index(drop=True).assign(**{name: np.asarray(model.predict(inputs), dtype=float)})
    family = store.get_run(run_id).tags.get("model_type", "")
    warnings = out_of_range_warnings(model, inputs, _support(store, run_id), family)
    return Predictions(predicted, prediction_meaning(model, family), warnings)


def prediction_meaning(model: Any, family: str = "") -> str:  # noqa: ANN401  # a stored model of any family or none
    """Return what the model's prediction is, as a phrase; "Prediction" for models of no family of ours."""
    families = _families(model, family)
    return families[0].prediction_meaning(model) if len(families) == 1 else "Prediction"


def out_of_range_warnings(
    model: Any,  # noqa: ANN401  # a stored model of any family or none
    rows: pd.DataFrame,
    support: pd.DataFrame | None = None,
    family: str = "",
) -> tuple[str, ...]:
    """Return a sentence for each column of `rows` with values outside the training data of the model.

    `support`: unit, low, high, the observed prices of each unit. Only what the model or its run stores is compared.
    """
    families = _families(model, family)
    return families[0].range_warnings(model, rows, support) if families else ()


def _families(model: Any, name: str) -> list[Family]:  # noqa: ANN401  # a stored model of any family or none
    """Return the family of that name if the model is of it, else all families with such estimators."""
    families = [family for family in FAMILIES.values() if isinstance(model, family.estimators)]
    return [family for family in families if family.name == name] or families


def _support(store: "RunStore", run_id: str) -> pd.DataFrame | None:
    """Return the observed prices of each unit; None if the run stores none."""
    try:
        support = pd.read_csv(BytesIO(store.read_artifact(run_id, SUPPORT)))
    except (TrackingError, ValueError):
        return None
    return support if {"unit", "low", "high"} <= set(support) else None


def template(store: "RunStore", run_id: str, rows: int = 20) -> pd.DataFrame:
    """Return a table with the model's input columns and up to `rows` rows of its sample; no row without a sample."""
    names = list(store.signature(run_id))
    try:
        sample = pd.read_csv(BytesIO(store.read_artifact(run_id, SAMPLE)), nrows=rows)
    except (TrackingError, ValueError):
        sample = pd.DataFrame()
    return sample[names] if set(names) <= set(sample) else pd.DataFrame(columns=names)


def normalize_decimal(text: str) -> str:
    """Return a number with a decimal comma with a point instead; possible thousands separators stay, to be refused."""
    stripped = text.strip()
    grouped = re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", stripped)
    return stripped.replace(",", ".") if re.fullmatch(r"[+-]?\d+,\d+", stripped) and not grouped else text


def example_row(store: "RunStore", run_id: str) -> dict[str, str]:
    """Return the first row of the run's sample as text; empty without a sample."""
    try:
        sample = pd.read_csv(BytesIO(store.read_artifact(run_id, SAMPLE)), nrows=1, dtype=str, keep_default_na=False)
    except (TrackingError, ValueError):
        return {}
    return {str(name): str(values.iloc[0]) for name, values in sample.items()} if len(sample) else {}


def important_columns(store: "RunStore", run_id: str) -> tuple[str, ...]:
    """Return the columns with positive permutation importance, the most important first; empty if none was logged."""
    try:
        table = pd.read_csv(BytesIO(store.read_artifact(run_id, IMPORTANCE)))
        importance = table.set_index("feature")["importance"].astype(float)
    except (TrackingError, ValueError, KeyError):
        return ()
    return tuple(str(name) for name in importance[importance > 0].sort_values(ascending=False, kind="stable").index)


def conform_rows(rows: pd.DataFrame, signature: Mapping[str, str], roles: Roles | None = None) -> pd.DataFrame:
    """Return the columns of the signature with its types, converted by the contract of the roles, else by type alone.

    Raises ContractError if columns are missing or values do not fit; `failures` holds row, column, value and problem.
    """
    names = [str(name) for name in rows]
    missing = [name for name in signature if names.count(name) != 1]
    if missing or rows.empty:
        problem = f"it lacks {format_names(missing)}" if missing else "it has no rows"
        raise ContractError(
            f"There is no prediction for this table: {problem}",
            expected=f"at least one row with the columns {format_names(signature, 60)}, each once",
            actual=f"{len(rows):,} rows with {format_names(names)}",
            fix="add or rename these columns",
        )
    rows = rows.reset_index(drop=True)
    failures: list[Failure] = []
    columns: dict[str, pd.Series] = {}
    for name, kind in signature.items():
        columns[name], invalid = _column(rows[name], kind, roles)
        failures += invalid
    if failures:
        raise _refusal(failures, len(rows))
    return pd.DataFrame(columns)


def _refusal(failures: list[Failure], rows: int) -> ContractError:
    error = ContractError(
        f"The table does not match the model's training data: {pluralize(len(failures), 'problem')}",
        expected="values as in the training data",
        actual=f"the failures listed, in {pluralize(rows, 'row')} (counted from 1 without the header line)",
        fix="correct or remove these rows",
        details=[str(failure) for failure in failures[:_MAX_LISTED]],
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
    positions = np.flatnonzero(wrong)
    listed = positions[:_MAX_FAILED_ROWS]
    cells = tuple((cell,) for cell in column.iloc[listed].astype(object))
    return converted, [Failure((name,), must, len(positions), tuple(int(row) + 1 for row in listed), cells)]


def _convert(kind: str) -> Callable[[pd.Series], pd.Series]:
    if kind in NUMBERS:
        return values.as_number
    return {"boolean": values.as_flag, "string": values.as_text}.get(kind, values.as_period)


def _wrong(column: pd.Series, kind: str) -> Any:  # noqa: ANN401  # an array of bool (n,)
    """Return a mask of the values that the type cannot hold; numbers and text may be missing, other types not."""
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
