"""The result of a what-if: run, metrics, revenue curve, and the evidence behind them."""

import pandas as pd
import streamlit as st

from edtech.charts import pricing as charts
from edtech.data import Dataset
from edtech.data.summary import panel_labels
from edtech.pricing import WhatIf, WhatIfAnswer, WhatIfQuestion, answer_question
from edtech.pricing.tables import LABELS, curve_title, effect_rows
from edtech.pricing.trust_card import other_elasticities
from edtech.pricing.what_ifs import NO_SUBSTITUTION, SUBSTITUTION
from edtech.tables.formatting import format_change
from edtech.ui import run_tables
from edtech.ui.cache import answer_cache, run_cache, services
from edtech.ui.findings import show_checks
from edtech.ui.pricing import price_inputs
from edtech.ui.state import Key, address_names_unknown, get
from edtech.ui.widgets import escape, format_number, page_link, shared_selectbox

COLUMNS = 3


def choose_run(dataset: Dataset, experiment: str) -> str | None:
    """Show the choice of a run trained on this data set and return its id, or None without runs."""
    runs = run_cache.demand_runs(experiment, dataset.digest)
    if runs.empty:
        return None
    ids = runs["run_id"].tolist()
    names = run_tables.run_labels(runs)
    if address_names_unknown(Key.PRICING_RUN, ids):
        st.warning("The address names a run that does not exist here. Another run is used.", icon=":material/link_off:")
    requested_run = get(Key.PRICING_RUN)
    current = requested_run if requested_run is not None and requested_run in ids else _default_run(runs, dataset)
    return shared_selectbox(
        "Run",
        ids,
        current,
        Key.PRICING_RUN,
        key=price_inputs.widget_key(dataset, "run"),
        format_func=names.__getitem__,
        help="The trained model behind the result. Only runs on the selected data set are listed.",
    )


def _default_run(runs: pd.DataFrame, dataset: Dataset) -> str:
    """Return the champion if it is among the runs, else the preferred run; sliders do not query the registry again."""
    champion = services.registry().champion_run_id("token_elasticity", dataset.digest)
    return champion if champion is not None and champion in set(runs["run_id"]) else _preferred_run(runs)


def _preferred_run(runs: pd.DataFrame) -> str:
    """Return the newest run with substitution, else with unit effects, else the newest run."""
    if "tags.algorithm" in runs:
        for algorithm in ("choice_logit", "fixed_effects"):
            matches = runs.loc[runs["tags.algorithm"] == algorithm, "run_id"]
            if len(matches):
                return str(matches.iloc[0])
    return str(runs["run_id"].iloc[0])


def answer_inputs(run_id: str, experiment: str, dataset: Dataset) -> WhatIfAnswer:
    """Show the inputs of a what-if and compute its result."""
    model = answer_cache.pricing_model(run_id, experiment, dataset.id)
    scenario = price_inputs.show_inputs(run_id, dataset, model.response, model.attributes)
    return answer_question(WhatIfQuestion(scenario), model)


def logged_decision_value(run_id: str, experiment: str) -> float | None:
    """Return the decision value that the run logged, or None if it could not be evaluated."""
    runs = run_cache.run_table(experiment).set_index("run_id")
    value = runs["metrics.decision_value_tokens"].get(run_id) if "metrics.decision_value_tokens" in runs else None
    return None if value is None or value != value else float(value)  # NaN is not equal to itself


def show_answer(displayed: WhatIfAnswer) -> None:
    """Show the metrics with their intervals, and the conditions they depend on."""
    outcome = displayed.outcome
    moved = _prices_changed(outcome)
    names = list(outcome.effects)
    for start in range(0, len(names), COLUMNS):
        for column, name in zip(st.columns(COLUMNS), names[start : start + COLUMNS], strict=False):
            with column:
                _metric(name, outcome, moved)
    _warn(displayed)
    if not moved:
        st.caption("Move a slider to see the expected effect of a price change.")
        return
    title = f"Token revenue changes by {format_change(outcome.token_revenue.change)}"
    st.altair_chart(charts.effect_bars(effect_rows(outcome), title=title), alt=title)


