"""Recommended prices within guardrails, or the reason why there are none."""

from dataclasses import replace
from typing import Any

import streamlit as st

from edtech.data import Dataset, read_upload
from edtech.pricing import Plan, WhatIfAnswer
from edtech.pricing.constraints import Constraints, Objective
from edtech.pricing.price_changes import price_bounds_by_unit
from edtech.tables.formatting import format_change
from edtech.ui.cache import services
from edtech.ui.upload_storage import SMALL_MB
from edtech.ui.widgets import escape

OBJECTIVES = {
    "token_revenue": "Token revenue",
    "platform_commission": "Commission",
    "teacher_earnings": "Teacher earnings",
    "enrollments": "Enrollments",
    "mix": "A mix of revenue and enrollments",
}


def show_recommendation(displayed: WhatIfAnswer, dataset: Dataset) -> WhatIfAnswer:
    """Show the objective and guardrails, and return the answer with the plan within them."""
    st.subheader("Recommended prices")
    with st.expander("Objective and guardrails"), st.form("pricing.constraints", border=False):
        objective = _objective()
        constraints, file = _constraints(dataset)
        st.form_submit_button("Recommend", icon=":material/price_check:")
    if file is not None:  # read after the form, because an error inside would hide its button
        constraints = _with_bounds(constraints, file.name, file)
    question = replace(displayed.question, objective=objective, guardrails=constraints)
    with st.spinner("Computing recommended prices"):
        planned = replace(displayed, question=question)
        _ = planned.plan  # computed here, so that its errors end this section
    return planned


def _objective() -> Objective:
    left, right = st.columns(2)
    name = left.selectbox(
        "Objective",
        list(OBJECTIVES),
        format_func=OBJECTIVES.__getitem__,
        key="pricing.objective",
        help="The quantity to maximize.",
    )
    enrollment_value = right.number_input(
        "Value per enrollment (tokens)",
        0.0,
        1e6,
        5.0,
        key="pricing.worth",
        help="Only for the mix: token revenue plus this value for each enrollment.",
    )
    return {"token_revenue": 1.0, "enrollments": enrollment_value} if name == "mix" else name  # type: ignore[return-value]


def _constraints(dataset: Dataset) -> tuple[Constraints, Any]:
    left, right = st.columns(2)
    step = left.slider(
        "Maximum change",
        5,
        90,
        50,
        5,
        format="%d%%",
        key="pricing.max_change",
        help="The largest change of a price from today.",
    )
    whole = right.number_input(
        "Price increment (0 = none)",
        0.0,
        100.0,
        0.0,
        0.5,
        key="pricing.step",
        help="1 gives whole tokens. Only changed prices are rounded.",
    )
    most = left.number_input(
        "Maximum number of changes (0 = any)",
        0,
        1_000_000,
        0,
        key="pricing.most",
        help="The most valuable changes come first.",
    )
    least = right.slider(
        "Minimum enrollments, % of today",
        0,
        120,
        0,
        5,
        format="%d%%",
        key="pricing.least",
        help="Share of today's enrollments that the plan must reach (0 = none).",
    )
    beyond = st.toggle(
        "Allow prices outside the observed range",
        False,
        key="pricing.extrapolate",
        help="If off, each recommended price stays within the unit's observed prices.",
    )
    file = st.file_uploader(
        "Bounds by unit (optional): unit, floor, ceiling",
        key=f"pricing.bounds.{dataset.id}",
        max_upload_size=SMALL_MB,
        help="CSV with one row for each unit that has its own lowest or highest price.",
    )
    return Constraints(step / 100, beyond, None, None, whole or None, int(most) or None, least / 100 or None), file


def _with_bounds(constraints: Constraints, name: str, file: Any) -> Constraints:  # noqa: ANN401  # Streamlit's uploaded file
    frame = read_upload(name, file, limit_mb=services.settings().upload_limit_mb).frame
    floor, ceiling = price_bounds_by_unit(frame)
    return replace(constraints, floor=floor, ceiling=ceiling)


def show_plan(plan: Plan, decision_value: float | None) -> None:
    """Show recommended prices, or why there are none; `decision_value` is the plan's true value, if known."""
    if plan.refused:
        own = [reason for reason in plan.reasons if reason not in plan.outcome.reasons]
        st.warning(
            escape(" ".join(own) or "No prices are recommended, for the reasons above."),
            icon=":material/block:",
        )
        if decision_value is not None:
            st.info(_ground_truth_sentence(decision_value, plan.expected.today), icon=":material/gavel:")
        return
    effect = plan.expected
    reach = (
        f" (95% interval {format_change(effect.low)} to {format_change(effect.high)})" if effect.low is not None else ""
    )
    aim = OBJECTIVES.get(str(plan.objective), "the mix").lower() if isinstance(plan.objective, str) else "the mix"
    st.markdown(
        f"Within your guardrails, the recommended prices change {aim} by **{format_change(effect.change)}**{reach}."
    )
    for name in plan.binding:
        st.info(escape(f"Binding guardrail: {name}."), icon=":material/vertical_align_bottom:")
    for reason in plan.reasons[len(plan.outcome.reasons) :]:
        st.warning(escape(reason), icon=":material/warning:")
    if decision_value is not None and plan.objective == "token_revenue" and plan.constraints == Constraints():
        st.info(_ground_truth_sentence(decision_value, effect.today), icon=":material/gavel:")
    st.dataframe(
        plan.table,
        hide_index=True,
        key="pricing.plan",
        column_config={
            "unit": "Unit",
            "segment": "Segment",
            "today": st.column_config.NumberColumn("Today (tokens)", format="%.1f", help="Mean observed price."),
            "recommended": st.column_config.NumberColumn("Recommended (tokens)", format="%.1f"),
            "change": st.column_config.NumberColumn("Change", format="percent"),
            "bound": st.column_config.TextColumn(
                "Bound", help="The guardrail or observed price that limits this price, if any."
            ),
        },
    )


def _ground_truth_sentence(decision_value: float, today: float) -> str:
    return (
        "Versus ground truth: this run's plan with default guardrails changes token "
        f"revenue by **{decision_value:+,.0f} tokens per period** ({decision_value / today:+.1%})."
    )
