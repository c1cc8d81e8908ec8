"""Convert and check the values of uploaded columns.

A check returns True for each row that passes; a missing value passes every check except `PRESENT`. A column that cannot
be converted completely stays unchanged, so that the checks can name the rows.
"""

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import pandas as pd
import pandera.pandas as pa

from edtech.tables.formatting import format_value
from edtech.tables.roles import Dates

MAX_CATEGORIES = 200
"""Each segment has its own slope and slider; with more segments, each has too few rows for an estimate."""
MAX_TEXT = 200
"""Maximum length of the name of a unit, segment or category, in characters."""
MAX_NUMBER = 1e12
"""Largest accepted number: sums and products over a panel stay finite."""
MAX_EXAMPLES = 5
MAX_FAILURES = 20

FLAGS = {"true": True, "yes": True, "1": True, "1.0": True, "false": False, "no": False, "0": False, "0.0": False}
_DATE_FORMATS = ("ISO8601", "%d.%m.%Y", "%Y/%m/%d")
_AMBIGUOUS_FORMATS = ("%d/%m/%Y", "%m/%d/%Y")


MAX_DURATION = 1e6
"""Longest accepted duration, in the unit of the file."""


def to_number(values: pd.Series) -> pd.Series:
    """Return `values` as float64; anything but a number becomes NaN."""
    if isinstance(values.dtype, pd.StringDtype):
        return _by_value(values, _numbers)
    return _numbers(values)


def _flags(values: pd.Series) -> pd.Series:
    return values.astype("str").str.strip().str.casefold().map(FLAGS)


def _numbers(values: pd.Series) -> pd.Series:
    return pd.to_numeric(values, errors="coerce").astype("float64")


def _by_value(values: pd.Series, read: Callable[[pd.Series], pd.Series]) -> pd.Series:
    """Apply `read` once to each distinct text, because columns repeat their texts."""
    codes, distinct = pd.factorize(values)
    converted = read(pd.Series(distinct, dtype=values.dtype)).reindex(codes)
    return converted.set_axis(values.index)


def row_check(test: Callable[[pd.Series], "pd.Series[bool]"], must: str) -> pa.Check:
    """Return a pandera check by row; `must` is the requirement in words."""
    return pa.Check(test, error=must, ignore_na=False, n_failure_cases=MAX_EXAMPLES)


def number_check(test: Callable[[pd.Series], "pd.Series[bool]"], must: str) -> pa.Check:
    """Return a check of the numbers in a column; other values pass."""

    def passes(values: pd.Series) -> "pd.Series[bool]":
        numbers = to_number(values)
        return numbers.isna() | test(numbers)

    return row_check(passes, must)


def _is_number(values: pd.Series) -> "pd.Series[bool]":
    return values.isna() | to_number(values).notna()


def is_share(numbers: pd.Series) -> "pd.Series[bool]":
    """Return which numbers are shares from 0 to below 1."""
    return (numbers >= 0) & (numbers < 1)


def _is_flag(values: pd.Series) -> "pd.Series[bool]":
    if pd.api.types.is_bool_dtype(values):
        return values.isna() | True
    return values.isna() | values.astype("str").str.strip().str.casefold().isin(FLAGS)


def _is_period(values: pd.Series, dates: Dates = "clear") -> "pd.Series[bool]":
    if pd.api.types.is_datetime64_any_dtype(values):
        return values.isna() | True
    readable = np.isfinite(to_number(values)) if mostly_numbers(values) else _dates(values, dates).notna()
    return values.isna() | readable


def _is_covariate(values: pd.Series) -> "pd.Series[bool]":
    if mostly_numbers(values):
        return _is_number(values)
    return _among_first_categories(values)


def _among_first_categories(values: pd.Series) -> "pd.Series[bool]":
    return pd.Series(pd.factorize(values)[0] < MAX_CATEGORIES, index=values.index)


def _both_occur(values: pd.Series) -> "pd.Series[bool]":
    return pd.Series(not pd.api.types.is_bool_dtype(values) or values.nunique() == 2, index=values.index)


def mostly_numbers(values: pd.Series) -> bool:
    """Return whether more than half of the non-missing values are numbers."""
    present = int(values.notna().sum())
    return pd.api.types.is_numeric_dtype(values) if present == 0 else int(to_number(values).notna().sum()) > present / 2


PRESENT = row_check(lambda values: values.notna(), "must not be missing")
NUMBER = [
    row_check(_is_number, "must be a number"),
    number_check(lambda x: x.abs() <= MAX_NUMBER, f"must be finite and at most {MAX_NUMBER:.0e}"),
]
NAME = [row_check(lambda x: x.isna() | (x.str.len() <= MAX_TEXT), f"must be at most {MAX_TEXT} characters long")]
FEW_CATEGORIES = row_check(_among_first_categories, f"must have at most {MAX_CATEGORIES} different values")
COVARIATE = [
    row_check(_is_covariate, f"must be numbers, or at most {MAX_CATEGORIES} different values"),
    number_check(lambda x: x.abs() <= MAX_NUMBER, f"must be finite and at most {MAX_NUMBER:.0e}"),
]
POSITIVE = [*NUMBER, number_check(lambda x: x > 0, "must be above 0")]
COUNT = [*NUMBER, number_check(lambda x: x >= 0, "must be 0 or more")]
SHARE = [*NUMBER, number_check(is_share, "must be a share from 0 to below 1")]
DURATION = [*NUMBER, number_check(lambda x: (x >= 0) & (x <= MAX_DURATION), f"must be from 0 to {MAX_DURATION:.0e}")]
FLAG = [row_check(_is_flag, "must be true or false, yes or no, 1 or 0")]
LABEL = [*FLAG, row_check(_both_occur, "must hold both outcomes, 1 and 0")]
PERIOD_RULE = (
    "must be a date or a number (2024-01-31, 2024-W05, 2024-03, 2024-Q1 or 31.01.2024; "
    "for dates such as 03/04/2024, set the order of dates or write 2024-04-03)"
)
PERIOD = [row_check(_is_period, PERIOD_RULE)]


