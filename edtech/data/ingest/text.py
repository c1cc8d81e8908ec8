"""Read text files in blocks: a first pass determines the column types, so that the second needs little memory."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import compute
from pyarrow import csv as arrow_csv

from edtech.data.ingest.dialect import (
    SAVE_AGAIN,
    Dialect,
    ambiguous_numbers,
    grouped_columns,
    number_pattern,
    sample_rows,
)
from edtech.errors import UploadError
from edtech.tables.formatting import format_value, pluralize

MAX_COLUMNS = 1_000
_BLOCK_BYTES = 8 << 20
_ATTEMPTS = 6  # to determine the types; columns that keep changing their type become text


@dataclass(frozen=True, slots=True)
class TextTable:
    """A text file with known column types; `grouped` columns have thousands marks and are converted to numbers."""

    stream: BinaryIO
    dialect: Dialect
    types: dict[str, Any]
    grouped: frozenset[str]
    notes: tuple[str, ...]

    def batches(self) -> Iterator[Any]:
        """Yield the rows as pyarrow record batches."""
        for batch in _read_blocks(self.stream, self.dialect, self.types, None):
            columns = [
                _parse_numbers(column, self.dialect) if name in self.grouped else column
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            ]
            yield pa.record_batch(columns, names=batch.schema.names)


def open_text(stream: BinaryIO, dialect: Dialect) -> TextTable:
    """Read a text file once to determine its column types; columns with codes such as 007 stay text.

    Raises:
        UploadError: no header, one column, too many columns, no rows, lines of unequal length, or undecodable text.
    """
    header, *sample = sample_rows(stream, dialect.delimiter, dialect.encoding) or [[]]
    _require_header(header)
    if not sample:
        raise UploadError("The file has no rows", expected="a header and at least one row", actual="the header only")
    codes = {name: pa.string() for i, name in enumerate(header) if any(_is_code(row, i) for row in sample)}
    grouped = {header[i] for i in grouped_columns(sample, dialect) if i < len(header)} - set(codes)
    types = codes | dict.fromkeys(grouped, pa.string())
    notes = tuple(ambiguous_numbers(header, sample, dialect))
    for attempt in range(_ATTEMPTS + 1):
        bad: list[Any] = []
        try:
            column_types, mixed = _scan(stream, dialect, types, grouped, bad)
        except (pa.ArrowException, UnicodeError) as exc:
            types |= _wider_type(exc, dialect, header, everything=attempt == _ATTEMPTS - 1)
            continue
        if bad:
            raise _unequal_lines(bad, len(header))
        return TextTable(stream, dialect, column_types, frozenset(grouped - mixed), notes)
    raise AssertionError  # unreachable: text is always read or rejected


def require_column_count(columns: int) -> None:
    """Reject a table with one column or too many columns.

    Raises:
        UploadError: fewer than two columns or more than `MAX_COLUMNS`.
    """
    if columns < 2:
        raise UploadError(
            "The file has only one column",
            expected="at least two columns, separated by a comma, a semicolon, a tab or |",
            actual=f"{columns}",
            fix=SAVE_AGAIN,
        )
    if columns > MAX_COLUMNS:
        raise UploadError(
            "The file has too many columns",
            expected=f"at most {MAX_COLUMNS:,}",
            actual=f"{columns:,}",
            fix="Remove columns that do not describe the offer",
        )


def _require_header(header: list[str]) -> None:
    require_column_count(len(header))
    if all(re.fullmatch(r"[-+]?\d+([.,]\d+)?", cell.strip()) for cell in header):
        raise UploadError(
            "The file has no header line",
            expected="column names in the first line",
            actual="numbers only: " + ", ".join(format_value(cell) for cell in header[:5]),
            fix="Add a first line with column names",
        )


def _unequal_lines(bad: list[Any], width: int) -> UploadError:
    return UploadError(
        f"The file has {pluralize(len(bad), 'line')} with the wrong number of cells",
        expected=f"{width:,} cells in each line, as in the header",
        actual="; ".join(f"line {row.number:,} has {row.actual_columns:,}" for row in bad[:5]),
        fix="Quote cells that contain the delimiter; remove titles and totals around the table",
    )


def _read_blocks(stream: BinaryIO, dialect: Dialect, types: dict[str, Any], bad: list[Any] | None) -> Iterator[Any]:
    def skip(row: Any) -> str:  # noqa: ANN401
        if bad is not None:
            bad.append(row)
        return "skip"

    parse = arrow_csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=True, invalid_row_handler=skip)
    # pyarrow reports the numbers of bad lines only with one thread.
    read = arrow_csv.ReadOptions(use_threads=False, encoding=dialect.encoding, block_size=_BLOCK_BYTES)
    convert = arrow_csv.ConvertOptions(decimal_point=dialect.decimal, column_types=types)
    stream.seek(0)
    yield from arrow_csv.open_csv(pa.PythonFile(stream, mode="r"), read, parse, convert)


def _scan(
    stream: BinaryIO, dialect: Dialect, types: dict[str, Any], grouped: set[str], bad: list[Any]
) -> tuple[dict[str, Any], set[str]]:
    """Return the column types, and the grouped columns that hold other values than numbers."""
    column_types: dict[str, Any] = {}
    mixed: set[str] = set()
    pattern = rf"^\s*({number_pattern(dialect)})?\s*$"
    for batch in _read_blocks(stream, dialect, types, bad):
        column_types = {
            field.name: pa.string() if pa.types.is_null(field.type) else field.type for field in batch.schema
        }
        for name in grouped - mixed:
            if not compute.all(compute.match_substring_regex(batch.column(name), pattern)).as_py():
                mixed.add(name)
    return column_types, mixed


def _wider_type(exc: BaseException, dialect: Dialect, header: list[str], *, everything: bool) -> dict[str, Any]:
    """Return the wider type of the column that pyarrow could not convert.

    Raises:
        UploadError: the error has another cause.
    """
    message = re.search(r"In CSV column #(\d+): .*conversion error to (\w+)", str(exc))
    if message is None or int(message[1]) >= len(header):
        raise UploadError(
            "The file cannot be read as a table",
            expected=f"{dialect} and a header line",
            actual=format_value(str(exc), 200),
            fix=SAVE_AGAIN,
        ) from exc
    if everything:
        return dict.fromkeys(header, pa.string())
    return {header[int(message[1])]: pa.float64() if message[2] == "int64" else pa.string()}


def _parse_numbers(column: Any, dialect: Dialect) -> Any:  # noqa: ANN401
    marks = "[ \u00a0\u202f]" if dialect.thousands == " " else re.escape(dialect.thousands)
    digits = compute.replace_substring_regex(compute.utf8_trim_whitespace(column), marks, "")
    digits = compute.replace_substring(digits, dialect.decimal, ".")
    return compute.if_else(compute.equal(digits, ""), pa.scalar(None, pa.string()), digits).cast(pa.float64())


def _is_code(row: list[str], i: int) -> bool:
    return i < len(row) and re.fullmatch(r"0\d+", row[i]) is not None
