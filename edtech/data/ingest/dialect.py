"""Detect the dialect of a text file from a bounded sample: delimiter, decimal mark, thousands mark and encoding."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal

from charset_normalizer import from_bytes

from edtech.errors import UploadError
from edtech.tables.formatting import format_value

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
DECIMALS = {".": "point", ",": "comma"}
THOUSANDS = {"": "nothing", ",": "commas", ".": "points", " ": "spaces", "'": "apostrophes"}
SAVE_AGAIN = "Save the table as CSV with one header line, or as Parquet, and upload it again"
SAMPLE_BYTES, SAMPLE_LINES = 1 << 20, 200

# Encodings of spreadsheets other than UTF-8, the most common first: it breaks ties in short samples.
_CODE_PAGES = ["cp1252", "cp1250", "cp1251", "cp1253", "shift_jis", "gb18030"]
ENCODINGS = ("utf-8", "utf-16", *_CODE_PAGES)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SPACES = "[ \u00a0\u202f]"


@dataclass(frozen=True, slots=True)
class Dialect:
    """The format of a text file; allowed values are in DELIMITERS, DECIMALS, ENCODINGS and THOUSANDS."""

    delimiter: str = ","
    decimal: Literal[".", ","] = "."
    encoding: str = "utf-8"
    thousands: str = ""

    def __post_init__(self) -> None:
        valid = self.delimiter in DELIMITERS and self.decimal in DECIMALS and self.thousands in THOUSANDS
        if not valid or self.encoding not in ENCODINGS or self.thousands == self.decimal:
            raise UploadError(
                "Invalid format of a text file",
                expected=f"one of the encodings {', '.join(ENCODINGS)}; different marks for decimals and thousands",
                actual=f"{self.delimiter!r}, {self.decimal!r}, {self.thousands!r}, {self.encoding[:40]!r}",
                fix="Choose an allowed value for each setting",
            )

    def __str__(self) -> str:
        thousands = f", {THOUSANDS[self.thousands]} between thousands" if self.thousands else ""
        return (
            f"{self.encoding} text with {DELIMITERS[self.delimiter]} and a decimal {DECIMALS[self.decimal]}{thousands}"
        )


def detect_dialect(stream: BinaryIO) -> Dialect:
    """Detect the dialect of a text file.

    The delimiter is the one that splits the header and most of the first lines into the same number of cells. Unlike
    `csv.Sniffer` this takes linear time and works with decimal commas. A thousands mark is detected only if no number
    is ambiguous, as in 1.234,50 or 1,234,567.
    """
    encoding = _encoding(stream)
    by_delimiter = {delimiter: sample_rows(stream, delimiter, encoding) for delimiter in DELIMITERS}
    delimiter = max(by_delimiter, key=lambda mark: _regularity(by_delimiter[mark]))
    rows = by_delimiter[delimiter][1:]
    thousands, decimal = _grouping(rows)
    return Dialect(delimiter, decimal or _decimal((c for row in rows for c in row), delimiter), encoding, thousands)


def grouped_columns(rows: Sequence[Sequence[str]], dialect: Dialect) -> list[int]:
    """Return the positions of the columns whose sample holds only numbers, some with a thousands mark."""
    if not dialect.thousands:
        return []
    number, grouped = re.compile(number_pattern(dialect)), _mark_pattern(dialect.thousands)
    positions = []
    for position, cells in enumerate(_columns(rows)):
        if cells and all(number.fullmatch(cell) for cell in cells) and any(re.search(grouped, cell) for cell in cells):
            positions.append(position)
    return positions


def number_pattern(dialect: Dialect) -> str:
    """Return a regular expression of numbers in a dialect with a thousands mark."""
    mark = _mark_pattern(dialect.thousands)
    return rf"[-+]?(\d+|\d{{1,3}}({mark}\d{{3}})+)({re.escape(dialect.decimal)}\d+)?"


def ambiguous_numbers(header: Sequence[str], rows: Sequence[Sequence[str]], dialect: Dialect) -> list[str]:
    """Return at most five notes on columns with ambiguous numbers such as 1,234: thousands or decimals."""
    notes = []
    for name, cells in zip(header, _columns(rows), strict=False):
        marked = [cell for cell in cells if re.fullmatch(r"[-+]?\d+[.,]\d+", cell)]
        ambiguous = [cell for cell in marked if re.fullmatch(r"[-+]?[1-9]\d{0,2}[.,]\d{3}", cell)]
        if not marked or len(ambiguous) < len(marked) or len({re.sub(r"\d", "", cell)[-1] for cell in marked}) > 1:
            continue
        mark = "," if "," in marked[0] else "."
        if mark == dialect.thousands or (mark == "." and len(marked) < len(cells) / 2):
            continue
        reading = f"read as {marked[0].replace(',', '.')}" if mark == dialect.decimal else "read as text"
        notes.append(
            f"Numbers such as {marked[0]} in {format_value(name)} are {reading}. "
            f"If {THOUSANDS[mark]} separate thousands, select them as the thousands mark."
        )
    return notes[:5]


def sample_rows(stream: BinaryIO, delimiter: str, encoding: str) -> list[list[str]]:
    """Return the cells of the first lines, without the last line if the sample may have cut it."""
    stream.seek(0)
    raw = stream.read(SAMPLE_BYTES + 1)
    text = raw[:SAMPLE_BYTES].decode(encoding, errors="replace").removeprefix("\ufeff")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[list[str]] = []
    try:
        for row in reader:
            rows += [row] if row else []
            if len(rows) > SAMPLE_LINES:
                break
    except csv.Error as exc:
        raise UploadError(
            "The file cannot be read as a table",
            expected="cells of at most 131,072 characters",
            actual=format_value(str(exc), 200),
            fix=SAVE_AGAIN,
        ) from exc
    cut = len(raw) > SAMPLE_BYTES and 1 < len(rows) <= SAMPLE_LINES
    return rows[:-1] if cut else rows


def _mark_pattern(thousands: str) -> str:
    return _SPACES if thousands == " " else re.escape(thousands)


def _columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    width = max(map(len, rows), default=0)
    return [[row[i].strip() for row in rows if i < len(row) and row[i].strip()] for i in range(width)]


def _grouping(rows: Sequence[Sequence[str]]) -> tuple[str, Literal[".", ","] | None]:
    """Return the thousands mark and the decimal mark if the columns determine both, else neither."""
    marks_found: set[tuple[str, Literal[".", ","]]] = set()
    for cells in _columns(rows):
        if not cells or not all(re.fullmatch(rf"[-+]?\d([\d.,']|{_SPACES})*", cell) for cell in cells):
            continue
        for thousands in (",", ".", " ", "'"):
            marks: tuple[Literal[".", ","], ...] = (".", ",")
            for decimal in (mark for mark in marks if mark != thousands):
                if _is_unambiguous(cells, thousands, decimal):
                    marks_found.add((thousands, decimal))
    return marks_found.pop() if len(marks_found) == 1 else ("", None)


def _is_unambiguous(cells: Sequence[str], thousands: str, decimal: str) -> bool:
    mark, point = _mark_pattern(thousands), re.escape(decimal)
    if not all(re.fullmatch(rf"[-+]?(\d+|\d{{1,3}}({mark}\d{{3}})+)({point}\d+)?", cell) for cell in cells):
        return False
    both = any(re.search(rf"{mark}\d{{3}}{point}\d", cell) for cell in cells)
    others = any(re.search(r"\d[.,]\d", cell) for cell in cells)
    many = any(re.search(rf"{mark}\d{{3}}{mark}\d{{3}}", cell) for cell in cells)
    if thousands in " '":
        return both or (decimal == "." and not others and any(re.search(rf"\d{mark}\d{{3}}", cell) for cell in cells))
    return both or many


def _encoding(stream: BinaryIO) -> str:
    stream.seek(0)
    if stream.read(2) in _UTF16:
        return "utf-16"
    bad = _first_non_utf8(stream)
    if bad is None:
        return "utf-8"
    stream.seek(max(0, bad - 5_000))
    readings = [
        (match.chaos, -match.coherence, _CODE_PAGES.index(encoding))
        for match in from_bytes(stream.read(min(bad, 5_000) + 20_000), cp_isolation=_CODE_PAGES)
        for encoding in match.could_be_from_charset
    ]
    if not readings:
        raise UploadError(
            "The encoding of the file is unknown",
            expected="UTF-8, UTF-16 or a Windows code page",
            actual=f"undecodable bytes near position {bad:,}",
            fix="Save the file as UTF-8",
        )
    return _CODE_PAGES[min(readings)[2]]


def _first_non_utf8(stream: BinaryIO) -> int | None:
    """Return the position of the first byte that is not UTF-8; decodes in chunks to bound memory."""
    decoder, start = codecs.getincrementaldecoder("utf-8")(), 0
    stream.seek(0)
    while True:
        chunk = stream.read(SAMPLE_BYTES)
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError:
            return start
        if not chunk:
            return None
        start += len(chunk)


def _regularity(rows: list[list[str]]) -> tuple[bool, float, int]:
    if not rows:
        return False, 0.0, 0
    width = len(rows[0])
    return width > 1, sum(len(row) == width for row in rows) / len(rows), width


def _decimal(cells: Iterable[str], delimiter: str) -> Literal[".", ","]:
    """Return the decimal mark of most numbers; between comma delimiters, 1,234 counts as thousands."""
    cells = [cell.strip() for cell in cells]
    points = sum(re.fullmatch(r"-?\d+\.\d+", cell) is not None for cell in cells)
    pattern = r"-?\d+,(?!\d{3}$)\d+" if delimiter == "," else r"-?\d+,\d+"
    return "," if sum(re.fullmatch(pattern, cell) is not None for cell in cells) > points else "."
