"""A report's file -> what it shows, place by place, and its recipe.

The file may be anybody's: its size is bounded before it is read and again while it is unpacked, nothing in it is run,
and no path or address from it is opened.
"""

import csv
import io
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edtech.charts.base import label
from edtech.errors import ReportError
from edtech.reports.cells import RECIPE
from edtech.reports.formats import ending_of

MOST_BYTES = 100_000_000
MOST_UNPACKED = 300_000_000
MOST_MEMBERS = 1_000
MOST_PAGES = 2_000
MOST_CELLS = 5_000_000
MOST_PLACES = 1_500_000
MOST_TEXT = 300_000_000
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    csv.Error,
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
)


@dataclass(slots=True)
class Shown:
    """What a file shows: the text at each place, places in reading order, and the recipe, empty where it has none."""

    places: dict[str, str] = field(default_factory=dict)
    recipe: str = ""
    _times: Counter[str] = field(default_factory=Counter)
    _text: int = 0

    def add(self, place: str, text: str) -> None:
        """Note what stands at a place; a second one of that name gets a number. Raises ValueError beyond the limits."""
        self._text += len(place) + len(text)
        if len(self.places) >= MOST_PLACES or self._text > MOST_TEXT:
            raise ValueError(f"more than {MOST_PLACES:,} places or {MOST_TEXT:,} characters")
        if place in self.places:
            self._times[place] += 1
            place = f"{place} ({self._times[place] + 1})"
        self.places[place] = text

    def add_origin(self, name: str, value: str) -> None:
        """Note a row of the provenance; rows of the recipe are put together."""
        if name == RECIPE:
            self.recipe += value
        else:
            self.add(f"provenance, {name}", value)


def read_file(path: Path) -> Shown:
    """Return what a report's file shows. Raises ReportError where it is no report of ours, damaged or too large."""
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ReportError("This is not a file", where=str(path), fix="Name the report's file")
        if size > MOST_BYTES:
            raise ReportError(
                "The file is too large for a report", expected=f"at most {MOST_BYTES:,} bytes", actual=f"{size:,}"
            )
        return read(path.read_bytes(), ending_of(path.name))
    except OSError as exc:
        raise ReportError(
            "The report cannot be opened", actual=type(exc).__name__, where=str(path), fix="Check the file's name"
        ) from exc


def read(data: bytes, ending: str) -> Shown:
    """Return what the bytes of a report in the form of that ending show; errors as `read_file`."""
    if ending not in READERS:
        raise ReportError(
            "There is no such form of report", expected=", ".join(f".{name}" for name in READERS), actual=f".{ending}"
        )
    try:
        return READERS[ending](data)
    except _DAMAGED as exc:
        raise ReportError(
            "The file is not a report that can be read",
            expected=f"a whole .{ending} file as it was downloaded here",
            actual=label(str(exc) if type(exc) is ValueError else f"{type(exc).__name__}: {exc}", 200),
            fix="Download the report again",
        ) from exc


def _html(data: bytes) -> Shown:
    from edtech.reports.readers.html import read_page

    return read_page(data, Shown())


def _csv(data: bytes) -> Shown:
    found = Shown()
    rows = _rows(data)
    if next(rows, None) != ["section", "table", "row", "column", "value"]:
        raise ValueError("the columns are not section, table, row, column, value")
    for section, table, row, column, value in rows:
        if table == "Provenance":
            found.add_origin(column, value)
        else:
            found.add(f"{section}, {table}, row {row}, {column}", value)
    return found


def _zip(data: bytes) -> Shown:
    found = Shown()
    with _unpacked(data) as archive:
        for member in archive.infolist():
            rows = _rows(archive.read(member))
            if member.filename == "provenance.csv":
                for name, value in rows:
                    found.add_origin(name, value)
            else:
                _add_rows(found, member.filename, rows)
    return found


def _add_rows(found: Shown, name: str, rows: Iterable[Iterable[object]]) -> None:
    for number, row in enumerate(rows):
        for place, value in enumerate(row, 1):
            found.add(f"{name}, row {number}, column {place}", str(value))


def _xlsx(data: bytes) -> Shown:
    import openpyxl  # type: ignore[import-untyped]

    found = Shown()
    _unpacked(data).close()
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, keep_links=False)
    for sheet, row in _sheet_rows(book.worksheets):
        cells = [cell for cell in row if cell.value is not None]
        if sheet == "Provenance" and len(cells) == 2 and cells[0].value == RECIPE:
            found.add_origin(RECIPE, str(cells[1].value))
            continue
        for cell in cells:
            found.add(f"{sheet}, {cell.coordinate}", _cell(cell.value, cell.data_type))
            found.add(f"{sheet}, {cell.coordinate}, format", str(cell.number_format))
    return found


def _sheet_rows(sheets: Iterable[Any]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield each sheet's title with each of its rows, of a bounded number of cells, empty ones too."""
    cells = 0
    for sheet in sheets:
        sheet.reset_dimensions()  # by a wrong one, every row would be filled up to it
        for row in sheet.iter_rows():
            cells += max(len(row), 1)
            if cells > MOST_CELLS:
                raise ValueError(f"sheets of more than {MOST_CELLS:,} cells")
            yield sheet.title, row


def _cell(value: object, kind: str) -> str:
    return f"formula {value}" if kind == "f" else str(value)


def _pdf(data: bytes) -> Shown:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    from edtech.reports.pdf import NUMBERS

    try:
        reader = PdfReader(io.BytesIO(data))
        found = _csv(reader.attachments[NUMBERS][0])
        if len(reader.pages) > MOST_PAGES:
            raise ValueError(f"more than {MOST_PAGES:,} pages")
        for number, page in enumerate(reader.pages, 1):
            for line, text in enumerate(page.extract_text().splitlines(), 1):
                found.add(f"page {number}, line {line}", text)
    except PyPdfError as exc:
        raise ValueError(str(exc)) from exc
    return found


def _unpacked(data: bytes) -> zipfile.ZipFile:
    """Open a ZIP whose members unpack to a bounded size; Python unpacks no more than the directory announces."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    members = archive.infolist()
    size = sum(member.file_size for member in members)
    if size > MOST_UNPACKED or len(members) > MOST_MEMBERS:
        raise ValueError(f"{len(members):,} parts that unpack to {size:,} bytes")
    return archive


def text_of(data: bytes) -> str:
    """Return a text of UTF-8. Raises ValueError where it is none."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise ValueError(f"no text in UTF-8 (byte {exc.start + 1:,} is none of it)") from exc


def _rows(data: bytes) -> Iterator[list[str]]:
    lines = io.StringIO(text_of(data), newline="")
    yield from csv.reader(lines, strict=True)


READERS: Mapping[str, Callable[[bytes], Shown]] = {"html": _html, "pdf": _pdf, "xlsx": _xlsx, "zip": _zip, "csv": _csv}
