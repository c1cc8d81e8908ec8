"""Data: generate a market, upload tables, look at what is stored."""

import streamlit as st

from edtech.ui import sidebar
from edtech.ui.data import details, explore, generate, library, upload
from edtech.ui.widgets import errors_shown, header

header("Data", "Generate a market whose truth is known, or bring your own tables. Every data set is checked and kept.")

current, look, make, bring, stored = st.tabs(["Chosen data set", "Explore", "Generate", "Upload", "All data sets"])
with current, errors_shown():
    dataset = sidebar.current_dataset()
    if dataset is None:
        st.info("No data set yet: generate a market or upload a file in the tabs above.", icon=":material/database:")
    else:
        details.dataset_details(dataset)
with look, errors_shown():
    if dataset is not None:
        explore.show(dataset)
    else:
        st.info("Nothing to explore yet.", icon=":material/database:")
with make, errors_shown():
    generate.generate_form()
with bring:
    upload.upload_form()
with stored, errors_shown():
    library.stored_list()
