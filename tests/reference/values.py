"""Converts values to JSON and compares them with stored ones; imports nothing of the project."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

Figures = dict[str, Any]
"""Key -> number, text, truth value, or a list or mapping of them."""
SHORT, SAMPLED = 40, 8
"""Columns of more rows than the first are recorded as count, sum, least, most and as many rows as the second says."""


class Tolerance(NamedTuple):
    """How closely the keys that match a pattern are compared: relative, or absolute where that is more."""

    pattern: str
    relative: float
    absolute: float
    reason: str


EXACT = Tolerance("*", 1e-9, 1e-12, "the order of sums may differ between machines")


def plain(value: object) -> Any:
    """Return a value as JSON holds it: NaN and missing as None, infinite and dates as text."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return _number(float(value))
    if isinstance(value, Mapping):
        return {str(name): plain(cell) for name, cell in value.items()}
    if isinstance(value, Sequence | np.ndarray | pd.Series):
        return [plain(cell) for cell in value]
    return str(value)


def _number(value: float) -> float | str | None:
    if math.isfinite(value):
        return value
    return None if math.isnan(value) else str(value)


def is_number(value: object) -> bool:
    """Tell whether a value is a number; a truth value is none."""
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def of_frame(frame: pd.DataFrame, without: frozenset[float] = frozenset()) -> Figures:
    """Return the size of a frame and its columns that hold numbers, by position; cells equal to `without` are None."""
    figures: Figures = {"size": [len(frame), frame.shape[1]]}
    for position in range(frame.shape[1]):
        cells = [cell if is_number(cell) and cell not in without else None for cell in frame.iloc[:, position].tolist()]
        numbers = [float(cell) for cell in cells if cell is not None and math.isfinite(cell)]
        if not numbers:
            continue
        if len(cells) > SHORT:
            rows = np.unique(np.linspace(0, len(cells) - 1, SAMPLED).astype(int))
            cells = [len(numbers), math.fsum(numbers), min(numbers), max(numbers), *(cells[row] for row in rows)]
        figures[f"column {position}"] = plain(cells)
    return figures


def under(prefix: str, figures: Mapping[str, Any]) -> Figures:
    """Return the figures with a prefix before each key."""
    return {f"{prefix}/{name}": value for name, value in figures.items()}


def all_differences(stored: Figures, computed: Figures, tolerances: Sequence[Tolerance] = ()) -> list[str]:
    """Return a line for each value that differs from the stored one; the first tolerance that matches a key applies."""
    messages = []
    for key in dict.fromkeys([*stored, *computed]):
        allowed = next((item for item in tolerances if fnmatchcase(key, item.pattern)), EXACT)
        missing = [side for side, figures in (("stored", stored), ("computed", computed)) if key not in figures]
        changes = (f"is not {missing[0]}",) if missing else _differences(stored[key], computed[key], allowed)
        messages += [f"{key} {change}" for change in changes]
    return messages


def _differences(stored: Any, computed: Any, allowed: Tolerance) -> Iterator[str]:
    if isinstance(stored, dict) and isinstance(computed, dict):
        for name in dict.fromkeys([*stored, *computed]):
            pair = (stored.get(name, "nothing"), computed.get(name, "nothing"))
            yield from (f"[{name}] {change}" for change in _differences(*pair, allowed))
    elif isinstance(stored, list) and isinstance(computed, list) and len(stored) == len(computed):
        for position, pair in enumerate(zip(stored, computed, strict=True)):
            yield from (f"[{position}] {change}" for change in _differences(*pair, allowed))
    elif not _same(stored, computed, allowed):
        yield f"was {stored!r}, is {computed!r}"


def _same(stored: Any, computed: Any, allowed: Tolerance) -> bool:
    if is_number(stored) and is_number(computed) and float in (type(stored), type(computed)):
        return math.isclose(stored, computed, rel_tol=allowed.relative, abs_tol=allowed.absolute)
    return type(stored) is type(computed) and stored == computed


def read(file: Path) -> Figures:
    """Return stored figures."""
    figures: Figures = json.loads(file.read_text(encoding="utf-8"))
    return figures


def write(file: Path, figures: Figures) -> None:
    """Store figures, a line for each key, so that a change shows as the lines it concerns."""
    lines = (f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in figures.items())
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
