"""Economy: is the token economy healthy, do the figures agree with the ledger, and where may it go from here."""

import streamlit as st

from edtech.ui import sidebar
from edtech.ui.economy import figures
from edtech.ui.widgets import errors_shown, header, page_link

header("Economy", "Tokens issued, spent, owed, paid out and burned, from the ledger to the unit.")

dataset = sidebar.current_dataset()
if dataset is None:
    st.info("There is no data set yet.", icon=":material/database:")
    page_link("data", "Generate or upload one", ":material/database:")
    st.stop()
if not sidebar.has_panel(dataset):
    st.stop()

with errors_shown():
    figures.show(dataset)
