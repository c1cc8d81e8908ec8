"""The range of days of the figures."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pandas as pd

from edtech.data import Dataset
from edtech.errors import DataError

LEDGER = "token_ledger"


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """The number of days."""
        return (self.last - self.first).days + 1

    @property
    def start(self) -> datetime:
        """The start of the first day."""
        return datetime(self.first.year, self.first.month, self.first.day)

    @property
    def end(self) -> datetime:
        """The end of the last day."""
        return self.start + timedelta(days=self.days)

    @property
    def before(self) -> "Period":
        """The same number of days directly before."""
        return Period(self.first - timedelta(days=self.days), self.first - timedelta(days=1))

    def contains(self, other: "Period") -> bool:
        """Whether the other period lies inside."""
        return self.first <= other.first and other.last <= self.last

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


def whole_period(dataset: Dataset) -> Period | None:
    """Return the days that a data set covers; None if its periods are not dates.

    A market's are those of its platform metrics, else of its ledger; a panel's reach from its first to its last period.
    """
    if "platform_metrics" in dataset.tables:
        ends = dataset.query("SELECT min(day)::TIMESTAMP AS first, max(day)::TIMESTAMP AS last FROM platform_metrics")
    elif LEDGER in dataset.tables:
        ends = dataset.query(
            "SELECT min(occurred_at)::TIMESTAMP AS first, max(occurred_at)::TIMESTAMP AS last FROM token_ledger"
        )
    else:
        periods = dataset.by_period()["period"]
        if not len(periods) or not pd.api.types.is_datetime64_any_dtype(periods):
            return None
        ends = pd.DataFrame({"first": [periods.min()], "last": [periods.max()]})
    first, last = ends["first"].iloc[0], ends["last"].iloc[0]
    return None if pd.isna(first) else Period(first.date(), last.date())


def select_period(dataset: Dataset, first: date | None = None, last: date | None = None) -> Period | None:
    """Return the requested range, by default all days of the data set; None if its periods are not dates.

    Raises:
        DataError: the range is empty or outside the data, or the periods are not dates.
    """
    whole = whole_period(dataset)
    if whole is None:
        if first is not None or last is not None:
            raise DataError(
                "This data set has no days to select",
                expected="periods that are dates",
                where=dataset.name,
                fix="remove the range: the figures are of all periods",
            )
        return None
    requested = Period(first or whole.first, last or whole.last)
    if requested.days < 1:
        raise DataError(
            "The range of days is empty",
            expected="a first day that is not after the last",
            actual=str(requested),
            fix="swap the two days",
        )
    if not whole.contains(requested):
        raise DataError(
            "The range is outside the data",
            expected=f"days from {whole}",
            actual=str(requested),
            where=dataset.name,
            fix="choose days inside the data",
        )
    return requested
