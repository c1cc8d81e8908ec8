"""Compare: logged runs side by side, by their errors and by what their decisions earn."""

import streamlit as st

from edtech.ui import address, compare, compare_charts, compare_runs, jobs, reports, sending, sidebar
from edtech.ui.widgets import errors_shown, header, page_link

header(
    "Compare", "Runs side by side: parameters, errors on later data, business metrics, and what their plans are worth."
)

with st.container():  # held while there is nothing in it: tabs that move on the page fall back to their first
    jobs.follow()
    sending.offer()
if not sidebar.opened():
    st.stop()

with address.kept(), errors_shown():
    experiment = sidebar.current_experiment()
    runs = compare_runs.runs_of(experiment)
    if runs.empty:
        st.info(
            "Nothing to compare here: train some first, or choose other experiments.", icon=":material/compare_arrows:"
        )
        page_link("train", "Train a model", ":material/model_training:")
    else:
        found = compare_runs.ask(runs)
        compare_runs.show_found(found)
        chosen = compare_runs.chosen_runs(found, runs)
        if chosen.empty:
            st.info("Nothing to compare: choose runs above.", icon=":material/compare_arrows:")
        else:
            comparison = compare.settle(chosen)
            compare.show_tables(comparison)
            compare.register_one(comparison)
            x, y = compare_charts.show(comparison, chosen, experiment)
            reports.comparison_downloads(comparison, x, y)
