"""Predictions of registered models and the inputs of their forms, computed once for all sessions."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from edtech.ui.cache import services

if TYPE_CHECKING:
    from edtech.ml.prediction import Predictions


@st.cache_data(show_spinner="Predicting", max_entries=5)
def scored(run_id: str, rows: pd.DataFrame) -> "Predictions":
    """Return rows with predictions of a run's model, their meaning, and warnings about extrapolation."""
    from edtech.ml.prediction import predict_with_warnings

    return predict_with_warnings(services.registry().runs, run_id, rows)


@st.cache_data(show_spinner=False, max_entries=20)
def scoring_template(run_id: str) -> pd.DataFrame:
    """Return an input table for a run's model, with example rows from training."""
    from edtech.ml.prediction import template

    return template(services.registry().runs, run_id)


@st.cache_data(show_spinner=False, max_entries=50)
def signature(run_id: str) -> dict[str, str]:
    """Return the input columns of a run's model, with their types."""
    return services.registry().runs.signature(run_id)


@st.cache_data(show_spinner=False, max_entries=50)
def example_row(run_id: str) -> dict[str, str]:
    """Return an example row for a run's model, as text."""
    from edtech.ml.prediction import example_row

    return example_row(services.registry().runs, run_id)


@st.cache_data(show_spinner=False, max_entries=50)
def important_columns(run_id: str) -> tuple[str, ...]:
    """Return the most important columns of a run's model, in descending order."""
    from edtech.ml import prediction

    return prediction.important_columns(services.registry().runs, run_id)
