"""Convert and check the columns of a table by their roles.

A contract is a model of roles (`edtech.tables.roles`), whose fields state the kind of column of each role, and a few
rules over several columns. All failures are reported at once, with at most five examples each and their row numbers.
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
"""Maximum number of rows in the frame of failures."""
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
    """A rule over several columns of a table.

    `once`: each combination of values occurs once; `at_most`: the first column is at most the second; `one_true`: the
    first column is true at most once for each value of the second. pandas checks a frame here; `edtech.data` checks
    large tables in SQL.
    """

    kind: Literal["once", "at_most", "one_true"]
    columns: tuple[str, ...]
    must: str
    problem: str = ""
    """What is wrong where the rule is broken, in a word or two after the names of the columns; default: `must`."""


@dataclass(frozen=True, slots=True)
class Contract:
    """The requirements of a table: `kind` of data set, `title`, what a `row` is, `roles`, `rules` and `order`.

    `rules` returns the rules over several columns for given roles; `order` names the roles that sort a stored table.
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
    """A check that some rows fail: their `count`, the first row numbers (from 1) and the values in these rows."""

    columns: tuple[str, ...]
    must: str
    count: int
    rows: tuple[int, ...]
    cells: tuple[tuple[object, ...], ...]
    distinct: int | None = None
    problem: str = ""

    @property
    def summary(self) -> str:
        """The columns and the problem: "product and period repeat"."""
        return f"{' and '.join(name[:60] for name in self.columns)} {self.problem or self.must.partition(' (')[0]}"

    def __str__(self) -> str:
        distinct = f", found {self.distinct:,}" if self.distinct is not None else ""
        first = zip(self.rows[:MAX_EXAMPLES], self.cells, strict=False)
        examples = "; ".join(f"row {row:,}: " + ", ".join(map(format_value, cells)) for row, cells in first)
        rows = pluralize(self.count, "row")
        return f"column {format_names(self.columns)}: {self.must}{distinct} ({rows}, e.g. {examples})"


def build_table(contract: Contract, frame: pd.DataFrame, roles: Roles) -> pd.DataFrame:
    """Return the validated and sorted table of `frame`: only columns with a role, under their own names.

    Raises:
        ContractError: lists every failed check with its column, count and at most five rows (counted from 1, header
            excluded); `failures` holds the rows.
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
    """Convert one column of a table and return it with the checks it fails; rules over several columns are left out."""
    name = str(column.name)
    converted = converters(roles)[name](column).rename(name)
    schema = pa.DataFrameSchema({name: table_schema(contract, roles).columns[name]}, name=contract.title)
    return converted, failures_of(schema, converted.to_frame())


def table_schema(contract: Contract, roles: Roles) -> pa.DataFrameSchema:
    """Return the pandera schema of a table with these roles."""
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
    """Return the conversion of each column with a role; a column shared with the segment follows its other role."""
    kinds = sorted(roles.kinds(), key=lambda pair: pair[1] is not ColumnKind.SEGMENT)
    conversions: dict[str, Convert] = {name: _KINDS[kind][0] for name, kind in kinds}
    as_period = partial(values.as_period, dates=roles.dates)
    conversions |= {name: as_period for name, kind in kinds if kind is ColumnKind.PERIOD}
    if isinstance(roles, LabelRoles):
        conversions[roles.label] = partial(values.as_label, positive=roles.positive)
    return conversions


def require_columns(columns: Iterable[object], roles: Roles) -> None:
    """Reject roles that name missing columns, or one column for two roles.

    Raises:
        ContractError: a column is missing, occurs twice, or has two roles.
    """
    names = [str(name) for name in columns]
    missing = [name for name in roles.columns() if name not in names]
    if missing:
        raise ContractError(
            f"The table lacks {'the column' if len(missing) == 1 else 'columns'} {format_names(missing)}",
            expected="every column with a role",
            actual=f"the columns {format_names(names)}",
            fix="Choose other columns for these roles",
        )
    repeated = [name for name in roles.columns() if names.count(name) > 1]
    used = [name for name, kind in roles.kinds() if kind is not ColumnKind.SEGMENT]
    twice = [name for name in dict.fromkeys(used) if used.count(name) > 1]
    if repeated or twice:
        raise ContractError(
            f"Columns with more than one meaning: {format_names([*repeated, *twice])}",
            expected="a different column for each role (only the segment may share one)",
            fix="Choose another column, or rename columns with the same name",
        )


def require_rows(contract: Contract, rows: int) -> None:
    """Reject a table without rows.

    Raises:
        ContractError: the table has no rows.
    """
    if rows == 0:
        raise ContractError(
            f"The {contract.title} has no rows",
            expected=f"at least one row: {contract.row}",
            actual="0 rows",
            fix="Check the file, or widen the filter",
        )


def failures_of(schema: pa.DataFrameSchema, table: pd.DataFrame) -> list[Failure]:
    """Return every check of `schema` that `table` fails."""
    try:
        schema.validate(table, lazy=True)
    except SchemaErrors as exc:
        return [_failure(table, error, schema.name) for error in exc.schema_errors]
    return []


def contract_error(contract: Contract, failures: Sequence[Failure], rows: int) -> ContractError:
    """Return the error that lists these failures of a table with `rows` rows."""
    hidden = len(failures) - MAX_FAILURES
    more = [f"... and {hidden} more"] if hidden > 0 else []
    summary = "; ".join(failure.summary for failure in failures[:3])
    error = ContractError(
        f"{pluralize(len(failures), 'problem')}: {summary}{'; ...' if len(failures) > 3 else ''}",
        expected=contract.row,
        actual=f"a table of {pluralize(rows, 'row')} with the failures listed (row 1 is the first below the header)",
        fix="Correct or remove these rows, or choose other columns",
        details=[*map(str, failures[:MAX_FAILURES]), *more],
    )
    error.failures = failed_rows(failures)
    return error


def failed_rows(failures: Iterable[Failure]) -> pd.DataFrame:
    """Return at most `MAX_FAILED_ROWS` failing rows: row (from 1), column, value (text) and problem."""
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
    """Return which rows break a rule; a column that could not be converted breaks no `one_true`."""
    keys = table[list(rule.columns)]
    if rule.kind == "once":
        return keys.duplicated(keep=False)
    first, second = (keys.iloc[:, position] for position in (0, 1))
    if rule.kind == "at_most":
        return values.to_number(first) > values.to_number(second)
    if not pd.api.types.is_bool_dtype(first):
        return pd.Series(data=False, index=table.index, dtype=bool)
    first = first.eq(True).fillna(False).astype(bool)
    repeated: pd.Series[bool] = first.groupby(second, dropna=False).transform("sum").gt(1)
    return first & repeated


def _frame_check(rule: Rule) -> pa.Check:
    """Return a rule as a pandera check; `statistics` passes its columns and problem to the message."""
    return pa.Check(
        lambda table: ~broken(rule, table),
        error=rule.must,
        statistics={"columns": list(rule.columns), "problem": rule.problem},
        n_failure_cases=MAX_EXAMPLES,
    )


def _failure(table: pd.DataFrame, error: SchemaError, title: str) -> Failure:
    check: Any = error.check
    schema: Any = error.schema
    about: dict[str, Any] = check.statistics if schema.name == title else {"columns": [schema.name], "problem": ""}
    columns = about["columns"]
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
        problem=about["problem"],
    )
