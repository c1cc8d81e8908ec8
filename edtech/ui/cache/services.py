"""Services of this server, each created once: settings, jobs, catalogue, tracker, model registry."""

from typing import TYPE_CHECKING

import streamlit as st

from edtech.data import Catalogue
from edtech.jobs.queue import JobQueue
from edtech.pipeline import tasks
from edtech.settings import Settings, load_settings

if TYPE_CHECKING:
    from edtech.tracking import EdTechMLFlowTracker
    from edtech.tracking.metric_definitions import MetricDefinitions
    from edtech.tracking.registry import ModelRegistry


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """Return the settings of the server. Raises SettingsError if an environment variable is invalid."""
    return load_settings()


@st.cache_resource(show_spinner=False, on_release=JobQueue.close)
def jobs() -> JobQueue[tasks.TaskResult]:
    """Return the job queue of this server with its worker processes."""
    return tasks.local_queue(settings())


@st.cache_resource(show_spinner=False)
def catalogue() -> Catalogue:
    """Return the catalogue of data sets."""
    return Catalogue(settings().data_dir)


@st.cache_resource(show_spinner="Opening the MLflow store")
def tracker(experiment: str) -> "EdTechMLFlowTracker":
    """Return the tracker of an experiment, after closing runs that a killed process left open."""
    from edtech.tracking import EdTechMLFlowTracker  # MLflow takes more than a second to load

    opened = EdTechMLFlowTracker(experiment, settings=settings())
    if not opened.runs.problem():  # without its server, pages still work; stale runs are closed at the next start
        opened.runs.close_stale_runs()
    return opened


@st.cache_resource(show_spinner=False)
def metric_definitions() -> "MetricDefinitions":
    """Return the saved directions and units of foreign metrics."""
    from edtech.tracking.metric_definitions import MetricDefinitions

    return MetricDefinitions(settings().root / "metrics.json")


@st.cache_resource(show_spinner=False)
def registry() -> "ModelRegistry":
    """Return the model registry."""
    from edtech.tracking.registry import ModelRegistry

    return ModelRegistry(settings())
