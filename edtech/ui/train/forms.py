"""Forms of the Train page: family, algorithm, hyperparameters and search."""

from functools import partial
from typing import Any

import streamlit as st

from edtech.data import Dataset
from edtech.ml.base import Algorithm, Family
from edtech.ml.families import FAMILIES
from edtech.pipeline import tasks
from edtech.training.plans import SearchPlan, TrainingPlan
from edtech.training.search import Budget, tunable
from edtech.ui import jobs, run_tables, sidebar, state
from edtech.ui.cache import run_cache
from edtech.ui.state import Key, get
from edtech.ui.train.column_roles import choose_columns
from edtech.ui.widgets import escape, page_link, params_form

DEFAULT = "default"


def choose_family(dataset: Dataset) -> Family | None:
    """Show the choice of a family; return None if the data set lacks the required tables."""
    names = list(FAMILIES)
    first = next((position for position, item in enumerate(names) if FAMILIES[item].algorithms_for(dataset)), 0)
    name = st.selectbox(
        "Model family",
        names,
        index=first,
        key=f"train.family.{dataset.id}",
        help="What the model predicts.",
        format_func=lambda item: FAMILIES[item].title,
    )
    family = FAMILIES[name]
    st.caption(family.question)
    if not family.algorithms_for(dataset):
        st.info(f"This data set lacks the required tables:  {escape(family.needs)}.", icon=":material/database:")
        page_link("data", "Choose another data set", ":material/database:")
        return None
    return family


def choose_algorithm(dataset: Dataset, family: Family) -> Algorithm:
    """Show the choice of an algorithm that the data set can train."""
    names = list(family.algorithms_for(dataset))
    name = st.segmented_control(
        "Algorithm",
        names,
        default=names[0],
        required=True,
        key=f"train.algorithm.{family.name}",
        format_func=lambda item: family.algorithms[item].title,
        help=f"Family: {family.name}.",
    )
    algorithm = family.algorithms[name or names[0]]
    st.caption(algorithm.help)
    return algorithm


def trained_run() -> str | None:
    """Return the run to show: the last trained run, or a selected run of the followed job."""
    run_id, ids = get(Key.TRAINING_RUN), jobs.runs()
    if run_id not in ids or len(ids) < 2:
        return run_id
    names = run_tables.run_labels(run_cache.run_table(sidebar.current_experiment()))
    return st.selectbox(
        "Run",
        ids,
        key=f"train.run.{ids[0]}",
        format_func=lambda item: names.get(item, item),
        help="Runs of this training. Compare shows them together.",
    )


def show_forms(dataset: Dataset, family: Family) -> None:
    """Show the forms of training and search, and start them on request."""
    algorithm = choose_algorithm(dataset, family)
    roles = choose_columns(dataset, family)
    train, search = st.tabs(["Train", "Search hyperparameters"])
    with train:
        _training_form(dataset, family, algorithm, roles)
    with search:
        _search_form(dataset, family, algorithm, roles)


def _training_form(dataset: Dataset, family: Family, algorithm: Algorithm, roles: dict[str, Any]) -> None:
    version = state.value("train.version", 0)
    preset = _preset(family, algorithm)
    names = family.algorithms_for(dataset)
    with st.form("train", border=True):
        st.markdown("**Hyperparameters**")
        key = f"train.{family.name}.{algorithm.name}.{preset}{version}"
        start = algorithm.validate_params(algorithm.params.PRESETS.get(preset))
        values, repeats = _hyperparameters(algorithm, key, start), 1
        if algorithm.has_seed:
            repeats = st.number_input(
                "Repeats",
                1,
                50,
                1,
                key=f"{key}:repeats",
                help="Trains with this many consecutive seeds. Logs their mean, SD and interval.",
            )
        with st.container(horizontal=True):
            requested = st.form_submit_button("Train", type="primary", icon=":material/play_arrow:")
            everything = st.form_submit_button(f"Train all {len(names)} with defaults", icon=":material/playlist_play:")
            reset = st.form_submit_button("Reset to defaults", icon=":material/undo:")
    if reset:
        state.set_value("train.version", version + 1)
        st.rerun()
    plan = partial(TrainingPlan, dataset.id, family.name, roles=roles, experiment=sidebar.current_experiment())
    if requested:
        item = plan((algorithm.name,), {algorithm.name: values}, repeats=repeats)
        jobs.start(f"Train {algorithm.title} on {dataset.name}", partial(tasks.train, item))
    if everything:
        jobs.start(f"Train all {len(names)} algorithms on {dataset.name}", partial(tasks.train, plan(names)))


def _preset(family: Family, algorithm: Algorithm) -> str:
    """Show the choice of a preset; return an empty text for the defaults."""
    if not algorithm.params.PRESETS:
        return ""
    selection = st.segmented_control(
        "Start from",
        [DEFAULT, *algorithm.params.PRESETS],
        default=DEFAULT,
        required=True,
        key=f"train.preset.{family.name}.{algorithm.name}",
        help="Sets the hyperparameters below.",
    )
    return "" if selection in (None, DEFAULT) else selection


def _hyperparameters(algorithm: Algorithm, key: str, start: Any) -> dict[str, Any]:  # noqa: ANN401  # its Params
    fields = tuple(algorithm.params.model_fields)
    values: dict[str, Any] = {}
    for number, column in enumerate(st.columns(2)):
        with column:
            values |= params_form(algorithm.params, key, start, fields[number::2])
    return values


def _search_form(dataset: Dataset, family: Family, algorithm: Algorithm, roles: dict[str, Any]) -> None:
    st.markdown(
        "Scores hyperparameters within their bounds on later periods of the training data. Trains the best of them on "
        "all training data. Better predictions of demand do not imply better estimates of its price effect."
    )
    fields = tunable(algorithm)
    with st.form("search", border=True):
        names = st.multiselect(
            "Hyperparameters to search",
            list(fields),
            default=list(fields),
            key=f"search.names.{family.name}.{algorithm.name}",
            format_func=lambda name: fields[name].title or name,
            help="All others stay at their defaults.",
        )
        left, middle, right = st.columns(3)
        trials = left.slider(
            "Trials", 2, 200, 20, key="search.trials", help="Number of trials, including the defaults."
        )
        seconds = middle.slider(
            "Seconds", 10, 3_600, 300, 10, key="search.seconds", help="No new trial starts after this time."
        )
        folds = right.slider(
            "Folds", 1, 4, 2, key="search.folds", help="Number of later periods that score each trial."
        )
        requested = st.form_submit_button("Search", type="primary", icon=":material/search:")
    if requested:
        plan = SearchPlan(
            dataset.id,
            family.name,
            algorithm.name,
            tuple(names),
            Budget(trials, float(seconds), folds),
            roles,
            sidebar.current_experiment(),
        )
        jobs.start(f"Search {algorithm.title} on {dataset.name}", partial(tasks.search, plan))
