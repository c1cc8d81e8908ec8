"""The data set as it was: what a search may see, so that the rows its winner is judged on stay unseen."""

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
"""When a row of a generated market came to be."""


class TruncatedDataset(Dataset):
    """A data set without the rows from `before` on, in every table that has a time.

    Outcomes that a row learned later, such as a completion, are left in it: features are made as of a date and do not
    look at them, and labels are known up to the last day of `platform_metrics`, which is cut too.
    """

    before: object

    def table(self, name: str, columns: list[str] | None = None) -> pd.DataFrame:
        """Return the earlier rows of a table, or some of its columns."""
        time = TIMES.get(name) if self.kind == "market" else period_column(self.mapping)
        if time is None:
            return super().table(name, columns)
        frame = super().table(name, None if columns is None else list(dict.fromkeys([*columns, time])))
        return frame.loc[frame[time] < self.before, frame.columns if columns is None else columns].reset_index(
            drop=True
        )


@dataclass(frozen=True)
class Folds:
    """Parts of a data set that end at ever earlier moments; of each the last part is predicted from what lies before.

    `share`: of a part's periods, those predicted. `held_back`: the share of the whole that no part sees.
    """

    dataset: Dataset
    test_share: float
    count: int

    @cached_property
    def datasets(self) -> list[Dataset]:
        """The parts, the latest first. Raises ModelError without a time or with too few periods."""
        times = self._times
        fold = max(1, round(self.test_share * times.size))
        ends = [times.size - fold * (1 + number) for number in range(self.count)]
        if min(ends) < 2 * fold or min(ends) < 4:
            raise ModelError(
                "The data set is too short for a search",
                expected=f"{self.count} times {fold} periods to predict, and as many again before them",
                found=f"{times.size} periods",
                where=self.dataset.name,
                fix="use fewer folds, hold back less, or use data over a longer time",
            )
        return [TruncatedDataset(**dict(self.dataset), before=times[end]) for end in ends]

    def share(self, number: int) -> float:
        """Return which share of part `number` is as long as what is held back of the whole."""
        times = self._times.size
        fold = max(1, round(self.test_share * times))
        return fold / (times - fold * (1 + number))

    @cached_property
    def _times(self) -> "np.ndarray[tuple[int], np.dtype[np.generic]]":
        time = period_column(self.dataset.mapping)
        if time is None:
            raise ModelError(
                "A search needs a column that says when",
                expected="rows with a time, so that later ones can be predicted from earlier ones",
                found="a data set without one",
                where=self.dataset.name,
                fix="map the file again and name its time",
            )
        table = self.dataset.table(self.dataset.main_table, [time])
        return np.sort(table[time].unique())
