"""The range of days that the figures are of."""

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
        """How many days."""
        return (self.last - self.first).days + 1

    @property
    def start(self) -> datetime:
        """The first moment."""
        return datetime(self.first.year, self.first.month, self.first.day)

    @property
    def end(self) -> datetime:
        """The first moment after."""
        return self.start + timedelta(days=self.days)

    @property
    def before(self) -> "Period":
        """As many days, right before."""
        return Period(self.first - timedelta(days=self.days), self.first - timedelta(days=1))

    def holds(self, other: "Period") -> bool:
        """Whether the other lies inside."""
        return self.first <= other.first and other.last <= self.last

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


def whole_period(dataset: Dataset) -> Period | None:
    """Return the days that a data set is about; None where its periods are no dates.

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


def chosen_period(dataset: Dataset, first: date | None = None, last: date | None = None) -> Period | None:
    """Return the asked range; what is left out is the data set's own end. None where its periods are no dates.

    Raises:
        DataError: the range is empty, reaches outside the data, or cannot be asked because periods are no dates.
    """
    whole = whole_period(dataset)
    if whole is None:
        if first is not None or last is not None:
            raise DataError(
                "This data set cannot be cut to a range of days",
                expected="periods that are dates",
                where=dataset.name,
                fix="leave the range out: the figures are of all periods",
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
    if not whole.holds(requested):
        raise DataError(
            "The range reaches outside the data",
            expected=f"days from {whole}",
            actual=str(requested),
            where=dataset.name,
            fix="choose days inside the data",
        )
    return requested
