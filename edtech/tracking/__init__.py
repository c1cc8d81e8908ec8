"""MLflow, and the only package that knows it: what a run holds, how it is written, read, compared and loaded.

Importing this package, or a name from it, does not load MLflow: opening a store does.
"""

from edtech.tracking.compare import Comparison, compare_runs
from edtech.tracking.outbox import SyncReport, sync, waiting
from edtech.tracking.run_frames import Run, as_frame
from edtech.tracking.run_items import DatasetItem, ModelItem, RunItems, SampleItem
from edtech.tracking.runs import RunStore
from edtech.tracking.tracker import EdTechMLFlowTracker, Group, setup_mlflow_for_edtech_pipeline

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
    "setup_mlflow_for_edtech_pipeline",
    "sync",
    "waiting",
]
