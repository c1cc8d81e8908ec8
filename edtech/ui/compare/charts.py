"""Charts of the Compare page, one at a time; the address holds the selected view."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from edtech.charts import compare as charts
from edtech.charts import models
from edtech.metrics import Metric, metric
from edtech.reports.comparison import axis_title, metric_pairs, pair_title
from edtech.tracking import Comparison
from edtech.tracking.comparison_statistics import mean_over_seeds
from edtech.tracking.registry_requirements import DECISION_VALUE_METRICS
from edtech.tracking.run_query import columns_with_prefix, informative_columns
from edtech.ui import url_state
from edtech.ui.cache import run_cache
from edtech.ui.compare import decisions, file_charts
from edtech.ui.compare.run_table import column_titles
from edtech.ui.run_tables import titled
from edtech.ui.widgets import show_errors

ERRORS = (
    "rmse",
    "mae",
    "poisson_deviance",
    "r2",
    "elasticity_bias",
    "rating_rmse",
    "log_loss",
    "integrated_brier",
    "fit_seconds",
)
BUSINESS = (*DECISION_VALUE_METRICS, "revenue_impact", "token_revenue_plan", "token_revenue_predicted")
MAX_GROUPS = 20


def show(comparison: Comparison, runs: pd.DataFrame, experiment: str) -> tuple[str, str]:
    """Show the selected view, and return the x and y metric of the report's scatter plot."""
    if comparison.metrics.empty:
        st.info("None of these runs logged a metric.", icon=":material/info:")
        return ERRORS[0], BUSINESS[0]
    view = url_state.selectbox(
        "View", list(VIEWS), SCATTER, key="compare.view", aliases=OLD_VIEWS, help="Shows one chart at a time."
    )
    if view == SCATTER:
        return _scatter(comparison)
    with show_errors():
        if view == DECISION:
            decisions.show(comparison, runs, experiment)
        else:
            VIEWS[view](comparison, titled(runs))
    return _first_logged(comparison, ERRORS), _first_logged(comparison, BUSINESS)


def _first_logged(comparison: Comparison, preferred: tuple[str, ...]) -> str:
    logged = list(comparison.metrics.index)
    return next((name for name in preferred if name in logged), str(logged[0]))


def _metric(comparison: Comparison, name: str) -> Metric:
    return comparison.dictionary.get(name, metric(name))


def _choose(
    comparison: Comparison, label: str, preferred: tuple[str, ...], key: str, others: Sequence[str] = ()
) -> str:
    names = list(dict.fromkeys([*map(str, comparison.metrics.index), *others]))
    return url_state.selectbox(
        label,
        names,
        _first_logged(comparison, preferred),
        key=key,
        follows=True,
        help="A metric of the runs, or a numeric parameter." if others else "A metric of the runs.",
        format_func=lambda name: _metric(comparison, name).title,
    )


def _show_chart(chart: Any, title: str) -> None:  # noqa: ANN401  # any chart of altair
    """Show a chart with its title as alternative text."""
    st.altair_chart(chart, alt=title)


def _scatter(comparison: Comparison) -> tuple[str, str]:
    st.subheader("Error versus value")
    numbers = comparison.params.apply(_numeric).notna().any(axis=1)
    numeric = [str(name) for name in numbers.index[numbers]]
    x = _choose(comparison, "X axis", ERRORS, "compare.x", numeric)
    y = _choose(comparison, "Y axis", BUSINESS, "compare.y", numeric)
    pairs, x_metric, y_metric = metric_pairs(comparison, x, y), _metric(comparison, x), _metric(comparison, y)
    title = pair_title(pairs, x_metric, y_metric)
    if len(pairs.replace([np.inf, -np.inf], np.nan).dropna()):
        _show_chart(
            models.metric_scatter(pairs, title=title, x_title=axis_title(x_metric), y_title=axis_title(y_metric)), title
        )
    else:
        st.info("No run has both values. Choose another metric.", icon=":material/info:")
    return x, y


def _parallel(comparison: Comparison, runs: pd.DataFrame) -> None:
    varying = [column for column in informative_columns(runs) if column.startswith(("metrics.", "params."))]
    numbers = [column for column in varying if _numeric(runs[column]).nunique() > 1]
    whole = [column for column in numbers if np.isfinite(_numeric(runs[column])).all()]
    titles = _axis_titles(comparison, numbers)
    names = url_state.multiselect(
        "Axes",
        numbers,
        (whole if len(whole) > 1 else numbers)[:6],
        max_selections=12,
        key="compare.axes",
        follows=True,
        format_func=lambda name: titles.get(name, name),
        help="Metrics and numeric parameters that differ.",
    )
    if len(names) < 2:
        st.info("Choose at least two axes that differ between the runs.", icon=":material/info:")
        return
    axes, labels = [titles[name] for name in names], [comparison.labels[run_id] for run_id in runs["run_id"]]
    frame = runs[names].apply(_numeric).set_axis(axes, axis=1).assign(run=labels)
    if frame.replace([np.inf, -np.inf], np.nan).dropna().empty:
        st.info("No run has a value on every axis. Remove an axis.", icon=":material/info:")
        return
    _show_chart(charts.parallel(frame, axes, title="Each line is a run"), "Each line is a run")


