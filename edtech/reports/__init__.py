"""A bundle of titled tables, figures, text and provenance -> HTML, PDF, XLSX, CSV; and the content of such a file.

report = Report("What if", question, (Section("Answer", ("Revenue rises.",), (Table("Effects", frame),)),), provenance)
write(report, "pdf"), read(data, "pdf")
"""

from edtech.lazy import lazy_names
from edtech.reports.bundle import Drawing, Report, Section, Table
from edtech.reports.csv_files import table_csv, to_csv, to_csv_zip
from edtech.reports.formats import FORMATS, failure_report, write
from edtech.reports.html import to_html
from edtech.reports.pdf import to_pdf
from edtech.reports.readers import ReportContent, read, read_file
from edtech.reports.svg import figure
from edtech.reports.workbook import to_xlsx

__all__ = [
    "FORMATS",
    "Drawing",
    "Report",
    "ReportContent",
    "Section",
    "Table",
    "failure_report",
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

__getattr__ = lazy_names(
    __name__,
    {  # former names
        "FORMS": "edtech.reports.formats:FORMATS",
        "Shown": "edtech.reports.readers:ReportContent",
        "failed": "edtech.reports.formats:failure_report",
    },
)
