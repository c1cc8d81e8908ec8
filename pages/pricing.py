"""Show the expected effect of price changes, and recommended prices."""

import streamlit as st

from edtech.ui import sidebar
from edtech.ui.pricing import answer, recommendation, scenarios
from edtech.ui.reports import downloads
from edtech.ui.widgets import header, page_link, show_errors

header("Pricing", "Change prices and see the expected effect in a typical period, against today's mean prices.")

dataset = sidebar.current_dataset()
if dataset is None:
    st.info("There is no data set yet.", icon=":material/database:")
    page_link("data", "Add a data set", ":material/database:")
    st.stop()
if not sidebar.has_panel(dataset) or not sidebar.store_is_open():
    st.stop()

with show_errors():
    experiment = sidebar.current_experiment()
    run_id = answer.choose_run(dataset, experiment)
    if run_id is None:
        answer.show_no_run()
        st.stop()
    displayed = answer.answer_inputs(run_id, experiment, dataset)
    answer.show_answer(displayed)
    answer.show_curve(displayed, dataset)
    answer.show_evidence(displayed, run_id, experiment, dataset)
    with show_errors():
        displayed = recommendation.show_recommendation(displayed, dataset)
        recommendation.show_plan(displayed.plan, answer.logged_decision_value(run_id, experiment))
    scenarios.show(displayed, experiment, dataset)
    downloads.pricing_downloads(displayed)
