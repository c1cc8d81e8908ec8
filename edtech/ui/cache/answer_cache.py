"""Results of runs, their demand response to prices, and plans, loaded once for all sessions."""

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from edtech.ui.cache import dataset_cache, services

if TYPE_CHECKING:
    from edtech.pricing import Plan, PricingModel, Response, RevenueCurve
    from edtech.pricing.constraints import Constraints, Objective


@st.cache_resource(show_spinner="Loading the run", max_entries=20)
def result(run_id: str, experiment: str) -> Any:  # noqa: ANN401  # the type depends on the family
    """Return the result of a run with its model."""
    from edtech.ml.artifacts import load_result

    return load_result(services.tracker(experiment).runs, run_id)


@st.cache_resource(show_spinner="Preparing the model", max_entries=20)
def response(run_id: str, experiment: str, dataset_id: str) -> "Response":
    """Return the demand response of a run to prices, for the units of a data set."""
    from edtech.pricing import price_response

    return price_response(result(run_id, experiment), dataset_cache.panel(dataset_id))


@st.cache_data(show_spinner=False, max_entries=100)
def curve(run_id: str, experiment: str, dataset_id: str, changed: bytes) -> "RevenueCurve":
    """Return the curve over a common price change of the masked units; it does not depend on the sliders."""
    from edtech.pricing import revenue_curve

    return revenue_curve(response(run_id, experiment, dataset_id), changed=np.frombuffer(changed, dtype=bool))


@st.cache_resource(show_spinner="Computing recommended prices", max_entries=20)
def plan(
    run_id: str,
    experiment: str,
    dataset_id: str,
    objective: "Objective" = "token_revenue",
    constraints: "Constraints | None" = None,
) -> "Plan":
    """Return the actionable plan of a run for a data set; it does not depend on the what-if."""
    from edtech.pricing.constraints import Constraints
    from edtech.pricing.plan_policy import actionable_plan, revenue_split

    source = dataset_cache.dataset(dataset_id)
    split = revenue_split(source)
    return actionable_plan(
        source, response(run_id, experiment, dataset_id), split, objective, constraints or Constraints()
    )


@st.cache_resource(show_spinner=False, max_entries=20)
def pricing_model(run_id: str, experiment: str, dataset_id: str) -> "PricingModel":
    """Return the pricing model of a run for a data set, with cached curves and plans."""
    from edtech.pricing import PricingModel
    from edtech.pricing.price_changes import unit_attributes, unit_table

    demand = response(run_id, experiment, dataset_id)
    return PricingModel(
        demand,
        unit_attributes(demand, unit_table(dataset_cache.dataset(dataset_id))),
        lambda changed: curve(run_id, experiment, dataset_id, changed.tobytes()),
        lambda question: plan(run_id, experiment, dataset_id, question.objective, question.guardrails),
    )
