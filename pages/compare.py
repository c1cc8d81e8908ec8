"""Compare: logged runs side by side, by their errors and by what their decisions earn."""

import streamlit as st

from edtech.ui import jobs, sidebar, sync, url_state
from edtech.ui.compare import charts, run_table, side_by_side
from edtech.ui.reports import downloads
from edtech.ui.widgets import header, page_link, show_errors

header(
    "Compare", "Runs side by side: parameters, errors on later data, business metrics, and what their plans are worth."
)

with st.container():  # held while there is nothing in it: tabs that move on the page fall back to their first
    jobs.follow()
    sync.offer_sync()
if not sidebar.store_is_open():
    st.stop()

with url_state.synchronize(), show_errors():
    experiment = sidebar.current_experiment()
    runs = run_table.runs_of(experiment)
    if runs.empty:
        st.info(
            "Nothing to compare here: train some first, or choose other experiments.", icon=":material/compare_arrows:"
        )
        page_link("train", "Train a model", ":material/model_training:")
    else:
        found = run_table.ask(runs)
        run_table.show_found(found)
        chosen = run_table.chosen_runs(found, runs)
        if chosen.empty:
            st.info("Nothing to compare: choose runs above.", icon=":material/compare_arrows:")
        else:
            comparison = side_by_side.settle(chosen)
            side_by_side.show_tables(comparison)
            side_by_side.register_one(comparison)
            x, y = charts.show(comparison, chosen, experiment)
            downloads.comparison_downloads(comparison, x, y)
