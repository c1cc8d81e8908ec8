"""Would the decision change? The plans of the chosen runs side by side on the Compare page."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from edtech.data import Dataset
from edtech.errors import EdtechError
from edtech.pricing import Plan
from edtech.pricing.plan_comparison import decisions
from edtech.tables.values import listed
from edtech.tables.words import counted
from edtech.tracking import Comparison
from edtech.ui.cache import answer_cache, services
from edtech.ui.run_tables import runs_on_dataset
from edtech.ui.widgets import error_panel, escape

MOST = 6
TRIED = 20
DEMAND = "token_elasticity"
TITLE = "Would the decision change?"


def show(comparison: Comparison, runs: pd.DataFrame, experiment: str) -> None:
    """Show what the runs recommend for the data set of the baseline, those that recommend prices first."""
    st.subheader(TITLE)
    dataset = _dataset_of(comparison, runs)
    if dataset is None:
        gone = set(runs.reindex(columns=["tags.dataset_digest"])["tags.dataset_digest"])
        back = [one.name for one in services.catalogue().list(deleted=True) if one.digest in gone]
        more = f" Restore on the Data page: {escape(listed(back))}." if back else ""
        st.info(f"The data sets that these runs were trained on are not stored here.{more}", icon=":material/info:")
        return
    asked = _asked(runs_on_dataset(runs, dataset.digest))
    if not asked:
        st.info("None of these runs is a model of demand, so none recommends prices.", icon=":material/info:")
        return
    plans = _plans(asked, experiment, dataset.id)
    left_out = len(runs) - len(plans)
    more = (
        f" {counted(left_out, 'run')} left out: of other data, no models of demand, or more than {MOST}; those that "
        "recommend prices come first."
    )
    st.caption(f"Prices of {escape(dataset.name)}.{more if left_out else ''}")
    if plans:
        _lay_out({comparison.labels[one]: plan for one, plan in plans.items()}, _judged(comparison, plans))


def _dataset_of(comparison: Comparison, runs: pd.DataFrame) -> Dataset | None:
    """Return the stored data set of the baseline, else of the first run whose data set is stored."""
    stored = {one.digest: one for one in services.catalogue().list()}
    digests = runs.set_index("run_id").reindex(columns=["tags.dataset_digest"])["tags.dataset_digest"]
    wanted = [digests.get(str(comparison.baseline)), *digests]
    return next((stored[digest] for digest in wanted if digest in stored), None)


def _asked(runs: pd.DataFrame) -> list[str]:
    """Return the runs to ask for a plan: models of demand, first those that were not refused one when trained."""
    tags = runs.reindex(columns=["tags.model_type", "tags.plan"])
    demand = runs[(tags["tags.model_type"] == DEMAND) & (runs["kind"] == "training")]
    refused = demand.reindex(columns=["tags.plan"])["tags.plan"] == "refused"
    return [*demand["run_id"][~refused], *demand["run_id"][refused]][:TRIED]


def _plans(run_ids: list[str], experiment: str, dataset_id: str) -> dict[str, Plan]:
    """Return the plans of at most MOST runs, by id: those that recommend prices before those that refuse."""
    given: dict[str, Plan] = {}
    refusing: dict[str, Plan] = {}
    for run_id in run_ids:
        if len(given) == MOST:
            break
        try:
            plan = answer_cache.plan(run_id, experiment, dataset_id)
        except EdtechError as error:
            error_panel(error)
            continue
        (refusing if plan.refused else given)[run_id] = plan
    return dict([*given.items(), *refusing.items()][:MOST])


def _judged(comparison: Comparison, plans: Mapping[str, Plan]) -> dict[str, float]:
    values = comparison.metrics.reindex(["decision_value_tokens"]).iloc[0]
    return {comparison.labels[one]: float(values[one]) for one in plans}


def _lay_out(plans: Mapping[str, Plan], judged: Mapping[str, float]) -> None:
    found = decisions(plans, judged)
    st.markdown(escape(found.words))
    for words, names in _refusals(plans).items():
        st.markdown(f"- {escape(', '.join(names))}: {escape(words)}")
    share = st.column_config.NumberColumn(format="percent")
    judged_help = (
        "What following the prices that the run found would truly bring, in tokens per period. Where they are withheld "
        "because courses compete, a negative value is what withholding saves, a positive one what it gives up. Judged "
        "by the known truth; empty where nobody can, and where the run refuses for its identification."
    )
    worth = {
        **dict.fromkeys(("change", "low", "high"), share),
        "decision value": st.column_config.NumberColumn("Decision value (tokens)", format="%.0f", help=judged_help),
    }
    st.dataframe(found.worth, hide_index=True, key="compare.worth", height="content", column_config=worth)
    if not found.worth["recommends"].any():
        return
    prices = {**dict.fromkeys(plans, share), "today": st.column_config.NumberColumn("Today (tokens)", format="%.1f")}
    st.dataframe(found.prices, hide_index=True, key="compare.prices", column_config=prices)


def _refusals(plans: Mapping[str, Plan]) -> dict[str, list[str]]:
    """Return why prices are refused, with the runs that refuse for it."""
    found: dict[str, list[str]] = {}
    for name, plan in plans.items():
        if plan.refused:
            found.setdefault(" ".join(plan.reasons), []).append(name)
    return found
