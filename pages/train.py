"""Train a model with selected hyperparameters, and show its results."""

import streamlit as st

from edtech.ui import jobs, sidebar
from edtech.ui.train import forms, results
from edtech.ui.widgets import escape, header, page_link, show_errors

header(
    "Train",
    "Train models of demand, enrollment, completion, churn and teacher quality. Every training is an MLflow run.",
)

dataset = sidebar.current_dataset()
if dataset is None:
    st.info("There is no data set to train on yet.", icon=":material/database:")
    page_link("data", "Add a data set", ":material/database:")
    st.stop()

if not sidebar.store_is_open():
    st.stop()
st.caption(f"Data set: {escape(dataset.name)}")
family = forms.choose_family(dataset)
if family is not None:
    with show_errors():
        forms.show_forms(dataset, family)
jobs.follow()
jobs.list_jobs()
with show_errors():
    experiment = sidebar.current_experiment()
    if (run_id := forms.trained_run()) and results.confirm_family(run_id, experiment, family):
        results.show_result(run_id, experiment, dataset)
        jobs.show_equivalent_command(run_id)
