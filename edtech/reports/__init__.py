"""A bundle of titled tables, figures, text and provenance -> HTML, PDF, XLSX, CSV; and what such a file shows.

report = Report("What if", question, (Section("Answer", ("Revenue rises.",), (Table("Effects", frame),)),), provenance)
write(report, "pdf"), read(data, "pdf")
"""

from edtech.reports.bundle import Drawing, Report, Section, Table
from edtech.reports.csv_files import table_csv, to_csv, to_csv_zip
from edtech.reports.formats import FORMS, failed, write
from edtech.reports.html import to_html
from edtech.reports.pdf import to_pdf
from edtech.reports.readers.files import Shown, read, read_file
from edtech.reports.svg import figure
from edtech.reports.workbook import to_xlsx

__all__ = [
    "FORMS",
    "Drawing",
    "Report",
    "Section",
    "Shown",
    "Table",
    "failed",
    "figure",
    "read",
    "read_file",
    "table_csv",
    "to_csv",
    "to_csv_zip",
    "to_html",
    "to_pdf",
    "to_xlsx",
    "write",
]
