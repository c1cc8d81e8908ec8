"""What every model family shares: hyperparameters, results, algorithms, and the family itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from edtech.data.quality.checks import Check
from edtech.errors import ParamsError
from edtech.jobs.progress import Progress
from edtech.tables.roles import Roles

if TYPE_CHECKING:
    from edtech.data import Dataset

Presets = Mapping[str, Mapping[str, Any]]
"""Values of some hyperparameters by the preset's name."""


class Params(BaseModel):
    """Hyperparameters of an algorithm; each field has a default, bounds and help. Forms are generated from them."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    PRESETS: ClassVar[Presets] = {}
    """Starting points other than the defaults; a hyperparameter that a preset does not name has its default."""

    evaluation_share: float = Field(
        0.2,
        ge=0.1,
        le=0.4,
        title="Test share (latest periods)",
        description="Errors are measured on the latest periods, with a model that was fitted without them.",
    )

    def estimator_arguments(self) -> dict[str, Any]:
        """Return the arguments of the estimator's constructor."""
        return self.model_dump(exclude={"evaluation_share"})


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95% interval. Where `low` and `high` are None, `note` gives the reason."""

    estimate: float
    low: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One way to train a family: the estimator's class, its hyperparameters and one sentence of help.

    `needs` names the data that it requires beyond the family's main table, in the family's own terms; empty: none.
    """

    name: str
    title: str
    estimator: type[Any]
    params: type[Params]
    help: str
    needs: str = ""

    @property
    def has_seed(self) -> bool:
        """Whether its result depends on a random seed."""
        return "seed" in self.params.model_fields

    def new_estimator(self, params: "Params | None" = None, **arguments: Any) -> Any:  # noqa: ANN401  # an estimator
        """Return an unfitted estimator; its constructor has no defaults for hyperparameters, which are in `params`."""
        return self.estimator(**(params or self.params()).estimator_arguments(), **arguments)

    def validate_params(self, values: Mapping[str, Any] | None) -> Params:
        """Return validated hyperparameters; a missing value has its default.

        Raises ParamsError, which lists every value that is out of range.
        """
        try:
            return self.params(**dict(values or {}))
        except ValidationError as exc:
            raise ParamsError(
                f"The hyperparameters of {self.name!r} cannot be used",
                expected="; ".join(_range(name, info) for name, info in self.params.model_fields.items()),
                actual="; ".join(f"{'.'.join(map(str, e['loc']))} = {e['input']!r}" for e in exc.errors()),
                fix="choose values within these ranges",
                details=[f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors()],
            ) from exc


def field_bounds(info: FieldInfo) -> tuple[Any, Any] | None:
    """Return the lower and upper bound of a number, None for fields without bounds."""
    low, high = (
        next((getattr(mark, end) for mark in info.metadata if getattr(mark, end, None) is not None), None)
        for end in ("ge", "le")
    )
    return None if low is None or high is None else (low, high)


def _range(name: str, info: FieldInfo) -> str:
    bounds = field_bounds(info)
    return f"{name}: {info.annotation}" if bounds is None else f"{name} from {bounds[0]} to {bounds[1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResult:
    """A trained model and its results; each family adds fields of its own.

    `evaluation`: held-out rows with actual and predicted. `importance`: feature, importance. `split` describes the
    held-out rows. `checks` is the diagnostics card. `tables` holds further tables of the family by name.
    The run stores all frames as CSV and all other fields as JSON.
    """

    COLUMNS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "evaluation": ("actual", "predicted"),
        "importance": ("feature", "importance"),
    }
    """Columns that a stored frame must have."""
    TEXT: ClassVar[tuple[str, ...]] = ("feature",)
    """Columns of any frame that are read as text, whatever they look like."""
    JSON_KEYS: ClassVar[Mapping[str, str]] = {}
    """Field -> its key in the stored JSON, where they differ."""

    family: str
    algorithm: str
    params: Params
    model: Any
    metrics: dict[str, float]
    evaluation: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["actual", "predicted"], dtype=float))
    importance: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["feature", "importance"]))
    split: str = "no held-out rows"
    notes: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def run_params(self) -> dict[str, str]:
        """Return the parameters that a run records beside the hyperparameters."""
        return {}

    def run_tags(self) -> dict[str, str]:
        """Return the tags that the runs of this family have in addition."""
        return {}


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A result and the rows it was trained on; `target` is one of their columns."""

    result: FitResult
    rows: pd.DataFrame
    target: str


def _no_plots(_result: Any) -> dict[str, bytes]:  # noqa: ANN401  # a result of any family
    return {}


def _no_checks(_fitted: FittedModel) -> tuple[Check, ...]:
    return ()


def _no_comparison(_fitted: FittedModel, _runs: pd.DataFrame) -> Check | None:
    return None


def _prediction(_model: Any) -> str:  # noqa: ANN401  # an estimator of any family
    return "Prediction"


def _no_warnings(_model: Any, _rows: pd.DataFrame, _support: pd.DataFrame | None) -> tuple[str, ...]:  # noqa: ANN401
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A model family: the data it needs, its algorithms, and how its models are trained, described and used.

    `needs`: the tables that it learns from, as a phrase. `result`: the class of its results.
    `algorithms_for(dataset)`: the names of the algorithms that the data set has the tables for, the recommended first;
    none if the family cannot be trained on it. `train` raises ModelError, DataError or ContractError.
    `summary(result)`: the run's description in sentences, the finding first.

    The other fields have defaults. `roles`: the class of column roles that a training may change; None: no roles.
    `usual_algorithms`: the algorithms that the pipeline trains; empty: all. `stored_types`: the classes that a stored
    model may hold beside the estimators of the algorithms. `plots(result)`: PNG files by artifact path.
    `checks(fitted)`: further checks for the diagnostics card. `compare_runs(fitted, runs)`: a check against the
    newest runs of other algorithms on the same data, as `RunStore.list_runs` returns them. `prediction_meaning(model)`:
    what a prediction is, as a phrase. `range_warnings(model, rows, support)`: a sentence for each column of `rows` with
    values outside the training data; `support` holds the observed prices (unit, low, high), None without them.
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
    roles: type[Roles] | None = None
    usual_algorithms: tuple[str, ...] = ()
    stored_types: tuple[type[Any], ...] = ()
    plots: Callable[[Any], dict[str, bytes]] = _no_plots
    checks: Callable[[FittedModel], tuple[Check, ...]] = _no_checks
    compare_runs: Callable[[FittedModel, pd.DataFrame], Check | None] = _no_comparison
    prediction_meaning: Callable[[Any], str] = _prediction
    range_warnings: Callable[[Any, pd.DataFrame, pd.DataFrame | None], tuple[str, ...]] = _no_warnings

    def algorithm(self, name: str) -> Algorithm:
        """Return the algorithm of that name. Raises ParamsError for an unknown name."""
        if name not in self.algorithms:
            raise ParamsError(
                "There is no such algorithm",
                expected=f"one of {', '.join(self.algorithms)}",
                actual=repr(name)[:80],
                where=f"family {self.name!r}",
                fix="choose from the list",
            )
        return self.algorithms[name]

    @property
    def estimators(self) -> tuple[type[Any], ...]:
        """The estimator classes of its algorithms."""
        return tuple(dict.fromkeys(algorithm.estimator for algorithm in self.algorithms.values()))
