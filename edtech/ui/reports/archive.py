"""Parts of the Reports page: reports that were made here, and whether they still say what is stored."""

from functools import partial

import pandas as pd
import streamlit as st

from edtech.pipeline import tasks
from edtech.reports import FORMS
from edtech.reports.archive import KeptReport, kept_reports, read_kept, remove_kept
from edtech.ui import jobs
from edtech.ui.cache import services
from edtech.ui.state import notify
from edtech.ui.widgets import page_link

MOST_MB = 20


def show_kept() -> None:
    """List the kept reports; download, check again or remove one."""
    verification = kept_reports(services.settings().reports_dir)
    if not verification:
        st.info("No report is stored yet.", icon=":material/description:")
        st.markdown("Every report from a page or the pipeline is stored here.")
        page_link("overview", "Go to Overview", ":material/home:")
        return
    st.dataframe(_rows(verification), hide_index=True, key="reports.list")
    name = str(
        st.selectbox(
            "Report",
            [report.name for report in verification],
            key=f"reports.chosen.{len(verification)}.{verification[0].name}",
            help="Choose a report to download, verify or delete.",
        )
    )
    _actions(next(report for report in verification if report.name == name))


def _rows(reports: tuple[KeptReport, ...]) -> pd.DataFrame:
    rows = [
        (report.name, FORMS[report.form].title, round(report.size / 1000, 1), f"{report.written:%Y-%m-%d %H:%M:%S}")
        for report in reports
    ]
    return pd.DataFrame(rows, columns=["report", "form", "size (kB)", "written (UTC)"])


def _actions(report: KeptReport) -> None:
    folder = services.settings().reports_dir
    read = partial(read_kept, folder, report.name)
    with st.container(horizontal=True):
        st.download_button(
            "Download",
            read,
            report.name,
            FORMS[report.form].mime,
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
        with st.popover("Remove", icon=":material/delete:"):
            st.markdown("You cannot restore the report. Its data and runs stay.")
            removed = st.button("Delete permanently", key="reports.remove", icon=":material/delete_forever:")
    if again:
        _check(report.name, read())
    if removed:
        remove_kept(folder, report.name)
        notify(f"{report.name} is deleted.")
        st.rerun()


def check_upload() -> None:
    """Let the user check a report's file from anywhere; it is read in a worker, which can be cancelled."""
    st.subheader("Verify a file")
    file = st.file_uploader(
        "Report file",
        list(FORMS),
        key="reports.file",
        max_upload_size=MOST_MB,
        help="Its recipe is read, the report made again from what is stored, and the two compared place by place.",
    )
    if file is not None and st.button("Check", key="reports.check.file", icon=":material/rule:"):
        _check(file.name, file.getvalue())


def _check(name: str, data: bytes) -> None:
    jobs.start(f"Check {name[:100]}", partial(tasks.verify_report, name, data))
