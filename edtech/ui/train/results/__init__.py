"""What a training found, shown family by family."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from edtech.data import Dataset
from edtech.metrics import metric
from edtech.ml.base import Family
from edtech.ml.elasticity.algorithms import FAMILY as TOKEN_ELASTICITY
from edtech.ml.families import FAMILIES
from edtech.ml.outcomes import CHURN, COMPLETION, PROPENSITY
from edtech.ml.teachers.algorithms import FAMILY as TEACHER_QUALITY
from edtech.tracking.registry_checks import decision_value
from edtech.ui.cache import answer_cache, services
from edtech.ui.reports import downloads
from edtech.ui.train.results import card, elasticity, outcomes, teachers
from edtech.ui.widgets import escape, format_number, page_link

SHOW: dict[str, Callable[[Any], None]] = {
    TOKEN_ELASTICITY: elasticity.show,
    TEACHER_QUALITY: teachers.show,
    **dict.fromkeys((PROPENSITY, COMPLETION, CHURN), outcomes.show),
}
"""How the result of each family is shown."""


def wanted(run_id: str, experiment: str, family: Family | None) -> bool:
    """Whether to show what a run found: where it is of another family than the chosen one, only on request."""
    found = FAMILIES[answer_cache.result(run_id, experiment).family]
    if found is family:
        return True
    st.info(f"The last training was of another family: {found.title}.", icon=":material/history:")
    return st.toggle("Show what it found", key=f"train.other.{run_id}", help="Of the family trained last.")


def show_result(run_id: str, experiment: str, dataset: Dataset) -> None:
    """Show what a run found, as a sentence first; `dataset` is the chosen one, which may not be the run's."""
    result = answer_cache.result(run_id, experiment)
    st.subheader("What was found")
    _whose(run_id, experiment, dataset)
    SHOW[result.family](result)
    _worth(run_id, experiment)
    card.show(result.checks)
    page_link("compare", "Compare it with other runs", ":material/compare_arrows:")
    st.caption("The run's id, for MLflow and for code:")
    st.code(f'mlflow.pyfunc.load_model("runs:/{run_id}/model")', language=None)
    downloads.run_downloads(run_id)


def _worth(run_id: str, experiment: str) -> None:
    """Say what acting on the run is worth and how that was judged, or why nobody can."""
    run = services.tracker(experiment).runs.get_run(run_id)
    words, found = run.tags.get("decision_value", ""), decision_value(run)
    if found is not None:
        known = metric(found[0])
        words = f"{known.title} {format_number(found[1], known.unit)}, {words}"
    if words:
        st.markdown(f"What acting on it is worth: {escape(words.removeprefix('empty: '))}.")


def _whose(run_id: str, experiment: str, dataset: Dataset) -> None:
    """Name the run, its family, algorithm and data set."""
    run, result = services.tracker(experiment).runs.get_run(run_id), answer_cache.result(run_id, experiment)
    family, name = FAMILIES[result.family], run.tags.get("dataset_name", "")
    st.markdown(
        f"Run **{escape(run.name)}**: {family.title}, by **{family.algorithms[result.algorithm].title}**, "
        f"on {escape(name) or 'a data set without a name'}"
    )
    if run.tags.get("dataset_digest") != dataset.digest:
        st.warning("It was trained on another data set than the chosen one.", icon=":material/database:")
