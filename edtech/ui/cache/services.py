"""The services of this server, each opened once: settings, jobs, catalogue, tracker, model registry."""

from typing import TYPE_CHECKING

import streamlit as st

from edtech.data import Catalogue
from edtech.jobs.queue import JobQueue
from edtech.pipeline import tasks
from edtech.settings import Settings, load_settings

if TYPE_CHECKING:
    from edtech.tracking import EdTechMLFlowTracker
    from edtech.tracking.metric_dictionary import MetricMemory
    from edtech.tracking.registry import ModelRegistry


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """Return the settings the server started with. Raises SettingsError where the environment cannot be used."""
    return load_settings()


@st.cache_resource(show_spinner=False, on_release=JobQueue.close)
def jobs() -> JobQueue[tasks.TaskResult]:
    """Return the jobs of this server and the processes that do them."""
    return tasks.local_queue(settings())


@st.cache_resource(show_spinner=False)
def catalogue() -> Catalogue:
    """Return the data sets of this home."""
    return Catalogue(settings().data_dir)


@st.cache_resource(show_spinner="Opening the MLflow store")
def tracker(experiment: str) -> "EdTechMLFlowTracker":
    """Return the tracker of an experiment; runs that a killed process left open are closed first."""
    from edtech.tracking import EdTechMLFlowTracker  # MLflow takes more than a second to load

    opened = EdTechMLFlowTracker(experiment, settings=settings())
    if not opened.runs.problem():  # a server that is away hides no page; its runs are closed at the next start
        opened.runs.close_stale_runs()
    return opened


@st.cache_resource(show_spinner=False)
def metric_memory() -> "MetricMemory":
    """Return what users said of metrics that are not ours."""
    from edtech.tracking.metric_dictionary import MetricMemory

    return MetricMemory(settings().root / "metrics.json")


@st.cache_resource(show_spinner=False)
def registry() -> "ModelRegistry":
    """Return the registered models of the store."""
    from edtech.tracking.registry import ModelRegistry

    return ModelRegistry(settings())
