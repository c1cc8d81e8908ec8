"""Parts of the Train page: the choice, the hyperparameters, the result."""

from typing import Any

import streamlit as st

from edtech.charts import models, pricing
from edtech.data import Dataset
from edtech.metrics import metric
from edtech.ml import ALGORITHMS, FitResult
from edtech.ml.elasticity.words import finding, sentence, warning
from edtech.pipeline.training import algorithms_for
from edtech.ui import jobs, resources, sidebar
from edtech.ui.state import notify
from edtech.ui.widgets import errors_shown, number, page_link, params_form, plain

RESULT_METRICS = ("rmse", "mae", "r2", "segment_elasticity", "first_stage_f", "fit_seconds")
UNIT = "pieces / row"


def training_form(dataset: Dataset) -> None:
    """Show algorithm and hyperparameters, train on request."""
    names = list(algorithms_for(dataset))
    name = st.segmented_control(
        "Algorithm", names, default=names[0], required=True, key="train.algorithm",
        format_func=lambda one: ALGORITHMS[one].title, help="Family: token_elasticity.",
    )  # fmt: skip
    algorithm = ALGORITHMS[name or names[0]]
    st.caption(algorithm.help)
    version = st.session_state.setdefault("train.version", 0)
    with st.form("train", border=True):
        st.markdown("**Hyperparameters**")
        fields = tuple(algorithm.params.model_fields)
        values: dict[str, Any] = {}
        for number_, column in enumerate(st.columns(2)):
            with column:
                key = f"train.{algorithm.name}.{version}"
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
        with errors_shown():
            chosen, settings = (names, {}) if everything else ([algorithm.name], {algorithm.name: values})
            runs = jobs.train(dataset, chosen, settings, sidebar.current_experiment(), jobs.progress())
            notify(f"Trained and logged: {len(runs)} {'run' if len(runs) == 1 else 'runs'}.")
            st.rerun()


def show_result(run_id: str, experiment: str) -> None:
    """Show what a run found, as a sentence first."""
    result = resources.result(run_id, experiment)
    st.subheader("What was found")
    st.markdown(f"**{plain(sentence(result))}**")
    if not result.may_recommend:
        st.warning(
            "No price is recommended on this ground; the Pricing page says what would tell.", icon=":material/block:"
        )
    st.warning(plain(warning(result)), icon=":material/warning:")
    for note in (result.elasticity.note, *result.notes):
        if note:
            st.info(plain(note), icon=":material/info:")
    _figures(result)
    _plots(result)
    st.caption("The run's id, for MLflow and for code:")
    st.code(f'mlflow.pyfunc.load_model("runs:/{run_id}/model")', language=None)
    page_link("pricing", "Ask what happens if prices change", ":material/sell:")
    page_link("compare", "Compare it with other runs", ":material/compare_arrows:")


def _figures(result: FitResult) -> None:
    shown = [name for name in RESULT_METRICS if name in result.metrics]
    for row in (shown[:3], shown[3:]):
        for column, name in zip(st.columns(3), row, strict=False):
            known = metric(name)
            column.metric(known.title, number(result.metrics[name], known.unit), help=known.help, border=True)
    st.caption(f"Errors are measured on {result.split}.")


def _plots(result: FitResult) -> None:
    st.altair_chart(
        pricing.elasticity_by_segment(
            result.elasticity_by_segment, naive=result.naive.estimate, title=finding(result)
        ),
        alt=f"Elasticity by segment. {finding(result)}",
    )  # fmt: skip
    if result.evaluation.empty:
        return
    left, right = st.columns(2)
    title = f"Later rows: off by {result.metrics['mae']:.2f} on average"
    left.altair_chart(models.actual_vs_predicted(result.evaluation, title=title, unit=UNIT), alt=title)
    right.altair_chart(models.residuals(result.evaluation, title="What the model missed", unit=UNIT), alt="Residuals")
    top = result.importance["feature"].iloc[0]
    st.altair_chart(
        models.importance(
            result.importance, title=f"Predictions lean most on {top}; that is no effect and no elasticity",
            unit="rise of Poisson deviance when shuffled",
        ),
        alt=f"Permutation importance; predictions lean most on {top}",
    )  # fmt: skip
