"""Compare: logged runs side by side, by their errors and by what their decisions earn."""

import streamlit as st

from edtech.ui import compare, reports, sidebar
from edtech.ui.widgets import errors_shown, header, page_link

header(
    "Compare", "Runs side by side: parameters, errors on later data, business metrics, and what their plans are worth."
)

if not sidebar.opened():
    st.stop()

with errors_shown():
    runs = compare.choose_runs(sidebar.current_experiment())
    if runs.empty:
        st.info("Nothing to compare: choose runs above, or train some first.", icon=":material/compare_arrows:")
        page_link("train", "Train a model", ":material/model_training:")
        st.stop()
    comparison = compare.settle(runs)
    compare.show_tables(comparison)
    x, y = compare.show_scatter(comparison)
    reports.comparison_downloads(comparison, x, y)
