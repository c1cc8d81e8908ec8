"""Values of a table as text: rounded for reading, exact, and safe for spreadsheets."""

from datetime import date, datetime
from numbers import Integral, Real

import numpy as np
import pandas as pd

from edtech.charts.base import label

RECIPE = "recipe"
"""Name of the rows of the provenance that hold the recipe."""
_CHUNK = 30_000
MISSING = "\N{EN DASH}"
# What a spreadsheet takes for a formula, with the full-width forms that some locales read alike (OWASP, CSV injection).
FORMULA = tuple(
    "=+-@\t\r\n\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}"
)


def is_missing(value: object) -> bool:
    """Tell whether a cell is empty."""
    return (
        value is None or value is pd.NA or value is pd.NaT or (isinstance(value, Real) and bool(np.isnan(float(value))))
    )


def is_number(value: object) -> bool:
    """Tell whether a cell holds a number; a bool does not count."""
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_) and not is_missing(value)


def display(value: object) -> str:
    """Return a cell for reading: four significant digits, thousands separated, days without a time."""
    if is_missing(value):
        return MISSING
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return f"{int(value):,}"
    if isinstance(value, Real):
        return f"{value:,.0f}" if 1e3 <= abs(float(value)) < 1e15 else f"{float(value) + 0.0:.4g}"
    if isinstance(value, date):
        return exact_text(value)
    return label(value, 500)


def exact_text(value: object) -> str:
    """Return a cell so that reading it back gives the same value; text unchanged, an empty cell as ''."""
    if is_missing(value):
        return ""
    if isinstance(value, Integral) and not isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, Real):
        return repr(float(value)) if not isinstance(value, bool) else str(value)
    if isinstance(value, datetime):
        return value.isoformat() if value.time() != datetime.min.time() else value.date().isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)


def spreadsheet_safe(value: object) -> str:
    """Return the exact text; an apostrophe precedes text that a spreadsheet would run as a formula."""
    text = exact_text(value)
    return f"'{text}" if not is_number(value) and text.lstrip(" ").startswith(FORMULA) else text


def recipe_chunks(recipe: str) -> list[str]:
    """Return a recipe in pieces that fit into the cells of a spreadsheet."""
    return [recipe[start : start + _CHUNK] for start in range(0, len(recipe), _CHUNK)]
