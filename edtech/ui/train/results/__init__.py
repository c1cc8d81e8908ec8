"""Results of a training: one view per family in `VIEWS`, a default for families without one."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from edtech.data import Dataset
from edtech.data.quality.checks import Check, Severity, worst_severity
from edtech.metrics import metric
from edtech.ml.base import Family
from edtech.ml.elasticity.algorithms import FAMILY as TOKEN_ELASTICITY
from edtech.ml.families import get_family
from edtech.ml.outcomes import CHURN, COMPLETION, PROPENSITY
from edtech.ml.teachers.algorithms import FAMILY as TEACHER_QUALITY
from edtech.tracking.registry_requirements import decision_value
from edtech.ui.cache import answer_cache, services
from edtech.ui.findings import ICONS, show_checks
from edtech.ui.reports import downloads
from edtech.ui.train.results import default, elasticity, outcomes, teachers
from edtech.ui.widgets import escape, format_number, page_link

VIEWS: dict[str, Callable[[Any], None]] = {
    TOKEN_ELASTICITY: elasticity.show,
    TEACHER_QUALITY: teachers.show,
    **dict.fromkeys((PROPENSITY, COMPLETION, CHURN), outcomes.show),
}
"""Family -> the function that shows its result."""
VERDICTS = {
    Severity.PASS: "All checks passed",
    Severity.REVIEW: "Review these checks before you use this model",
    Severity.FAIL: "Do not use this model; it cannot be registered",
}


def confirm_family(run_id: str, experiment: str, family: Family | None) -> bool:
    """Return whether to show a run; if its family is not the selected one, the user decides."""
    run_family = get_family(answer_cache.result(run_id, experiment).family)
    if run_family is family:
        return True
    st.info(f"The last training was of another family: {run_family.title}.", icon=":material/history:")
    return st.toggle("Show its results", key=f"train.other.{run_id}", help="The results of the last training.")


def show_result(run_id: str, experiment: str, dataset: Dataset) -> None:
    """Show the results of a run, the finding first; `dataset` is the selected one, which may not be the run's."""
    result = answer_cache.result(run_id, experiment)
    st.subheader("Results")
    _show_run(run_id, experiment, dataset)
    VIEWS.get(result.family, default.show)(result)
    _show_decision_value(run_id, experiment)
    _show_card(result.checks)
    page_link("compare", "Compare with other runs", ":material/compare_arrows:")
    st.caption("Load the model with MLflow:")
    st.code(f'mlflow.pyfunc.load_model("runs:/{run_id}/model")', language=None)
    downloads.run_downloads(run_id)


def _show_decision_value(run_id: str, experiment: str) -> None:
    """Show the decision value and how it was computed, or the reason why there is none."""
    run = services.tracker(experiment).runs.get_run(run_id)
    basis, value = run.tags.get("decision_value", "").removeprefix("empty: "), decision_value(run)
    if value is not None:
        info = metric(value[0])
        st.markdown(f"{info.title}: **{format_number(value[1], info.unit)}**, {escape(basis)}.")
    elif basis:
        st.markdown(f"Decision value: none, because {escape(basis)}.")


def _show_card(checks: Sequence[Check]) -> None:
    """Show the diagnostics card: the verdict, then each check."""
    if not checks:
        return
    verdict = worst_severity(checks)
    st.subheader("Diagnostics card")
    st.markdown(f"{ICONS[verdict]} **{VERDICTS[verdict]}**")
    show_checks(checks)


def _show_run(run_id: str, experiment: str, dataset: Dataset) -> None:
    """Show the run's name, family, algorithm and data set."""
    run, result = services.tracker(experiment).runs.get_run(run_id), answer_cache.result(run_id, experiment)
    family, name = get_family(result.family), run.tags.get("dataset_name", "")
    st.markdown(
        f"Run **{escape(run.name)}**: {family.title}, **{family.algorithm(result.algorithm).title}**, "
        f"on {escape(name) or 'an unnamed data set'}"
    )
    if run.tags.get("dataset_digest") != dataset.digest:
        st.warning("This run was trained on another data set than the selected one.", icon=":material/database:")
