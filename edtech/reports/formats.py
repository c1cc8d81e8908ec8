"""The formats of a report, by the extension of the file's name."""

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
class Format:
    """A format of reports: its name on a button, its media type, one sentence of help, and its writer."""

    title: str
    mime: str
    help: str
    write: Callable[[Report], bytes]


_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMATS = {
    "html": Format(
        "HTML", "text/html", "One page that opens without a network.", lambda report: to_html(report).encode()
    ),
    "pdf": Format("PDF", "application/pdf", "For printing, with the exact numbers attached.", to_pdf),
    "xlsx": Format("Excel", _XLSX, "One sheet per table, and one for the provenance.", to_xlsx),
    "zip": Format("CSV", "application/zip", "One CSV file per table, in a ZIP archive.", to_csv_zip),
    "csv": Format("CSV, one file", "text/csv", "One row per number.", to_csv),
}


def extension_of(name: str) -> str:
    """Return the extension of a file's name in lower case, without its dot."""
    return PurePath(name).suffix.removeprefix(".").lower()


def write(report: Report, extension: str) -> bytes:
    """Return the report in the format of that extension (html, pdf, xlsx, zip, csv). Raises ReportError for another."""
    if extension not in FORMATS:
        raise ReportError(
            "Reports do not have this format",
            expected=", ".join(f".{name}" for name in FORMATS),
            actual=f".{extension}" if extension else "no extension",
            fix="Use one of these extensions",
        )
    return FORMATS[extension].write(report)


def failure_report(error: EdtechError) -> Report:
    """Return a report that says why the requested one could not be made."""
    main = (("Problem", error.problem), ("Expected", error.expected), ("Found", error.actual), ("Where", error.where))
    rows = [*main, ("What to do", error.fix), *(("Detail", line) for line in error.details)]
    reasons = pd.DataFrame([row for row in rows if row[1]], columns=["item", "description"])
    section = Section("Reason", (), (Table("Reason", reasons),))
    return Report("This report could not be made", error.problem, (section,), {})
