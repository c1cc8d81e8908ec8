"""Tables, files and metrics of runs, read again when the store changes."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from edtech.ui.cache import services
from edtech.ui.run_tables import runs_on_dataset

if TYPE_CHECKING:
    from edtech.tracking import RunStore

MOST_RUNS = 100_000


def _runs() -> "RunStore":
    from edtech.tracking import RunStore

    return RunStore(settings=services.settings())


def run_table(experiment: str) -> pd.DataFrame:
    """Return the experiment's finished trainings, newest first."""
    return run_table_at(experiment, store_stamp())


@st.cache_data(show_spinner="Reading the runs", max_entries=20)
def run_table_at(experiment: str, stamp: tuple[int, ...]) -> pd.DataFrame:  # noqa: ARG001
    """Return the table of runs at this stamp of the store; clear the cache to see new runs at once."""
    return _runs().list_runs([experiment], fallback_to_local=True)


@st.cache_data(show_spinner=False, ttl=10)
def server_notice() -> str | None:
    """Return a notice if the tracking server cannot be reached, else None."""
    problem = _runs().problem()
    return problem and f"{problem.rstrip('.')}. Only pending runs on this machine are shown."


def waiting_runs() -> list[str]:
    """Return the ids of pending runs; empty without a tracking server."""
    from edtech.tracking.outbox import pending_runs

    return pending_runs(services.settings()) if services.settings().has_server else []


def store_stamp() -> tuple[int, ...]:
    """Return a stamp that changes on every write to the store."""
    return _runs().stamp()


@st.cache_resource(show_spinner="Reading the runs", max_entries=5)
def all_runs(experiments: tuple[str, ...], stamp: tuple[int, ...]) -> pd.DataFrame:  # noqa: ARG001  # its cache's key
    """Return all runs of the experiments, of any tool and status; callers must not change the table."""
    return _runs().list_runs(list(experiments), kind=None, limit=MOST_RUNS, finished=False, fallback_to_local=True)


@st.cache_data(show_spinner=False, max_entries=5)
def experiments(stamp: tuple[int, ...]) -> list[str]:  # noqa: ARG001  # its cache's key
    """Return the names of all experiments, newest first."""
    return _runs().experiments(fallback_to_local=True)


@st.cache_data(show_spinner="Reading the run's files", max_entries=200)
def artifact(run_id: str, path: str) -> bytes:
    """Return a file of a run."""
    return _runs().read_artifact(run_id, path)


@st.cache_data(show_spinner=False, max_entries=200)
def artifacts(run_id: str) -> tuple[str, ...]:
    """Return the paths of a run's files."""
    return _runs().get_run(run_id).artifacts


@st.cache_data(show_spinner="Reading the metric's history", ttl=30, max_entries=50)
def metric_history(run_ids: tuple[str, ...], metric: str) -> pd.DataFrame:
    """Return all logged values of a metric in these runs."""
    return _runs().metric_history(run_ids, metric)


def demand_runs(experiment: str, digest: str) -> pd.DataFrame:
    """Return the experiment's finished demand models on the data set with this digest, newest first."""
    runs = runs_on_dataset(run_table(experiment), digest)
    return runs[runs.reindex(columns=["tags.model_type"])["tags.model_type"] == "token_elasticity"]


@st.cache_data(show_spinner=False, ttl=30, max_entries=20)
def deleted_scenarios(experiment: str) -> pd.DataFrame:
    """Return the experiment's deleted scenarios, newest first."""
    return services.tracker(experiment).runs.deleted_runs(experiment, "scenario")


@st.cache_data(show_spinner=False, ttl=30, max_entries=20)
def scenario_table(experiment: str) -> pd.DataFrame:
    """Return the experiment's saved scenarios, newest first."""
    return _runs().list_runs([experiment], kind="scenario", fallback_to_local=True)
