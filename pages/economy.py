"""Show the token economy: figures, their reconciliation with the ledger, and forecasts."""

import streamlit as st

from edtech.ui import sidebar
from edtech.ui.economy import figures
from edtech.ui.widgets import header, page_link, show_errors

header("Economy", "Tokens issued, spent, owed, paid out and burned, from the ledger.")

dataset = sidebar.current_dataset()
if dataset is None:
    st.info("There is no data set yet.", icon=":material/database:")
    page_link("data", "Add a data set", ":material/database:")
    st.stop()
if not sidebar.has_panel(dataset):
    st.stop()

with show_errors():
    figures.show(dataset)
