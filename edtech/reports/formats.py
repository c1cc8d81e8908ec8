"""The forms a report is written in, by the ending of the file's name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

import pandas as pd

from edtech.errors import EdtechError, ReportError
from edtech.reports.bundle import Report, Section, Table
from edtech.reports.csv_files import to_csv, to_csv_zip
from edtech.reports.html import to_html
from edtech.reports.pdf import to_pdf
from edtech.reports.workbook import to_xlsx


@dataclass(frozen=True, slots=True)
class Form:
    """A form of report: its name on a button, its type for browsers, one sentence of help, and what writes it."""

    title: str
    mime: str
    help: str
    write: Callable[[Report], bytes]


_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMS = {
    "html": Form("HTML", "text/html", "One page; opens without a network.", lambda one: to_html(one).encode()),
    "pdf": Form("PDF", "application/pdf", "For paper; the exact numbers are attached to it.", to_pdf),
    "xlsx": Form("Excel", _XLSX, "One sheet for each table, one for where the numbers come from.", to_xlsx),
    "zip": Form("CSV", "application/zip", "One CSV file for each table, in a zip.", to_csv_zip),
    "csv": Form("CSV, one file", "text/csv", "One row for each number.", to_csv),
}


def ending_of(name: str) -> str:
    """Return the form that a file's name asks for: its ending in lower case."""
    return PurePath(name).suffix.removeprefix(".").lower()


def write(report: Report, ending: str) -> bytes:
    """Return the report in the form of that ending (html, pdf, xlsx, zip, csv). Raises ReportError for another."""
    if ending not in FORMS:
        raise ReportError(
            "There is no such form of report",
            expected=", ".join(f".{name}" for name in FORMS),
            actual=f".{ending}" if ending else "no ending",
            fix="End the file's name with one of these",
        )
    return FORMS[ending].write(report)


def failed(error: EdtechError) -> Report:
    """Return a report that says why the one that was asked for could not be made."""
    told = (("Problem", error.problem), ("Expected", error.expected), ("Found", error.actual), ("Where", error.where))
    rows = [*told, ("What to do", error.fix), *(("Detail", line) for line in error.details)]
    why = pd.DataFrame([row for row in rows if row[1]], columns=["what", "words"])
    return Report("This report could not be made", error.problem, (Section("Why", (), (Table("Why", why),)),), {})
