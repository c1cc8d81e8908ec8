"""What a run holds, as values: `ml` and `pricing` make them, `tracker` is the one that writes them to MLflow."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

RunKind = Literal["training", "scenario", "group", "trial"]
ParamValue = str | int | float | bool


@dataclass(frozen=True, slots=True)
class ModelItem:
    """A fitted scikit-learn style estimator and rows it predicts from; stored under the name `model`."""

    estimator: Any
    input_example: "pd.DataFrame"


@dataclass(frozen=True, slots=True)
class SampleItem:
    """Rows that the stored model is asked again: its inputs (n, k) and what was seen (n), with the same index."""

    inputs: "pd.DataFrame"
    actual: "pd.Series"


@dataclass(frozen=True, slots=True)
class DatasetItem:
    """The data set a run was trained on: an MLflow dataset input with our digest."""

    name: str
    digest: str
    frame: "pd.DataFrame"
    target: str
    context: str = "training"


@dataclass(frozen=True, slots=True)
class RunItems:
    """One run, whole. `artifacts` maps a relative POSIX path (`evaluation/predictions.csv`) to its content.

    `description` is plain text. `started` (with a time zone) is when the work began; without it, when the logging did.
    `parent` is the id of the run that this one belongs to: a search, or repeats; MLflow shows it nested. `sample` needs
    a model: its predictions are stored, with a script that checks them.
    """

    name: str
    kind: RunKind = "training"
    params: Mapping[str, ParamValue] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    artifacts: Mapping[str, str | bytes] = field(default_factory=dict)
    model: ModelItem | None = None
    datasets: tuple[DatasetItem, ...] = ()
    started: datetime | None = None
    parent: str | None = None
    sample: SampleItem | None = None
