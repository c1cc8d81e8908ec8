"""The result of a training of an outcome family."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from edtech.ml.base import FitResult


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeResult(FitResult):
    """A trained model of probabilities, and its held-out errors.

    `outcome` is the name of the predicted column. `threshold` is the lowest probability that counts as a yes in the
    confusion table, according to `threshold_rule`. `horizon` is that of the outcome in days (or in the unit of the
    upload), None without one. `meanings` has a sentence for each derived feature. `evaluation`: actual, predicted,
    time, subject and, if a yes has a value in tokens, value.
    """

    COLUMNS: ClassVar[Mapping[str, tuple[str, ...]]] = {**FitResult.COLUMNS, "odds": ("feature", "ratio")}
    TEXT: ClassVar[tuple[str, ...]] = ("feature", "subject", "outcome", "said", "cohort", "meaning", "note")

    JSON_KEYS: ClassVar[Mapping[str, str]] = {"threshold_rule": "threshold_words"}

    outcome: str
    threshold: float
    threshold_rule: str
    odds: pd.DataFrame
    meanings: dict[str, str]
    horizon: float | None = None

    def run_params(self) -> dict[str, str]:
        """Return the outcome and the number of features."""
        return {"outcome": self.outcome, "features": str(len(self.importance))}

    def run_tags(self) -> dict[str, str]:
        """Return the outcome."""
        return {"outcome": self.outcome}
