"""Time-series cross-validation folds of a data set; a search never uses the rows on which its best model is tested."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from edtech.data.store import Dataset, period_column
from edtech.errors import ModelError

TIMES = {
    "course_weeks": "week",
    "views": "viewed_at",
    "enrollments": "enrolled_at",
    "token_ledger": "occurred_at",
    "platform_metrics": "day",
    "learners": "joined_on",
    "teachers": "joined_on",
    "courses": "published_on",
}
"""The column of each table of a generated market with the row's time."""


class TruncatedDataset(Dataset):
    """A data set without the rows from `before` on, in every table with a time.

    Outcomes that became available later, such as a completion, stay in their rows. Features are computed as of a date
    and ignore them, and labels are known up to the last day of `platform_metrics`, which is truncated too.
    """

    before: object

    def table(self, name: str, columns: list[str] | None = None) -> pd.DataFrame:
        """Return the earlier rows of a table, with some or all of its columns."""
        time = TIMES.get(name) if self.kind == "market" else period_column(self.mapping)
        if time is None:
            return super().table(name, columns)
        frame = super().table(name, None if columns is None else list(dict.fromkeys([*columns, time])))
        return frame.loc[frame[time] < self.before, frame.columns if columns is None else columns].reset_index(
            drop=True
        )


@dataclass(frozen=True)
class Folds:
    """Truncated data sets that end at ever earlier moments; in each, the last periods are the fold's test rows.

    `test_share`: the share of all periods that is the final test set, which no fold includes. `count`: number of folds.
    """

    dataset: Dataset
    test_share: float
    count: int

    @cached_property
    def datasets(self) -> list[Dataset]:
        """The truncated data sets, the latest first. Raises ModelError without a time or with too few periods."""
        times = self._times
        size = self._fold_size
        ends = [times.size - size * (1 + number) for number in range(self.count)]
        if min(ends) < 2 * size or min(ends) < 4:
            raise ModelError(
                "The data set is too short for a search",
                expected=f"{self.count} folds of {size} periods, with as many periods before the first",
                actual=f"{times.size} periods",
                where=self.dataset.name,
                fix="use fewer folds, a smaller test share, or data over a longer time",
            )
        return [TruncatedDataset(**dict(self.dataset), before=times[end]) for end in ends]

    def share(self, number: int) -> float:
        """Return the share of fold `number` that is as long as the final test set."""
        return self._fold_size / (self._times.size - self._fold_size * (1 + number))

    @property
    def _fold_size(self) -> int:
        return max(1, round(self.test_share * self._times.size))

    @cached_property
    def _times(self) -> "np.ndarray[tuple[int], np.dtype[np.generic]]":
        time = period_column(self.dataset.mapping)
        if time is None:
            raise ModelError(
                "A search needs a time column",
                expected="rows with a time, so that later rows can be predicted from earlier ones",
                actual="a data set without one",
                where=self.dataset.name,
                fix="map the file again and select its time column",
            )
        table = self.dataset.table(self.dataset.main_table, [time])
        return np.sort(table[time].unique())
