"""Figures of the token economy, computed once for all sessions."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from edtech.ui.cache import dataset_cache

if TYPE_CHECKING:
    from edtech.economy import Economy, Period, Reconciliation
    from edtech.economy.observed_flows import ObservedFlows


@st.cache_data(show_spinner=False, max_entries=50)
def whole_period(dataset_id: str) -> "Period | None":
    """Return the first and last day of a data set, or None if its periods are not dates."""
    from edtech.economy import whole_period

    return whole_period(dataset_cache.dataset(dataset_id))


@st.cache_data(show_spinner="Adding up the ledger", max_entries=50)
def economy(dataset_id: str, period: "Period | None") -> "Economy":
    """Return the figures of the token economy over a period."""
    from edtech.economy import economy

    return economy(dataset_cache.dataset(dataset_id), period)


@st.cache_data(show_spinner="Reconciling with the ledger", max_entries=50)
def reconciliation(dataset_id: str, period: "Period") -> "Reconciliation":
    """Return the reconciliation of the figures with the ledger."""
    from edtech.economy import reconcile

    return reconcile(dataset_cache.dataset(dataset_id), period)


@st.cache_resource(show_spinner="Reading the flows of the ledger", max_entries=20)
def observed(dataset_id: str) -> "ObservedFlows":
    """Return the observed flows that a forecast starts from."""
    from edtech.economy.observed_flows import observe_flows

    return observe_flows(dataset_cache.dataset(dataset_id))


@st.cache_data(show_spinner=False, max_entries=50)
def price_index(dataset_id: str) -> pd.DataFrame:
    """Return the price index by period."""
    from edtech.economy.series import price_index

    return price_index(dataset_cache.dataset(dataset_id))
