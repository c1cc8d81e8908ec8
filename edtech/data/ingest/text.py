"""Tables in text files, a block at a time: types are found in a first pass, so that the second needs little memory."""

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
    grouped_columns,
    number_pattern,
    sample_rows,
    unclear_numbers,
)
from edtech.errors import UploadError
from edtech.tables.formatting import format_value

MAX_COLUMNS = 1_000
_BLOCK_BYTES = 8 << 20
_ATTEMPTS = 6  # to find the types; columns that change their type again and again are text


@dataclass(frozen=True, slots=True)
class TextTable:
    """A text file whose column types are known; `grouped` columns are read as text and made numbers."""

    stream: BinaryIO
    dialect: Dialect
    types: dict[str, Any]
    grouped: frozenset[str]
    notes: tuple[str, ...]

    def batches(self) -> Iterator[Any]:
        """Yield the rows as pyarrow record batches."""
        for batch in _blocks(self.stream, self.dialect, self.types, None):
            columns = [
                _number(column, self.dialect) if name in self.grouped else column
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            ]
            yield pa.record_batch(columns, names=batch.schema.names)


def open_text(stream: BinaryIO, dialect: Dialect) -> TextTable:
    """Read a text file once to find the types of its columns; those with codes such as 007 stay text.

    Raises:
        UploadError: no header, one column, too many columns, no rows, lines of another length, or undecodable text.
    """
    header, *sample = sample_rows(stream, dialect.delimiter, dialect.encoding) or [[]]
    _require_header(header)
    if not sample:
        raise UploadError("The file has no rows", expected="a header and at least one row", actual="the header only")
    codes = {name: pa.string() for i, name in enumerate(header) if any(_is_code(row, i) for row in sample)}
    grouped = {header[place] for place in grouped_columns(sample, dialect) if place < len(header)} - set(codes)
    types = codes | dict.fromkeys(grouped, pa.string())
    notes = tuple(unclear_numbers(header, sample, dialect))
    for attempt in range(_ATTEMPTS + 1):
        bad: list[Any] = []
        try:
            found, spoiled = _scan(stream, dialect, types, grouped, bad)
        except (pa.ArrowException, UnicodeError) as exc:
            types |= _widened(exc, dialect, header, everything=attempt == _ATTEMPTS - 1)
            continue
        if bad:
            raise _ragged(bad, len(header))
        return TextTable(stream, dialect, found, frozenset(grouped - spoiled), notes)
    raise AssertionError  # text is always read, or refused


def require_column_count(columns: int) -> None:
    """Refuse a table of one column or of too many.

    Raises:
        UploadError: fewer than two columns or more than `MAX_COLUMNS`.
    """
    if columns < 2:
        raise UploadError(
            "The file has one column only",
            expected="at least two columns, separated by a comma, a semicolon, a tab or |",
            actual=f"{columns}",
            fix=SAVE_AGAIN,
        )
    if columns > MAX_COLUMNS:
        raise UploadError(
            "The file has too many columns",
            expected=f"at most {MAX_COLUMNS:,}",
            actual=f"{columns:,}",
            fix="Keep the columns that describe the offer, with one row for each unit and period",
        )


def _require_header(header: list[str]) -> None:
    require_column_count(len(header))
    if all(re.fullmatch(r"[-+]?\d+([.,]\d+)?", cell.strip()) for cell in header):
        raise UploadError(
            "The file has no header line",
            expected="the names of the columns in the first line",
            actual="numbers only: " + ", ".join(format_value(cell) for cell in header[:5]),
            fix="Add a first line with the names of the columns",
        )


def _ragged(bad: list[Any], width: int) -> UploadError:
    return UploadError(
        f"The file has {len(bad):,} line{'s' * (len(bad) > 1)} with the wrong number of cells",
        expected=f"{width:,} cells in each line, as in the header",
        actual="; ".join(f"line {row.number:,} has {row.actual_columns:,}" for row in bad[:5]),
        fix="Quote cells that contain the delimiter, and remove titles and totals around the table",
    )


def _blocks(stream: BinaryIO, dialect: Dialect, types: dict[str, Any], bad: list[Any] | None) -> Iterator[Any]:
    def keep(row: Any) -> str:  # noqa: ANN401
        if bad is not None:
            bad.append(row)
        return "skip"

    parse = arrow_csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=True, invalid_row_handler=keep)
    # One thread: only then does pyarrow know the numbers of bad lines.
    read = arrow_csv.ReadOptions(use_threads=False, encoding=dialect.encoding, block_size=_BLOCK_BYTES)
    convert = arrow_csv.ConvertOptions(decimal_point=dialect.decimal, column_types=types)
    stream.seek(0)
    yield from arrow_csv.open_csv(pa.PythonFile(stream, mode="r"), read, parse, convert)


def _scan(
    stream: BinaryIO, dialect: Dialect, types: dict[str, Any], grouped: set[str], bad: list[Any]
) -> tuple[dict[str, Any], set[str]]:
    """Return the types of the columns, and the grouped columns that hold more than numbers."""
    found: dict[str, Any] = {}
    spoiled: set[str] = set()
    pattern = rf"^\s*({number_pattern(dialect)})?\s*$"
    for batch in _blocks(stream, dialect, types, bad):
        found = {field.name: pa.string() if pa.types.is_null(field.type) else field.type for field in batch.schema}
        for name in grouped - spoiled:
            if not compute.all(compute.match_substring_regex(batch.column(name), pattern)).as_py():
                spoiled.add(name)
    return found, spoiled


def _widened(exc: BaseException, dialect: Dialect, header: list[str], *, everything: bool) -> dict[str, Any]:
    """Return the wider type of the column that pyarrow could not convert.

    Raises:
        UploadError: something else is wrong.
    """
    told = re.search(r"In CSV column #(\d+): .*conversion error to (\w+)", str(exc))
    if told is None or int(told[1]) >= len(header):
        raise UploadError(
            "The file cannot be read as a table",
            expected=f"{dialect} and a header line",
            actual=format_value(str(exc), 200),
            fix=SAVE_AGAIN,
        ) from exc
    if everything:
        return dict.fromkeys(header, pa.string())
    return {header[int(told[1])]: pa.float64() if told[2] == "int64" else pa.string()}


def _number(column: Any, dialect: Dialect) -> Any:  # noqa: ANN401
    marks = "[ \u00a0\u202f]" if dialect.thousands == " " else re.escape(dialect.thousands)
    plain = compute.replace_substring_regex(compute.utf8_trim_whitespace(column), marks, "")
    plain = compute.replace_substring(plain, dialect.decimal, ".")
    return compute.if_else(compute.equal(plain, ""), pa.scalar(None, pa.string()), plain).cast(pa.float64())


def _is_code(row: list[str], i: int) -> bool:
    return i < len(row) and re.fullmatch(r"0\d+", row[i]) is not None
