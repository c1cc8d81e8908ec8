"""Convert columns of uploads to primitive types: numbers, booleans, UTC datetimes and text."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from edtech.errors import UploadError
from edtech.tables.formatting import format_value
from edtech.tables.values import mostly_numbers, to_number


def primitive_schema(first: Any, names: Sequence[str]) -> tuple[Any, list[str]]:  # noqa: ANN401 - pyarrow has no types
    """Return the schema of a table in primitive types, from its first batch, and a note on the excluded columns.

    The metadata of each field holds the position of its column in the file.
    """
    fields, excluded = [], []
    for position, (name, column) in enumerate(zip(names, first.columns, strict=True)):
        kind = _primitive_type(column.type)
        try:
            _cast(column, kind)
        except pa.ArrowException:
            excluded.append(format_value(name))
            continue
        fields.append(pa.field(name, kind, metadata={"position": str(position)}))
    return pa.schema(fields), [
        f"Excluded columns without numbers, dates or text: {', '.join(excluded[:10])}."
    ] if excluded else []


def primitive_batches(batches: Iterable[Any], schema: Any) -> Iterator[Any]:  # noqa: ANN401
    """Yield each batch with the columns and types of `schema`.

    Raises:
        UploadError: a text column holds bytes that are not text.
    """
    for batch in batches:
        try:
            columns = [_cast(batch.column(int(field.metadata[b"position"])), field.type) for field in schema]
        except pa.ArrowException as exc:
            raise UploadError(
                "A text column holds bytes that are not text", expected="text", actual=format_value(str(exc), 200)
            ) from exc
        yield pa.record_batch(columns, schema=schema)


def notes_on_numeric_text(frame: pd.DataFrame) -> list[str]:
    """Return a note on each text column that holds numbers except for a few cells, at most five notes."""
    notes: list[str] = []
    for name in map(str, frame.select_dtypes("str")):
        filled = frame[name].dropna()
        if filled.empty or not mostly_numbers(filled):
            continue
        others = filled[to_number(filled).isna()]
        blank = int((others.str.strip() == "").sum())
        if 0 < len(others) <= len(filled) / 10:
            kind = "all blank" if blank == len(others) else f"{blank:,} of them blank" if blank else "none blank"
            notes.append(
                f"{format_value(name)} is read as text; not numbers: {len(others):,} of {len(filled):,} cells "
                f"({kind}, such as {format_value(others.iloc[0], 20)})."
            )
    return notes[:5]


def _cast(column: Any, kind: Any) -> Any:  # noqa: ANN401
    return column.cast(kind, safe=not pa.types.is_timestamp(kind))  # nanoseconds are cut


def _primitive_type(kind: Any) -> Any:  # noqa: ANN401
    types = pa.types
    if types.is_dictionary(kind):
        return _primitive_type(kind.value_type)
    if types.is_integer(kind) or types.is_boolean(kind):
        return kind
    if types.is_floating(kind) or types.is_decimal(kind):
        return pa.float64()
    if types.is_timestamp(kind) or types.is_date(kind):
        return pa.timestamp("us")
    return pa.string()
