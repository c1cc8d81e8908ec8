"""Read an uploaded file as a table; its format is detected from the content, not from the name."""

import codecs
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
from edtech.data.ingest.dialect import SAVE_AGAIN, Dialect, detect_dialect
from edtech.data.ingest.parquet import parquet_batches, too_large
from edtech.data.ingest.primitive_types import notes_on_numeric_text, primitive_batches, primitive_schema
from edtech.data.ingest.sheet import read_sheet
from edtech.data.ingest.text import open_text
from edtech.errors import UploadError
from edtech.settings import MEGABYTE
from edtech.tables.formatting import format_value, pluralize

PREVIEW_ROWS = 20_000
"""Rows of a staged upload in memory, to choose the mapping."""
ACCEPTED = "a table as CSV or TSV (also compressed as .gz), as Parquet or as an Excel workbook (.xlsx)"

_GZIP, _PARQUET, _ZIP = b"\x1f\x8b", b"PAR1", b"PK\x03\x04"
_FOREIGN = {b"\xd0\xcf\x11\xe0": "an old or locked Excel file", b"%PDF": "a PDF", _GZIP: "a file compressed twice"}
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MARKUP = re.compile(rb"\s*<(!doctype|html|\?xml|head|body|script|svg)", re.IGNORECASE)
_CHUNK_BYTES, _IN_MEMORY = 1 << 20, 32 << 20


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded file as a table.

    `frame` holds text, numbers and datetimes: all `rows`, or the first of them if all are staged in the Parquet file
    `path`. `dialect` is set for text files, `sheet` and `sheets` for workbooks. `notes` are sentences on what was
    detected, for the user to confirm. `size` (bytes) and `digest` (SHA-256) are those of the uploaded file.
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
        """The Parquet file of all rows, or None if they are in memory."""
        return None if self.draft is None else self.draft.folder / "upload.parquet"

    def source(self) -> dict[str, JsonValue]:
        """Return the source of the data, for the lineage."""
        lineage: dict[str, JsonValue] = {"file": self.name[:200], "bytes": self.size, "sha256": self.digest}
        lineage |= {"dialect": str(self.dialect)} if self.dialect is not None else {}
        return lineage | ({"sheet": self.sheet} if self.sheet is not None else {})

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
        name: name of the file for display; it is never used as a path.
        content: the file.
        limit_mb: largest size in megabytes (of 1024² bytes), compressed and decompressed.
        dialect: format of a text file; default: detected.
        sheet: sheet of a workbook; default: the first.
        draft: folder for the rows, so that only the first `PREVIEW_ROWS` are in memory; see `Catalogue.stage`.

    Raises:
        UploadError: too large, or not a table with a header, two or more columns of different names, and rows.
    """
    limit = limit_mb * MEGABYTE
    with _opened(content) as original, _unpacked(original, limit) as stream:
        read = _read(stream, limit, dialect, sheet)
        names, renamed = _column_names(read.names)
        schema, excluded = primitive_schema(read.first, names)
        batches = primitive_batches(chain([read.first], read.batches), schema)
        frame, rows = _write_staged(batches, schema, draft) if draft is not None else _load(batches, schema)
        size, digest = _size_and_digest(original)
    notes = (
        *read.notes,
        *renamed,
        *excluded,
        *notes_on_numeric_text(frame),
        f"{pluralize(rows, 'row')}, {pluralize(frame.shape[1], 'column')}.",
    )
    return Upload(name, frame, read.dialect, notes, rows, read.sheet, read.sheets, size, digest, draft)


@dataclass(frozen=True, slots=True)
class _Table:
    """A table in any format, with its first batch separate."""

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


def _read(stream: BinaryIO, limit: int, dialect: Dialect | None, sheet: str | None) -> _Table:
    stream.seek(0)
    magic = stream.read(4)
    if magic.startswith(_PARQUET):
        return _table_of(parquet_batches(stream, limit), ("The file is Parquet, with its own column names and types.",))
    if magic.startswith(_ZIP):
        workbook = read_sheet(stream, limit, sheet)
        notes = (f"The table is the sheet {format_value(workbook.sheet)} of an Excel workbook.",)
        return _table_of(workbook.table.to_batches(), notes, sheet=workbook.sheet, sheets=workbook.sheets)
    _require_text(stream)
    dialect = dialect or detect_dialect(stream)
    text = open_text(stream, dialect)
    return _table_of(text.batches(), (f"The file is {dialect}.", *text.notes), dialect=dialect)


def _table_of(batches: Iterable[Any], notes: tuple[str, ...], **about: Any) -> _Table:  # noqa: ANN401
    filled = (batch for batch in batches if batch.num_rows)
    first = next(filled, None)
    if first is None:
        raise UploadError("The file has no rows", expected="a header and at least one row", actual="the header only")
    return _Table(first, filled, notes, **about)


def _load(batches: Iterable[Any], schema: Any) -> tuple[pd.DataFrame, int]:  # noqa: ANN401
    frame: pd.DataFrame = pa.Table.from_batches(batches, schema).to_pandas()
    return frame, len(frame)


def _write_staged(batches: Iterable[Any], schema: Any, draft: Draft) -> tuple[pd.DataFrame, int]:  # noqa: ANN401
    """Write all rows as Parquet; return the preview and the number of rows."""
    preview, previewed, rows = [], 0, 0
    with parquet.ParquetWriter(draft.folder / "upload.parquet", schema, compression="zstd") as writer:
        for batch in batches:
            preview += [batch.slice(0, PREVIEW_ROWS - previewed)] if previewed < PREVIEW_ROWS else []
            previewed, rows = min(PREVIEW_ROWS, previewed + batch.num_rows), rows + batch.num_rows
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
    """Yield a file, decompressed if it is gzip; reading stops at the limit, as a guard against decompression bombs."""
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
                while chunk := packed.read(_CHUNK_BYTES):
                    if target.tell() + len(chunk) > limit:
                        raise too_large(limit)
                    target.write(chunk)
        except (OSError, EOFError, zlib.error) as exc:
            raise UploadError(
                "The file is damaged",
                expected="a complete gzip file",
                actual=format_value(str(exc), 200),
                fix="Compress or download it again",
            ) from exc
        _require_content(cast(BinaryIO, target))
        yield cast(BinaryIO, target)


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    stream.seek(0)
    while chunk := stream.read(_CHUNK_BYTES):
        yield chunk


def _require_content(stream: BinaryIO) -> None:
    if not any(chunk.strip() for chunk in _chunks(stream)):
        raise UploadError(
            "The file is empty", expected=ACCEPTED, actual=f"{stream.tell()} bytes, all blank", fix=SAVE_AGAIN
        )


def _size_and_digest(stream: BinaryIO) -> tuple[int, str]:
    digest = hashlib.sha256()
    for chunk in _chunks(stream):
        digest.update(chunk)
    return stream.tell(), digest.hexdigest()


def _require_text(stream: BinaryIO) -> None:
    stream.seek(0)
    head = stream.read(1_000)
    content = next((kind for magic, kind in _FOREIGN.items() if head.startswith(magic)), None)
    if _MARKUP.match(head):
        content = "a web page or XML"
    elif (
        content is None
        and not head.startswith((b"\xff\xfe", b"\xfe\xff"))
        and any(b"\0" in chunk for chunk in _chunks(stream))
    ):
        content = "NUL bytes, which text does not contain"
    if content is not None:
        raise UploadError("The file cannot be read as a table", expected=ACCEPTED, actual=content, fix=SAVE_AGAIN)


def _column_names(originals: list[str]) -> tuple[list[str], list[str]]:
    """Return trimmed column names, with unnamed columns named by position, and a note on these."""
    names = [str(name).strip() or f"column_{i}" for i, name in enumerate(originals, 1)]
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if repeated:
        raise UploadError(
            "Several columns have the same name",
            expected="a different name for each column",
            actual=", ".join(format_value(name) for name in repeated[:10]),
            fix="Rename these columns",
        )
    blank = [name for name, old in zip(names, originals, strict=True) if not str(old).strip()]
    return names, [f"Unnamed columns are named {', '.join(blank[:5])}."] if blank else []
