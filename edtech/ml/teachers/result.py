"""The result of a training of the family `teacher_quality`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from edtech.ml.base import FitResult
from edtech.tables.roles import RatingRoles


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherResult(FitResult):
    """Teachers with their effects and ranks, the best first.

    `teachers`: teacher, ratings, mean, effect, low, high (95%), rank, rank_low, rank_high (90%). Effects are in units
    of the rating, relative to the average rated teacher. Without a valid interval these columns are empty and
    `interval_note` has the reason. `evaluation`: teacher, actual, predicted, raw_mean of the held-out ratings.
    """

    COLUMNS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **FitResult.COLUMNS,
        "teachers": ("teacher", "ratings", "mean", "effect", "low", "high", "rank", "rank_low", "rank_high"),
    }
    TEXT: ClassVar[tuple[str, ...]] = ("feature", "teacher")

    roles: RatingRoles
    teachers: pd.DataFrame
    interval_note: str = ""

    @property
    def has_intervals(self) -> bool:
        """Whether effects and ranks have intervals."""
        return bool(self.teachers["rank_low"].notna().all())

    def run_params(self) -> dict[str, str]:
        """Return the columns by their role."""
        return {
            f"column.{name}": ", ".join(value) if isinstance(value, tuple) else str(value)
            for name, value in self.roles.model_dump().items()
        }
