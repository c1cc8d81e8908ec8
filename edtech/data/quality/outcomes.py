"""Check labeled rows before training: data quality, and target leakage at the time of prediction."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from edtech.data.quality import leakage
from edtech.data.quality.checks import Check, grade, summarize
from edtech.errors import DataError
from edtech.tables.formatting import format_counts, format_names, pluralize
from edtech.tables.values import MAX_CATEGORIES, as_label, to_number

MANY_MISSING = 0.2
RARE = 50
RARE_SHARE = 0.01
FAR = 10.0
NAMED = 30


@dataclass(frozen=True, slots=True)
class _Rows:
    frame: pd.DataFrame
    target: str
    outcome: pd.Series  # bool, or a number where it has many values
    as_of: str | None

    @property
    def numbers(self) -> list[str]:
        return [str(name) for name in self.frame if pd.api.types.is_numeric_dtype(self.frame[name].dtype)]

    @property
    def texts(self) -> list[str]:
        return [str(name) for name in self.frame if name not in self.numbers]


def check_frame(
    frame: pd.DataFrame,
    target: str,
    as_of: str | None = None,
    *,
    features: Sequence[str] | None = None,
    positive: Sequence[str] = (),
) -> tuple[Check, ...]:
    """Return the checks of labeled rows; the last, `learnable`, summarizes them.

    Args:
        frame: the rows.
        target: column of the outcome: two values, numbers, or texts.
        as_of: time of the prediction, such as "enrollment" or "end of 1st semester"; the checks list columns whose
            names refer to a later time.
        features: columns that the model uses; default: all others.
        positive: texts of the outcome that count as 1; default: the rarest.

    Raises:
        DataError: a column is missing, or there are no rows.
    """
    names = [str(name) for name in frame if name != target] if features is None else list(features)
    missing = [name for name in [target, *names] if name not in frame]
    if missing or frame.empty or not names:
        raise DataError(
            "The rows cannot be checked",
            expected="at least one row with the target and a feature",
            actual=f"{len(frame)} rows without {format_names(missing)}" if missing else f"{len(frame)} rows",
            where="labeled rows",
        )
    rows = _Rows(frame[names], target, _outcome(frame[target], positive), as_of)
    checks = [
        _missing(rows, frame[target]),
        _duplicates(frame),
        _balance(rows),
        _constants(rows),
        _outliers(rows),
        _categories(rows),
        _leakage(rows),
        _known_later(rows),
    ]
    return (*checks, summarize("Can this outcome be predicted?", checks, len(frame)))


def _outcome(target: pd.Series, positive: Sequence[str]) -> pd.Series:
    if not positive and pd.api.types.is_numeric_dtype(target) and target.nunique() > 2:
        return to_number(target)
    if not positive and target.nunique() > 1:
        positive = [str(_text(target).value_counts().index[-1])]
    text = _text(target)
    return (
        text.isin(list(positive)).astype(bool) if positive else as_label(target, ()).eq(True).fillna(False).astype(bool)
    )


def _text(target: pd.Series) -> pd.Series:
    return target.astype("str").str.strip()


def _missing(rows: _Rows, target: pd.Series) -> Check:
    counts = rows.frame.isna().sum()
    incomplete = counts[counts > MANY_MISSING * len(rows.frame)]
    unlabeled = int(target.isna().sum())
    return grade(
        "missing_values",
        "Missing values",
        fail=unlabeled > 0 or bool((counts == len(rows.frame)).any()),
        review=len(incomplete) > 0,
        evidence=f"{unlabeled:,} rows have no outcome; "
        f"{int((counts > 0).sum())} of {len(counts)} columns have missing values"
        + (
            f": {format_counts({str(name): int(number) for name, number in counts[counts > 0].items()})}."
            if counts.any()
            else "."
        ),
        fix="Remove rows without an outcome and empty columns; find out why other values are missing.",
    )


def _duplicates(frame: pd.DataFrame) -> Check:
    """Compare complete rows with the subject: two people of the same age and region are not duplicates."""
    number = int(frame.duplicated(keep=False).sum())
    return grade(
        "duplicates",
        "Duplicate rows",
        review=number > 0.01 * len(frame),
        evidence=f"{number:,} of {len(frame):,} rows equal another row in every column.",
        fix="Remove duplicates: the same row in training and evaluation inflates the measured performance.",
    )


def _balance(rows: _Rows) -> Check:
    outcome = rows.outcome
    if outcome.dtype != bool:
        evidence = (
            f"{pluralize(outcome.nunique(), 'different value')} from {outcome.min():,.6g} to {outcome.max():,.6g}."
        )
        return grade(
            "balance", "Variation of the outcome", fail=outcome.nunique() < 2, evidence=evidence, fix="Add rows."
        )
    yes = int(outcome.sum())
    rarer = min(yes, len(outcome) - yes)
    return grade(
        "balance",
        "Class balance",
        fail=rarer == 0,
        review=rarer < RARE or rarer < RARE_SHARE * len(outcome),
        evidence=f"{yes:,} of {len(outcome):,} rows ({yes / len(outcome):.1%}) have the outcome.",
        fix="Add rows with the rarer outcome: use a longer time span or horizon.",
    )


def _constants(rows: _Rows) -> Check:
    constant = [str(name) for name in rows.frame if rows.frame[name].nunique(dropna=False) < 2]
    return grade(
        "constants",
        "Constant columns",
        review=bool(constant),
        evidence=f"Columns with a single value: {format_names(constant)}."
        if constant
        else "No column has a single value.",
        fix="Exclude these columns: they carry no information.",
    )


def _outliers(rows: _Rows) -> Check:
    outliers: dict[str, int] = {}
    for name in rows.numbers:
        values = to_number(rows.frame[name])
        low, middle, high = values.quantile([0.05, 0.5, 0.95])
        far = (values - middle).abs() > FAR * (high - low)
        if high > low and far.any():
            outliers[str(name)] = int(far.sum())
    return grade(
        "outliers",
        "Outliers",
        review=bool(outliers),
        evidence=f"Values more than {FAR:.0f} times the usual range (5th to 95th percentile) from the median: "
        f"{format_counts(outliers)}."
        if outliers
        else f"No number differs from its median by more than {FAR:.0f} times the usual range.",
        fix="Check for wrong units, typing errors and codes such as 9999 for missing values.",
    )


def _categories(rows: _Rows) -> Check:
    many = {str(name): number for name in rows.texts if (number := rows.frame[name].nunique()) > MAX_CATEGORIES}
    return grade(
        "categories",
        "Number of categories",
        review=bool(many),
        evidence=f"Number of different values: {format_counts(many)}."
        if many
        else f"{pluralize(len(rows.texts), 'text column')}, none with more than {MAX_CATEGORIES} different values.",
        fix="Exclude names and identifiers; group rare categories.",
    )


def _leakage(rows: _Rows) -> Check:
    association = {str(name): leakage.predictive_power(rows.frame[name], rows.outcome) for name in rows.frame}
    sure = [name for name, value in association.items() if value >= leakage.SURE]
    near = [name for name, value in association.items() if leakage.SUSPECT <= value < leakage.SURE]
    named = [name for name in association if leakage.after_outcome(name) and name not in (*sure, *near)]
    lines = [
        f"{text}: {format_names(names, NAMED)}."
        for text, names in (
            ("Columns that determine the outcome", sure),
            ("Columns that nearly determine the outcome", near),
            ("Columns whose names refer to the outcome or to later events", named),
        )
        if names
    ]
    return grade(
        "leakage",
        "Target leakage",
        fail=bool(sure),
        review=bool(near or named),
        evidence=" ".join(lines)
        or f"None of {pluralize(len(association), 'column')} determines the outcome or refers to it by name.",
        fix="Exclude these columns unless they were known at the time of prediction.",
    )


def _known_later(rows: _Rows) -> Check:
    title, names = "Features from after the prediction", [str(name) for name in rows.frame]
    later, understood = leakage.columns_later_than(names, rows.as_of or "")
    steps = [name for name in names if leakage.time_step(name) is not None]
    fix = "Exclude these columns, or predict at a later time."
    if rows.as_of is None or not understood:
        reason = (
            "No time of prediction is stated" if rows.as_of is None else "The time of prediction names no time step"
        )
        evidence = f"{reason}; columns that refer to a time: {format_names(steps, NAMED)}." if steps else f"{reason}."
        fix = "State the time, such as enrollment or end of 1st semester, and exclude columns known only later."
        return grade("known_later", title, review=bool(steps), evidence=evidence, fix=fix)
    return grade(
        "known_later",
        title,
        fail=bool(later),
        evidence=f"{pluralize(len(later), 'column')} from after {rows.as_of[:60]!r}: {format_names(later, NAMED)}."
        if later
        else f"No column name refers to a time after {rows.as_of[:60]!r}.",
        fix=fix,
    )
