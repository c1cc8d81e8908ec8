"""Data: generate a market, upload tables, look at what is stored."""

import streamlit as st

from edtech.ui import sidebar
from edtech.ui.data import details, explore, generate, library, upload
from edtech.ui.widgets import header, show_errors

header("Data", "Generate a market whose truth is known, or bring your own tables. Every data set is checked and kept.")

current, look, make, bring, stored = st.tabs(["Chosen data set", "Explore", "Generate", "Upload", "All data sets"])
with current, show_errors():
    dataset = sidebar.current_dataset()
    if dataset is None:
        st.info("No data set yet: generate a market or upload a file in the tabs above.", icon=":material/database:")
    else:
        details.dataset_details(dataset)
with look, show_errors():
    if dataset is not None:
        explore.show(dataset)
    else:
        st.info("Nothing to explore yet.", icon=":material/database:")
with make, show_errors():
    generate.generate_form()
with bring:
    upload.upload_form()
with stored, show_errors():
    library.stored_list()
