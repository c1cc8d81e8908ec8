"""The complete pipeline, from data to report, in one call or command."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edtech.pipeline.orchestrator import EdTechPipelineOrchestrator, PipelineResult
    from edtech.training.plans import TrainingPlan, train_planned
    from edtech.training.trainer import RunResult, train_runs

_WHERE = {
    "EdTechPipelineOrchestrator": "edtech.pipeline.orchestrator",
    "PipelineResult": "edtech.pipeline.orchestrator",
    "RunResult": "edtech.training.trainer",
    "TrainingPlan": "edtech.training.plans",
    "train_planned": "edtech.training.plans",
    "train_runs": "edtech.training.trainer",
}

_RENAMED = {"TrainedRun": "RunResult"}
"""Former names, which keep working."""

__all__ = ["EdTechPipelineOrchestrator", "PipelineResult", "RunResult", "TrainingPlan", "train_planned", "train_runs"]


def __getattr__(name: str) -> Any:  # noqa: ANN401  # loaded when used: the trainings need scikit-learn
    name = _RENAMED.get(name, name)
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
