"""The content of a run as plain values: `ml` and `pricing` create them, the tracker writes them to MLflow."""

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
    """A fitted scikit-learn style estimator and example rows of its inputs; stored under the name `model`."""

    estimator: Any
    input_example: "pd.DataFrame"


@dataclass(frozen=True, slots=True)
class SampleItem:
    """Rows that validate the stored model: its inputs (n, k) and the actual values (n,), with the same index."""

    inputs: "pd.DataFrame"
    actual: "pd.Series"


@dataclass(frozen=True, slots=True)
class DatasetItem:
    """The data set that a run was trained on: an MLflow dataset input with the digest of this project."""

    name: str
    digest: str
    frame: "pd.DataFrame"
    target: str
    context: str = "training"


@dataclass(frozen=True, slots=True)
class RunItems:
    """The content of one run.

    `artifacts` maps a relative POSIX path (`evaluation/predictions.csv`) to its content. `description` is plain text.
    `started`, with a time zone, is when the work began; by default, when logging begins. `parent` is the id of the run
    that this one belongs to, such as a search; MLflow shows it nested. `sample` needs a model: its predictions are
    stored with a script that validates them.
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
