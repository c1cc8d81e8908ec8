"""What pages show of runs, read again when the store changes."""

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
    """Return the same as the store stood at that stamp; clear it to see at once what a server was sent."""
    return _runs().list_runs([experiment], or_kept=True)


@st.cache_data(show_spinner=False, ttl=10)
def server_notice() -> str | None:
    """Return what is wrong with the server of the runs and what is shown instead; None where nothing is."""
    problem = _runs().problem()
    return problem and f"{problem.rstrip('.')}. Only pending runs on this machine are shown."


def waiting_runs() -> list[str]:
    """Return the ids of the finished runs that wait to be sent to a server; none where no server is set."""
    from edtech.tracking.outbox import waiting

    return waiting(services.settings()) if services.settings().has_server else []


def store_stamp() -> tuple[int, ...]:
    """Return what is another where the store was written to."""
    return _runs().stamp()


@st.cache_resource(show_spinner="Reading the runs", max_entries=5)
def all_runs(experiments: tuple[str, ...], stamp: tuple[int, ...]) -> pd.DataFrame:  # noqa: ARG001  # its cache's key
    """Return every run of the experiments, whoever wrote it and whatever became of it; not to be changed."""
    return _runs().list_runs(list(experiments), kind=None, limit=MOST_RUNS, finished=False, or_kept=True)


@st.cache_data(show_spinner=False, max_entries=5)
def experiments(stamp: tuple[int, ...]) -> list[str]:  # noqa: ARG001  # its cache's key
    """Return the names of all experiments, newest first."""
    return _runs().experiments(or_kept=True)


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
    """Return each time a metric was logged in these runs."""
    return _runs().metric_history(run_ids, metric)


def demand_runs(experiment: str, digest: str) -> pd.DataFrame:
    """Return the experiment's finished trainings of demand on the data set of that digest, newest first."""
    runs = runs_on_dataset(run_table(experiment), digest)
    return runs[runs.reindex(columns=["tags.model_type"])["tags.model_type"] == "token_elasticity"]


@st.cache_data(show_spinner=False, ttl=30, max_entries=20)
def deleted_scenarios(experiment: str) -> pd.DataFrame:
    """Return the experiment's deleted scenarios, newest first."""
    return services.tracker(experiment).runs.deleted(experiment, "scenario")


@st.cache_data(show_spinner=False, ttl=30, max_entries=20)
def scenario_table(experiment: str) -> pd.DataFrame:
    """Return the experiment's saved scenarios, newest first."""
    return _runs().list_runs([experiment], kind="scenario", or_kept=True)
