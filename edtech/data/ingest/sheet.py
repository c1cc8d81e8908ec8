"""Read sheets of Excel workbooks (.xlsx) whose size is checked before they are read.

A workbook is XML in a ZIP file. Python decompresses at most the size declared in the ZIP directory, so the declared
sizes bound the work. Elements of large members are counted without building a tree, because openpyxl's trees take some
thirty times the size of the text.
"""

import lzma
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from typing import Any, BinaryIO
from xml.parsers import expat

import openpyxl  # type: ignore[import-untyped]
import pyarrow as pa

from edtech.data.ingest.text import require_column_count
from edtech.errors import UploadError
from edtech.settings import MEGABYTE
from edtech.tables.formatting import format_value
from edtech.tables.values import MAX_NUMBER

MAX_UNPACKED = 400 * MEGABYTE
"""Maximum decompressed size of a workbook in bytes."""
MAX_CELLS = 5_000_000
"""Maximum number of cells in a sheet, including empty ones; larger tables belong in CSV or Parquet."""
MAX_ELEMENTS = 200_000
"""Maximum number of XML elements within a row of a large member."""
MAX_ROWS = 1 << 20
"""Maximum number of rows of an Excel sheet, and of shared strings."""
_SMALL = 5_000_000
_CHUNK_BYTES = 1 << 20
_FIX = "Save the sheet as CSV or Parquet and upload it"
# Exceptions that the ZIP, XML and workbook readers raise on malformed files.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    OSError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    SyntaxError,
    RuntimeError,
    ArithmeticError,
    AssertionError,
    expat.ExpatError,
    pa.ArrowException,
)


@dataclass(frozen=True, slots=True)
class SheetTable:
    """A sheet as a pyarrow table, its name, and the names of all sheets."""

    table: Any
    sheet: str
    sheets: tuple[str, ...]


def read_sheet(stream: BinaryIO, limit: int, sheet: str | None = None) -> SheetTable:
    """Return a sheet of a workbook, by default the first; formulas have their stored values.

    Dates become datetimes, numbers stay numbers; a column of mixed types becomes text. Empty rows are dropped.

    Raises:
        UploadError: the file is not a workbook, damaged or too large, or has no such sheet or no table in it.
    """
    try:
        _require_bounded(stream, min(limit, MAX_UNPACKED))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # styles and extensions that a table does not need
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
            sheets = tuple(worksheet.title for worksheet in book.worksheets)
            name = sheet if sheet is not None else (sheets or ("",))[0]
            if name not in sheets:
                raise UploadError(
                    "The workbook has no such sheet",
                    expected=", ".join(map(format_value, sheets[:10])) or "at least one sheet of cells",
                    actual=format_value(name),
                    fix="Choose another sheet",
                )
            page = book[name]
            page.reset_dimensions()  # wrong stored dimensions would pad every row
            return SheetTable(_table(page.iter_rows(values_only=True)), name, sheets)
    except _DAMAGED as exc:
        raise UploadError(
            "The file cannot be read as a table",
            expected="a complete Excel workbook (.xlsx) without a password",
            actual=f"a damaged Excel or ZIP file: {format_value(str(exc), 200)}",
            fix=_FIX,
        ) from exc


def _require_bounded(stream: BinaryIO, limit: int) -> None:
    stream.seek(0)
    with zipfile.ZipFile(stream) as packed:
        members = packed.infolist()
        if not any(member.filename.lower() == "xl/workbook.xml" for member in members):
            raise UploadError(
                "The file cannot be read as a table", expected="an Excel workbook", actual="a ZIP file", fix=_FIX
            )
        size = sum(member.file_size for member in members)
        if size > limit or len(members) > 10_000:
            raise UploadError(
                "The workbook is too large",
                expected=f"at most {limit // MEGABYTE:,} MB decompressed, in at most 10,000 parts",
                actual=f"{size / MEGABYTE:,.0f} MB in {len(members):,} parts",
                fix=_FIX,
            )
        for member in members:
            if member.file_size > _SMALL and member.filename.lower().endswith((".xml", ".rels")):
                with packed.open(member) as content:
                    _require_flat(content)


def _require_flat(content: Any) -> None:  # noqa: ANN401 - zipfile's own stream
    """Reject XML with too many elements in a row or shared string, or too many rows."""
    rows, elements = 0, 0

    def start(tag: str, _attributes: dict[str, str]) -> None:
        nonlocal rows, elements
        if tag.rpartition(":")[2] in ("row", "si"):
            rows, elements = rows + 1, 0
        elements += 1
        if elements > MAX_ELEMENTS or rows > MAX_ROWS:
            raise ValueError("more XML elements than a sheet can have")

    def doctype(*_about: object) -> None:
        raise ValueError("a document type declaration")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = doctype
    while chunk := content.read(_CHUNK_BYTES):
        parser.Parse(chunk, False)
    parser.Parse(b"", True)


def _table(rows: Iterator[tuple[Any, ...]]) -> Any:  # noqa: ANN401 - pyarrow has no types
    filled = (row for row in _bounded(rows) if any(cell is not None and cell != "" for cell in row))
    header = next(filled, ())
    while header and header[-1] in (None, ""):
        header = header[:-1]
    require_column_count(len(header))
    columns: list[list[Any]] = [[] for _ in header]
    for number, row in enumerate(filled, 1):
        if any(cell not in (None, "") for cell in row[len(header) :]):
            raise UploadError(
                "The sheet has rows longer than its header",
                expected=f"{len(header):,} cells in each row, as in the header",
                actual=f"more in row {number:,} below the header",
                fix="Name every column in the header; remove titles and notes around the table",
            )
        for column, cell in zip(columns, chain(row, [None] * len(header)), strict=False):
            column.append(cell)
    names = ["" if cell is None else _text(cell) for cell in header]
    return pa.Table.from_arrays([_array(column) for column in columns], names=names)


def _bounded(rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Yield all rows, up to `MAX_CELLS` cells; an empty row counts as one cell."""
    cells = 0
    for row in rows:
        cells += max(len(row), 1)
        if cells > MAX_CELLS:
            raise UploadError(
                "The sheet is too large", expected=f"at most {MAX_CELLS:,} cells", actual="more", fix=_FIX
            )
        yield row


def _array(cells: list[Any]) -> Any:  # noqa: ANN401
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {int, float} and kinds:
        whole = kinds == {int} and all(cell is None or abs(cell) <= MAX_NUMBER for cell in cells)
        return pa.array(cells if whole else [None if cell is None else float(cell) for cell in cells])
    if kinds == {bool}:
        return pa.array(cells, pa.bool_())
    if kinds and kinds <= {datetime, date}:
        return pa.array(cells, pa.timestamp("us"))
    return pa.array([None if cell is None else _text(cell) for cell in cells], pa.string())


def _text(cell: object) -> str:
    if isinstance(cell, float) and cell.is_integer() and abs(cell) <= MAX_NUMBER:
        return str(int(cell))
    return str(cell).removesuffix(" 00:00:00") if isinstance(cell, datetime) else str(cell)
