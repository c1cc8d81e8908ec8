"""Show run details, the model registry with its champion, and predictions."""

import streamlit as st

from edtech.ui import jobs, sidebar, sync
from edtech.ui.models import prediction, registry, run_details
from edtech.ui.widgets import escape, header, page_link, show_errors

header("Models", "Inspect a run, register it, choose the champion, and predict with it.")

with st.container():  # reserved even if empty, because tabs that move on the page reset to the first
    jobs.follow()
    sync.offer_sync()
if not sidebar.store_is_open():
    st.stop()
experiment = sidebar.current_experiment()
details, versions, predictions = st.tabs(["Run", "Registry", "Predict"])

name = None
with details, show_errors():
    run_id = run_details.choose_run(experiment)
    if run_id is None:
        st.info("There is no finished training in this experiment yet.", icon=":material/model_training:")
        page_link("train", "Train a model", ":material/model_training:")
    else:
        run_details.show(run_id, experiment)
        st.subheader("Register model")
        registry.register(run_id, "models.register")
    run_details.restore(experiment)

with versions, show_errors():
    name = registry.choose_model()
    if name is None:
        st.info("No model is registered yet. Register a run on the first tab.", icon=":material/add_box:")
    else:
        registry.show_versions(name)

with predictions, show_errors():
    if name is None:
        st.info("Register a model first to predict with it.", icon=":material/add_box:")
    else:
        st.markdown(f"Predictions use **{escape(name)}**, the model selected on the Registry tab.")
        version = registry.choose_version(name, "models.scored")
        st.subheader("Batch prediction")
        prediction.predict_file(version)
        st.subheader("Single prediction")
        prediction.predict_row(version)
