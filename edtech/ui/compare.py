"""Parts of the Compare page."""

import pandas as pd
import streamlit as st

from edtech.charts import models as charts
from edtech.metrics import METRICS, metric
from edtech.reports.comparison import KINDS, metric_pairs, metric_table, pair_title, param_table
from edtech.tracking import Comparison, compare_runs
from edtech.ui import resources
from edtech.ui.widgets import plain

ERRORS = ("rmse", "mae", "poisson_deviance", "r2", "elasticity_bias", "fit_seconds")
BUSINESS = ("decision_value_tokens", "revenue_impact", "token_revenue_plan", "token_revenue_predicted")
MOST = 50


def choose_runs(experiment: str) -> pd.DataFrame:
    """Let the user choose runs of the experiment; the newest are chosen at first."""
    runs = resources.run_table(experiment)
    if runs.empty:
        return runs
    names = resources.run_labels(runs)
    newest = runs
    if "tags.dataset_digest" in runs:
        newest = runs[runs["tags.dataset_digest"] == runs["tags.dataset_digest"].iloc[0]]
    chosen = st.multiselect(
        f"Runs ({len(runs):,} in this experiment)", list(names), newest["run_id"].head(6).tolist(), max_selections=MOST,
        format_func=names.__getitem__, key=f"compare.runs.{experiment}", help="Finished trainings, newest first.",
    )  # fmt: skip
    return runs[runs["run_id"].isin(chosen)]


def settle(runs: pd.DataFrame) -> Comparison:
    """Ask for the baseline and whether to rank runs on different data, and compare."""
    if len(runs) == 1:
        st.info("Choose a second run above to compare this one with.", icon=":material/compare_arrows:")
    names = dict(zip(runs["run_id"], runs["name"], strict=True))
    baseline = st.selectbox(
        "Baseline", list(names), index=len(names) - 1, format_func=names.__getitem__, key="compare.baseline",
        help="Differences in brackets are against this run.",
    )  # fmt: skip
    found = compare_runs(runs, baseline=baseline)
    if found.same_data:
        return found
    st.warning(plain(found.warning), icon=":material/warning:")
    ranked = st.toggle(
        "Rank them all the same", False, key="compare.rank", help="Errors on different data do not compare."
    )
    return compare_runs(runs, baseline=baseline, rank_across_data=ranked) if ranked else found


def show_tables(comparison: Comparison) -> None:
    """Show parameters that differ and the metrics by kind."""
    st.subheader("Parameters that differ")
    differing = param_table(comparison)
    if differing.empty:
        st.caption("None: these runs have the same parameters.")
    else:
        st.dataframe(differing, hide_index=True, key="compare.params", height="content")
    for kind, title in KINDS:
        table = metric_table(comparison, kind)
        if table.empty:
            continue
        st.subheader(title)
        st.caption("★ marks the best by each metric's direction; differences against the baseline stand in brackets.")
        st.dataframe(table, hide_index=True, key=f"compare.{kind}", height="content")
    with st.expander("What the metrics mean"):
        for name in comparison.metrics.index:
            st.markdown(f"**{plain(metric(name).title)}**: {plain(metric(name).help)}")


def show_scatter(comparison: Comparison) -> tuple[str, str]:
    """Draw one metric against another and return their names."""
    st.subheader("Is the most accurate run also the most useful?")
    logged = [name for name in comparison.metrics.index if name in METRICS]
    x = _metric_choice("Across", logged, ERRORS, "compare.x")
    y = _metric_choice("Up", logged, BUSINESS, "compare.y")
    pairs = metric_pairs(comparison, x, y)
    title = pair_title(pairs, x, y)
    if len(pairs.dropna()):
        st.altair_chart(
            charts.metric_scatter(pairs, title=title, x_title=_axis(x), y_title=_axis(y)),
            alt=f"{metric(y).title} against {metric(x).title} of each run. {title}",
        )  # fmt: skip
    else:
        st.info("None of these runs has both metrics: choose others.", icon=":material/info:")
    return x, y


def _metric_choice(label: str, logged: list[str], preferred: tuple[str, ...], key: str) -> str:
    first = next((name for name in preferred if name in logged), logged[0])
    return st.selectbox(label, logged, index=logged.index(first), format_func=lambda one: metric(one).title, key=key,
                        help="A metric of the runs.")  # fmt: skip


def _axis(name: str) -> str:
    known = metric(name)
    return f"{known.title} ({known.unit})" if known.unit else known.title
