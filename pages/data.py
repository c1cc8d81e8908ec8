"""Generate a market, upload tables, and explore stored data sets."""

import streamlit as st

from edtech.ui import sidebar
from edtech.ui.data import details, explore, generate, library, upload
from edtech.ui.widgets import header, show_errors

header("Data", "Generate a market with known ground truth, or upload your own tables. Each data set is checked.")

summary, explore_tab, generate_tab, upload_tab, library_tab = st.tabs(
    ["Summary", "Explore", "Generate", "Upload", "Library"]
)
with summary, show_errors():
    dataset = sidebar.current_dataset()
    if dataset is None:
        st.info("No data set yet. Generate a market or upload a file in the tabs above.", icon=":material/database:")
    else:
        details.dataset_details(dataset)
with explore_tab, show_errors():
    if dataset is not None:
        explore.show(dataset)
    else:
        st.info("No data set to explore yet.", icon=":material/database:")
with generate_tab, show_errors():
    generate.generate_form()
with upload_tab:
    upload.upload_form()
with library_tab, show_errors():
    library.stored_list()
