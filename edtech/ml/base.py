"""What every model family shares: hyperparameters, results, algorithms, and the family itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edtech.data.quality.findings import Check
from edtech.errors import ParamsError
from edtech.jobs.progress import Progress

if TYPE_CHECKING:
    from edtech.data import Dataset

Presets = Mapping[str, Mapping[str, Any]]

"""Told the share of the work that is done, and what is being done; what it raises ends the work."""


class Params(BaseModel):
    """Hyperparameters of an algorithm. Each field is bounded and explained: the sliders are made from them."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    PRESETS: ClassVar[Presets] = {}
    """Where to start from instead of the defaults, by name; what one does not name is at its default."""

    evaluation_share: float = Field(
        0.2,
        ge=0.1,
        le=0.4,
        title="Share of later periods held back",
        description="The last periods are kept out of a first fit and its errors are measured on them.",
    )

    def estimator_arguments(self) -> dict[str, Any]:
        """Return what the estimator's constructor takes."""
        return self.model_dump(exclude={"evaluation_share"})


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval; `note` says why there is none where `low` and `high` are None."""

    estimate: float
    low: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One way to train a family: its estimator's class, its hyperparameters and one sentence of help.

    `needs` is what it asks beyond the family's main table, one of the family's own words; "" where nothing.
    """

    name: str
    title: str
    estimator: type[Any]
    params: type[Params]
    help: str
    needs: str = ""

    def validate_params(self, values: Mapping[str, Any] | None) -> Params:
        """Return checked hyperparameters, the defaults where none are given.

        Raises ParamsError listing every value that is out of range.
        """
        try:
            return self.params(**dict(values or {}))
        except ValidationError as exc:
            raise ParamsError(
                f"The hyperparameters of {self.name!r} cannot be used",
                expected="; ".join(_range(name, info) for name, info in self.params.model_fields.items()),
                found="; ".join(f"{'.'.join(map(str, e['loc']))} = {e['input']!r}" for e in exc.errors()),
                fix="choose values within these ranges",
                details=[f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors()],
            ) from exc


def _range(name: str, info: Any) -> str:  # noqa: ANN401  # pydantic's FieldInfo
    bounds = {type(item).__name__: item for item in info.metadata}
    low, high = getattr(bounds.get("Ge"), "ge", None), getattr(bounds.get("Le"), "le", None)
    return f"{name} from {low} to {high}" if low is not None else f"{name}: {info.annotation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResult:
    """A trained model and what was found with it; each family adds its own findings.

    `evaluation`: rows held back, with actual and predicted. `importance`: feature, importance. `split` says in words
    which rows were held back. `checks` is the diagnostics card. `tables` holds further tables of the family by name.
    All frames are stored as CSV, and all other fields as JSON, in the training's run.
    """

    COLUMNS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "evaluation": ("actual", "predicted"),
        "importance": ("feature", "importance"),
    }
    """Columns that a stored frame must have to be read again."""
    TEXT: ClassVar[tuple[str, ...]] = ("feature",)
    """Columns of any frame that stay text when they are read again, whatever they look like."""

    family: str
    algorithm: str
    params: Params
    model: Any
    metrics: dict[str, float]
    evaluation: pd.DataFrame
    importance: pd.DataFrame
    split: str
    notes: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def run_params(self) -> dict[str, str]:
        """Return what a run records of this result beside the hyperparameters."""
        return {}

    def run_tags(self) -> dict[str, str]:
        """Return the tags by which runs of this family are told apart."""
        return {}


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A result and the rows it was trained on, `target` among their columns."""

    result: FitResult
    rows: pd.DataFrame
    target: str


@dataclass(frozen=True, slots=True)
class Family:
    """A model family: what it asks, its algorithms, and how a result of it is trained and told.

    `needs` says in words which tables it learns from. `fits` returns the names of the algorithms that a data set has
    the tables for, the one to start with first; none where it cannot be trained. `train` raises ModelError, DataError
    or ContractError. `summary` is a run's description in plain sentences, its first one the finding. `plots` are PNG
    files by artifact path.
    """

    name: str
    title: str
    question: str
    needs: str
    algorithms: Mapping[str, Algorithm]
    result: type[FitResult]
    algorithms_for: "Callable[[Dataset], tuple[str, ...]]"
    train: "Callable[[Dataset, Algorithm, Params, Progress], FittedModel]"
    summary: Callable[[Any], str]
    plots: Callable[[Any], dict[str, bytes]]

    def algorithm(self, name: str) -> Algorithm:
        """Return the algorithm of that name. Raises ParamsError where there is none."""
        if name not in self.algorithms:
            raise ParamsError(
                "There is no such algorithm",
                expected=f"one of {', '.join(self.algorithms)}",
                found=repr(name)[:80],
                where=f"family {self.name!r}",
                fix="choose from the list",
            )
        return self.algorithms[name]
