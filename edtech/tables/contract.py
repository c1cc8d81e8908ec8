"""The contract of a table: how its columns are converted and checked by the roles they play.

Every contract is a model of roles (`edtech.tables.roles`) whose fields say what kind of column each role takes, and a
few rules over several columns. All failures are found at once, told bounded, and listed with their row numbers.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaError, SchemaErrors

from edtech.errors import ContractError
from edtech.tables import values
from edtech.tables.formatting import format_names, format_value, pluralize
from edtech.tables.roles import ColumnKind, LabelRoles, Roles
from edtech.tables.values import MAX_EXAMPLES, MAX_FAILURES

MAX_FAILED_ROWS = 10_000
"""Most rows that the frame of failures holds."""
Convert = Callable[[pd.Series], pd.Series]

_KINDS: dict[ColumnKind, tuple[Convert, Sequence[pa.Check]]] = {
    ColumnKind.NAME: (values.as_text, values.NAME),
    ColumnKind.SEGMENT: (values.as_text, [*values.NAME, values.FEW_CATEGORIES]),
    ColumnKind.PERIOD: (values.as_period, values.PERIOD),
    ColumnKind.PRICE: (values.as_number, values.POSITIVE),
    ColumnKind.COUNT: (values.as_number, values.COUNT),
    ColumnKind.NUMBER: (values.as_number, values.NUMBER),
    ColumnKind.SHARE: (values.as_number, values.SHARE),
    ColumnKind.DURATION: (values.as_number, values.DURATION),
    ColumnKind.FLAG: (values.as_flag, values.FLAG),
    ColumnKind.LABEL: (values.as_flag, values.LABEL),
    ColumnKind.COVARIATE: (values.as_covariate, values.COVARIATE),
    ColumnKind.FEATURE: (values.as_covariate, values.COVARIATE),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: `columns` occur `once` together; the first is `at_most` the second; `one_true` flag in each second."""

    kind: Literal["once", "at_most", "one_true"]
    columns: tuple[str, ...]
    must: str


