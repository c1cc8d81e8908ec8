"""Colors, safe labels, column checks and thinning for all charts."""

import re
from collections.abc import Sequence
from textwrap import wrap

import altair as alt
import numpy as np
import pandas as pd

from edtech.errors import ReportError

# Okabe and Ito (2008), without the three colors whose contrast is below 3:1 on one of the two backgrounds.
BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7F7F7F"
TEXT = "#7C7C7C"  # for text that the theme does not color; contrast 4.2:1 on white, 4.5:1 on the dark background
PALETTE = (BLUE, ORANGE, GREEN, PINK, GREY)

OPTIONAL = ("low", "high", "truth", "segment")

MAX_POINTS = 2_000
MAX_ROWS = 30
MAX_LABEL = 60
WIDEST = 220  # pixels of a name beside an axis, at most
MAX_LINE = 52  # letters in a line of a title on a screen of 400 pixels

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def label(text: object, longest: int = MAX_LABEL) -> str:
    """Return text that any renderer shows on one line, without control or direction marks, cut to `longest` letters.

    >>> label("Line\\nbreak"), label("abcdef", longest=4)
    ('Line\N{REPLACEMENT CHARACTER}break', 'abc…')
    """
    line = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", str(text))
    return line if len(line) <= longest else line[: longest - 1] + "…"


def need(frame: pd.DataFrame, columns: Sequence[str], chart: str) -> pd.DataFrame:
    """Return these columns and the available ones of OPTIONAL. Raises ReportError without rows or without a column."""
    missing = [column for column in columns if column not in frame.columns]
    if missing or frame.empty:
        raise ReportError(
            f"The chart {chart} cannot be drawn",
            expected=f"at least one row with {', '.join(columns)}",
            actual=f"{len(frame)} rows with {', '.join(map(label, frame.columns)) or 'no columns'}",
            fix="Pass a frame with these columns",
        )
    return frame[[*columns, *(name for name in OPTIONAL if name in frame.columns and name not in columns)]]


def has_interval(frame: pd.DataFrame) -> bool:
    """Tell whether any row has both ends of an interval."""
    return {"low", "high"} <= set(frame.columns) and bool(frame[["low", "high"]].notna().all(axis=1).any())


def thin(frame: pd.DataFrame, most: int = MAX_POINTS) -> tuple[pd.DataFrame, str]:
    """Return at most `most` evenly spaced rows, and a note if rows are left out.

    >>> thin(pd.DataFrame({"x": range(5)}), most=3)[1]
    '3 of 5 points shown'
    """
    if len(frame) <= most:
        return frame, ""
    subset = frame.iloc[np.linspace(0, len(frame) - 1, most).astype(int)]
    return subset, f"{most:,} of {len(frame):,} points shown"


def first(frame: pd.DataFrame, what: str, most: int = MAX_ROWS) -> tuple[pd.DataFrame, str]:
    """Return the first `most` rows, and a note if rows are left out."""
    return frame.head(most), "" if len(frame) <= most else f"{most} of {len(frame):,} {what} shown"


def heading(title: str, *notes: str) -> alt.Title:
    """Return a left-aligned title with notes below, wrapped for a narrow screen."""
    top, *notes_below = [wrap(label(line, 120), MAX_LINE) for line in (title, *notes) if line] or [[""]]
    below = [line for note in notes_below for line in note]
    return alt.Title(top if len(top) > 1 else "".join(top), subtitle=below, subtitleColor=TEXT, anchor="start")


def layered(charts: Sequence[alt.Chart], title: alt.Title, step: int | None = None) -> alt.LayerChart:
    """Layer charts on a transparent background; `step` is the height in pixels of a row of names."""
    height = alt.Undefined if step is None else alt.Step(step)
    return alt.LayerChart(layer=list(charts), title=title, background="transparent", height=height)
