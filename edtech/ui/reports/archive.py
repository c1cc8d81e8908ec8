"""The report archive, and the verification of reports against stored data."""

from functools import partial

import pandas as pd
import streamlit as st

from edtech.pipeline import tasks
from edtech.reports import FORMATS
from edtech.reports.archive import ArchivedReport, archived_reports, delete_archived, read_archived
from edtech.ui import jobs
from edtech.ui.cache import services
from edtech.ui.state import notify
from edtech.ui.widgets import page_link

MOST_MB = 20


def show_archive() -> None:
    """List the archived reports, with download, verification and deletion."""
    reports = archived_reports(services.settings().reports_dir)
    if not reports:
        st.info("No report is stored yet.", icon=":material/description:")
        st.markdown("Every report from a page or the pipeline is stored here.")
        page_link("overview", "Go to Overview", ":material/home:")
        return
    st.dataframe(_rows(reports), hide_index=True, key="reports.list")
    name = str(
        st.selectbox(
            "Report",
            [report.name for report in reports],
            key=f"reports.chosen.{len(reports)}.{reports[0].name}",
            help="Choose a report to download, verify or delete.",
        )
    )
    _actions(next(report for report in reports if report.name == name))


def _rows(reports: tuple[ArchivedReport, ...]) -> pd.DataFrame:
    rows = [
        (
            report.name,
            FORMATS[report.extension].title,
            round(report.size / 1000, 1),
            f"{report.written:%Y-%m-%d %H:%M:%S}",
        )
        for report in reports
    ]
    return pd.DataFrame(rows, columns=["Report", "Format", "Size (kB)", "Written (UTC)"])


def _actions(report: ArchivedReport) -> None:
    folder = services.settings().reports_dir
    read = partial(read_archived, folder, report.name)
    with st.container(horizontal=True):
        st.download_button(
            "Download",
            read,
            report.name,
            FORMATS[report.extension].mime,
            key="reports.download",
            on_click="ignore",
            icon=":material/download:",
        )
        again = st.button(
            "Verify",
            key="reports.check",
            icon=":material/rule:",
            help="Rebuilds the report from stored data and lists every number that differs.",
        )
        with st.popover("Delete", icon=":material/delete:"):
            st.markdown("You cannot restore the report. Its data and runs stay.")
            deleted = st.button("Delete permanently", key="reports.remove", icon=":material/delete_forever:")
    if again:
        _verify(report.name, read())
    if deleted:
        delete_archived(folder, report.name)
        notify(f"{report.name} is deleted.")
        st.rerun()


def verify_upload() -> None:
    """Verify an uploaded report; a worker reads it, so that the job can be canceled."""
    st.subheader("Verify a file")
    file = st.file_uploader(
        "Report file",
        list(FORMATS),
        key="reports.file",
        max_upload_size=MOST_MB,
        help="Rebuilds the report from stored data and compares every number.",
    )
    if file is not None and st.button("Verify", key="reports.check.file", icon=":material/rule:"):
        _verify(file.name, file.getvalue())


def _verify(name: str, data: bytes) -> None:
    jobs.start(f"Verify {name[:100]}", partial(tasks.verify_report, name, data))
