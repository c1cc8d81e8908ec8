"""Pending runs on this machine for an MLflow server, and a button that sends them."""

import streamlit as st

from edtech.pipeline import tasks
from edtech.tables.formatting import pluralize
from edtech.ui import jobs
from edtech.ui.cache import run_cache


def offer_sync() -> None:
    """Show the number of pending runs, and send them in the background on request."""
    waiting = run_cache.waiting_runs()
    if not waiting:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        are = "is" if len(waiting) == 1 else "are"
        st.markdown(f":material/outbox: {pluralize(len(waiting), 'finished run')} {are} pending for the server.")
        if st.button(
            "Send now",
            key="sending.start",
            icon=":material/send:",
            help="Sends each run once with its files and model. Failed runs stay pending.",
        ):
            jobs.start("Send runs to the server", tasks.sync_runs)
