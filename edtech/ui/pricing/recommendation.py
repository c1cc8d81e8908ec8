"""Part of the Pricing page: recommended prices under constraints, or why there are none."""

from dataclasses import replace
from typing import Any

import streamlit as st

from edtech.data import Dataset, read_upload
from edtech.pricing import Plan
from edtech.pricing.constraints import Constraints, Objective
from edtech.pricing.price_changes import bounds_in
from edtech.tables.values import percent
from edtech.ui.cache import answer_cache, services
from edtech.ui.upload_storage import SMALL_MB
from edtech.ui.widgets import escape

OBJECTIVES = {
    "token_revenue": "Token revenue",
    "platform_commission": "Commission",
    "teacher_earnings": "Teacher earnings",
    "enrollments": "Enrollments",
    "mix": "A mix of revenue and enrollments",
}


def recommend(run_id: str, experiment: str, dataset: Dataset) -> Plan:
    """Show what may be asked of a plan and return the plan."""
    st.subheader("Recommended prices")
    with st.expander("Objective and constraints"), st.form("pricing.constraints", border=False):
        objective = _objective()
        constraints, file = _constraints(dataset)
        st.form_submit_button("Recommend", icon=":material/price_check:")
    if file is not None:  # read behind the form: an error inside would take the button away
        constraints = _bounded(constraints, file.name, file)
    with st.spinner("Looking for the best prices"):
        return answer_cache.plan(run_id, experiment, dataset.id, objective, constraints)


def _objective() -> Objective:
    left, right = st.columns(2)
    name = left.selectbox(
        "Objective",
        list(OBJECTIVES),
        format_func=OBJECTIVES.__getitem__,
        key="pricing.objective",
        help="What is to be as large as can be.",
    )
    worth = right.number_input(
        "Tokens that an enrollment is worth",
        0.0,
        1e6,
        5.0,
        key="pricing.worth",
        help="Only for the mix: token revenue plus this for each enrollment.",
    )
    return {"token_revenue": 1.0, "enrollments": worth} if name == "mix" else name  # type: ignore[return-value]


def _constraints(dataset: Dataset) -> tuple[Constraints, Any]:
    left, right = st.columns(2)
    step = left.slider(
        "Largest change",
        5,
        90,
        50,
        5,
        format="%d %%",
        key="pricing.max_change",
        help="How far a price may move from today's.",
    )
    whole = right.number_input(
        "Steps of prices (0: any price)",
        0.0,
        100.0,
        0.0,
        0.5,
        key="pricing.step",
        help="1 gives whole tokens; only prices that change are rounded.",
    )
    most = left.number_input(
        "Most prices to change (0: any number)",
        0,
        1_000_000,
        0,
        key="pricing.most",
        help="The changes that bring most are made.",
    )
    least = right.slider(
        "Enrollments to keep (0: none)",
        0,
        120,
        0,
        5,
        format="%d %%",
        key="pricing.least",
        help="Share of today's enrollments that the plan must reach.",
    )
    beyond = st.toggle(
        "Allow prices never seen",
        False,
        key="pricing.extrapolate",
        help="Off, recommended prices stay inside those seen for each unit.",
    )
    file = st.file_uploader(
        "Bounds by unit (optional): unit, floor, ceiling",
        key=f"pricing.bounds.{dataset.id}",
        max_upload_size=SMALL_MB,
        help="CSV with a row for each unit that has a lowest or highest price of its own.",
    )
    return Constraints(step / 100, beyond, None, None, whole or None, int(most) or None, least / 100 or None), file


def _bounded(constraints: Constraints, name: str, file: Any) -> Constraints:  # noqa: ANN401  # what was uploaded
    frame = read_upload(name, file, limit_mb=services.settings().upload_limit_mb).frame
    floor, ceiling = bounds_in(frame)
    return replace(constraints, floor=floor, ceiling=ceiling)


def show_plan(plan: Plan, judged: float | None) -> None:
    """Show recommended prices, or why there are none; `judged` is what the plan truly earns, where that is known."""
    if plan.refused:
        own = [reason for reason in plan.reasons if reason not in plan.outcome.reasons]
        st.warning(
            escape(" ".join(own) or "No price is recommended here, for the reasons above."),
            icon=":material/block:",
        )
        if judged is not None:
            st.info(_judged_words(judged, plan.expected.today), icon=":material/gavel:")
        return
    effect = plan.expected
    reach = f" (95 % interval {percent(effect.low)} to {percent(effect.high)})" if effect.low is not None else ""
    aim = OBJECTIVES.get(str(plan.objective), "the mix").lower() if isinstance(plan.objective, str) else "the mix"
    st.markdown(
        f"Within what you allow, the best prices are expected to change {aim} by **{percent(effect.change)}**{reach}."
    )
    for name in plan.binding:
        st.info(escape(f"This limit binds: {name}."), icon=":material/vertical_align_bottom:")
    for remark in plan.reasons[len(plan.outcome.reasons) :]:
        st.warning(escape(remark), icon=":material/warning:")
    if judged is not None and plan.objective == "token_revenue" and plan.constraints == Constraints():
        st.info(_judged_words(judged, effect.today), icon=":material/gavel:")
    st.dataframe(
        plan.table,
        hide_index=True,
        key="pricing.plan",
        column_config={
            "unit": "Unit",
            "segment": "Segment",
            "today": st.column_config.NumberColumn("Today (tokens)", format="%.1f", help="Mean price in the data set."),
            "recommended": st.column_config.NumberColumn("Recommended (tokens)", format="%.1f"),
            "change": st.column_config.NumberColumn("Change", format="percent"),
            "bound": st.column_config.TextColumn("Bound", help="The limit that the price lies on, if any."),
        },
    )


def _judged_words(judged: float, today: float) -> str:
    return (
        "In this generated market the truth is known: this run's plan at its defaults would really change token "
        f"revenue by **{judged:+,.0f} tokens per period** ({judged / today:+.1%})."
    )
