"""Reading an uploaded file as a table: what it is is found out from its content, never from its name."""

import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

import pandas as pd
import pyarrow as pa
from pyarrow import parquet
from pydantic import JsonValue

from edtech.data.atomic import Draft
from edtech.data.ingest.dialect import SAVE_AGAIN, Dialect, find_dialect
from edtech.data.ingest.parquet import parquet_batches, too_large
from edtech.data.ingest.primitive_types import notes_on_numeric_text, primitive_batches, primitive_schema
from edtech.data.ingest.sheet import read_sheet
from edtech.data.ingest.text import open_text
from edtech.errors import UploadError
from edtech.settings import MEGABYTE
from edtech.tables.formatting import format_value, pluralize

PREVIEW_ROWS = 20_000
"""Rows of a staged upload that are in memory, to choose the mapping by."""
ACCEPTED = "a table as CSV or TSV (also packed as .gz), as Parquet or as an Excel workbook (.xlsx)"

_GZIP, _PARQUET, _ZIP = b"\x1f\x8b", b"PAR1", b"PK\x03\x04"
_FOREIGN = {b"\xd0\xcf\x11\xe0": "an old or locked Excel file", b"%PDF": "a PDF", _GZIP: "a file packed twice"}
_MARKUP = re.compile(rb"\s*<(!doctype|html|\?xml|head|body|script|svg)", re.IGNORECASE)
_PIECE, _IN_MEMORY = 1 << 20, 32 << 20


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was read as a table.

    `frame` holds text as text, numbers as numbers and dates as datetimes: all `rows`, or the first of them where the
    rest is staged in the Parquet file `path`. `dialect` is None unless the file is text, `sheet` unless it is a
    workbook with these `sheets`; `notes` are sentences on what was found out, for the user to confirm. `size` (bytes)
    and `digest` (SHA-256) are those of the file as it came.
    """

    name: str
    frame: pd.DataFrame
    dialect: Dialect | None
    notes: tuple[str, ...]
    rows: int
    sheet: str | None = None
    sheets: tuple[str, ...] = ()
    size: int = 0
    digest: str = ""
    draft: Draft | None = field(default=None, repr=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in the order of the file."""
        return tuple(self.frame.columns)

    @property
    def path(self) -> Path | None:
        """Where all rows are, if they are not in memory."""
        return None if self.draft is None else self.draft.folder / "upload.parquet"

    def source(self) -> dict[str, JsonValue]:
        """Return where the data come from, for the lineage."""
        found: dict[str, JsonValue] = {"file": self.name[:200], "bytes": self.size, "sha256": self.digest}
        found |= {"dialect": str(self.dialect)} if self.dialect is not None else {}
        return found | ({"sheet": self.sheet} if self.sheet is not None else {})

    def close(self) -> None:
        """Remove the staged rows."""
        if self.draft is not None:
            self.draft.close()


def read_upload(
    name: str,
    content: BinaryIO | bytes | Path,
    *,
    limit_mb: int = 500,
    dialect: Dialect | None = None,
    sheet: str | None = None,
    draft: Draft | None = None,
) -> Upload:
    """Read an uploaded file as a table.

    Args:
        name: the file's own name, to be shown; it is never used as a path.
        content: the file.
        limit_mb: largest size in megabytes (of 1024² bytes), packed or unpacked.
        dialect: how a text file is written, where the user knows better than what is found out.
        sheet: which sheet of a workbook; the first unless given.
        draft: takes the rows, so that only the first `PREVIEW_ROWS` are in memory; `Catalogue.stage` gives one.

    Raises:
        UploadError: too large, or not a table with a header, two or more columns of different names, and rows.
    """
    limit = limit_mb * MEGABYTE
    with _opened(content) as original, _unpacked(original, limit) as stream:
        read = _read(stream, limit, dialect, sheet)
        names, renamed = _column_names(read.names)
        schema, left_out = primitive_schema(read.first, names)
        batches = primitive_batches(chain([read.first], read.batches), schema)
        frame, rows = _staged(batches, schema, draft) if draft is not None else _whole(batches, schema)
        size, digest = _identity(original)
    notes = (
        *read.notes,
        *renamed,
        *left_out,
        *notes_on_numeric_text(frame),
        f"{pluralize(rows, 'row')}, {pluralize(frame.shape[1], 'column')}.",
    )
    return Upload(name, frame, read.dialect, notes, rows, read.sheet, read.sheets, size, digest, draft)


@dataclass(frozen=True, slots=True)
class _Read:
    """A table of whatever format, its first batch apart."""

    first: Any
    batches: Iterator[Any]
    notes: tuple[str, ...]
    dialect: Dialect | None = None
    sheet: str | None = None
    sheets: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        names: list[str] = self.first.schema.names
        return names


