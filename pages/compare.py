"""Compare logged runs by their errors and their decision value."""

import streamlit as st

from edtech.ui import jobs, sidebar, sync, url_state
from edtech.ui.compare import charts, run_table, side_by_side
from edtech.ui.reports import downloads
from edtech.ui.widgets import header, page_link, show_errors

header("Compare", "Compare runs by parameters, errors on later data, business metrics and decision value.")

with st.container():  # reserved even if empty, because tabs that move on the page reset to the first
    jobs.follow()
    sync.offer_sync()
if not sidebar.store_is_open():
    st.stop()

with url_state.synchronize(), show_errors():
    experiment = sidebar.current_experiment()
    runs = run_table.select_experiments(experiment)
    if runs.empty:
        st.info("No runs to compare. Train models, or choose other experiments.", icon=":material/compare_arrows:")
        page_link("train", "Train a model", ":material/model_training:")
    else:
        table = run_table.filter_runs(runs)
        run_table.show_table(table)
        selection = run_table.selected_runs(table, runs)
        if selection.empty:
            st.info("No runs selected. Choose runs above.", icon=":material/compare_arrows:")
        else:
            comparison = side_by_side.choose_baseline(selection)
            side_by_side.show_tables(comparison)
            side_by_side.register_run(comparison)
            x, y = charts.show(comparison, selection, experiment)
            downloads.comparison_downloads(comparison, x, y)
