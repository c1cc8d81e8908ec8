"""What a training found, shown family by family."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from edtech.ml.elasticity.algorithms import FAMILY as TOKEN_ELASTICITY
from edtech.ml.labels import CHURN, COMPLETION, PROPENSITY
from edtech.ml.teachers.algorithms import FAMILY as TEACHER_QUALITY
from edtech.ui import reports, resources
from edtech.ui.results import card, elasticity, labels, teachers
from edtech.ui.widgets import page_link

SHOW: dict[str, Callable[[Any], None]] = {
    TOKEN_ELASTICITY: elasticity.show,
    TEACHER_QUALITY: teachers.show,
    **dict.fromkeys((PROPENSITY, COMPLETION, CHURN), labels.show),
}
"""How the result of each family is shown."""


def show_result(run_id: str, experiment: str) -> None:
    """Show what a run found, as a sentence first."""
    result = resources.result(run_id, experiment)
    st.subheader("What was found")
    SHOW[result.family](result)
    card.show(result.checks)
    page_link("compare", "Compare it with other runs", ":material/compare_arrows:")
    st.caption("The run's id, for MLflow and for code:")
    st.code(f'mlflow.pyfunc.load_model("runs:/{run_id}/model")', language=None)
    reports.run_downloads(run_id)
