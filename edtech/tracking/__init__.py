"""MLflow, and the only package that imports it: write, read, compare and load runs.

Importing this package, or a name from it, does not load MLflow; opening a store does.
"""

from edtech.tracking.compare import Comparison, compare_runs
from edtech.tracking.outbox import SyncReport, pending_runs, sync
from edtech.tracking.run_frames import Run, as_frame
from edtech.tracking.run_items import DatasetItem, ModelItem, RunItems, SampleItem
from edtech.tracking.runs import RunStore
from edtech.tracking.tracker import EdTechMLFlowTracker, Group, setup_mlflow_for_edtech_pipeline

waiting = pending_runs
"""The name that version 0.1 exported."""

__all__ = [
    "Comparison",
    "DatasetItem",
    "EdTechMLFlowTracker",
    "Group",
    "ModelItem",
    "Run",
    "RunItems",
    "RunStore",
    "SampleItem",
    "SyncReport",
    "as_frame",
    "compare_runs",
    "pending_runs",
    "setup_mlflow_for_edtech_pipeline",
    "sync",
    "waiting",
]