def _read(stream: BinaryIO, limit: int, dialect: Dialect | None, sheet: str | None) -> _Read:
    stream.seek(0)
    magic = stream.read(4)
    if magic.startswith(_PARQUET):
        return _rows(parquet_batches(stream, limit), ("The file is Parquet: names and types are its own.",))
    if magic.startswith(_ZIP):
        found = read_sheet(stream, limit, sheet)
        notes = (f"The table is the sheet {format_value(found.sheet)} of an Excel workbook.",)
        return _rows(found.table.to_batches(), notes, sheet=found.sheet, sheets=found.sheets)
    _require_text(stream)
    dialect = dialect or find_dialect(stream)
    text = open_text(stream, dialect)
    return _rows(text.batches(), (f"The file is {dialect}.", *text.notes), dialect=dialect)


def _rows(batches: Iterable[Any], notes: tuple[str, ...], **about: Any) -> _Read:  # noqa: ANN401
    filled = (batch for batch in batches if batch.num_rows)
    first = next(filled, None)
    if first is None:
        raise UploadError("The file has no rows", expected="a header and at least one row", actual="the header only")
    return _Read(first, filled, notes, **about)


def _whole(batches: Iterable[Any], schema: Any) -> tuple[pd.DataFrame, int]:  # noqa: ANN401
    frame: pd.DataFrame = pa.Table.from_batches(batches, schema).to_pandas()
    return frame, len(frame)


def _staged(batches: Iterable[Any], schema: Any, draft: Draft) -> tuple[pd.DataFrame, int]:  # noqa: ANN401
    """Write all rows as Parquet; return the first of them and their number."""
    preview, kept, rows = [], 0, 0
    with parquet.ParquetWriter(draft.folder / "upload.parquet", schema, compression="zstd") as writer:
        for batch in batches:
            preview += [batch.slice(0, PREVIEW_ROWS - kept)] if kept < PREVIEW_ROWS else []
            kept, rows = min(PREVIEW_ROWS, kept + batch.num_rows), rows + batch.num_rows
            writer.write_batch(batch)
    frame: pd.DataFrame = pa.Table.from_batches(preview, schema).to_pandas()
    return frame, rows


@contextmanager
def _opened(content: BinaryIO | bytes | Path) -> Iterator[BinaryIO]:
    if not isinstance(content, Path):
        yield io.BytesIO(content) if isinstance(content, bytes) else content
        return
    try:
        stream = content.open("rb")
    except OSError as exc:
        raise UploadError("The file cannot be opened", expected=ACCEPTED, actual=exc.strerror) from exc
    with stream:
        yield stream


@contextmanager
def _unpacked(stream: BinaryIO, limit: int) -> Iterator[BinaryIO]:
    """Yield a file, or what a gzip file holds; reading stops at the limit, so that a bomb cannot fill the memory."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if size > limit:
        raise too_large(limit)
    if stream.read(2) != _GZIP:
        _require_content(stream)
        yield stream
        return
    stream.seek(0)
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as target:
        try:
            with gzip.GzipFile(fileobj=stream) as packed:
                while piece := packed.read(_PIECE):
                    if target.tell() + len(piece) > limit:
                        raise too_large(limit)
                    target.write(piece)
        except (OSError, EOFError, zlib.error) as exc:
            raise UploadError(
                "The file is damaged",
                expected="a whole gzip file",
                actual=format_value(str(exc), 200),
                fix="Pack or download it again",
            ) from exc
        _require_content(cast(BinaryIO, target))
        yield cast(BinaryIO, target)


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    stream.seek(0)
    while piece := stream.read(_PIECE):
        yield piece


def _require_content(stream: BinaryIO) -> None:
    if not any(piece.strip() for piece in _pieces(stream)):
        raise UploadError(
            "The file is empty", expected=ACCEPTED, actual=f"{stream.tell()} bytes, all blank", fix=SAVE_AGAIN
        )


def _identity(stream: BinaryIO) -> tuple[int, str]:
    digest = hashlib.sha256()
    for piece in _pieces(stream):
        digest.update(piece)
    return stream.tell(), digest.hexdigest()


def _require_text(stream: BinaryIO) -> None:
    stream.seek(0)
    head = stream.read(1_000)
    found = next((kind for magic, kind in _FOREIGN.items() if head.startswith(magic)), None)
    if _MARKUP.match(head):
        found = "a web page or XML"
    elif found is None and not head.startswith((b"\xff\xfe", b"\xfe\xff")) and any(b"\0" in p for p in _pieces(stream)):
        found = "NUL bytes, which no text holds"
    if found is not None:
        raise UploadError("The file is not a table that can be read", expected=ACCEPTED, actual=found, fix=SAVE_AGAIN)


def _column_names(found: list[str]) -> tuple[list[str], list[str]]:
    """Return trimmed names, nameless columns named by their position, and a note about those."""
    names = [str(name).strip() or f"column_{i}" for i, name in enumerate(found, 1)]
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if repeated:
        raise UploadError(
            "The file has several columns of the same name",
            expected="a different name for each column",
            actual=", ".join(format_value(name) for name in repeated[:10]),
            fix="Rename these columns",
        )
    blank = [name for name, old in zip(names, found, strict=True) if not str(old).strip()]
    return names, [f"Columns without a name are called {', '.join(blank[:5])}."] if blank else []
