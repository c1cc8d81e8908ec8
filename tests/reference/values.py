"""Values that JSON holds, and how two sets of them are compared; knows nothing of the project."""

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
    found: Figures = {"size": [len(frame), frame.shape[1]]}
    for place in range(frame.shape[1]):
        cells = [cell if is_number(cell) and cell not in without else None for cell in frame.iloc[:, place].tolist()]
        numbers = [float(cell) for cell in cells if cell is not None and math.isfinite(cell)]
        if not numbers:
            continue
        if len(cells) > SHORT:
            rows = np.unique(np.linspace(0, len(cells) - 1, SAMPLED).astype(int))
            cells = [len(numbers), math.fsum(numbers), min(numbers), max(numbers), *(cells[row] for row in rows)]
        found[f"column {place}"] = plain(cells)
    return found


def under(prefix: str, figures: Mapping[str, Any]) -> Figures:
    """Return the figures with a prefix before each key."""
    return {f"{prefix}/{name}": value for name, value in figures.items()}


def all_differences(stored: Figures, now: Figures, tolerances: Sequence[Tolerance] = ()) -> list[str]:
    """Return every place in which figures differ from those stored; of two tolerances for a key the first counts."""
    found = []
    for key in dict.fromkeys([*stored, *now]):
        allowed = next((one for one in tolerances if fnmatchcase(key, one.pattern)), EXACT)
        missing = [side for side, figures in (("stored", stored), ("computed", now)) if key not in figures]
        told = (f"is not {missing[0]}",) if missing else _differences(stored[key], now[key], allowed)
        found += [f"{key} {one}" for one in told]
    return found


def _differences(stored: Any, now: Any, allowed: Tolerance) -> Iterator[str]:
    if isinstance(stored, dict) and isinstance(now, dict):
        for name in dict.fromkeys([*stored, *now]):
            pair = (stored.get(name, "nothing"), now.get(name, "nothing"))
            yield from (f"[{name}] {one}" for one in _differences(*pair, allowed))
    elif isinstance(stored, list) and isinstance(now, list) and len(stored) == len(now):
        for place, pair in enumerate(zip(stored, now, strict=True)):
            yield from (f"[{place}] {one}" for one in _differences(*pair, allowed))
    elif not _same(stored, now, allowed):
        yield f"was {stored!r}, is {now!r}"


def _same(stored: Any, now: Any, allowed: Tolerance) -> bool:
    if is_number(stored) and is_number(now) and float in (type(stored), type(now)):
        return math.isclose(stored, now, rel_tol=allowed.relative, abs_tol=allowed.absolute)
    return type(stored) is type(now) and stored == now


def read(file: Path) -> Figures:
    """Return stored figures."""
    figures: Figures = json.loads(file.read_text(encoding="utf-8"))
    return figures


def write(file: Path, figures: Figures) -> None:
    """Store figures, a line for each key, so that a change shows as the lines it concerns."""
    lines = (f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in figures.items())
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
