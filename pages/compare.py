"""Compare: logged runs side by side, by their errors and by what their decisions earn."""

import streamlit as st

from edtech.ui import compare, compare_charts, reports, sidebar
from edtech.ui.widgets import errors_shown, header, page_link

header(
    "Compare", "Runs side by side: parameters, errors on later data, business metrics, and what their plans are worth."
)

if not sidebar.opened():
    st.stop()

with errors_shown():
    experiment = sidebar.current_experiment()
    runs = compare.runs_of(experiment)
    if runs.empty:
        st.info(
            "Nothing to compare here: train some first, or choose other experiments.", icon=":material/compare_arrows:"
        )
        page_link("train", "Train a model", ":material/model_training:")
        st.stop()
    found = compare.ask(runs)
    compare.show_found(found)
    chosen = compare.chosen_runs(found, runs)
    if chosen.empty:
        st.info("Nothing to compare: choose runs above.", icon=":material/compare_arrows:")
        st.stop()
    comparison = compare.settle(chosen)
    compare.show_tables(comparison)
    x, y = compare_charts.show(comparison, chosen, sidebar.current_dataset(), experiment)
    reports.comparison_downloads(comparison, x, y)
