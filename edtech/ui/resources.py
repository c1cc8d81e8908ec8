"""What is opened once for all sessions; the only place with `st.cache_*`."""

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from edtech.data import Catalogue, Dataset, KeyFigures
from edtech.data.explore import tables_to_explore
from edtech.settings import Settings

if TYPE_CHECKING:
    from edtech.economy import Economy, Period, Reconciliation
    from edtech.pricing import Plan, Response
    from edtech.tracking import EdTechMLFlowTracker


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """Return the settings the server started with."""
    return Settings()


@st.cache_resource(show_spinner=False)
def catalogue() -> Catalogue:
    """Return the data sets of this home."""
    return Catalogue(settings().data_dir)


@st.cache_resource(show_spinner="Opening the MLflow store")
def tracker(experiment: str) -> "EdTechMLFlowTracker":
    """Return the tracker of an experiment; runs that a killed process left open are closed first."""
    from edtech.tracking import EdTechMLFlowTracker  # MLflow takes more than a second to load

    opened = EdTechMLFlowTracker(experiment, settings=settings())
    opened.runs.close_stale_runs()
    return opened


def dataset(dataset_id: str) -> Dataset:
    """Return a stored data set as it is now."""
    return catalogue().get(dataset_id)


@st.cache_data(show_spinner="Reading the data set", max_entries=5)
def panel(dataset_id: str) -> pd.DataFrame:
    """Return the demand panel of a data set."""
    return dataset(dataset_id).panel()


@st.cache_data(show_spinner=False, max_entries=50)
def key_figures(dataset_id: str) -> KeyFigures:
    """Return the key figures of a data set."""
    return dataset(dataset_id).key_figures()


@st.cache_data(show_spinner=False, max_entries=50)
def by_period(dataset_id: str) -> pd.DataFrame:
    """Return revenue, quantity and views by period."""
    return dataset(dataset_id).by_period()


@st.cache_data(show_spinner=False, max_entries=50)
def explorable(dataset_id: str) -> dict[str, list[str]]:
    """Return the columns of each table that a distribution can be asked of."""
    return tables_to_explore(dataset(dataset_id))


@st.cache_data(show_spinner=False, max_entries=50)
def by_unit(dataset_id: str) -> pd.DataFrame:
    """Return mean price and quantity of each unit with its segment."""
    return dataset(dataset_id).by_unit()


@st.cache_data(show_spinner="Reading the runs", ttl=30, max_entries=20)
def run_table(experiment: str) -> pd.DataFrame:
    """Return the experiment's finished trainings, newest first."""
    from edtech.tracking import RunStore

    return RunStore(settings=settings()).list_runs([experiment])


def run_labels(runs: pd.DataFrame) -> dict[str, str]:
    """Return a name to choose each run by, in the order of the table."""
    return {
        run_id: f"{name} ({started:%d %b %H:%M:%S})"
        for run_id, name, started in zip(runs["run_id"], runs["name"], runs["started"], strict=True)
    }


@st.cache_resource(show_spinner="Loading the run", max_entries=20)
def result(run_id: str, experiment: str) -> Any:  # noqa: ANN401  # the result of whichever family it is of
    """Return what a run found, with its model."""
    from edtech.ml.artifacts import load_result

    return load_result(tracker(experiment).runs, run_id)


@st.cache_resource(show_spinner="Preparing the answer", max_entries=20)
def response(run_id: str, experiment: str, dataset_id: str) -> "Response":
    """Return a run's demand at prices for the units of a data set."""
    from edtech.pricing import price_response

    return price_response(result(run_id, experiment), panel(dataset_id))


@st.cache_resource(show_spinner="Looking for better prices", max_entries=20)
def plan(run_id: str, experiment: str, dataset_id: str) -> "Plan":
    """Return the plan of a run for a data set that may be acted on; no slider changes it."""
    from edtech.pipeline.worth import plan_to_act_on, revenue_split

    chosen = dataset(dataset_id)
    return plan_to_act_on(chosen, response(run_id, experiment, dataset_id), revenue_split(chosen))


@st.cache_data(show_spinner=False, max_entries=50)
def whole_period(dataset_id: str) -> "Period | None":
    """Return the days that a data set is about."""
    from edtech.economy import whole_period

    return whole_period(dataset(dataset_id))


@st.cache_data(show_spinner="Adding up the ledger", max_entries=50)
def economy(dataset_id: str, period: "Period | None") -> "Economy":
    """Return the figures of the token economy over a range of days."""
    from edtech.economy import economy

    return economy(dataset(dataset_id), period)


@st.cache_data(show_spinner="Checking the books", max_entries=50)
def reconciliation(dataset_id: str, period: "Period") -> "Reconciliation":
    """Return the proof that the figures agree with the ledger."""
    from edtech.economy import reconcile

    return reconcile(dataset(dataset_id), period)


@st.cache_data(show_spinner=False, max_entries=50)
def price_index(dataset_id: str) -> pd.DataFrame:
    """Return the price level of each period."""
    from edtech.economy.series import price_index

    return price_index(dataset(dataset_id))
