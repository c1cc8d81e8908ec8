"""Report -> CSV: one file for each table in a zip, or one tidy file."""

import csv
import re
from collections.abc import Iterable, Iterator
from io import BytesIO, StringIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pandas as pd

from edtech.reports.bundle import Report, Table
from edtech.reports.cells import RECIPE, recipe_chunks, spreadsheet_safe

FIXED_DATE = (1980, 1, 1, 0, 0, 0)  # the same report gives the same bytes


def to_csv_zip(report: Report) -> bytes:
    """Return a zip of UTF-8 CSV files: each table under its number and title, and provenance.csv with the recipe.

    Numbers read back exactly. Text that a spreadsheet would run as a formula has an apostrophe before it.
    """
    files = {f"{number:02d}-{_slug(table.title)}.csv": _rows(table) for number, table in enumerate(report.tables(), 1)}
    files["provenance.csv"] = iter([("name", "value"), ("title", report.title), *_provenance(report)])
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        for name, rows in files.items():
            archive.writestr(ZipInfo(name, FIXED_DATE), _csv(rows), ZIP_DEFLATED)
    return out.getvalue()


def to_csv(report: Report) -> bytes:
    """Return one tidy UTF-8 CSV: section, table, row (from 0), column, value; provenance and recipe come last."""
    return _csv([("section", "table", "row", "column", "value"), *_tidy(report)])


def table_csv(frame: pd.DataFrame) -> bytes:
    """Return a table as UTF-8 CSV; text that a spreadsheet would run as a formula has an apostrophe before it."""
    return _csv([tuple(frame.columns), *frame.itertuples(index=False, name=None)])


def _tidy(report: Report) -> Iterator[tuple[object, ...]]:
    for section in report.sections:
        for table in section.tables:
            for number, row in enumerate(table.frame.itertuples(index=False, name=None)):
                for column, value in zip(table.frame.columns, row, strict=True):
                    yield section.title, table.title, number, column, value
    for name, value in _provenance(report):
        yield "Provenance", "Provenance", 0, name, value


def _provenance(report: Report) -> Iterator[tuple[str, object]]:
    yield from report.provenance.items()
    yield from ((RECIPE, chunk) for chunk in recipe_chunks(report.recipe))


def _rows(table: Table) -> Iterator[tuple[object, ...]]:
    yield tuple(table.frame.columns)
    yield from table.frame.itertuples(index=False, name=None)


def _csv(rows: Iterable[tuple[object, ...]]) -> bytes:
    out = StringIO()
    csv.writer(out, lineterminator="\n").writerows([spreadsheet_safe(value) for value in row] for row in rows)
    return out.getvalue().encode("utf-8", errors="replace")


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower())[:50].strip("-") or "table"
