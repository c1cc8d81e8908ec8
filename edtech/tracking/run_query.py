"""Search a frame of runs: text search, conditions, sort order, and the columns that differ. Pure functions.

search_runs(runs, RunQuery(search="forest", where="rmse < 2 and seed = 7", order="metrics.rmse"))
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edtech.errors import TrackingError
from edtech.metrics import METRICS
from edtech.tracking.compare import INTERNAL_TAG_PREFIXES
from edtech.tracking.run_frames import COLUMNS

Mask = NDArray[np.bool_]
MAX_ROWS = 500
"""Rows that a page shows at once: each takes time to send, and nobody reads more."""
_PREFIXES = ("metrics.", "params.", "tags.")
_NAME, _VALUE = r'"([^"]+)"|`([^`]+)`|([^\s<>=!~]+)', r'"([^"]*)"|\'([^\']*)\'|([^\s,]+)'
_CONDITION = re.compile(rf"\s*(?:{_NAME})\s*(<=|>=|!=|==|=|<|>|~)\s*(?:{_VALUE})\s*")

_AND = re.compile(r"and\b|,", re.IGNORECASE)
_COMPARE: Mapping[str, Callable[[Any, float], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}
FIRST_COLUMNS = (
    "params.algorithm",
    "metrics.decision_value_tokens",
    "metrics.revenue_impact",
    "metrics.rmse",
    "metrics.r2",
    "metrics.price_elasticity_coefficient",
)
_METRIC_ORDER = {name: position for position, name in enumerate(METRICS)}
_INTERNAL = tuple(f"tags.{start}" for start in INTERNAL_TAG_PREFIXES)


@dataclass(frozen=True, slots=True)
class RunQuery:
    """A query for runs.

    `search`: text that the name, a parameter or a tag contains. `where`: conditions joined by `and`: a metric,
    parameter, tag or column, one of < <= > >= = != ~ (contains), a value. `families` and `datasets`: empty means all.
    `since` and `until`: days, both included. `failed`, `running`: include such runs. `order`: a column.
    """

    search: str = ""
    where: str = ""
    families: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    failed: bool = False
    running: bool = True
    order: str = "started"
    descending: bool = True


@dataclass(frozen=True, slots=True)
class RunTable:
    """`runs`: all that match, in order. `columns`: informative ones. `total`: number of runs before the search."""

    runs: pd.DataFrame
    columns: tuple[str, ...]
    total: int


def search_runs(runs: pd.DataFrame, query: RunQuery) -> RunTable:
    """Return the runs that match. Raises TrackingError for an invalid condition or an unknown column."""
    matching = runs[_mask(runs, query)]
    if query.order in matching.columns:
        matching = matching.sort_values(query.order, ascending=not query.descending, kind="stable", na_position="last")
    return RunTable(matching, informative_columns(matching), len(runs))


def informative_columns(runs: pd.DataFrame) -> tuple[str, ...]:
    """Return the columns that are not empty: those that differ between runs first."""
    others = [name for name in map(str, runs.columns) if name not in COLUMNS and not name.startswith(_INTERNAL)]
    counts = {name: runs[name].nunique() for name in others}
    filled = [name for name in others if counts[name]]
    return tuple(sorted(filled, key=lambda name: (counts[name] < 2, _column_order(name))))


def _column_order(name: str) -> tuple[int, int, int, str]:
    """Sort key: FIRST_COLUMNS, metrics in the order of the dictionary, parameters, tags, each by name."""
    first = FIRST_COLUMNS.index(name) if name in FIRST_COLUMNS else len(FIRST_COLUMNS)
    prefix, _, key = name.partition(".")
    kind = _PREFIXES.index(f"{prefix}.") if f"{prefix}." in _PREFIXES else len(_PREFIXES)
    return first, kind, _METRIC_ORDER.get(key, len(_METRIC_ORDER)), name


def columns_with_prefix(runs: pd.DataFrame, *prefixes: str) -> list[str]:
    """Return the columns with one of the prefixes, sorted."""
    return sorted(name for name in map(str, runs.columns) if name.startswith(prefixes))


def _mask(runs: pd.DataFrame, query: RunQuery) -> Mask:
    keep = np.ones(len(runs), dtype=bool)
    hidden = [*([] if query.failed else ["FAILED", "KILLED"]), *([] if query.running else ["RUNNING", "SCHEDULED"])]
    keep &= ~runs["status"].isin(hidden).to_numpy()
    for column, wanted in (("tags.model_type", query.families), ("tags.dataset_name", query.datasets)):
        if wanted:
            keep &= runs[column].isin(wanted).to_numpy() if column in runs else False
    if query.since is not None:
        keep &= (runs["started"] >= pd.Timestamp(query.since, tz="UTC")).to_numpy()
    if query.until is not None:
        keep &= (runs["started"] < pd.Timestamp(query.until, tz="UTC") + pd.Timedelta(days=1)).to_numpy()
    if query.search.strip():
        keep &= _contains_text(runs, query.search.strip())
    for name, sign, value in parse_conditions(query.where):
        keep &= _meets_condition(runs, name, sign, value)
    return keep


def _contains_text(runs: pd.DataFrame, text: str) -> Mask:
    contains = np.zeros(len(runs), dtype=bool)
    for name in ("name", "run_id", "experiment", *columns_with_prefix(runs, "params.", "tags.")):
        column = runs[name]
        values = pd.Series(column.unique()).dropna().astype(str)
        matching = values[values.str.contains(text, case=False, regex=False)]
        contains |= column.isin(matching).to_numpy()
    return contains


def parse_conditions(text: str) -> list[tuple[str, str, str]]:
    """Return name, operator and value of each condition in a text. Raises TrackingError if it is invalid."""
    conditions, position = [], 0
    while text[position:].strip():
        match = _CONDITION.match(text, position)
        if match is None:
            raise TrackingError(
                "This is not a valid condition",
                expected='such as: rmse < 2 and seed = 7 and "data set" ~ spring',
                actual=repr(text[position : position + 60]),
                fix="write a name, one of < <= > >= = != ~, and a value; put spaces and commas in double quotes",
            )
        quoted, ticked, bare, sign, *values = match.groups()
        conditions.append((quoted or ticked or bare, sign, next(value for value in values if value is not None)))
        position = match.end()
        if joined := _AND.match(text, position):
            position = joined.end()
    return conditions


def _meets_condition(runs: pd.DataFrame, name: str, sign: str, value: str) -> Mask:
    column = runs[_find_column(runs, name)]
    number = pd.to_numeric(pd.Series([value]), errors="coerce").iloc[0]
    if sign == "~" or pd.isna(number):
        if sign in ("<", "<=", ">", ">="):
            raise TrackingError(
                "This condition needs a number", expected=f"{name} {sign} 2", actual=repr(value), fix="write a number"
            )
        same = column.astype("str").str.contains(value, case=False, regex=False) if sign == "~" else column == value
        matching: Mask = same.fillna(False).to_numpy(dtype=bool)
        return ~matching if sign == "!=" else matching
    values = pd.to_numeric(column, errors="coerce")
    numeric_match: Mask = (_COMPARE[sign](values, float(number)) & values.notna()).to_numpy(dtype=bool)
    return numeric_match


def _find_column(runs: pd.DataFrame, name: str) -> str:
    candidates = (name, *(f"{prefix}{name}" for prefix in _PREFIXES))
    for column in candidates:
        if column in runs.columns:
            return column
    raise TrackingError(
        f"No run has a metric, parameter or tag {name!r}",
        expected=", ".join(informative_columns(runs)[:12]) or "a column of the table",
        actual=repr(name),
        fix="choose one of the columns of the table",
    )
