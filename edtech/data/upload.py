"""Reading an uploaded file as a table: what it is is found out from its content, never from its name."""

import gzip
import io
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa

from edtech.data.parquet import read_parquet, too_large
from edtech.data.text import SAVE_AGAIN, Dialect, find_dialect, read_text
from edtech.errors import UploadError
from edtech.tables.panel import shown

MEGABYTE = 1_000_000
ACCEPTED = "a table as CSV or TSV (also packed as .gz) or as Parquet"

_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
_FOREIGN = {
    b"PK\x03\x04": "an Excel or ZIP file",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"%PDF": "a PDF",
    _GZIP: "a file packed twice",
}
_MARKUP = re.compile(rb"\s*<(!doctype|html|\?xml|head|body|script|svg)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was read as a table.

    `frame` holds text as text, numbers as numbers and dates as datetimes; `dialect` is None for a Parquet file;
    `notes` are sentences on what was found out, for the user to confirm.
    """

    name: str
    frame: pd.DataFrame
    dialect: Dialect | None
    notes: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Number of data rows."""
        return len(self.frame)

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in the order of the file."""
        return tuple(self.frame.columns)


def read_upload(
    name: str, content: BinaryIO | bytes | Path, *, limit_mb: int = 500, dialect: Dialect | None = None
) -> Upload:
    """Read an uploaded file as a table.

    Args:
        name: the file's own name, to be shown; it is never used as a path.
        content: the file.
        limit_mb: largest size in megabytes (of 1,000,000 bytes), packed or unpacked.
        dialect: how a text file is written, where the user knows better than what is found out.

    Raises:
        UploadError: too large, or not a table with a header, two or more columns of different names, and rows.
    """
    limit = limit_mb * MEGABYTE
    raw = _bytes_of(content, limit)
    if raw.startswith(_GZIP):
        raw = _unpacked(raw, limit)
    if raw.startswith(_PARQUET):
        table, dialect, note = read_parquet(raw, limit), None, "The file is Parquet: names and types are its own."
    else:
        _require_text(raw)
        dialect = dialect or find_dialect(raw)
        table, note = read_text(raw, dialect), f"The file is {dialect}."
    names, renamed = _column_names(table.column_names)
    if table.num_rows == 0:
        raise UploadError("The file has no rows", expected="a header and at least one row", found="the header only")
    frame, left_out = _frame(table.rename_columns(names))
    size = f"{frame.shape[0]:,} rows, {frame.shape[1]:,} columns."
    return Upload(name, frame, dialect, (note, *renamed, *left_out, size))


def _bytes_of(content: BinaryIO | bytes | Path, limit: int) -> bytes:
    if isinstance(content, bytes):
        return _within(content, limit)
    try:
        if not isinstance(content, Path):
            content.seek(0)
            return _within(content.read(limit + 1), limit)
        with content.open("rb") as stream:
            return _within(stream.read(limit + 1), limit)
    except OSError as exc:
        raise UploadError("The file cannot be opened", expected=ACCEPTED, found=exc.strerror) from exc


def _unpacked(raw: bytes, limit: int) -> bytes:
    """Return the content of a gzip file; reading stops at the limit, so that a bomb cannot fill the memory."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as stream:
            return _within(stream.read(limit + 1), limit)
    except (OSError, EOFError, zlib.error) as exc:
        raise UploadError(
            "The file is damaged",
            expected="a whole gzip file",
            found=shown(str(exc), 200),
            fix="Pack or download it again",
        ) from exc


def _within(raw: bytes, limit: int) -> bytes:
    if not raw.strip():
        raise UploadError("The file is empty", expected=ACCEPTED, found=f"{len(raw)} bytes, all blank", fix=SAVE_AGAIN)
    if len(raw) > limit:
        raise too_large(limit)
    return raw


def _require_text(raw: bytes) -> None:
    found = next((kind for magic, kind in _FOREIGN.items() if raw.startswith(magic)), None)
    if _MARKUP.match(raw):
        found = "a web page or XML"
    elif found is None and b"\0" in raw and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        found = "NUL bytes, which no text holds"
    if found is not None:
        raise UploadError("The file is not a table that can be read", expected=ACCEPTED, found=found, fix=SAVE_AGAIN)


def _column_names(found: list[str]) -> tuple[list[str], list[str]]:
    """Return trimmed names, nameless columns named by their position, and a note about those."""
    names = [str(name).strip() or f"column_{i}" for i, name in enumerate(found, 1)]
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if repeated:
        raise UploadError(
            "The file has several columns of the same name",
            expected="a different name for each column",
            found=", ".join(shown(name) for name in repeated[:10]),
            fix="Rename these columns",
        )
    blank = [name for name, old in zip(names, found, strict=True) if not str(old).strip()]
    return names, [f"Columns without a name are called {', '.join(blank[:5])}."] if blank else []


def _frame(table: Any) -> tuple[pd.DataFrame, list[str]]:  # noqa: ANN401 - pyarrow has no types
    """Return the table as a frame, and a note about the columns that no frame of plain values can hold."""
    columns = {name: _plain(column) for name, column in zip(table.column_names, table.columns, strict=True)}
    left_out = [shown(name) for name, column in columns.items() if column is None]
    kept = pa.table({name: column for name, column in columns.items() if column is not None})
    frame: pd.DataFrame = kept.to_pandas(date_as_object=False)
    return frame, [f"Left out, for they hold no plain values: {', '.join(left_out[:10])}."] if left_out else []


def _plain(column: Any) -> Any:  # noqa: ANN401
    """Return a column as numbers, booleans, UTC datetimes or text, or None where it is none of these."""
    kind, types = column.type, pa.types
    if types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type))
    if types.is_integer(kind) or types.is_boolean(kind) or types.is_string(kind):
        return column
    if types.is_floating(kind) or types.is_decimal(kind):
        return column.cast(pa.float64())
    try:
        if types.is_timestamp(kind) or types.is_date(kind):
            return column.cast(pa.timestamp("us"), safe=False)
        return column.cast(pa.string())
    except pa.ArrowException:
        return None
