"""A bundle of titled tables, figures, text and provenance -> one HTML file, CSV files in a zip, one tidy CSV.

report = Report("What if", question, (Section("Answer", ("Revenue rises.",), (Table("Effects", frame),)),), provenance)
to_html(report), to_csv_zip(report), to_csv(report)
"""

from edtech.reports.bundle import Figure, Report, Section, Table
from edtech.reports.figures import figure
from edtech.reports.html import to_html
from edtech.reports.sheets import table_csv, to_csv, to_csv_zip

__all__ = ["Figure", "Report", "Section", "Table", "figure", "table_csv", "to_csv", "to_csv_zip", "to_html"]
