"""The complete pipeline, from data to report, in one call or command."""

from typing import TYPE_CHECKING

from edtech.lazy import lazy_names

if TYPE_CHECKING:
    from edtech.pipeline.orchestrator import EdTechPipelineOrchestrator, PipelineResult
    from edtech.training.plans import TrainingPlan, train_planned
    from edtech.training.trainer import RunResult, train_runs

__all__ = ["EdTechPipelineOrchestrator", "PipelineResult", "RunResult", "TrainingPlan", "train_planned", "train_runs"]

# Loaded on first use: training imports scikit-learn, which takes more than a second.
__getattr__ = lazy_names(
    __name__,
    {
        "EdTechPipelineOrchestrator": "edtech.pipeline.orchestrator",
        "PipelineResult": "edtech.pipeline.orchestrator",
        "RunResult": "edtech.training.trainer",
        "TrainingPlan": "edtech.training.plans",
        "train_planned": "edtech.training.plans",
        "train_runs": "edtech.training.trainer",
        "TrainedRun": "edtech.training.trainer:RunResult",  # former name
    },
)
