"""Predictions of registered models and what their forms need, computed once for all sessions."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from edtech.ui.cache import services

if TYPE_CHECKING:
    from edtech.ml.prediction import Predictions


@st.cache_data(show_spinner="Predicting", max_entries=5)
def scored(run_id: str, rows: pd.DataFrame) -> "Predictions":
    """Return rows with the predictions of a run's model, what they are of, and what the model never saw."""
    from edtech.ml.prediction import predict_with_warnings

    return predict_with_warnings(services.registry().runs, run_id, rows)


@st.cache_data(show_spinner=False, max_entries=20)
def scoring_template(run_id: str) -> pd.DataFrame:
    """Return a table with the columns that a run's model predicts from, with rows that it was asked."""
    from edtech.ml.prediction import template

    return template(services.registry().runs, run_id)


@st.cache_data(show_spinner=False, max_entries=50)
def signature(run_id: str) -> dict[str, str]:
    """Return the columns that a run's model predicts from, with their types."""
    return services.registry().runs.signature(run_id)


@st.cache_data(show_spinner=False, max_entries=50)
def example_row(run_id: str) -> dict[str, str]:
    """Return a row that a run's model was asked, as text."""
    from edtech.ml.prediction import example_row

    return example_row(services.registry().runs, run_id)


@st.cache_data(show_spinner=False, max_entries=50)
def leaned_on(run_id: str) -> tuple[str, ...]:
    """Return the columns that a run's predictions lean on, most first."""
    from edtech.ml.prediction import important_columns

    return important_columns(services.registry().runs, run_id)