@dataclass(frozen=True, slots=True)
class Contract:
    """What a table must be: `kind` of data set, `title`, what a `row` is, the `roles`, their `rules`, its `order`.

    `rules` gives the rules over several columns for roles; `order` names the roles that a stored table is sorted by.
    """

    kind: str
    title: str
    row: str
    roles: type[Roles]
    rules: Callable[[Roles], tuple[Rule, ...]]
    order: tuple[str, ...] = ()

    def keys(self, roles: Roles) -> list[str]:
        """Return the columns that the table is sorted by."""
        names = (getattr(roles, role) for role in self.order)
        return [name for name in names if name is not None]


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule that some rows break: how many, and the first of them, counted from 1, with their values."""

    columns: tuple[str, ...]
    must: str
    count: int
    rows: tuple[int, ...]
    cells: tuple[tuple[object, ...], ...]
    distinct: int | None = None

    def __str__(self) -> str:
        found = f", found {self.distinct:,}" if self.distinct is not None else ""
        first = zip(self.rows[:MAX_EXAMPLES], self.cells, strict=False)
        examples = "; ".join(f"row {row:,}: " + ", ".join(map(format_value, cells)) for row, cells in first)
        many = f"{self.count:,} row{'s' * (self.count > 1)}"
        return f"column {format_names(self.columns)}: {self.must}{found} ({many}, e.g. {examples})"


def build_table(contract: Contract, frame: pd.DataFrame, roles: Roles) -> pd.DataFrame:
    """Return the validated table of `frame`: only the columns that play a role, under their own names, sorted.

    Raises:
        ContractError: listing every failed check at once with its column, count and at most five rows, counted from 1
            without the header line; `failures` holds the rows.
    """
    require_columns(frame.columns, roles)
    table = frame.loc[:, list(roles.columns())].reset_index(drop=True)
    require_rows(contract, len(table))
    table = table.assign(**{name: convert(table[name]) for name, convert in converters(roles).items()})
    failures = failures_of(table_schema(contract, roles), table)
    if failures:
        raise contract_error(contract, failures, len(table))
    keys = contract.keys(roles)
    return table.sort_values(keys, kind="stable", ignore_index=True) if keys else table


def check_column(contract: Contract, roles: Roles, column: pd.Series) -> tuple[pd.Series, list[Failure]]:
    """Return one column of a table converted, and the checks it fails; the rules over several columns are not asked."""
    name = str(column.name)
    converted = converters(roles)[name](column).rename(name)
    one = pa.DataFrameSchema({name: table_schema(contract, roles).columns[name]}, name=contract.title)
    return converted, failures_of(one, converted.to_frame())


def table_schema(contract: Contract, roles: Roles) -> pa.DataFrameSchema:
    """Return the contract of a table whose columns play these roles."""
    checks: dict[str, list[pa.Check]] = {name: [] for name in roles.columns()}
    optional = {name for name, kind in roles.kinds() if kind is ColumnKind.FEATURE}
    for name, kind in roles.kinds():
        checks[name] += values.period_checks(roles.dates) if kind is ColumnKind.PERIOD else _KINDS[kind][1]
    columns = {
        name: pa.Column(checks=[*([] if name in optional else [values.PRESENT]), *own], nullable=True)
        for name, own in checks.items()
    }
    rules = [_frame_check(rule) for rule in contract.rules(roles)]
    return pa.DataFrameSchema(columns, checks=rules, name=contract.title)


def converters(roles: Roles) -> Mapping[str, Convert]:
    """Return how each column that plays a role is converted; a segment that shares a column goes by the other role."""
    kinds = sorted(roles.kinds(), key=lambda pair: pair[1] is not ColumnKind.SEGMENT)
    found: dict[str, Convert] = {name: _KINDS[kind][0] for name, kind in kinds}
    found |= {name: partial(values.as_period, dates=roles.dates) for name, kind in kinds if kind is ColumnKind.PERIOD}
    if isinstance(roles, LabelRoles):
        found[roles.label] = partial(values.as_label, positive=roles.positive)
    return found


def require_columns(columns: Iterable[object], roles: Roles) -> None:
    """Refuse roles that name columns that are not there, or one column for two roles.

    Raises:
        ContractError: a column is missing, occurs twice, or stands for two roles.
    """
    names = [str(name) for name in columns]
    missing = [name for name in roles.columns() if name not in names]
    if missing:
        raise ContractError(
            f"The table lacks {'the column' if len(missing) == 1 else 'columns'} {format_names(missing)}",
            expected="every column that was given a role",
            actual=f"the columns {format_names(names)}",
            fix="Choose other columns for these roles",
        )
    repeated = [name for name in roles.columns() if names.count(name) > 1]
    used = [name for name, kind in roles.kinds() if kind is not ColumnKind.SEGMENT]
    twice = [name for name in dict.fromkeys(used) if used.count(name) > 1]
    if repeated or twice:
        raise ContractError(
            f"Columns that stand for two things: {format_names([*repeated, *twice])}",
            expected="one column of its own for each role (only the segment may share one)",
            fix="Choose another column, or rename those of the same name",
        )


def require_rows(contract: Contract, rows: int) -> None:
    """Refuse a table without rows.

    Raises:
        ContractError: there are none.
    """
    if rows == 0:
        raise ContractError(
            f"The {contract.title} has no rows",
            expected=f"at least one row: {contract.row}",
            actual="0 rows",
            fix="Check the file, or widen the filter that left nothing",
        )


def failures_of(schema: pa.DataFrameSchema, table: pd.DataFrame) -> list[Failure]:
    """Return every check of `schema` that `table` fails."""
    try:
        schema.validate(table, lazy=True)
    except SchemaErrors as exc:
        return [_failure(table, error, schema.name) for error in exc.schema_errors]
    return []


def contract_error(contract: Contract, failures: Sequence[Failure], rows: int) -> ContractError:
    """Return the error that lists these failures of a table of so many rows."""
    rest = len(failures) - MAX_FAILURES
    more = [f"... and {rest} more"] if rest > 0 else []
    error = ContractError(
        f"The table breaks the contract of a {contract.title} in {pluralize(len(failures), 'way')}",
        expected=contract.row,
        actual=f"the failures listed, in {pluralize(rows, 'row')} (counted from 1 without the header line)",
        fix="Correct or remove these rows, or choose other columns",
        details=[*map(str, failures[:MAX_FAILURES]), *more],
    )
    error.failures = failed_rows(failures)
    return error


def failed_rows(failures: Iterable[Failure]) -> pd.DataFrame:
    """Return the rows that fail as row (from 1), column, value (text) and problem: at most `MAX_FAILED_ROWS`."""
    lines = [
        (
            row,
            ", ".join(failure.columns),
            ", ".join(format_value(cell, values.MAX_TEXT) for cell in cells),
            failure.must,
        )
        for failure in failures
        for row, cells in zip(failure.rows, failure.cells, strict=True)
    ]
    frame = pd.DataFrame(lines[:MAX_FAILED_ROWS], columns=["row", "column", "value", "problem"])
    return frame.sort_values("row", kind="stable", ignore_index=True)


def broken(rule: Rule, table: pd.DataFrame) -> "pd.Series[bool]":
    """Tell which rows break a rule; columns that could not be converted break no `one_true`."""
    keys = table[list(rule.columns)]
    if rule.kind == "once":
        return keys.duplicated(keep=False)
    first, second = (keys.iloc[:, place] for place in (0, 1))
    if rule.kind == "at_most":
        return values.to_number(first) > values.to_number(second)
    if not pd.api.types.is_bool_dtype(first):
        return pd.Series(data=False, index=table.index, dtype=bool)
    first = first.eq(True).fillna(False).astype(bool)
    many: pd.Series[bool] = first.groupby(second, dropna=False).transform("sum").gt(1)
    return first & many


def _frame_check(rule: Rule) -> pa.Check:
    """Return a rule over several columns as a check; `statistics` carries their names to the message."""
    return pa.Check(
        lambda table: ~broken(rule, table),
        error=rule.must,
        statistics={"columns": list(rule.columns)},
        n_failure_cases=MAX_EXAMPLES,
    )


def _failure(table: pd.DataFrame, error: SchemaError, title: str) -> Failure:
    check: Any = error.check
    schema: Any = error.schema
    columns = check.statistics["columns"] if schema.name == title else [schema.name]
    rows = np.flatnonzero(np.asarray(error.check_output) == 0)
    first = rows[:MAX_FAILED_ROWS]
    cells = table[columns].iloc[first].astype(object).itertuples(index=False, name=None)
    few = check.error == values.FEW_CATEGORIES.error
    return Failure(
        columns=tuple(columns),
        must=str(check.error),
        count=len(rows),
        rows=tuple(int(row) + 1 for row in first),
        cells=tuple(cells),
        distinct=int(table[columns[0]].nunique()) if few else None,
    )
