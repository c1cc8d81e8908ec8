"""Format numbers, names and values for messages, pages and reports; light, so that a command can import it first."""

import math
from collections.abc import Iterable, Mapping

_NEGLIGIBLE = 1e-6
"""A relative change of at most this, a ten-thousandth of a percent, counts as none."""


def pluralize(count: int, noun: str) -> str:
    """Return a count with its noun: 1 run, 2 runs."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def format_value(value: object, width: int = 60) -> str:
    """Return a value of an uploaded table for a message: text in quotes, shortened to `width` characters."""
    import pandas as pd  # slow to import

    text = "missing" if pd.isna(value) else repr(value) if isinstance(value, str) else str(value)  # type: ignore[call-overload]
    return text if len(text) <= width else text[: width - 3] + "..."


def format_names(names: Iterable[str], limit: int = 10) -> str:
    """Return names for a message, at most `limit` of them."""
    names = list(names)
    remaining = len(names) - limit
    return ", ".join(format_value(name) for name in names[:limit]) + (
        f" and {remaining:,} more" if remaining > 0 else ""
    )


def format_counts(counts: Mapping[str, int], limit: int = 5) -> str:
    """Return counts by name for a message, the `limit` largest of them."""
    largest = sorted(counts.items(), key=lambda item: -item[1])[:limit]
    remaining = len(counts) - len(largest)
    listed = ", ".join(f"{name[:60]!r}: {number:,}" for name, number in largest)
    return listed + (f" and {remaining} more" if remaining else "")


def format_change(value: float | None, digits: int = 1) -> str:
    """Return a relative change as a signed percentage.

    A change that would round to 0 gets two significant digits; an infinite one, from nothing before, is "new".
    """
    if value is None or math.isnan(value):
        return "-"
    if value == math.inf:
        return "new"
    if abs(value) > _NEGLIGIBLE and not round(value, digits + 2):
        digits = -1 - math.floor(math.log10(abs(value)))
    return f"{value:+z.{digits}%}"
