"""Parts of the Train page: the choice of family and algorithm, the hyperparameters."""

from functools import partial
from typing import Any

import streamlit as st

from edtech.data import Dataset
from edtech.ml.base import Family
from edtech.ml.families import FAMILIES
from edtech.pipeline import works
from edtech.pipeline.plans import TrainingPlan
from edtech.ui import jobs, sidebar
from edtech.ui.widgets import page_link, params_form, plain


def choose_family(dataset: Dataset) -> Family | None:
    """Let the user choose a family; None where the data set lacks its tables, with what to do."""
    name = st.selectbox(
        "Model family", list(FAMILIES), key="train.family", format_func=lambda one: FAMILIES[one].title,
        help="What is predicted.",
    )  # fmt: skip
    family = FAMILIES[name]
    st.caption(family.question)
    if not family.fits(dataset):
        st.info(f"This data set cannot train it. Needed: {plain(family.needs)}.", icon=":material/database:")
        page_link("data", "Choose or upload another data set", ":material/database:")
        return None
    return family


def training_form(dataset: Dataset, family: Family) -> None:
    """Show algorithm and hyperparameters, train on request."""
    names = list(family.fits(dataset))
    name = st.segmented_control(
        "Algorithm", names, default=names[0], required=True, key=f"train.algorithm.{family.name}",
        format_func=lambda one: family.algorithms[one].title, help=f"Family: {family.name}.",
    )  # fmt: skip
    algorithm = family.algorithms[name or names[0]]
    st.caption(algorithm.help)
    version = st.session_state.setdefault("train.version", 0)
    with st.form("train", border=True):
        st.markdown("**Hyperparameters**")
        fields = tuple(algorithm.params.model_fields)
        values: dict[str, Any] = {}
        for number_, column in enumerate(st.columns(2)):
            with column:
                key = f"train.{family.name}.{algorithm.name}.{version}"
                values |= params_form(algorithm.params, key, algorithm.params(), fields[number_::2])
        with st.container(horizontal=True):
            asked = st.form_submit_button("Train", type="primary", icon=":material/play_arrow:")
            everything = st.form_submit_button(
                f"Train all {len(names)} at their defaults", icon=":material/playlist_play:"
            )
            reset = st.form_submit_button("Back to defaults", icon=":material/undo:")
    if reset:
        st.session_state["train.version"] = version + 1
        st.rerun()
    if asked or everything:
        plan = TrainingPlan(
            dataset.id,
            family.name,
            tuple(names) if everything else (algorithm.name,),
            {} if everything else {algorithm.name: values},
            experiment=sidebar.current_experiment(),
        )
        title = f"Train all {len(names)} algorithms" if everything else f"Train {algorithm.title}"
        jobs.start(f"{title} on {dataset.name}", partial(works.train, plan))
