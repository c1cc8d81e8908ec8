"""Read a report's file: the text at each location, and the recipe.

Anyone may have written the file. Its size is bounded before it is read and again while it is unpacked, nothing in it
runs, and no path or address in it is opened.
"""

import csv
import hashlib
import io
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from edtech.charts.base import label
from edtech.errors import ReportError
from edtech.reports.cells import RECIPE
from edtech.reports.formats import extension_of

MAX_BYTES = 100_000_000
MAX_UNPACKED = 300_000_000
MAX_MEMBERS = 1_000
MAX_PAGES = 2_000
MAX_CELLS = 5_000_000
MAX_VALUES = 1_500_000
MAX_TEXT = 300_000_000
RECIPE_ID = "recipe"
"""Id of the script element of a page that holds the recipe."""
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
class ReportContent:
    """The text at each location of a file, in reading order, and the recipe, empty without one.

    With `cells_only` it holds the cells of tables by number of table, row and column, and nothing that is wording:
    so files of versions that word titles and headings differently can be compared.
    """

    cells_only: bool = False
    values: dict[str, str] = field(default_factory=dict)
    recipe: str = ""
    _repeats: Counter[str] = field(default_factory=Counter)
    _text: int = 0

    def add_text(self, location: str, text: str) -> None:
        """Add text outside the cells of tables. Raises ValueError beyond the limits."""
        if not self.cells_only:
            self._add(location, text)

    def add_cell(self, cell: tuple[int, int, int], location: str, text: str) -> None:
        """Add a cell at (table, row, column) and its location for people. Raises ValueError beyond the limits."""
        table, row, column = cell
        self._add(f"table {table}, row {row}, column {column}" if self.cells_only else location, text)

    def add_provenance(self, cell: tuple[int, int, int], name: str, value: str) -> None:
        """Add a row of the provenance; the rows of the recipe are joined."""
        if name == RECIPE:
            self.recipe += value
        else:
            self.add_cell(cell, f"provenance, {name}", value)

    def _add(self, location: str, text: str) -> None:
        self._text += len(location) + len(text)
        if len(self.values) >= MAX_VALUES or self._text > MAX_TEXT:
            raise ValueError(f"more than {MAX_VALUES:,} values or {MAX_TEXT:,} characters")
        if location in self.values:
            self._repeats[location] += 1
            location = f"{location} ({self._repeats[location] + 1})"
        self.values[location] = text


def read_file(path: Path) -> ReportContent:
    """Return the content of a report's file. Raises ReportError if it is not a report, damaged or too large."""
    return read(file_bytes(path), extension_of(path.name))


def file_bytes(path: Path) -> bytes:
    """Return the bytes of a report's file. Raises ReportError if it is not a file or too large."""
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ReportError("This is not a file", where=str(path), fix="Name the report's file")
        if size > MAX_BYTES:
            raise ReportError(
                "The file is too large for a report", expected=f"at most {MAX_BYTES:,} bytes", actual=f"{size:,}"
            )
        return path.read_bytes()
    except OSError as exc:
        raise ReportError(
            "The report cannot be opened", actual=type(exc).__name__, where=str(path), fix="Check the file's name"
        ) from exc


def read(data: bytes, extension: str, *, cells_only: bool = False) -> ReportContent:
    """Return the content of a report in the format of that extension; `cells_only` as in `ReportContent`.

    Raises ReportError if the bytes are not such a report or too many.
    """
    if extension not in READERS:
        raise ReportError(
            "Reports do not have this format",
            expected=", ".join(f".{name}" for name in READERS),
            actual=f".{extension}",
        )
    try:
        content = ReportContent(cells_only)
        READERS[extension](data, content)
        return content
    except _DAMAGED as exc:
        raise ReportError(
            "The file is not a readable report",
            expected=f"a whole .{extension} file as downloaded here",
            actual=label(str(exc) if type(exc) is ValueError else f"{type(exc).__name__}: {exc}", 200),
            fix="Download the report again",
        ) from exc


