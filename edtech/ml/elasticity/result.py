"""The result of a training of the family `token_elasticity`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import pandas as pd

from edtech.data.quality.checks import Check, Severity
from edtech.ml.base import Estimate, FitResult
from edtech.ml.elasticity.protocols import DemandModel
from edtech.tables.roles import PanelRoles

IdentificationKind = Literal["randomized", "instrument", "within_unit", "controls", "none"]

UNSOLD_CHECK = "unsold_rows"
"""Code of the check of rows that an estimator drops because they have no sales."""


def supports_recommendation(kind: IdentificationKind, roles: PanelRoles) -> bool:
    """Whether this identification supports recommended prices."""
    stated = kind == "within_unit" and roles.prices_set == "schedule"
    return stated or kind in ("randomized", "instrument")


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticityResult(FitResult):
    """A trained demand model and its elasticity.

    `elasticity_by_segment`: segment, estimate, low, high. `support`: unit, low, high, randomized_low,
    randomized_high, in price units. `evaluation`: period, unit, segment, price, views, actual, predicted of the
    held-out rows. `condition` completes "This is valid if". `naive` is the pooled log-log slope.
    """

    COLUMNS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **FitResult.COLUMNS,
        "elasticity_by_segment": ("segment", "estimate", "low", "high"),
        "support": ("unit", "low", "high", "randomized_low", "randomized_high"),
    }
    TEXT: ClassVar[tuple[str, ...]] = ("feature", "unit", "segment")

    model: DemandModel
    roles: PanelRoles
    elasticity: Estimate
    elasticity_by_segment: pd.DataFrame
    identification: IdentificationKind
    condition: str
    naive: Estimate
    support: pd.DataFrame

    @property
    def may_recommend(self) -> bool:
        """Whether prices may be recommended; else the estimate is shown with its condition only.

        This depends on how prices were set and on the rows, never on the estimate.
        """
        return self.bias_check is None and supports_recommendation(self.identification, self.roles)

    @property
    def bias_check(self) -> Check | None:
        """The failed check that shows the estimate to be biased under any identification, or None."""
        failed = (check for check in self.checks if check.severity is Severity.FAIL)
        return next((check for check in failed if check.code == UNSOLD_CHECK), None)

    def run_params(self) -> dict[str, str]:
        """Return the columns by their role."""
        return {
            f"column.{name}": ", ".join(value) if isinstance(value, tuple) else str(value)
            for name, value in self.roles.model_dump().items()
        }

    def run_tags(self) -> dict[str, str]:
        """Return how the price effect is identified."""
        return {"identification": self.identification}