def _axis_titles(comparison: Comparison, names: Sequence[str]) -> dict[str, str]:
    """Return the title of each metric and the name of each parameter, with its key if two titles are equal."""
    keys = {name: name.partition(".")[2] for name in names}
    titles = {
        name: _metric(comparison, key).title if name.startswith("metrics.") else key for name, key in keys.items()
    }
    often = Counter([*titles.values(), "run"])
    return {name: f"{title} ({name})" if often[title] > 1 else title for name, title in titles.items()}


def _numeric(column: pd.Series) -> pd.Series:
    return pd.to_numeric(column, errors="coerce")


def _boxes(comparison: Comparison, runs: pd.DataFrame) -> None:
    name = _choose(comparison, "Metric", ERRORS, "compare.box.metric")
    groups = [
        column for column in columns_with_prefix(runs, "params.", "tags.") if 1 < runs[column].nunique() <= MAX_GROUPS
    ]
    if not groups:
        st.info("These runs share all parameters and tags with few values.", icon=":material/info:")
        return
    titles = column_titles(groups)
    group = url_state.selectbox(
        "By",
        groups,
        groups[0],
        key="compare.box.group",
        help="A parameter or tag.",
        format_func=lambda name: titles.get(name, name),
    )
    definition = _metric(comparison, name)
    frame = pd.DataFrame({"group": runs[group].fillna("-"), "value": runs[f"metrics.{name}"]})
    title = f"{definition.title} by {group.partition('.')[2]}"
    _show_chart(charts.box(frame, title=title, y_title=axis_title(definition)), title)


def _history(comparison: Comparison, runs: pd.DataFrame) -> None:
    name = _choose(comparison, "Metric", ERRORS, "compare.history.metric")
    frame = run_cache.metric_history(tuple(runs["run_id"]), name)
    if frame.groupby("run_id").size().max() < 2:
        st.info("Each run logged this metric once, so it has no history.", icon=":material/info:")
        return
    frame = frame.assign(run=frame["run_id"].map(comparison.labels), x=frame["step"], y=frame["value"])
    title = f"{_metric(comparison, name).title} by step"
    _show_chart(charts.lines(frame, title=title, x_title="Step", y_title=axis_title(_metric(comparison, name))), title)


def _over_time(comparison: Comparison, runs: pd.DataFrame) -> None:
    name = _choose(comparison, "Metric", ERRORS, "compare.time.metric")
    group = runs["params.algorithm"].fillna("-") if "params.algorithm" in runs else pd.Series("all", index=runs.index)
    started = runs["started"].dt.tz_convert(None)
    frame = pd.DataFrame({"time": started, "value": runs[f"metrics.{name}"], "group": group, "run": runs["name"]})
    title = f"{_metric(comparison, name).title} over training time by algorithm"
    _show_chart(charts.over_time(frame, title=title, y_title=axis_title(_metric(comparison, name))), title)


def _groups(comparison: Comparison, runs: pd.DataFrame) -> None:
    name = _choose(comparison, "Metric", ERRORS, "compare.group.metric")
    frame = mean_over_seeds(runs, name)
    title = f"Mean {_metric(comparison, name).title} over seeds with 95% interval"
    _show_chart(charts.interval_rows(frame, title=title, x_title=axis_title(_metric(comparison, name))), title)
    st.dataframe(frame, hide_index=True, key="compare.groups", height="content")


SCATTER, DECISION = "Metric by metric", decisions.TITLE
VIEWS: dict[str, Callable[..., object]] = {
    SCATTER: _scatter,
    DECISION: decisions.show,
    "Parallel coordinates": _parallel,
    "Box plot": _boxes,
    "Mean over seeds": _groups,
    "Paired errors": file_charts.pair,
    "Metric history": _history,
    "Metric over time": _over_time,
    "Feature importance": file_charts.importance,
    "ROC and calibration": file_charts.curves,
    "Pictures": file_charts.images,
}
OLD_VIEWS = {
    "One metric against another": SCATTER,
    "Would the decision change?": DECISION,
    "Boxes by group": "Box plot",
    "Means over seeds": "Mean over seeds",
    "Two runs on the same rows": "Paired errors",
    "History of a metric": "Metric history",
    "A metric over training time": "Metric over time",
    "Importance side by side": "Feature importance",
    "Pictures side by side": "Pictures",
}
"""Names of views in links of version 0.1."""