def _read_csv(data: bytes, content: ReportContent) -> None:
    rows = _csv_rows(data)
    if next(rows, None) != ["section", "table", "row", "column", "value"]:
        raise ValueError("the columns are not section, table, row, column, value")
    number, position, previous, previous_row = 0, 0, ("", ""), -1
    for section, table, row, column, value in rows:
        if (section, table) != previous or int(row) < previous_row:
            number, position = number + 1, 0
        elif int(row) != previous_row:
            position = 0
        previous, previous_row, position = (section, table), int(row), position + 1
        if table == "Provenance":
            content.add_provenance((number, int(row), position), column, value)
        else:
            content.add_cell((number, int(row), position), f"{section}, {table}, row {row}, {column}", value)


def _read_zip(data: bytes, content: ReportContent) -> None:
    with _unpacked(data) as archive:
        for table, member in enumerate(archive.infolist(), 1):
            name = member.filename
            for number, row in enumerate(_csv_rows(archive.read(member))):
                if name == "provenance.csv":
                    key, value = row
                    if number < 2:  # the headings and the report's title
                        content.add_text(f"provenance, {key}", value)
                    else:
                        content.add_provenance((table, number, 1), key, value)
                    continue
                for column, value in enumerate(row, 1):
                    location = f"{name}, row {number}, column {column}"
                    _add_table_cell(content, (table, number, column), location, value)


def _add_table_cell(content: ReportContent, cell: tuple[int, int, int], location: str, value: str) -> None:
    """Add a cell of a table whose row 0 has the headings."""
    if cell[1] == 0:
        content.add_text(location, value)
    else:
        content.add_cell(cell, location, value)


def _read_xlsx(data: bytes, content: ReportContent) -> None:
    import openpyxl  # type: ignore[import-untyped]

    _unpacked(data).close()
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, keep_links=False)
    for number, sheet, row in _sheet_rows(book.worksheets):
        cells = [cell for cell in row if cell.value is not None]
        if sheet == "Provenance" and len(cells) == 2 and cells[0].value == RECIPE:
            content.recipe += str(cells[1].value)
            continue
        for cell in cells:
            location, text = f"{sheet}, {cell.coordinate}", _cell_text(cell.value, cell.data_type)
            if number == 0 or (sheet == "Provenance" and cell.column == 1):
                content.add_text(location, text)
            else:
                _add_table_cell(content, (number, cell.row - 1, cell.column), location, text)
            content.add_text(f"{location}, format", str(cell.number_format))


def _sheet_rows(sheets: Iterable[Any]) -> Iterator[tuple[int, str, Sequence[Any]]]:
    """Yield each sheet's number and title with each of its rows; the number of cells is bounded, even of empty ones."""
    cells = 0
    for number, sheet in enumerate(sheets):
        sheet.reset_dimensions()  # with wrong dimensions, each row would be filled up to them
        for row in sheet.iter_rows():
            cells += max(len(row), 1)
            if cells > MAX_CELLS:
                raise ValueError(f"sheets of more than {MAX_CELLS:,} cells")
            yield number, sheet.title, row


def _cell_text(value: object, kind: str) -> str:
    return f"formula {value}" if kind == "f" else str(value)


def _read_pdf(data: bytes, content: ReportContent) -> None:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    from edtech.reports.pdf import NUMBERS

    try:
        reader = PdfReader(io.BytesIO(data))
        _read_csv(reader.attachments[NUMBERS][0], content)
        if len(reader.pages) > MAX_PAGES:
            raise ValueError(f"more than {MAX_PAGES:,} pages")
        for number, page in enumerate(reader.pages, 1):
            for line, text in enumerate(page.extract_text().splitlines(), 1):
                content.add_text(f"page {number}, line {line}", text)
    except PyPdfError as exc:
        raise ValueError(str(exc)) from exc


