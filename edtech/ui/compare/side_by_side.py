"""Comparison of the selected runs: parameters, tags, metrics and their definitions."""

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from edtech.metrics import METRICS, Metric
from edtech.reports.comparison import BAD, GOOD, KINDS, metric_table, param_table, tag_table
from edtech.tracking import Comparison, compare_runs
from edtech.tracking.metric_definitions import MetricDefinition, define_metrics
from edtech.tracking.registry_requirements import DECISION_VALUE_METRICS
from edtech.ui import run_tables, url_state
from edtech.ui.cache import services
from edtech.ui.models import registry
from edtech.ui.widgets import escape, show_errors

_FIRST = st.column_config.Column(pinned=True, width=220)
COLORS = {GOOD: "background-color: rgba(0, 158, 115, .22)", BAD: "background-color: rgba(213, 94, 0, .22)"}


def choose_baseline(runs: pd.DataFrame) -> Comparison:
    """Show the choice of baseline, and compare the runs; ranking across different data is optional."""
    if len(runs) == 1:
        st.info("Choose a second run above to compare.", icon=":material/compare_arrows:")
    names = run_tables.run_labels(runs)
    baseline = url_state.selectbox(
        "Baseline",
        list(names),
        list(names)[-1],
        key="compare.baseline",
        format_func=names.__getitem__,
        help="Differences in parentheses are relative to this run.",
    )
    runs = run_tables.titled(runs)
    meanings = define_metrics(runs, services.metric_definitions().load())
    comparison = compare_runs(runs, meanings, baseline)
    if comparison.same_data:
        return comparison
    st.warning(escape(comparison.warning), icon=":material/warning:")
    ranked = url_state.toggle("Rank anyway", key="compare.rank", help="Errors on different data are not comparable.")
    return compare_runs(runs, meanings, baseline, rank_across_data=ranked) if ranked else comparison


def show_tables(comparison: Comparison) -> None:
    """Show different parameters and tags, and the metrics by kind."""
    every = url_state.toggle(
        "Show identical rows", key="compare.every", help="Shows all parameters and tags, not only those that differ."
    )
    for name, table in (("Parameters", param_table(comparison, every)), ("Tags", tag_table(comparison, every))):
        st.subheader(name if every else f"Different {name.lower()}")
        if table.empty:
            st.caption("None.")
        else:
            st.dataframe(
                table,
                hide_index=True,
                key=f"compare.{name.lower()}",
                height="content",
                column_config={table.columns[0]: _FIRST},
            )
    for kind, title in KINDS:
        table = metric_table(comparison, kind)
        if table.empty:
            continue
        st.subheader(title)
        st.caption(
            r"★ best value; \[low, high\] 95% interval, if any; (+difference) from the baseline, ✓ better, ✗ worse. "
            "Each metric's direction defines better."
        )
        st.dataframe(
            _colored(table), hide_index=True, key=f"compare.{kind}", height="content", column_config={"metric": _FIRST}
        )
    _meanings(comparison)


def register_run(comparison: Comparison) -> None:
    """Show the registration of a run with its checks; the run with the highest decision value comes first."""
    if not st.toggle(
        "Register a run",
        key="compare.registering",
        help="Shows the checks for registration and for promotion to champion.",
    ):
        return
    best = next((comparison.best[name][0] for name in DECISION_VALUE_METRICS if comparison.best.get(name)), None)
    names = list(comparison.labels)
    run_id = st.selectbox(
        "Run to register",
        names,
        names.index(best) if best else 0,
        key="compare.registered",
        format_func=comparison.labels.__getitem__,
        help="The run with the highest decision value comes first.",
    )
    with show_errors():
        registry.register(run_id, "compare.register")


def _colored(table: pd.DataFrame) -> Styler:
    return table.style.map(lambda text: next((color for sign, color in COLORS.items() if f"{sign})" in str(text)), ""))


def _meanings(comparison: Comparison) -> None:
    definitions = [comparison.dictionary[name] for name in comparison.metrics.index]
    with st.expander("Metric definitions"):
        for metric in definitions:
            st.markdown(f"**{escape(metric.title)}**: {escape(metric.help)}")
    foreign = [metric for metric in definitions if metric.name not in METRICS]
    if foreign:
        with st.expander(f"{len(foreign)} unknown metrics: set direction and unit"), show_errors():
            _define(foreign)


def _define(foreign: list[Metric]) -> None:
    names = {metric.name: metric for metric in foreign}
    name = st.selectbox(
        "Metric", list(names), key="compare.say.name", help="Direction and unit are guesses from name and values."
    )
    metric = names[name]
    st.text(f"Current: {metric.direction}, unit {metric.unit or 'none'}. {metric.help}")
    left, right = st.columns(2)
    directions = ("higher", "lower", "zero", "none")
    direction = left.selectbox(
        "Better direction", directions, directions.index(metric.direction), key=f"compare.say.direction.{name}"
    )
    unit = right.text_input("Unit", metric.unit, max_chars=60, key=f"compare.say.unit.{name}")
    if st.button("Save", key="compare.say.keep", icon=":material/save:"):
        services.metric_definitions().save(name, MetricDefinition(direction=direction, unit=unit))
        st.rerun()
