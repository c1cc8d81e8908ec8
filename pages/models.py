"""Models: a run whole, the registry with its champion, and predictions."""

import streamlit as st

from edtech.ui import jobs, sidebar, sync
from edtech.ui.models import prediction, registry, run_details
from edtech.ui.widgets import escape, header, page_link, show_errors

header("Models", "Look at a run whole, register what passes the gates, choose the champion, and predict with it.")

with st.container():  # held while there is nothing in it: tabs that move on the page fall back to their first
    jobs.follow()
    sync.offer_sync()
if not sidebar.store_is_open():
    st.stop()
experiment = sidebar.current_experiment()
one, versions, predictions = st.tabs(["Run", "Registry", "Predict"])

name = None
with one, show_errors():
    run_id = run_details.choose_run(experiment)
    if run_id is None:
        st.info("There is no finished training in this experiment yet.", icon=":material/model_training:")
        page_link("train", "Train a model", ":material/model_training:")
    else:
        run_details.show(run_id, experiment)
        st.subheader("Register it")
        registry.register(run_id, "models.register")
    run_details.restore(experiment)

with versions, show_errors():
    name = registry.choose_model()
    if name is None:
        st.info("No model is registered yet: choose a run on the first tab.", icon=":material/add_box:")
    else:
        registry.show_versions(name)

with predictions, show_errors():
    if name is None:
        st.info("Register a model first; then its predictions are made here.", icon=":material/add_box:")
    else:
        st.markdown(f"With **{escape(name)}**, which is chosen on the tab before.")
        chosen = registry.choose_version(name, "models.scored")
        st.subheader("Of a file")
        prediction.file_scored(chosen)
        st.subheader("Of one row")
        prediction.row_scored(chosen)
