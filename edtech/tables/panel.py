"""The contract of a demand panel: one row for each unit and period with the price asked and the quantity sold."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaError, SchemaErrors

from edtech.errors import ContractError
from edtech.tables.roles import PanelRoles

MAX_CATEGORIES = 200
"""Each segment gets its own slope and slider; more than this many hold too few rows each to say anything."""
MAX_TEXT = 200
"""Longest name of a unit, segment or category, in characters."""
MAX_NUMBER = 1e12
"""Largest number accepted, so that sums and products of a panel stay finite."""
MAX_EXAMPLES = 5
MAX_FAILURES = 20

FLAGS = {"true": True, "yes": True, "1": True, "1.0": True, "false": False, "no": False, "0": False, "0.0": False}
_DATE_FORMATS = ("ISO8601", "%d.%m.%Y", "%Y/%m/%d")
_AMBIGUOUS_FORMATS = ("%d/%m/%Y", "%m/%d/%Y")


def build_panel(frame: pd.DataFrame, roles: PanelRoles) -> pd.DataFrame:
    """Return the validated demand panel of `frame`: only the columns that play a role, under their own names.

    Numbers come back as int64 or float64, units and segments as text, the flag as bool, periods as UTC datetimes
    without zone where they are dates and as numbers otherwise; rows are sorted by unit and period. Without a unit every
    row is an offer of its own.

    Raises:
        ContractError: listing every failed check at once with its column, count and at most five rows, counted from 1
            without the header line.
    """
    _require_columns(frame, roles)
    panel = frame.loc[:, list(roles.columns())].reset_index(drop=True)
    if panel.empty:
        raise ContractError(
            "The demand panel has no rows",
            expected="at least one row with a price and a quantity",
            found="0 rows",
            fix="Check the file, or widen the filter that left nothing",
        )
    panel = panel.assign(**{name: convert(panel[name]) for name, convert in _converters(roles).items()})
    try:
        demand_panel_schema(roles).validate(panel, lazy=True)
    except SchemaErrors as exc:
        raise _contract_error(panel, exc) from exc
    keys = [name for name in (roles.unit, roles.period) if name is not None]
    return panel.sort_values(keys, kind="stable", ignore_index=True) if keys else panel


def demand_panel_schema(roles: PanelRoles) -> pa.DataFrameSchema:
    """Return the contract for a panel whose columns play these roles."""
    checks: dict[str, list[pa.Check]] = {name: [] for name in roles.columns()}
    checks[roles.price] += [*_NUMBER, _number_check(lambda x: x > 0, "must be above 0")]
    checks[roles.quantity] += [*_NUMBER, _number_check(lambda x: x >= 0, "must be 0 or more")]
    for instrument in roles.instruments:
        checks[instrument] += _NUMBER
    for control in roles.controls:
        checks[control] += _COVARIATE
    for name, own in (
        (roles.unit, _NAME),
        (roles.segment, [*_NAME, _FEW_CATEGORIES]),
        (roles.views, [*_NUMBER, _number_check(lambda x: x >= 0, "must be 0 or more")]),
        (roles.randomized_discount, [*_NUMBER, _number_check(_is_share, "must be a share from 0 to below 1")]),
        (roles.randomized_flag, [_row_check(_is_flag, "must be true or false, yes or no, 1 or 0")]),
        (roles.period, [_row_check(_is_period, _PERIOD_RULE)]),
    ):
        if name is not None:
            checks[name] += own
    columns = {name: pa.Column(checks=[_PRESENT, *own], nullable=True) for name, own in checks.items()}
    return pa.DataFrameSchema(columns, checks=_frame_checks(roles), name="demand panel")


def to_number(values: pd.Series) -> pd.Series:
    """Return `values` as float64; what is not a number becomes NaN."""
    return pd.to_numeric(values, errors="coerce").astype("float64")


# ---- the checks: each returns True for every row that passes; a missing value passes all but the first


def _row_check(test: Callable[[pd.Series], "pd.Series[bool]"], must: str) -> pa.Check:
    return pa.Check(test, error=must, ignore_na=False, n_failure_cases=MAX_EXAMPLES)


def _number_check(test: Callable[[pd.Series], "pd.Series[bool]"], must: str) -> pa.Check:
    def passes(values: pd.Series) -> "pd.Series[bool]":
        numbers = to_number(values)
        return numbers.isna() | test(numbers)

    return _row_check(passes, must)


def _is_number(values: pd.Series) -> "pd.Series[bool]":
    return values.isna() | to_number(values).notna()


def _is_share(numbers: pd.Series) -> "pd.Series[bool]":
    return (numbers >= 0) & (numbers < 1)


def _is_flag(values: pd.Series) -> "pd.Series[bool]":
    return values.isna() | (values.dtype == bool)


def _is_period(values: pd.Series) -> "pd.Series[bool]":
    if pd.api.types.is_datetime64_any_dtype(values):
        return values.isna() | True
    readable = np.isfinite(to_number(values)) if _mostly_numbers(values) else _dates(values).notna()
    return values.isna() | readable


def _is_covariate(values: pd.Series) -> "pd.Series[bool]":
    if _mostly_numbers(values):
        return _is_number(values)
    return _among_first_categories(values)


def _among_first_categories(values: pd.Series) -> "pd.Series[bool]":
    return pd.Series(pd.factorize(values)[0] < MAX_CATEGORIES, index=values.index)


def _mostly_numbers(values: pd.Series) -> bool:
    return bool(to_number(values).notna().mean() > 0.5)


_PRESENT = _row_check(lambda values: values.notna(), "must not be missing")
_NUMBER = [
    _row_check(_is_number, "must be a number"),
    _number_check(lambda x: x.abs() <= MAX_NUMBER, f"must be finite and at most {MAX_NUMBER:.0e}"),
]
_NAME = [_row_check(lambda x: x.isna() | (x.str.len() <= MAX_TEXT), f"must be at most {MAX_TEXT} characters long")]
_FEW_CATEGORIES = _row_check(_among_first_categories, f"must have at most {MAX_CATEGORIES} different values")
_COVARIATE = [
    _row_check(_is_covariate, f"must be numbers, or at most {MAX_CATEGORIES} different values"),
    _number_check(lambda x: x.abs() <= MAX_NUMBER, f"must be finite and at most {MAX_NUMBER:.0e}"),
]
_PERIOD_RULE = (
    "must be a date (2024-01-31, 2024-W05, 2024-03, 2024-Q1, 31.01.2024) or a number; "
    "write dates such as 03/04/2024, whose order of day and month is not clear, as 2024-04-03"
)


def _frame_checks(roles: PanelRoles) -> list[pa.Check]:
    checks = []
    if roles.unit is not None and roles.period is not None:
        checks.append(_frame_check(_occurs_once, "must occur once for each unit and period", roles.unit, roles.period))
    if roles.views is not None:
        checks.append(
            _frame_check(_first_at_most_second, "quantity must be at most views", roles.quantity, roles.views)
        )
    return checks


def _frame_check(test: Callable[[pd.DataFrame], "pd.Series[bool]"], must: str, *columns: str) -> pa.Check:
    """Return a check over several columns; `statistics` carries their names to the message."""
    names = list(columns)
    return pa.Check(
        lambda frame: test(frame[names]),
        error=must,
        statistics={"columns": names},
        n_failure_cases=MAX_EXAMPLES,
    )


def _occurs_once(keys: pd.DataFrame) -> "pd.Series[bool]":
    return ~keys.duplicated(keep=False)


def _first_at_most_second(pair: pd.DataFrame) -> "pd.Series[bool]":
    return ~(to_number(pair.iloc[:, 0]) > to_number(pair.iloc[:, 1]))


# ---- conversion: a column that cannot be converted whole is left as it is, for the checks to point at its rows


def _converters(roles: PanelRoles) -> dict[str, Callable[[pd.Series], pd.Series]]:
    converters: dict[str, Callable[[pd.Series], pd.Series]] = dict.fromkeys(roles.controls, _as_covariate)
    converters |= dict.fromkeys(roles.instruments, _as_number)
    singles = (
        (roles.price, _as_number),
        (roles.quantity, _as_number),
        (roles.views, _as_number),
        (roles.randomized_discount, _as_number),
        (roles.randomized_flag, _as_flag),
        (roles.segment, _as_text),
        (roles.period, _as_period),
        (roles.unit, _as_text),
    )
    return converters | {name: convert for name, convert in singles if name is not None}


def _whole(values: pd.Series, converted: pd.Series) -> pd.Series | None:
    return converted if bool((converted.notna() | values.isna()).all()) else None


def _blank_to_missing(values: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        return values
    return values.mask(values.astype("str").str.strip() == "")


def _as_number(values: pd.Series) -> pd.Series:
    if pd.api.types.is_integer_dtype(values) and not values.hasnans and values.between(-MAX_NUMBER, MAX_NUMBER).all():
        return values.astype("int64")
    values = _blank_to_missing(values)
    whole = _whole(values, to_number(values))
    return values if whole is None else whole


def _as_covariate(values: pd.Series) -> pd.Series:
    if values.dtype == bool:
        return values
    return _as_number(values) if _mostly_numbers(values) else _as_text(values)


def _as_text(values: pd.Series) -> pd.Series:
    """Return `values` as text; whole numbers lose the `.0` that a missing value elsewhere gave them."""
    if pd.api.types.is_float_dtype(values):
        whole = values.isna() | ((values % 1 == 0) & values.between(-MAX_NUMBER, MAX_NUMBER))
        values = values.astype("Int64") if bool(whole.all()) else values
    return _blank_to_missing(values.astype("str"))


def _as_flag(values: pd.Series) -> pd.Series:
    values = _blank_to_missing(values)
    whole = _whole(values, values.astype("str").str.strip().str.casefold().map(FLAGS))
    return whole.astype(bool) if whole is not None and not whole.hasnans else values


def _as_period(values: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(values):
        return _utc(values)
    numbers = _as_number(values)
    if pd.api.types.is_numeric_dtype(numbers):
        return numbers.astype("int64") if bool((numbers % 1 == 0).all()) else numbers
    dates = _whole(numbers, _dates(numbers))
    return numbers if dates is None else dates


def _dates(values: pd.Series) -> pd.Series:
    """Return `values` as datetimes by the format that reads most of them; none where two formats read them apart."""
    text = values.astype("str").str.strip()
    quarters = text.str.replace(r"^(\d{4})[- ]?[Qq]([1-4])$", _first_day_of_quarter, regex=True)
    readings = [_utc(text, form) for form in _DATE_FORMATS]
    readings += [_utc(text + "-1", "%G-W%V-%u"), _utc(quarters, "%Y-%m-%d")]
    best = max(readings, key=pd.Series.count)
    day_first, month_first = (_utc(text, form) for form in _AMBIGUOUS_FORMATS)
    slashed = max(day_first, month_first, key=pd.Series.count)
    if slashed.count() <= best.count():
        return best
    clear = day_first.count() != month_first.count() or day_first.equals(month_first)
    return slashed if clear else slashed.mask(slashed.notna())


def _utc(values: pd.Series, form: str | None = None) -> pd.Series:
    return pd.to_datetime(values, format=form, errors="coerce", utc=True).dt.tz_localize(None).dt.as_unit("us")


def _first_day_of_quarter(match: "object") -> str:
    year, quarter = match.groups()  # type: ignore[attr-defined]
    return f"{year}-{3 * int(quarter) - 2:02d}-01"


# ---- errors


def _require_columns(frame: pd.DataFrame, roles: PanelRoles) -> None:
    names = [str(name) for name in frame.columns]
    missing = [name for name in roles.columns() if name not in names]
    if missing:
        raise ContractError(
            f"The table lacks {'the column' if len(missing) == 1 else 'columns'} {_listed(missing)}",
            expected="every column that was given a role",
            found=f"the columns {_listed(names)}",
            fix="Choose the columns that hold the price, the quantity and the other roles",
        )
    repeated = [name for name in roles.columns() if names.count(name) > 1]
    used = [roles.price, roles.quantity, roles.unit, roles.period, roles.views, roles.randomized_discount,
            roles.randomized_flag, *roles.instruments, *roles.controls]  # fmt: skip
    twice = [name for name in dict.fromkeys(used) if name is not None and used.count(name) > 1]
    if repeated or twice:
        raise ContractError(
            f"Columns that stand for two things: {_listed([*repeated, *twice])}",
            expected="one column of its own for each role (only the segment may share one)",
            fix="Choose another column, or rename those of the same name",
        )


def _contract_error(panel: pd.DataFrame, errors: SchemaErrors) -> ContractError:
    failures = [_describe(panel, error) for error in errors.schema_errors]
    rest = len(failures) - MAX_FAILURES
    more = [f"... and {rest} more"] if rest > 0 else []
    return ContractError(
        f"The table breaks the contract of a demand panel in {len(failures)} {'way' if len(failures) == 1 else 'ways'}",
        expected="one row for each unit and period, a price above 0 and a quantity of 0 or more",
        found=f"the failures listed, in {len(panel):,} rows (counted from 1 without the header line)",
        fix="Correct or remove these rows, or choose other columns",
        details=[*failures[:MAX_FAILURES], *more],
    )


def _describe(panel: pd.DataFrame, error: SchemaError) -> str:
    """Return one line: column, rule, number of rows, at most five examples."""
    check = error.check
    columns = check.statistics["columns"] if error.schema.name == "demand panel" else [error.schema.name]
    rows = np.flatnonzero(~np.asarray(error.check_output, dtype=bool))
    found = f", found {panel[columns[0]].nunique():,}" if check.error == _FEW_CATEGORIES.error else ""
    examples = "; ".join(
        f"row {row + 1:,}: " + ", ".join(shown(panel[name].iloc[row]) for name in columns)
        for row in rows[:MAX_EXAMPLES]
    )
    return (
        f"column {_listed(columns)}: {check.error}{found} ({len(rows):,} row{'s' * (len(rows) > 1)}, e.g. {examples})"
    )


def shown(value: object, width: int = 60) -> str:
    """Return a value of an upload for a message: text quoted, and cut where it is long."""
    text = "missing" if pd.isna(value) else repr(value) if isinstance(value, str) else str(value)  # type: ignore[call-overload]
    return text if len(text) <= width else text[: width - 3] + "..."


def _listed(names: Iterable[str], most: int = 10) -> str:
    names = list(names)
    rest = len(names) - most
    return ", ".join(shown(name) for name in names[:most]) + (f" and {rest:,} more" if rest > 0 else "")
