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
    found = kept_reports(services.settings().reports_dir)
    if not found:
        st.info("No report was made here yet.", icon=":material/description:")
        st.markdown("Every report that is downloaded on a page, or written by the pipeline, is kept here.")
        page_link("overview", "Start at the overview", ":material/home:")
        return
    st.dataframe(_rows(found), hide_index=True, key="reports.list")
    name = str(
        st.selectbox(
            "Report",
            [one.name for one in found],
            key=f"reports.chosen.{len(found)}.{found[0].name}",
            help="To download, to check or to remove.",
        )
    )
    _actions(next(one for one in found if one.name == name))


def _rows(found: tuple[KeptReport, ...]) -> pd.DataFrame:
    rows = [
        (one.name, FORMS[one.form].title, round(one.size / 1000, 1), f"{one.written:%Y-%m-%d %H:%M:%S}")
        for one in found
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
            "Check again",
            key="reports.check",
            icon=":material/rule:",
            help="Makes it again from what is stored, and names every number that differs.",
        )
        with st.popover("Remove", icon=":material/delete:"):
            st.markdown("It cannot be restored; what it was made of stays.")
            removed = st.button("Remove for good", key="reports.remove", icon=":material/delete_forever:")
    if again:
        _check(report.name, read())
    if removed:
        remove_kept(folder, report.name)
        notify(f"{report.name} is removed.")
        st.rerun()


def check_upload() -> None:
    """Let the user check a report's file from anywhere; it is read in a worker, which can be cancelled."""
    st.subheader("Check a file")
    file = st.file_uploader(
        "A report that was downloaded here",
        list(FORMS),
        key="reports.file",
        max_upload_size=MOST_MB,
        help="Its recipe is read, the report made again from what is stored, and the two compared place by place.",
    )
    if file is not None and st.button("Check", key="reports.check.file", icon=":material/rule:"):
        _check(file.name, file.getvalue())


def _check(name: str, data: bytes) -> None:
    jobs.start(f"Check {name[:100]}", partial(tasks.verify_report, name, data))