def period_checks(dates: Dates) -> list[pa.Check]:
    """Return the checks of a period column whose dates have this order of day and month."""
    return [row_check(partial(_is_period, dates=dates), PERIOD_RULE)]


def _whole(values: pd.Series, converted: pd.Series) -> pd.Series | None:
    return converted if bool((converted.notna() | values.isna()).all()) else None


def _blank_to_missing(values: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        return values
    return values.mask(values.astype("str").str.strip() == "")


def as_number(values: pd.Series) -> pd.Series:
    """Return `values` as int64 or float64; blank text is missing."""
    if pd.api.types.is_integer_dtype(values) and not values.hasnans and values.between(-MAX_NUMBER, MAX_NUMBER).all():
        return values.astype("int64")
    values = _blank_to_missing(values)
    whole = _whole(values, to_number(values))
    return values if whole is None else whole


def as_covariate(values: pd.Series) -> pd.Series:
    """Return `values` as numbers where most are, else as text."""
    if values.dtype == bool:
        return values
    return as_number(values) if mostly_numbers(values) else as_text(values)


def as_text(values: pd.Series) -> pd.Series:
    """Return `values` as text; whole numbers lose the `.0` that a missing value adds to their column."""
    if pd.api.types.is_float_dtype(values):
        whole = values.isna() | ((values % 1 == 0) & values.between(-MAX_NUMBER, MAX_NUMBER))
        values = values.astype("Int64") if bool(whole.all()) else values
    return _blank_to_missing(values.astype("str"))


def as_flag(values: pd.Series) -> pd.Series:
    """Return `values` as bool, or as nullable boolean where some are missing."""
    if pd.api.types.is_bool_dtype(values) and not values.hasnans:
        return values.astype(bool)
    values = _blank_to_missing(values)
    whole = _whole(values, _by_value(values, _flags))
    return values if whole is None else whole.astype("boolean" if whole.hasnans else bool)


def as_label(values: pd.Series, positive: Iterable[str]) -> pd.Series:
    """Return which of `values` are among `positive`, compared as text; missing values stay missing."""
    if not positive:
        return as_flag(values)
    text = as_text(values)
    labels = text.str.strip().isin([value.strip() for value in positive])
    return labels.astype("boolean").mask(text.isna()) if text.hasnans else labels


def as_period(values: pd.Series, dates: Dates = "clear") -> pd.Series:
    """Return `values` as UTC datetimes without a time zone, or as numbers; `dates` resolves ambiguous dates."""
    if pd.api.types.is_datetime64_any_dtype(values):
        return _utc(values)
    numbers = as_number(values)
    if pd.api.types.is_numeric_dtype(numbers):
        return numbers.astype("int64") if bool((numbers % 1 == 0).all()) else numbers
    whole = _whole(numbers, _dates(numbers, dates))
    return numbers if whole is None else whole


def is_ambiguous(values: pd.Series) -> bool:
    """Return whether these are dates whose day and month are ambiguous in every row."""
    if not pd.api.types.is_string_dtype(values) or mostly_numbers(values):
        return False
    return bool(_dates(values, "clear").count() < _dates(values, "day_first").count())


def read_as(values: pd.Series, dates: Dates) -> str | None:
    """Return a sentence on how the first of these periods is read; None for numbers and unreadable periods."""
    first = values.iloc[:1]
    read = as_period(values, dates).iloc[:1]
    if first.empty or not pd.api.types.is_datetime64_any_dtype(read):
        return None
    return (
        f"{format_value(values.name)}: {format_value(first.item())} is read as {read.item().day} {read.item():%B %Y}."
    )


def _dates(values: pd.Series, dates: Dates) -> pd.Series:
    """Return `values` as datetimes in the format that reads most of them; NaT where two formats disagree."""
    return _by_value(values.astype("str").str.strip(), partial(_dates_of_text, dates=dates))


def _dates_of_text(text: pd.Series, dates: Dates) -> pd.Series:
    quarters = text.str.replace(r"^(\d{4})[- ]?[Qq]([1-4])$", _first_day_of_quarter, regex=True)
    readings = [_utc(text, form) for form in _DATE_FORMATS]
    readings += [_utc(text + "-1", "%G-W%V-%u"), _utc(quarters, "%Y-%m-%d")]
    best = max(readings, key=pd.Series.count)
    day_first, month_first = (_utc(text, form) for form in _AMBIGUOUS_FORMATS)
    slashed = max(day_first, month_first, key=pd.Series.count)
    if slashed.count() <= best.count():
        return best
    if dates != "clear":
        return day_first if dates == "day_first" else month_first
    clear = day_first.count() != month_first.count() or day_first.equals(month_first)
    return slashed if clear else slashed.mask(slashed.notna())


def _utc(values: pd.Series, form: str | None = None) -> pd.Series:
    return pd.to_datetime(values, format=form, errors="coerce", utc=True).dt.tz_localize(None).dt.as_unit("us")


def _first_day_of_quarter(match: "object") -> str:
    year, quarter = match.groups()  # type: ignore[attr-defined]
    return f"{year}-{3 * int(quarter) - 2:02d}-01"
