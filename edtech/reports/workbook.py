"""Report -> XLSX: typed cells, one sheet per table, one for the text and one for the provenance."""

import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, time
from io import BytesIO
from itertools import chain
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from edtech.charts.base import label
from edtech.errors import ReportError
from edtech.reports.bundle import Report, Table
from edtech.reports.cells import RECIPE, exact_text, is_missing, is_number, recipe_chunks

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

MAX_ROWS = 100_000
"""Rows of a table that a sheet shows; the CSV holds all."""
MAX_COLUMNS = 16_384
_MAX_TEXT = 32_767
_MAX_EXACT = 10**15  # a spreadsheet keeps 15 digits
_FIRST_YEAR = 1900
_WIDEST = 60
_MEASURED = 200
_NOT_IN_NAMES = re.compile(r"[^\w .,()%+-]+")
_OPTIONS = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
_NUMBERS = {
    **{"whole": "#,##0", "large": "#,##0.00", "small": "0.0000##", "tiny": "0.000E+00"},
    **{"day": "yyyy-mm-dd", "time": "yyyy-mm-dd hh:mm:ss"},
}


def to_xlsx(report: Report) -> bytes:
    """Return the workbook. Text stays text, whatever it looks like; a long table shows its beginning and says so.

    Raises ReportError for a table with more columns than a sheet has.
    """
    import xlsxwriter

    out = BytesIO()
    with closing(xlsxwriter.Workbook(out, _OPTIONS)) as book:
        book.set_properties({"title": label(report.title, 200), "created": datetime(1980, 1, 1)})
        formats = {name: book.add_format({"num_format": text}) for name, text in _NUMBERS.items()}
        formats["head"] = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        formats["text"] = book.add_format({"text_wrap": True, "valign": "top"})
        _write(
            book.add_worksheet("Report"), [("", 100.0)], ((text,) for text in _texts(report)), formats, head_row=False
        )
        for number, table in enumerate(report.tables(), 1):
            _write_table(book, sheet_name(number, table.title), table, formats)
        provenance = chain(report.provenance.items(), ((RECIPE, chunk) for chunk in recipe_chunks(report.recipe)))
        _write(book.add_worksheet("Provenance"), [("name", 28.0), ("value", 80.0)], provenance, formats)
    return out.getvalue()


def sheet_name(number: int, title: str) -> str:
    """Return a valid sheet name: numbered, hence unique, at most 31 characters, without `[]:*?/\\`."""
    return f"{number:02d} {_NOT_IN_NAMES.sub(' ', label(title))}"[:31].strip()


def _texts(report: Report) -> Iterator[str]:
    yield from (report.title, report.question)
    for section in report.sections:
        yield from (section.title, *section.text)
        for table in section.tables:
            if (rows := len(table.frame)) > MAX_ROWS:
                yield f"{table.title}: the first {MAX_ROWS:,} of {rows:,} rows; the CSV download holds all."
            yield from (f"{column}: {text}" for column, text in table.help.items())


def _write_table(book: "Workbook", name: str, table: Table, formats: dict[str, "Format"]) -> None:
    frame = table.frame.head(MAX_ROWS)
    if frame.shape[1] > MAX_COLUMNS:
        raise ReportError(
            f"The table {label(table.title)!r} does not fit into a sheet",
            expected=f"at most {MAX_COLUMNS:,} columns",
            actual=f"{frame.shape[1]:,}",
            fix="Report fewer runs, or download the CSV",
        )
    heads = [f"{column} ({table.units[column]})" if column in table.units else str(column) for column in frame.columns]
    head = [(text, _width(text, frame.iloc[:_MEASURED, column])) for column, text in enumerate(heads)]
    _write(book.add_worksheet(name), head, frame.itertuples(index=False, name=None), formats)


def _width(head: str, column: pd.Series) -> float:
    return float(min(max([10, len(head), *(len(exact_text(value)[:_WIDEST]) for value in column)]) + 2, _WIDEST))


def _write(
    sheet: "Worksheet",
    head: list[tuple[str, float]],
    rows: Iterable[tuple[object, ...]],
    formats: dict[str, "Format"],
    head_row: bool = True,
) -> None:
    for column, (text, width) in enumerate(head):
        sheet.set_column(column, column, width)
        if head_row:
            sheet.write_string(0, column, _text(text), formats["head"])
    if head_row:
        sheet.freeze_panes(1, 1)
    for number, row in enumerate(rows, int(head_row)):
        for column, value in enumerate(row):
            _write_cell(sheet, number, column, value, formats)


def _write_cell(sheet: "Worksheet", row: int, column: int, value: object, formats: dict[str, "Format"]) -> None:
    if is_missing(value):
        sheet.write_blank(row, column, None)
    elif isinstance(value, bool | np.bool_):
        sheet.write_boolean(row, column, bool(value))
    elif is_number(value) and np.isfinite(float(value)) and abs(float(value)) < _MAX_EXACT:  # type: ignore[arg-type]
        sheet.write_number(row, column, value, formats[_kind(value)])  # type: ignore[arg-type]
    elif isinstance(value, date) and (moment := _moment(value)) is not None:
        sheet.write_datetime(row, column, moment, formats["day" if moment.time() == time() else "time"])
    else:
        sheet.write_string(row, column, _text(exact_text(value)), formats["text"])


def _kind(number: float) -> str:
    size = abs(float(number))
    if isinstance(number, Integral):
        return "whole"
    return "large" if size >= 1_000 else "small" if size >= 1e-3 or size == 0 else "tiny"


def _moment(value: date) -> datetime | None:
    """Return a day or time as spreadsheets store it: UTC without a zone; None before their calendar begins."""
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return naive if naive.year > _FIRST_YEAR else None


def _text(text: str) -> str:
    return label(text, _MAX_TEXT)
