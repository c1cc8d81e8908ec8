"""Cases: rows with what was known at a moment and what came of it, from a data set of any kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edtech.tables.arrays import Bools, Floats

PERIODS = 4
"""Parts of the horizon in which an event may come."""


@dataclass(frozen=True, slots=True)
class Cases:
    """N rows to learn from; every series has the rows of `features`.

    `target` (bool, missing where not known yet) is what happened, named by what it says. `time` is the moment of the
    prediction, `known` that from which the outcome was known; None where the data do not tell. `subject` is whom a row
    is about, `value` the tokens that a yes brings. For churn `follow` holds duration and event, until when each row
    was watched and whether what ends that (`ends_by`) was seen, and `watch`, how long it could have been; `stays` holds
    cohort, duration and event (left) of each subject from the start on; `visits` subject, time and courses `seen` of
    all visits, from which the season is learned. `ids` says what a row is about.
    """

    features: pd.DataFrame
    target: pd.Series
    time: pd.Series | None = None
    known: pd.Series | None = None
    subject: pd.Series | None = None
    value: pd.Series | None = None
    follow: pd.DataFrame | None = None
    ends_by: str = ""
    ids: pd.DataFrame = field(default_factory=pd.DataFrame)
    meanings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    horizon: float | None = None
    stays: pd.DataFrame | None = None
    visits: pd.DataFrame | None = None
    as_of: str | None = None
    generated: bool = False

    def __len__(self) -> int:
        return len(self.features)

    def rows(self, which: Bools) -> "Cases":
        """Return some of the rows."""
        return replace(self, **{name: _rows(getattr(self, name), which) for name in _PARTS})

    def before(self, moment: Any) -> "Cases":  # noqa: ANN401  # a date or a number
        """Return what could be learned from before a moment: earlier rows, and of these what was known by then.

        A row whose outcome came later is left out; one that is watched is watched until then only.
        """
        assert self.time is not None  # noqa: S101  # the caller's part
        earlier = (self.time < moment).to_numpy()
        if self.follow is None:
            return self.rows(earlier if self.known is None else earlier & (self.known <= moment).to_numpy())
        cases = self.rows(earlier)
        if self.known is None or cases.follow is None or cases.time is None:
            return cases
        left = ((moment - cases.time) / pd.Timedelta(days=1)).clip(lower=0)
        duration = cases.follow["duration"].clip(upper=left)
        event = cases.follow["event"] & (cases.follow["duration"] <= left)
        watch = cases.follow["watch"].clip(upper=left)
        follow = pd.DataFrame({"duration": duration, "event": event, "watch": watch})
        visits = None if self.visits is None else self.visits[self.visits["time"] < moment]
        return replace(cases, target=cases.target.mask(cases.known > moment), follow=follow, visits=visits)

    @property
    def labeled(self) -> Bools:
        """Which rows have a known outcome, (N,)."""
        return np.asarray(self.target.notna())

    @property
    def actual(self) -> Floats:
        """The outcome as 1, 0 or NaN, (N,)."""
        return np.asarray(self.target.astype("float64"), dtype=np.float64)

    @property
    def clusters(self) -> NDArray[np.intp]:
        """A number for each subject, (N,); a row is its own where none is named."""
        if self.subject is None:
            return np.arange(len(self))
        return np.asarray(pd.factorize(self.subject)[0], dtype=np.intp)


_PARTS = ("features", "target", "time", "known", "subject", "value", "follow", "ids")


def _rows(part: Any, which: Bools) -> Any:  # noqa: ANN401  # a frame, a series or None
    return part if part is None or len(part) == 0 else part[which].reset_index(drop=True)