def _prices_changed(outcome: WhatIf) -> bool:
    return any(abs(effect.change) > 1e-12 for effect in outcome.effects.values())


def _metric(name: str, outcome: WhatIf, moved: bool) -> None:
    title, unit, help = LABELS[name]
    effect = outcome.effects[name]
    change = format_change(effect.change) if moved else None
    st.metric(title, format_number(effect.planned), change, help=f"{help} In {unit}.", border=True)
    difference = effect.planned - effect.today
    more = f"; {'+' if difference > 0 else ''}{format_number(difference)}" if moved else ""
    st.caption(f"today {format_number(effect.today)} {unit}{more}")
    if not moved:
        return
    if effect.low is None:
        st.caption("no confidence interval")
        return
    st.caption(f"95%: {format_change(effect.low)} to {format_change(effect.high)}")
    st.caption(f"80%: {format_change(effect.low_80)} to {format_change(effect.high_80)}")


def _warn(displayed: WhatIfAnswer) -> None:
    outcome = displayed.outcome
    for reason in outcome.reasons:
        st.warning(escape(reason), icon=":material/block:" if outcome.refused else ":material/warning:")
    if displayed.response.covariance is None:
        st.info(escape(displayed.response.result.elasticity.note), icon=":material/info:")
    st.info(NO_SUBSTITUTION if outcome.assumes_no_substitution else SUBSTITUTION, icon=":material/info:")
    if outcome.own_effect is not None and outcome.substitution_effect is not None and _prices_changed(outcome):
        st.markdown(
            f"If each price changed alone, token revenue would change by **{format_number(outcome.own_effect)} tokens "
            "per period** in total. Substitution between courses adds "
            f"**{format_number(outcome.substitution_effect)}**."
        )


def show_curve(displayed: WhatIfAnswer, dataset: Dataset) -> None:
    """Draw revenue and demand over a common change of the changed prices, or of all prices."""
    curve, may_recommend = displayed.curve, not displayed.outcome.refused
    st.subheader("Revenue and demand")
    scope = "The changed prices" if _prices_changed(displayed.outcome) else "All prices"
    randomized = curve.randomized_support
    random = (
        ""
        if randomized is None
        else f" Randomized prices: {format_change(randomized[0])} to {format_change(randomized[1])}."
    )
    st.caption(f"{scope} change together. The shaded range holds the observed prices.{random}")
    figure = charts.revenue_curve(
        curve.points,
        peak=curve.peak if may_recommend else None,
        support=curve.support,
        title=curve_title(curve, may_recommend),
        unit="tokens / period",
    )
    st.plotly_chart(
        figure, key="pricing.curve", alt=curve_title(curve, may_recommend), config={"displayModeBar": False}
    )
    left, right = st.columns(2)
    elasticity = curve.points.set_index("change")["elasticity"]
    today = elasticity.loc[0.0]
    title = f"A 1% price increase {'lowers' if today < 0 else 'raises'} demand by {abs(today):.2f}%"
    points = curve.points.drop(columns=["low", "high"])
    unit = panel_labels(dataset).quantity_axis
    left.altair_chart(charts.demand_curve(points, support=curve.support, title=title, unit=unit), alt=title)
    title = f"Elasticity: {elasticity.min():.2f} to {elasticity.max():.2f}"
    right.altair_chart(charts.elasticity_curve(curve.points, support=curve.support, title=title), alt=title)


def show_evidence(displayed: WhatIfAnswer, run_id: str, experiment: str, dataset: Dataset) -> None:
    """Show the checks behind the result."""
    st.subheader("Evidence and assumptions")
    others = other_elasticities(run_cache.demand_runs(experiment, dataset.digest), run_id)
    show_checks(displayed.checks(others))
    st.caption(f"Data set {escape(dataset.name)}, digest {dataset.digest[:12]}; run {run_id}.")


def show_no_run() -> None:
    """Say what to do if no run was trained on this data set."""
    st.info("No run is trained on the selected data set in this experiment yet.", icon=":material/model_training:")
    page_link("train", "Train a model", ":material/model_training:")
