"""Health of labeled rows before training: are they whole, and was everything known at the moment of prediction?"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from edtech.data.quality import leakage
from edtech.data.quality.checks import Check, grade, summarize
from edtech.errors import DataError
from edtech.tables.formatting import format_counts, format_names
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
    """Return the findings on labeled rows; the last, `learnable`, sums them up.

    `target` names the outcome: two values, numbers, or words of which `positive` count as 1 (default: the rarest).
    `features`: the columns to learn from, default all others. `as_of` is the moment at which a prediction is asked for,
    such as "enrollment" or "end of 1st semester"; columns whose names speak of a later time are named.

    Raises DataError where a column is not there or there are no rows.
    """
    names = [str(name) for name in frame if name != target] if features is None else list(features)
    missing = [name for name in [target, *names] if name not in frame]
    if missing or frame.empty or not names:
        raise DataError(
            "These rows cannot be checked",
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
    return (*checks, summarize("Can this outcome be learned here?", checks, len(frame)))


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
    many = counts[counts > MANY_MISSING * len(rows.frame)]
    unlabeled = int(target.isna().sum())
    return grade(
        "missing_values",
        "Missing values",
        fail=unlabeled > 0 or bool((counts == len(rows.frame)).any()),
        review=len(many) > 0,
        evidence=f"{unlabeled:,} rows have no outcome; {int((counts > 0).sum())} of {len(counts)} columns have gaps"
        + (
            f": {format_counts({str(name): int(number) for name, number in counts[counts > 0].items()})}."
            if counts.any()
            else "."
        ),
        fix="Leave out rows without an outcome and empty columns; ask why the others are missing.",
    )


def _duplicates(frame: pd.DataFrame) -> Check:
    """Compare whole rows, the subject too: without it, two people of the same age and region are no copies."""
    number = int(frame.duplicated(keep=False).sum())
    return grade(
        "duplicates",
        "No row twice",
        review=number > 0.01 * len(frame),
        evidence=f"{number:,} of {len(frame):,} rows are equal to another in every column.",
        fix="Remove copies; the same row in training and evaluation makes a model look better than it is.",
    )


def _balance(rows: _Rows) -> Check:
    outcome = rows.outcome
    if outcome.dtype != bool:
        evidence = f"{outcome.nunique():,} different values from {outcome.min():,.6g} to {outcome.max():,.6g}."
        return grade("balance", "The outcome varies", fail=outcome.nunique() < 2, evidence=evidence, fix="Add rows.")
    yes = int(outcome.sum())
    rarer = min(yes, len(outcome) - yes)
    return grade(
        "balance",
        "Both outcomes occur often enough",
        fail=rarer == 0,
        review=rarer < RARE or rarer < RARE_SHARE * len(outcome),
        evidence=f"{yes:,} of {len(outcome):,} rows ({yes / len(outcome):.1%}) have the outcome.",
        fix="Add rows of the rarer outcome, by a longer time or a longer horizon.",
    )


def _constants(rows: _Rows) -> Check:
    same = [str(name) for name in rows.frame if rows.frame[name].nunique(dropna=False) < 2]
    return grade(
        "constants",
        "Every column varies",
        review=bool(same),
        evidence=f"Columns with one value only: {format_names(same)}." if same else "No column has one value only.",
        fix="Leave these columns out; they tell nothing.",
    )


def _outliers(rows: _Rows) -> Check:
    found: dict[str, int] = {}
    for name in rows.numbers:
        values = to_number(rows.frame[name])
        low, middle, high = values.quantile([0.05, 0.5, 0.95])
        far = (values - middle).abs() > FAR * (high - low)
        if high > low and far.any():
            found[str(name)] = int(far.sum())
    return grade(
        "outliers",
        "No values out of all proportion",
        review=bool(found),
        evidence=f"Values more than {FAR:.0f} times the usual range (5th to 95th percentile) from the median: "
        f"{format_counts(found)}."
        if found
        else f"No number lies more than {FAR:.0f} times the usual range from its median.",
        fix="Look for wrong units, typing errors and codes such as 9999 for missing.",
    )


def _categories(rows: _Rows) -> Check:
    many = {str(name): number for name in rows.texts if (number := rows.frame[name].nunique()) > MAX_CATEGORIES}
    return grade(
        "categories",
        "Few categories in each column of text",
        review=bool(many),
        evidence=f"Different values: {format_counts(many)}."
        if many
        else f"{len(rows.texts)} columns of text, none with more than {MAX_CATEGORIES} different values.",
        fix="Leave out names and identifiers; group rare categories.",
    )


def _leakage(rows: _Rows) -> Check:
    told = {str(name): leakage.tells(rows.frame[name], rows.outcome) for name in rows.frame}
    sure = [name for name, share in told.items() if share >= leakage.SURE]
    near = [name for name, share in told.items() if leakage.SUSPECT <= share < leakage.SURE]
    named = [name for name in told if leakage.after_outcome(name) and name not in (*sure, *near)]
    lines = [
        f"{text}: {format_names(names, NAMED)}."
        for text, names in (
            ("Columns that tell the outcome by themselves", sure),
            ("Columns that nearly do", near),
            ("Columns whose names speak of the outcome or of what follows it", named),
        )
        if names
    ]
    return grade(
        "leakage",
        "No column gives the outcome away",
        fail=bool(sure),
        review=bool(near or named),
        evidence=" ".join(lines) or f"No column out of {len(told)} tells the outcome by itself or by its name.",
        fix="Leave these columns out unless they were known at the moment of prediction.",
    )


def _known_later(rows: _Rows) -> Check:
    title, names = "Everything was known at the moment of prediction", [str(name) for name in rows.frame]
    later, understood = leakage.later_than(names, rows.as_of or "")
    steps = [name for name in names if leakage.step(name) is not None]
    fix = "Leave these columns out, or ask for the prediction at a later moment."
    if rows.as_of is None or not understood:
        said = "No moment of prediction is stated" if rows.as_of is None else "The stated moment names no step of time"
        evidence = f"{said}; columns that speak of a time: {format_names(steps, NAMED)}." if steps else f"{said}."
        fix = "State the moment, such as enrollment or end of 1st semester, and leave out what is known only later."
        return grade("known_later", title, review=bool(steps), evidence=evidence, fix=fix)
    return grade(
        "known_later",
        title,
        fail=bool(later),
        evidence=f"{len(later)} columns speak of a time after {rows.as_of[:60]!r}: {format_names(later, NAMED)}."
        if later
        else f"No column's name speaks of a time after {rows.as_of[:60]!r}.",
        fix=fix,
    )
