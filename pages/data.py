"""Data: generate a market, upload tables, look at what is stored."""

import streamlit as st

from edtech.ui import sidebar
from edtech.ui.data import details, explore, generate, library, upload
from edtech.ui.widgets import header, show_errors

header("Data", "Generate a market with known ground truth, or upload your own tables. Each data set is checked.")

current, look, make, bring, stored = st.tabs(["Summary", "Explore", "Generate", "Upload", "Library"])
with current, show_errors():
    dataset = sidebar.current_dataset()
    if dataset is None:
        st.info("No data set yet. Generate a market or upload a file in the tabs above.", icon=":material/database:")
    else:
        details.dataset_details(dataset)
with look, show_errors():
    if dataset is not None:
        explore.show(dataset)
    else:
        st.info("No data set to explore yet.", icon=":material/database:")
with make, show_errors():
    generate.generate_form()
with bring:
    upload.upload_form()
with stored, show_errors():
    library.stored_list()
