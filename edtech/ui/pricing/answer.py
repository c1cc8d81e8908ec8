"""Parts of the Pricing page: the run that answers, what is asked, the answer, its curve."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from edtech.charts import pricing as charts
from edtech.data import Dataset
from edtech.pricing import Response, RevenueCurve, WhatIf, answer
from edtech.pricing.scenarios import Scenario
from edtech.pricing.tables import LABELS, curve_title, effect_rows
from edtech.pricing.trust_card import other_elasticities, trust_card
from edtech.pricing.what_ifs import NO_SUBSTITUTION, SUBSTITUTION
from edtech.tables.values import percent
from edtech.ui import run_tables
from edtech.ui.cache import answer_cache, run_cache, services
from edtech.ui.findings import show_checks
from edtech.ui.pricing import price_inputs
from edtech.ui.state import Key, address_names_unknown, get
from edtech.ui.widgets import escape, format_number, page_link, shared_selectbox

COLUMNS = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """One what-if with everything that is shown of it."""

    scenario: Scenario
    response: Response
    outcome: WhatIf
    curve: RevenueCurve


def choose_run(dataset: Dataset, experiment: str) -> str | None:
    """Return the run to ask, among those trained on this data set; None where there is none."""
    runs = run_cache.demand_runs(experiment, dataset.digest)
    if runs.empty:
        return None
    ids = runs["run_id"].tolist()
    names = run_tables.run_labels(runs)
    if address_names_unknown(Key.PRICING_RUN, ids):
        st.warning("The address asks for a run that is not here; another one answers.", icon=":material/link_off:")
    kept = get(Key.PRICING_RUN)
    now = kept if kept is not None and kept in ids else _first_choice(runs, dataset)
    return shared_selectbox(
        "Run",
        ids,
        now,
        Key.PRICING_RUN,
        key=price_inputs.key(dataset, "run"),
        format_func=names.__getitem__,
        help="The trained model that answers; only runs on the chosen data set are listed.",
    )


def _first_choice(runs: pd.DataFrame, dataset: Dataset) -> str:
    """Return the champion where it is among the runs, else the soundest; no slider asks the registry again."""
    held = services.registry().run_to_use("token_elasticity", dataset.digest)
    return held if held is not None and held in set(runs["run_id"]) else _soundest(runs)


def _soundest(runs: pd.DataFrame) -> str:
    """Return the newest run of the algorithm to be believed first: one with substitution, else with unit effects."""
    if "tags.algorithm" in runs:
        for algorithm in ("choice_logit", "fixed_effects"):
            found = runs.loc[runs["tags.algorithm"] == algorithm, "run_id"]
            if len(found):
                return str(found.iloc[0])
    return str(runs["run_id"].iloc[0])


def ask(run_id: str, experiment: str, dataset: Dataset) -> Asked:
    """Show what can be asked, and answer."""
    response = answer_cache.response(run_id, experiment, dataset.id)
    known = answer_cache.unit_attributes(run_id, experiment, dataset.id)
    scenario = price_inputs.scenario(run_id, dataset, response, known)
    prices = scenario.asked(response, known)
    outcome = answer(response, prices, scenario.split, scenario.planned_split)
    moved = response.moved(prices)
    mask = (moved if moved.any() else ~moved).tobytes()  # where no price moves, the curve is of all
    return Asked(scenario, response, outcome, answer_cache.curve(run_id, experiment, dataset.id, mask))


def judged(run_id: str, experiment: str) -> float | None:
    """Return the decision value that the run logged, None where nobody could judge it."""
    runs = run_cache.run_table(experiment).set_index("run_id")
    value = runs["metrics.decision_value_tokens"].get(run_id) if "metrics.decision_value_tokens" in runs else None
    return None if value is None or value != value else float(value)  # NaN is not equal to itself


def show_answer(asked: Asked) -> None:
    """Show the figures with intervals, and what they rest on."""
    outcome = asked.outcome
    moved = _moved(outcome)
    names = list(outcome.effects)
    for start in range(0, len(names), COLUMNS):
        for column, name in zip(st.columns(COLUMNS), names[start : start + COLUMNS], strict=False):
            with column:
                _figure(name, outcome, moved)
    _warn(asked)
    if not moved:
        st.caption("Move a slider to see what a price change is expected to do.")
        return
    title = f"Token revenue {percent(outcome.token_revenue.change)} against today"
    st.altair_chart(charts.effect_bars(effect_rows(outcome), title=title), alt=title)


def _moved(outcome: WhatIf) -> bool:
    return any(abs(effect.change) > 1e-12 for effect in outcome.effects.values())


def _figure(name: str, outcome: WhatIf, moved: bool) -> None:
    title, unit, help = LABELS[name]
    effect = outcome.effects[name]
    change = percent(effect.change) if moved else None
    st.metric(title, format_number(effect.planned), change, help=f"{help} In {unit}.", border=True)
    apart = effect.planned - effect.today
    more = f"; {'+' if apart > 0 else ''}{format_number(apart)}" if moved else ""
    st.caption(f"today {format_number(effect.today)} {unit}{more}")
    if not moved:
        return
    if effect.low is None:
        st.caption("no interval")
        return
    st.caption(f"95 %: {percent(effect.low)} to {percent(effect.high)}")
    st.caption(f"80 %: {percent(effect.low_80)} to {percent(effect.high_80)}")


def _warn(asked: Asked) -> None:
    outcome = asked.outcome
    for reason in outcome.reasons:
        st.warning(escape(reason), icon=":material/block:" if outcome.refused else ":material/warning:")
    if asked.response.covariance is None:
        st.info(escape(asked.response.result.elasticity.note), icon=":material/info:")
    st.info(NO_SUBSTITUTION if outcome.assumes_no_substitution else SUBSTITUTION, icon=":material/info:")
    if outcome.own is not None and outcome.others is not None and _moved(outcome):
        st.markdown(
            f"If each price changed alone, token revenue would change by **{format_number(outcome.own)} tokens "
            f"per period** in total. Substitution between courses adds **{format_number(outcome.others)}**."
        )


def show_curve(asked: Asked) -> None:
    """Draw revenue and demand over a common price change of the moved units, or of all."""
    curve, may = asked.curve, not asked.outcome.refused
    st.subheader("Revenue and demand over the price")
    scope = "the changed prices" if _moved(asked.outcome) else "all prices"
    drawn = curve.randomized_support
    random = "" if drawn is None else f" Prices drawn at random reach from {drawn[0]:+.0%} to {drawn[1]:+.0%}."
    st.caption(f"Here {scope} move together; the shaded range holds prices seen in the data.{random}")
    figure = charts.revenue_curve(
        curve.points,
        best=curve.best if may else None,
        support=curve.support,
        title=curve_title(curve, may),
        unit="tokens / period",
    )
    st.plotly_chart(figure, key="pricing.curve", alt=curve_title(curve, may), config={"displayModeBar": False})
    left, right = st.columns(2)
    at = curve.points.set_index("change")["elasticity"]
    title = f"Demand answers by {at.loc[0.0]:.2f} % to 1 % of price today"
    points = curve.points.drop(columns=["low", "high"])
    left.altair_chart(charts.demand_curve(points, support=curve.support, title=title), alt=title)
    title = f"Elasticity between {at.min():.2f} and {at.max():.2f}"
    right.altair_chart(charts.elasticity_curve(curve.points, support=curve.support, title=title), alt=title)


def show_trust(asked: Asked, run_id: str, experiment: str, dataset: Dataset) -> None:
    """Show what the answer rests on, finding by finding."""
    st.subheader("What it rests on")
    others = other_elasticities(run_cache.demand_runs(experiment, dataset.digest), run_id)
    show_checks(trust_card(asked.response, asked.outcome, others))
    st.caption(f"Data set {escape(dataset.name)}, digest {dataset.digest[:12]}; run {run_id}.")


def no_run() -> None:
    """Say what to do where no run was trained on this data set."""
    st.info("No run was trained on the chosen data set in this experiment yet.", icon=":material/model_training:")
    page_link("train", "Train one", ":material/model_training:")
