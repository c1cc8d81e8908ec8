"""What every model family shares: hyperparameters, results, and the registry of algorithms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edtech.errors import ParamsError
from edtech.tables.roles import PanelRoles

Kind = Literal["randomized", "instrument", "within_unit", "controls", "none"]


class Params(BaseModel):
    """Hyperparameters of an algorithm. Each field is bounded and explained: the sliders are made from them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    """One way to train a family: its estimator's class, its hyperparameters and one sentence of help."""

    name: str
    title: str
    estimator: type[Any]
    params: type[Params]
    help: str
    needs_visits: bool = False

    def parameters(self, values: Mapping[str, Any] | None) -> Params:
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


@dataclass(frozen=True, slots=True)
class FitResult:
    """A trained model and what was found with it.

    `elasticity_by_segment`: segment, estimate, low, high. `support`: unit, low, high, randomized_low,
    randomized_high, in price units. `evaluation`: period, unit, segment, price, views, actual, predicted on the rows
    held back. `importance`: feature, importance. `identification` is one of the design's five words and `condition`
    completes "This holds if".
    """

    family: str
    algorithm: str
    params: Params
    model: Any
    roles: PanelRoles
    elasticity: Estimate
    elasticity_by_segment: pd.DataFrame
    identification: Kind
    condition: str
    naive: Estimate
    support: pd.DataFrame
    metrics: dict[str, float]
    evaluation: pd.DataFrame
    importance: pd.DataFrame
    split: str
    notes: tuple[str, ...] = field(default=())

    @property
    def may_recommend(self) -> bool:
        """Whether prices may be recommended on this ground; else the estimate stands with its condition only.

        It goes by what is known of how prices came about, not by what the estimate looks like.
        """
        stated = self.identification == "within_unit" and self.roles.prices_set == "schedule"
        return stated or self.identification in ("randomized", "instrument")