def _unpacked(data: bytes) -> zipfile.ZipFile:
    """Open a ZIP whose members unpack to a bounded size; Python unpacks no more than the directory announces."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    members = archive.infolist()
    size = sum(member.file_size for member in members)
    if size > MAX_UNPACKED or len(members) > MAX_MEMBERS:
        raise ValueError(f"{len(members):,} parts that unpack to {size:,} bytes")
    return archive


def _decoded(data: bytes) -> str:
    """Return UTF-8 text. Raises ValueError for other bytes."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise ValueError(f"no text in UTF-8 (byte {exc.start + 1:,} is invalid)") from exc


def _csv_rows(data: bytes) -> Iterator[list[str]]:
    lines = io.StringIO(_decoded(data), newline="")
    yield from csv.reader(lines, strict=True)


def _read_html(data: bytes, content: ReportContent) -> None:
    """Read every text of the page, the exact value behind each number, and a digest of each drawing and style."""
    reader = _PageReader(content)
    reader.feed(_decoded(data))
    reader.close()
    content.recipe = content.recipe.strip()


_VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"])
_TITLES = {"h1": "title", "h2": "section", "caption": "table", "figcaption": "figure"}


class _PageReader(HTMLParser):
    def __init__(self, content: ReportContent) -> None:
        super().__init__(convert_charrefs=True)
        self._content = content
        self._open: list[str] = []
        self._depth: Counter[str] = Counter()  # open elements by tag: a stack may be 100,000 deep
        self._titles = {"section": "top", "table": "", "figure": ""}
        self._table = self._row = self._column = 0
        self._drawing: list[str] = []
        self._in_recipe = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag not in _VOID:
            self._open.append(tag)
            self._depth[tag] += 1
        self._in_recipe = tag == "script" and values.get("id") == RECIPE_ID and values.get("type") == "application/json"
        if self._is_drawing():
            self._drawing.append(repr((tag, attrs)))
        elif tag == "table":
            self._table, self._row = self._table + 1, 0
        elif tag == "tr":
            self._row, self._column = self._row + 1, 0
        elif tag in ("td", "th"):
            self._column += 1
        elif tag == "data":
            self._add(values.get("value") or "", ", exact")

    def handle_endtag(self, tag: str) -> None:
        while self._depth[tag]:
            closed = self._open.pop()
            self._depth[closed] -= 1
            if closed == tag:
                break
        self._in_recipe = False
        if self._drawing and not self._is_drawing():
            digest = hashlib.sha256("".join(self._drawing).encode()).hexdigest()[:16]
            self._content.add_text(f"{self._location()}, drawing or style", f"digest {digest}")
            self._drawing = []
        if tag == "table":
            self._titles["table"] = ""
        if tag == "figure":
            self._titles["figure"] = ""

    def handle_data(self, data: str) -> None:
        if self._in_recipe:
            self._content.recipe += data
        elif self._is_drawing():
            self._drawing.append(data)
        elif text := " ".join(data.split()):
            tag = self._open[-1] if self._open else ""
            if tag in _TITLES:
                self._titles[_TITLES[tag]] = text
            self._add(text)

    def _add(self, text: str, aspect: str = "") -> None:
        location = f"{self._location()}{aspect}"
        row = self._row - 1
        is_heading = row == 0 or (self._titles["table"] == "Provenance" and self._column == 1)
        if not self._depth["tr"] or is_heading:
            self._content.add_text(location, text)
        else:
            self._content.add_cell((self._table, row, self._column), location, text)

    def _is_drawing(self) -> bool:
        return bool(self._depth["svg"] or self._depth["style"])

    def _location(self) -> str:
        if self._depth["tr"]:
            return f"{self._titles['section']}, {self._titles['table']}, row {self._row - 1}, column {self._column}"
        titles = (self._titles["section"], self._titles["table"] or self._titles["figure"])
        return ", ".join(title for title in (*titles, self._open[-1] if self._open else "") if title)


READERS: Mapping[str, Callable[[bytes, ReportContent], None]] = {
    "html": _read_html,
    "pdf": _read_pdf,
    "xlsx": _read_xlsx,
    "zip": _read_zip,
    "csv": _read_csv,
}
