"""The recommended prices of the selected runs, compared on one data set."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from edtech.data import Dataset
from edtech.errors import EdtechError
from edtech.pricing import Plan
from edtech.pricing.plan_comparison import compare_plans
from edtech.tables.formatting import format_names, pluralize
from edtech.tracking import Comparison
from edtech.ui.cache import answer_cache, services
from edtech.ui.run_tables import runs_on_dataset
from edtech.ui.widgets import error_panel, escape

MAX_PLANS = 6
MAX_CANDIDATES = 20
DEMAND = "token_elasticity"
TITLE = "Recommended prices"


def show(comparison: Comparison, runs: pd.DataFrame, experiment: str) -> None:
    """Show the recommended prices of the runs for the data set of the baseline."""
    st.subheader(TITLE)
    dataset = _dataset_of(comparison, runs)
    if dataset is None:
        digests = set(runs.reindex(columns=["tags.dataset_digest"])["tags.dataset_digest"])
        restorable = [deleted.name for deleted in services.catalogue().list(deleted=True) if deleted.digest in digests]
        more = f" Restore them on the Data page: {escape(format_names(restorable))}." if restorable else ""
        st.info(f"The data sets of these runs are not stored here.{more}", icon=":material/info:")
        return
    candidates = _candidate_runs(runs_on_dataset(runs, dataset.digest))
    if not candidates:
        st.info("None of these runs is a demand model, so none recommends prices.", icon=":material/info:")
        return
    plans = _plans(candidates, experiment, dataset.id)
    left_out = len(runs) - len(plans)
    more = (
        f" {pluralize(left_out, 'run')} not shown: other data, no demand model, or more than {MAX_PLANS} runs. "
        "Runs that recommend prices come first."
    )
    st.caption(f"Prices of {escape(dataset.name)}.{more if left_out else ''}")
    if plans:
        _show_comparison(
            {comparison.labels[run_id]: plan for run_id, plan in plans.items()}, _decision_values(comparison, plans)
        )


def _dataset_of(comparison: Comparison, runs: pd.DataFrame) -> Dataset | None:
    """Return the stored data set of the baseline, else of the first run whose data set is stored."""
    stored = {dataset.digest: dataset for dataset in services.catalogue().list()}
    digests = runs.set_index("run_id").reindex(columns=["tags.dataset_digest"])["tags.dataset_digest"]
    wanted = [digests.get(str(comparison.baseline)), *digests]
    return next((stored[digest] for digest in wanted if digest in stored), None)


def _candidate_runs(runs: pd.DataFrame) -> list[str]:
    """Return demand models as candidates for plans; those with a refused plan come last."""
    tags = runs.reindex(columns=["tags.model_type", "tags.plan"])
    demand = runs[(tags["tags.model_type"] == DEMAND) & (runs["kind"] == "training")]
    refused = demand.reindex(columns=["tags.plan"])["tags.plan"] == "refused"
    return [*demand["run_id"][~refused], *demand["run_id"][refused]][:MAX_CANDIDATES]


def _plans(run_ids: list[str], experiment: str, dataset_id: str) -> dict[str, Plan]:
    """Return the plans of at most `MAX_PLANS` runs by id; refused plans come last."""
    recommending: dict[str, Plan] = {}
    refusing: dict[str, Plan] = {}
    for run_id in run_ids:
        if len(recommending) == MAX_PLANS:
            break
        try:
            plan = answer_cache.plan(run_id, experiment, dataset_id)
        except EdtechError as error:
            error_panel(error)
            continue
        (refusing if plan.refused else recommending)[run_id] = plan
    return dict([*recommending.items(), *refusing.items()][:MAX_PLANS])


def _decision_values(comparison: Comparison, plans: Mapping[str, Plan]) -> dict[str, float]:
    values = comparison.metrics.reindex(["decision_value_tokens"]).iloc[0]
    return {comparison.labels[run_id]: float(values[run_id]) for run_id in plans}


def _show_comparison(plans: Mapping[str, Plan], decision_values: Mapping[str, float]) -> None:
    comparison = compare_plans(plans, decision_values)
    st.markdown(escape(comparison.summary))
    for reason, names in _refusals(plans).items():
        st.markdown(f"- {escape(', '.join(names))}: {escape(reason)}")
    share = st.column_config.NumberColumn(format="percent")
    decision_value_help = (
        "True effect of the run's prices on token revenue, in tokens per period, computed from the ground truth. "
        "If the prices are withheld because courses compete, a negative value is avoided and a positive value is lost. "
        "Empty without ground truth, or if the plan is refused for its identification."
    )
    columns = {
        **dict.fromkeys(("change", "low", "high"), share),
        "decision value": st.column_config.NumberColumn(
            "Decision value (tokens)", format="%.0f", help=decision_value_help
        ),
    }
    st.dataframe(comparison.runs, hide_index=True, key="compare.worth", height="content", column_config=columns)
    if not comparison.runs["recommends"].any():
        return
    prices = {**dict.fromkeys(plans, share), "today": st.column_config.NumberColumn("Today (tokens)", format="%.1f")}
    st.dataframe(comparison.prices, hide_index=True, key="compare.prices", column_config=prices)


def _refusals(plans: Mapping[str, Plan]) -> dict[str, list[str]]:
    """Return the reasons of refused plans, with the runs of each reason."""
    runs_by_reason: dict[str, list[str]] = {}
    for name, plan in plans.items():
        if plan.refused:
            runs_by_reason.setdefault(" ".join(plan.reasons), []).append(name)
    return runs_by_reason
