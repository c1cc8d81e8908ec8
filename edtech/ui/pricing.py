"""Parts of the Pricing page: the what-if, its curve, the recommendation, the report."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from edtech.charts import pricing as charts
from edtech.data import Dataset
from edtech.pipeline.worth import revenue_split
from edtech.pricing import Plan, Response, WhatIf, revenue_curve
from edtech.pricing.curve import RevenueCurve
from edtech.pricing.scenario import NO_SUBSTITUTION, SUBSTITUTION, answer, changed_prices
from edtech.pricing.tables import LABELS, curve_title, effect_rows
from edtech.tables.split import RevenueSplit
from edtech.ui import resources
from edtech.ui.state import Key, choose, get
from edtech.ui.widgets import number, page_link, percent, plain

MOST_SLIDERS = 12


@dataclass(frozen=True, slots=True)
class Asked:
    """One what-if with everything that is shown of it."""

    changes: dict[str, float]
    response: Response
    outcome: WhatIf
    curve: RevenueCurve
    plan: Plan


def choose_run(dataset: Dataset, experiment: str) -> str | None:
    """Return the run to ask, among those trained on this data set; None where there is none."""
    runs = resources.run_table(experiment)
    if "tags.dataset_digest" in runs.columns:
        runs = runs[runs["tags.dataset_digest"] == dataset.digest]
    else:
        runs = runs.iloc[:0]
    if runs.empty:
        return None
    ids = runs["run_id"].tolist()
    names = resources.run_labels(runs)
    kept = get(Key.PRICED)
    wanted = kept if kept in ids else _soundest(runs)
    chosen = st.selectbox(
        "Run", ids, index=ids.index(wanted), format_func=names.__getitem__,
        key="pricing.run", help="The trained model that answers; only runs on the chosen data set are listed.",
    )  # fmt: skip
    choose(Key.PRICED, chosen)
    return str(chosen)


def _soundest(runs: pd.DataFrame) -> str:
    """Return the newest run of the algorithm to be believed first: one with substitution, else with unit effects."""
    if "tags.algorithm" in runs:
        for algorithm in ("choice_logit", "fixed_effects"):
            found = runs.loc[runs["tags.algorithm"] == algorithm, "run_id"]
            if len(found):
                return str(found.iloc[0])
    return str(runs["run_id"].iloc[0])


def ask(run_id: str, experiment: str, dataset: Dataset) -> Asked:
    """Show a slider for each segment and answer."""
    response = resources.response(run_id, experiment, dataset.id)
    split = _split(dataset)
    changes = _sliders(response)
    outcome = answer(response, changed_prices(response, changes), split)
    moved = tuple(name for name, change in changes.items() if change)
    curve = revenue_curve(response, moved or None)
    return Asked(changes, response, outcome, curve, resources.plan(run_id, experiment, dataset.id))


def judged(run_id: str, experiment: str) -> float | None:
    """Return the decision value that the run logged, None where nobody could judge it."""
    runs = resources.run_table(experiment).set_index("run_id")
    value = runs["metrics.decision_value_tokens"].get(run_id) if "metrics.decision_value_tokens" in runs else None
    return None if value is None or value != value else float(value)  # NaN is not equal to itself


def _split(dataset: Dataset) -> RevenueSplit:
    split = revenue_split(dataset)
    st.caption(
        f"Of each token spent, {split.teacher_rate:.0%} goes to the teacher, {split.commission_rate:.0%} is commission "
        f"and {split.burn_rate:.0%} is burned"
        + (" (the market's own rates)." if dataset.kind == "market" else " (assumed; an uploaded panel does not say).")
    )
    return split


def _sliders(response: Response) -> dict[str, float]:
    segments = response.segments.groupby(response.segments).size().sort_values(ascending=False).index.tolist()
    shown = segments
    if len(segments) > MOST_SLIDERS:
        shown = st.multiselect("Segments to change", segments, segments[:MOST_SLIDERS], key="pricing.segments",
                               help="Prices of all others stay as they are.")  # fmt: skip
    changes = {}
    columns = st.columns(2)
    for position, name in enumerate(shown):
        percents = columns[position % 2].slider(
            plain(name), -50, 50, 0, 1, format="%+d %%", key=f"pricing.change.{name}",
            help="Price change of all units of this segment, in percent of today's price.",
        )  # fmt: skip
        changes[name] = percents / 100
    return changes


def show_answer(asked: Asked) -> None:
    """Show the four figures with intervals, and what they rest on."""
    outcome = asked.outcome
    moved = any(asked.changes.values())
    for column, (name, effect) in zip(st.columns(4), outcome.effects.items(), strict=True):
        title, unit, help = LABELS[name]
        change = percent(effect.change) if moved else None
        column.metric(title, number(effect.planned), change, help=f"{help} In {unit}.", border=True)
        reach = f"95 %: {percent(effect.low)} to {percent(effect.high)}" if effect.low is not None else "no interval"
        column.caption(f"today {number(effect.today)} {unit}")
        if moved:
            column.caption(reach)
    for reason in outcome.reasons:
        st.warning(plain(reason), icon=":material/block:" if outcome.refused else ":material/warning:")
    if asked.response.covariance is None:
        st.info(plain(asked.response.result.elasticity.note), icon=":material/info:")
    st.info(NO_SUBSTITUTION if outcome.assumes_no_substitution else SUBSTITUTION, icon=":material/info:")
    if not moved:
        st.caption("Move a slider to see what a price change is expected to do.")
        return
    title = f"Token revenue {percent(outcome.token_revenue.change)} against today"
    st.altair_chart(charts.effect_bars(effect_rows(outcome), title=title), alt=title)


def show_curve(asked: Asked) -> None:
    """Draw revenue over a common price change of the moved segments, or of all."""
    moved = [name for name, change in asked.changes.items() if change]
    scope = ", ".join(moved) if moved else "all segments"
    st.subheader("Revenue over the price")
    st.caption(f"All prices of {plain(scope)} move together; the shaded range holds prices seen in the data.")
    may = not asked.outcome.refused
    figure = charts.revenue_curve(
        asked.curve.points, best=asked.curve.best if may else None, support=asked.curve.support,
        title=curve_title(asked.curve, may), unit="tokens / period",
    )  # fmt: skip
    st.plotly_chart(figure, key="pricing.curve", alt=curve_title(asked.curve, may))


def show_plan(asked: Asked, judged: float | None) -> None:
    """Show recommended prices, or why there are none; `judged` is what the plan truly earns, where that is known."""
    plan = asked.plan
    st.subheader("Recommended prices")
    if plan.refused:
        own = [reason for reason in plan.reasons if reason not in plan.outcome.reasons]
        st.warning(
            plain(" ".join(own) or "No price is recommended here, for the reasons above."), icon=":material/block:"
        )
        if judged is not None:
            st.info(_judged_words(judged, plan.expected.today), icon=":material/gavel:")
        return
    effect = plan.expected
    reach = f" (95 % interval {percent(effect.low)} to {percent(effect.high)})" if effect.low is not None else ""
    st.markdown(
        f"Inside the prices seen and at most 50 % away from today's, the best prices are expected to change token "
        f"revenue by **{percent(effect.change)}**{reach}."
    )
    for remark in plan.reasons[len(plan.outcome.reasons) :]:
        st.warning(plain(remark), icon=":material/warning:")
    if judged is not None:
        st.info(_judged_words(judged, effect.today), icon=":material/gavel:")
    st.dataframe(
        plan.table, hide_index=True, key="pricing.plan",
        column_config={
            "unit": "Unit", "segment": "Segment",
            "today": st.column_config.NumberColumn("Today (tokens)", format="%.1f", help="Mean price in the data set."),
            "recommended": st.column_config.NumberColumn("Recommended (tokens)", format="%.1f"),
            "change": st.column_config.NumberColumn("Change", format="percent"),
            "bound": st.column_config.TextColumn("Bound", help="The limit that the price lies on, if any."),
        },
    )  # fmt: skip


def _judged_words(judged: float, today: float) -> str:
    return (
        "In this generated market the truth is known: this run's plan would really change token revenue by "
        f"**{judged:+,.0f} tokens per period** ({judged / today:+.1%})."
    )


def no_run() -> None:
    """Say what to do where no run was trained on this data set."""
    st.info("No run was trained on the chosen data set in this experiment yet.", icon=":material/model_training:")
    page_link("train", "Train one", ":material/model_training:")
