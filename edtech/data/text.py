"""Tables in text files: encoding, delimiter and decimal mark are found out from a bounded sample."""

import codecs
import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
from charset_normalizer import from_bytes
from pyarrow import csv as arrow_csv

from edtech.errors import UploadError
from edtech.tables.panel import shown

MAX_COLUMNS = 1_000
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
SAVE_AGAIN = "Save the table as CSV with one header line, or as Parquet, and upload it again"

_SAMPLE_BYTES, _SAMPLE_LINES = 1 << 20, 200
_BLOCK_BYTES = 8 << 20
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# What spreadsheets write when not UTF-8, the commonest first: it wins where a short sample leaves several equal.
_CODE_PAGES = ["cp1252", "cp1250", "cp1251", "cp1253", "shift_jis", "gb18030"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a text file is written."""

    delimiter: str = ","
    decimal: Literal[".", ","] = "."
    encoding: str = "utf-8"

    def __str__(self) -> str:
        mark = "point" if self.decimal == "." else "comma"
        return f"{self.encoding} text with {DELIMITERS[self.delimiter]} between cells and a decimal {mark}"


def find_dialect(raw: bytes) -> Dialect:
    """Find out how a text file is written.

    The delimiter is the one that cuts the header and most of the first lines into equally many cells: unlike
    `csv.Sniffer` this takes linear time and is not misled by decimal commas.
    """
    encoding = _encoding(raw)
    by_delimiter = {delimiter: _sample_rows(raw, delimiter, encoding) for delimiter in DELIMITERS}
    delimiter = max(by_delimiter, key=lambda each: _regularity(by_delimiter[each]))
    cells = [cell for row in by_delimiter[delimiter][1:] for cell in row]
    return Dialect(delimiter, _decimal(cells, delimiter), encoding)


def read_text(raw: bytes, dialect: Dialect) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Return a text file as a pyarrow table; columns with codes such as 007 stay text.

    Raises:
        UploadError: no header, one column, too many columns, lines of another length, or undecodable text.
    """
    header, *sample = _sample_rows(raw, dialect.delimiter, dialect.encoding) or [[]]
    _require_header(header)
    if not sample:
        return pa.Table.from_arrays([pa.nulls(0)] * len(header), names=header)
    codes = {name: pa.string() for i, name in enumerate(header) if any(_is_code(row, i) for row in sample)}
    bad: list[Any] = []

    def keep(row: Any) -> str:  # noqa: ANN401
        bad.append(row)
        return "skip"

    parse = arrow_csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=True, invalid_row_handler=keep)
    # One thread: only then does pyarrow know the numbers of bad lines.
    read = arrow_csv.ReadOptions(use_threads=False, encoding=dialect.encoding, block_size=_BLOCK_BYTES)
    convert = arrow_csv.ConvertOptions(decimal_point=dialect.decimal, column_types=codes)
    try:
        table = arrow_csv.read_csv(io.BytesIO(raw), read, parse, convert)
    except (pa.ArrowException, UnicodeError) as exc:
        raise UploadError(
            "The file cannot be read as a table",
            expected=f"{dialect} and a header line",
            found=shown(str(exc), 200),
            fix=SAVE_AGAIN,
        ) from exc
    if bad:
        raise _ragged(bad, len(header))
    return table


def require_columns(columns: int) -> None:
    """Refuse a table of one column or of too many.

    Raises:
        UploadError: fewer than two columns or more than `MAX_COLUMNS`.
    """
    if columns < 2:
        raise UploadError(
            "The file has one column only",
            expected="at least two columns, separated by a comma, a semicolon, a tab or |",
            found=f"{columns}",
            fix=SAVE_AGAIN,
        )
    if columns > MAX_COLUMNS:
        raise UploadError(
            "The file has too many columns",
            expected=f"at most {MAX_COLUMNS:,}",
            found=f"{columns:,}",
            fix="Keep the columns that describe the offer, with one row for each unit and period",
        )


