"""Show the purpose of the dashboard, the current data set and runs, and the next step."""

import streamlit as st

from edtech.tables.formatting import pluralize
from edtech.ui import jobs, sidebar
from edtech.ui.overview import sections
from edtech.ui.widgets import escape, header, show_errors

header(
    "EdTech Token Economy",
    "See how price changes affect token revenue, enrollments and teacher earnings, with intervals and checks. "
    "Generate or upload data, train models, compare them, and run what-ifs.",
)

jobs.follow()
with show_errors():
    dataset = sidebar.current_dataset()
    if dataset is None:
        sections.empty_state()
        st.stop()
    st.subheader(escape(dataset.name))
    st.caption(f"{pluralize(dataset.rows, 'row')}, {sections.origin(dataset)}.")
    sections.key_figures(dataset)
    sections.revenue_over_time(dataset)
    sections.next_step(dataset, sections.newest_runs())
