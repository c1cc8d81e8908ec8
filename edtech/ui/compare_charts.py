"""Charts of the Compare page, one at a time: which is in the address."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from edtech.charts import compare as charts
from edtech.charts import models
from edtech.data import Dataset
from edtech.errors import EdtechError
from edtech.metrics import Metric, metric
from edtech.pricing.decisions import decisions
from edtech.reports.comparison import axis, metric_pairs, pair_title
from edtech.tracking import Comparison
from edtech.tracking.groups import by_all_but_the_seed, paired
from edtech.tracking.table import columns_of
from edtech.ui import address, resources
from edtech.ui.compare_runs import column_titles
from edtech.ui.widgets import counted, error_panel, plain

ERRORS = ("rmse", "mae", "poisson_deviance", "r2", "elasticity_bias", "fit_seconds")
BUSINESS = ("decision_value_tokens", "revenue_impact", "token_revenue_plan", "token_revenue_predicted")
PREDICTIONS, IMPORTANCE = "evaluation/predictions.csv", "evaluation/feature_importance.csv"
MOST_DECISIONS = 6
MOST_GROUPS = 20
CURVES = {
    "roc": ("ROC", "False positives (share)", "True positives (share)"),
    "calibration": ("Calibration", "Predicted probability", "Observed share"),
}


def show(comparison: Comparison, runs: pd.DataFrame, experiment: str) -> tuple[str, str]:
    """Show the chosen view, and return the two metrics that the report sets against each other."""
    if comparison.metrics.empty:
        st.info("None of these runs logged a metric.", icon=":material/info:")
        return ERRORS[0], BUSINESS[0]
    view = address.selectbox("Look at", list(VIEWS), SCATTER, key="compare.view", help="One chart at a time.")
    if view == SCATTER:
        return _scatter(comparison)
    if view == DECISION:
        _decision(comparison, runs, experiment)
    else:
        VIEWS[view](comparison, runs)
    return _first(comparison, ERRORS), _first(comparison, BUSINESS)


def _first(comparison: Comparison, preferred: tuple[str, ...]) -> str:
    logged = list(comparison.metrics.index)
    return next((name for name in preferred if name in logged), str(logged[0]))


def _known(comparison: Comparison, name: str) -> Metric:
    return comparison.dictionary.get(name, metric(name))


def _choose(
    comparison: Comparison, label: str, preferred: tuple[str, ...], key: str, others: Sequence[str] = ()
) -> str:
    names = list(dict.fromkeys([*map(str, comparison.metrics.index), *others]))
    return address.selectbox(
        label, names, _first(comparison, preferred), key=key,
        help="A metric of the runs, or a numeric parameter." if others else "A metric of the runs.",
        format_func=lambda name: _known(comparison, name).title,
    )  # fmt: skip


def _draw(chart: Any, title: str) -> None:  # noqa: ANN401  # any chart of altair
    """Show a chart; who cannot see it is told its title."""
    st.altair_chart(chart, alt=title)


def _scatter(comparison: Comparison) -> tuple[str, str]:
    st.subheader("Is the most accurate run also the most useful?")
    numbers = comparison.params.apply(_numeric).notna().any(axis=1)
    numeric = [str(name) for name in numbers.index[numbers]]
    x = _choose(comparison, "Across", ERRORS, "compare.x", numeric)
    y = _choose(comparison, "Up", BUSINESS, "compare.y", numeric)
    pairs, across, up = metric_pairs(comparison, x, y), _known(comparison, x), _known(comparison, y)
    title = pair_title(pairs, across, up)
    if len(pairs.replace([np.inf, -np.inf], np.nan).dropna()):
        _draw(models.metric_scatter(pairs, title=title, x_title=axis(across), y_title=axis(up)), title)
    else:
        st.info("None of these runs has both: choose others.", icon=":material/info:")
    return x, y


def _parallel(comparison: Comparison, runs: pd.DataFrame) -> None:
    numbers = [one for one in columns_of(runs, "metrics.", "params.") if _numeric(runs[one]).nunique() > 1]
    titles = column_titles(numbers)
    names = address.multiselect(
        "Axes", numbers, numbers[:6], most=12, key="compare.axes", follows=True,
        format_func=lambda name: titles.get(name, name), help="Metrics and numeric parameters that differ.",
    )  # fmt: skip
    if len(names) < 2:
        st.info("Choose two or more axes that differ between the runs.", icon=":material/info:")
        return
    axes = [titles[name] for name in names]
    frame = (
        runs[names]
        .apply(_numeric)
        .set_axis(axes, axis=1)
        .assign(run=[comparison.labels[one] for one in runs["run_id"]])
    )
    if frame.dropna().empty:
        st.info("No run has a number on each of these axes: leave some out.", icon=":material/info:")
        return
    _draw(charts.parallel(frame, axes, title="Each line is a run", color=axes[-1]), "Each line is a run")


def _numeric(column: pd.Series) -> pd.Series:
    return pd.to_numeric(column, errors="coerce")


def _boxes(comparison: Comparison, runs: pd.DataFrame) -> None:
    name = _choose(comparison, "Metric", ERRORS, "compare.box.metric")
    groups = [one for one in columns_of(runs, "params.", "tags.") if 1 < runs[one].nunique() <= MOST_GROUPS]
    if not groups:
        st.info("These runs do not differ in a parameter or tag with a few values.", icon=":material/info:")
        return
    titles = column_titles(groups)
    group = address.selectbox("By", groups, groups[0], key="compare.box.group", help="A parameter or tag.",
                              format_func=lambda name: titles.get(name, name))  # fmt: skip
    known = _known(comparison, name)
    frame = pd.DataFrame({"group": runs[group].fillna("-"), "value": runs[f"metrics.{name}"]})
    title = f"{known.title} by {group.partition('.')[2]}"
    _draw(charts.box(frame, title=title, y_title=axis(known)), title)


def _history(comparison: Comparison, runs: pd.DataFrame) -> None:
    name = _choose(comparison, "Metric", ERRORS, "compare.history.metric")
    frame = resources.metric_history(tuple(runs["run_id"]), name)
    if frame.groupby("run_id").size().max() < 2:
        st.info("It was logged once in each run, so it has no history.", icon=":material/info:")
        return
    frame = frame.assign(run=frame["run_id"].map(comparison.labels), x=frame["step"], y=frame["value"])
    title = f"{_known(comparison, name).title} as it was logged"
    _draw(charts.lines(frame, title=title, x_title="Step", y_title=axis(_known(comparison, name))), title)


def _over_time(comparison: Comparison, runs: pd.DataFrame) -> None:
    name = _choose(comparison, "Metric", ERRORS, "compare.time.metric")
    group = runs["params.algorithm"].fillna("-") if "params.algorithm" in runs else pd.Series("all", index=runs.index)
    started = runs["started"].dt.tz_convert(None)
    frame = pd.DataFrame({"time": started, "value": runs[f"metrics.{name}"], "group": group, "run": runs["name"]})
    title = f"{_known(comparison, name).title} over training time by algorithm"
    _draw(charts.over_time(frame, title=title, y_title=axis(_known(comparison, name))), title)


def _groups(comparison: Comparison, runs: pd.DataFrame) -> None:
    name = _choose(comparison, "Metric", ERRORS, "compare.group.metric")
    frame = by_all_but_the_seed(runs, name)
    title = f"Mean {_known(comparison, name).title} over seeds, with its 95 % interval"
    _draw(charts.interval_rows(frame, title=title, x_title=axis(_known(comparison, name))), title)
    st.dataframe(frame, hide_index=True, key="compare.groups", height="content")


def _pair(comparison: Comparison, runs: pd.DataFrame) -> None:
    others = [one for one in runs["run_id"] if one != comparison.baseline]
    if comparison.baseline is None or not others:
        st.info("Choose a second run to compare with the baseline.", icon=":material/info:")
        return
    other = address.selectbox("Second run", others, others[0], format_func=comparison.labels.__getitem__,
                              key="compare.pair", help="The first is the baseline.")  # fmt: skip
    found = paired(*(_table(one, PREDICTIONS) for one in (comparison.baseline, other)))
    st.metric(
        "Mean absolute error, second minus first", f"{found.difference:+.4g} pieces", border=True,
        help="On the same later rows; below 0 the second run is off by less. The interval counts each unit once.",
    )  # fmt: skip
    st.markdown(f"{plain(found.words)} 95 % interval {found.low:+.4g} to {found.high:+.4g}.")


def _importance(comparison: Comparison, runs: pd.DataFrame) -> None:
    parts = []
    for run_id in runs["run_id"].head(8):
        if IMPORTANCE in resources.artifacts(run_id):
            table = _table(run_id, IMPORTANCE)
            total = table["importance"].clip(lower=0).sum() or 1.0
            parts.append(table.assign(run=comparison.labels[run_id], share=table["importance"].clip(lower=0) / total))
    if not parts:
        st.info("None of these runs logged the importance of its features.", icon=":material/info:")
        return
    title = "What predictions lean on, run by run; that is no effect"
    _draw(charts.importance_side_by_side(pd.concat(parts), title=title), title)


def _curves(comparison: Comparison, runs: pd.DataFrame) -> None:
    kind = address.selectbox("Curve", list(CURVES), "roc", key="compare.curve",
                             format_func=lambda one: CURVES[one][0], help="Of classifiers.")  # fmt: skip
    parts = []
    for run_id in runs["run_id"].head(8):
        for path in resources.artifacts(run_id):
            if path.endswith(".csv") and kind in path.rpartition("/")[2]:
                table = _table(run_id, path)
                x, y = table.columns[:2]
                parts.append(pd.DataFrame({"x": table[x], "y": table[y], "run": comparison.labels[run_id]}))
    if not parts:
        st.info(f"None of these runs logged a table of its {CURVES[kind][0]}: only classifiers do.")
        return
    name, x_title, y_title = CURVES[kind]
    title = f"{name} of {counted(len(parts), 'run')}; the dashed line is {EQUAL[kind]}"
    _draw(charts.lines(pd.concat(parts), title=title, x_title=x_title, y_title=y_title, equal=True), title)


def _images(comparison: Comparison, runs: pd.DataFrame) -> None:
    paths = {
        one: [path for path in resources.artifacts(one) if path.endswith(".png")] for one in runs["run_id"].head(6)
    }
    names = sorted({path for found in paths.values() for path in found})
    if not names:
        st.info("None of these runs logged a picture.", icon=":material/info:")
        return
    name = address.selectbox("Picture", names, names[0], key="compare.image", help="The same file of each run.")
    columns = st.columns(min(3, len(paths)))
    for place, (run_id, found) in enumerate(paths.items()):
        with columns[place % len(columns)]:
            st.text(comparison.labels[run_id])
            if name in found:
                st.image(resources.artifact(run_id, name), alt=f"{name} of {comparison.labels[run_id]}")
            else:
                st.caption("not logged")


def _table(run_id: str, path: str) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(resources.artifact(run_id, path)))


def _dataset_of(comparison: Comparison, runs: pd.DataFrame) -> Dataset | None:
    """Return the stored data set of the baseline, else of the first run whose data set is stored."""
    stored = {one.digest: one for one in resources.catalogue().list()}
    digests = runs.set_index("run_id").reindex(columns=["tags.dataset_digest"])["tags.dataset_digest"]
    wanted = [digests.get(str(comparison.baseline)), *digests]
    return next((stored[digest] for digest in wanted if digest in stored), None)


def _decision(comparison: Comparison, runs: pd.DataFrame, experiment: str) -> None:
    st.subheader("Would the decision change?")
    dataset = _dataset_of(comparison, runs)
    if dataset is None:
        st.info("The data sets that these runs were trained on are not stored here.", icon=":material/info:")
        return
    own = runs[runs["tags.dataset_digest"] == dataset.digest]
    left_out = len(runs) - min(len(own), MOST_DECISIONS)
    more = f" {counted(left_out, 'run')} left out: of other data, or more than {MOST_DECISIONS}." if left_out else ""
    st.caption(f"Prices of {plain(dataset.name)}.{more}")
    plans, judged = {}, {}
    for run_id in own["run_id"].head(MOST_DECISIONS):
        try:
            plans[comparison.labels[run_id]] = resources.plan(run_id, experiment, dataset.id)
        except EdtechError as error:
            error_panel(error)
            continue
        if "decision_value_tokens" in comparison.metrics.index:
            judged[comparison.labels[run_id]] = float(comparison.metrics.loc["decision_value_tokens", run_id])
    if not plans:
        return
    found = decisions(plans, judged)
    st.markdown(plain(found.words))
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


EQUAL = {"roc": "chance", "calibration": "what is predicted coming true"}
SCATTER, DECISION = "One metric against another", "Would the decision change?"
VIEWS: dict[str, Callable[..., object]] = {
    SCATTER: _scatter,
    DECISION: _decision,
    "Parallel coordinates": _parallel,
    "Boxes by group": _boxes,
    "Means over seeds": _groups,
    "Two runs on the same rows": _pair,
    "History of a metric": _history,
    "A metric over training time": _over_time,
    "Importance side by side": _importance,
    "ROC and calibration": _curves,
    "Pictures side by side": _images,
}