def _require_header(header: list[str]) -> None:
    require_columns(len(header))
    if all(re.fullmatch(r"[-+]?\d+([.,]\d+)?", cell.strip()) for cell in header):
        raise UploadError(
            "The file has no header line",
            expected="the names of the columns in the first line",
            found="numbers only: " + ", ".join(shown(cell) for cell in header[:5]),
            fix="Add a first line with the names of the columns",
        )


def _ragged(bad: list[Any], width: int) -> UploadError:
    return UploadError(
        f"The file has {len(bad):,} line{'s' * (len(bad) > 1)} with the wrong number of cells",
        expected=f"{width:,} cells in each line, as in the header",
        found="; ".join(f"line {row.number:,} has {row.actual_columns:,}" for row in bad[:5]),
        fix="Quote cells that contain the delimiter, and remove titles and totals around the table",
    )


def _encoding(raw: bytes) -> str:
    if raw.startswith(_UTF16):
        return "utf-16"
    bad = _first_non_utf8(raw)
    if bad is None:
        return "utf-8"
    window = raw[max(0, bad - 5_000) : bad + 20_000]
    readings = [
        (match.chaos, -match.coherence, _CODE_PAGES.index(encoding))
        for match in from_bytes(window, cp_isolation=_CODE_PAGES)
        for encoding in match.could_be_from_charset
    ]
    if not readings:
        raise UploadError(
            "The encoding of the file is not known",
            expected="UTF-8, UTF-16, or a code page of Windows",
            found=f"undecodable bytes near position {bad:,}",
            fix="Save the file as UTF-8",
        )
    return _CODE_PAGES[min(readings)[2]]


def _first_non_utf8(raw: bytes) -> int | None:
    """Return where `raw` stops being UTF-8, decoding a piece at a time to keep the memory small."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(raw), _SAMPLE_BYTES):
        try:
            decoder.decode(raw[start : start + _SAMPLE_BYTES], final=start + _SAMPLE_BYTES >= len(raw))
        except UnicodeDecodeError:
            return start
    return None


def _sample_rows(raw: bytes, delimiter: str, encoding: str) -> list[list[str]]:
    """Return the cells of the first lines; the last line is left out where the sample may have cut it."""
    text = raw[:_SAMPLE_BYTES].decode(encoding, errors="replace").removeprefix("\ufeff")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[list[str]] = []
    try:
        for row in reader:
            rows += [row] if row else []
            if len(rows) > _SAMPLE_LINES:
                break
    except csv.Error as exc:
        raise UploadError(
            "The file cannot be read as a table",
            expected="cells of at most 131,072 characters",
            found=shown(str(exc), 200),
            fix=SAVE_AGAIN,
        ) from exc
    cut = len(raw) > _SAMPLE_BYTES and 1 < len(rows) <= _SAMPLE_LINES
    return rows[:-1] if cut else rows


def _regularity(rows: list[list[str]]) -> tuple[bool, float, int]:
    if not rows:
        return False, 0.0, 0
    width = len(rows[0])
    return width > 1, sum(len(row) == width for row in rows) / len(rows), width


def _decimal(cells: Iterable[str], delimiter: str) -> Literal[".", ","]:
    """Return the decimal mark of most numbers; where commas part the cells, 1,234 is no decimal but a thousand."""
    cells = [cell.strip() for cell in cells]
    points = sum(re.fullmatch(r"-?\d+\.\d+", cell) is not None for cell in cells)
    pattern = r"-?\d+,(?!\d{3}$)\d+" if delimiter == "," else r"-?\d+,\d+"
    return "," if sum(re.fullmatch(pattern, cell) is not None for cell in cells) > points else "."


def _is_code(row: list[str], i: int) -> bool:
    return i < len(row) and re.fullmatch(r"0\d+", row[i]) is not None
