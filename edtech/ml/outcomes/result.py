"""What a training of a family of labels finds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from edtech.ml.base import FitResult


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelResult(FitResult):
    """A trained model of probabilities and how right they were on rows held back.

    `outcome` names what is predicted, as the column does. `threshold`: from which probability on a row counts as yes in
    the confusion table, chosen as `threshold_words` says. `horizon`: the days (or the file's own unit) that the outcome
    is about, None where it has no time. `meanings`: one sentence for each feature that we made.
    `evaluation`: actual, predicted, time, subject and, where a yes brings tokens, value.
    """

    COLUMNS: ClassVar[Mapping[str, tuple[str, ...]]] = {**FitResult.COLUMNS, "odds": ("feature", "ratio")}
    TEXT: ClassVar[tuple[str, ...]] = ("feature", "subject", "outcome", "said", "cohort", "meaning", "note")

    outcome: str
    threshold: float
    threshold_words: str
    odds: pd.DataFrame
    meanings: dict[str, str]
    horizon: float | None = None

    def run_params(self) -> dict[str, str]:
        """Return what is predicted and from how many columns."""
        return {"outcome": self.outcome, "features": str(len(self.importance))}

    def run_tags(self) -> dict[str, str]:
        """Return what is predicted."""
        return {"outcome": self.outcome}
