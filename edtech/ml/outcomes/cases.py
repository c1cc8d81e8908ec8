"""Labeled rows of any data set: features at a prediction time, and the outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edtech.tables.arrays import Bools, Floats

PERIODS = 4
"""Periods of the horizon in discrete-time survival models."""


@dataclass(frozen=True, slots=True)
class Cases:
    """N rows to learn from; every series has the rows of `features`.

    `target` (bool, missing if not known yet) is the outcome, with its name. `time` is the prediction time and
    `outcome_time` the time from which the outcome is known; None if the data do not have them. `subject` is whom a row
    is about, `value` the tokens of a positive outcome, and `ids` the keys of a row.

    For churn, `follow_up` has the duration of each row until its event or censoring, whether the event (`event_kind`)
    was observed, and `watch`, how long it could have been observed. `lifetimes` has cohort, duration and event (left)
    of each subject from its start. `visits` has subject, time and the number of courses `seen` of all visits, from
    which the season is estimated.
    """

    features: pd.DataFrame
    target: pd.Series
    time: pd.Series | None = None
    outcome_time: pd.Series | None = None
    subject: pd.Series | None = None
    value: pd.Series | None = None
    follow_up: pd.DataFrame | None = None
    event_kind: str = ""
    ids: pd.DataFrame = field(default_factory=pd.DataFrame)
    meanings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    horizon: float | None = None
    lifetimes: pd.DataFrame | None = None
    visits: pd.DataFrame | None = None
    as_of: str | None = None
    generated: bool = False

    def __len__(self) -> int:
        return len(self.features)

    def subset(self, mask: Bools) -> "Cases":
        """Return the rows of a mask (N,)."""
        return replace(self, **{name: _subset(getattr(self, name), mask) for name in _ROW_FIELDS})

    def before(self, moment: Any) -> "Cases":  # noqa: ANN401  # a date or a number
        """Return the rows before a moment, with the outcomes that were known then.

        Rows with a later outcome are dropped; follow-up is censored at the moment.
        """
        assert self.time is not None  # noqa: S101  # checked by the caller
        earlier = (self.time < moment).to_numpy()
        if self.follow_up is None:
            return self.subset(
                earlier if self.outcome_time is None else earlier & (self.outcome_time <= moment).to_numpy()
            )
        cases = self.subset(earlier)
        if self.outcome_time is None or cases.follow_up is None or cases.time is None:
            return cases
        left = ((moment - cases.time) / pd.Timedelta(days=1)).clip(lower=0)
        duration = cases.follow_up["duration"].clip(upper=left)
        event = cases.follow_up["event"] & (cases.follow_up["duration"] <= left)
        watch = cases.follow_up["watch"].clip(upper=left)
        follow = pd.DataFrame({"duration": duration, "event": event, "watch": watch})
        visits = None if self.visits is None else self.visits[self.visits["time"] < moment]
        return replace(cases, target=cases.target.mask(cases.outcome_time > moment), follow_up=follow, visits=visits)

    @property
    def labeled(self) -> Bools:
        """Mask of rows with a known outcome, (N,)."""
        return np.asarray(self.target.notna())

    @property
    def actual(self) -> Floats:
        """The outcome as 1, 0 or NaN, (N,)."""
        return np.asarray(self.target.astype("float64"), dtype=np.float64)

    @property
    def clusters(self) -> NDArray[np.intp]:
        """Code of each row's subject, (N,); without subjects, each row is its own."""
        if self.subject is None:
            return np.arange(len(self))
        return np.asarray(pd.factorize(self.subject)[0], dtype=np.intp)


_ROW_FIELDS = ("features", "target", "time", "outcome_time", "subject", "value", "follow_up", "ids")


def _subset(values: Any, mask: Bools) -> Any:  # noqa: ANN401  # a frame, a series or None
    return values if values is None or len(values) == 0 else values[mask].reset_index(drop=True)
