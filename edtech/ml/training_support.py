"""Sentences about values that a model was not trained on; each family says which columns they are for."""

from collections.abc import Iterator, Sized
from typing import Any

import numpy as np
import pandas as pd

from edtech.tables.formatting import format_names, format_value
from edtech.tables.values import to_number

TOLERANCE = 1e-9
"""Rounding, as a share of a range: bounds of long-tailed numbers are stored as logarithms."""


def new_values(rows: pd.DataFrame, column: str, trained: Any) -> Iterator[str]:  # noqa: ANN401  # a list or array of text
    """Yield a sentence if the column has values that are not among those of the training data."""
    values = rows[column]
    new = values[values.notna() & ~values.astype(str).isin(list(trained))]
    if len(new):
        examples = format_names(new.astype(str).unique(), 3)
        yield f"{column}: {examples} was not in the training data{_count(new, rows)}"


def beyond_range(rows: pd.DataFrame, column: str, low: Any, high: Any) -> Iterator[str]:  # noqa: ANN401  # arrays (n,)
    """Yield a sentence if the column has numbers below `low` (n,) or above `high` (n,), the range of the training."""
    values = to_number(rows[column]).to_numpy(dtype=float, na_value=np.nan)
    tolerance = TOLERANCE * np.maximum(np.abs(low), np.abs(high))
    beyond = np.flatnonzero((values < low - tolerance) | (values > high + tolerance))
    if beyond.size:
        first = beyond[0]
        trained = f"{low[first]:,.6g} to {high[first]:,.6g}"
        yield f"{column}: {format_value(values[first])} is outside the training range {trained}{_count(beyond, rows)}"


def _count(some: Sized, rows: pd.DataFrame) -> str:
    return f" ({len(some):,} of {len(rows):,} rows)" if len(rows) > 1 else ""
