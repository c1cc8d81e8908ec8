"""What a prediction is of, and which values of the rows asked lie outside of what the model was trained on."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from edtech.ml.elasticity.estimators.demand import DemandEstimator
from edtech.ml.outcomes import CHURN, COMPLETION, PROPENSITY
from edtech.ml.outcomes.encoding import Encoder
from edtech.ml.teachers.estimators import TeacherRatings
from edtech.tables.values import listed, shown, to_number

PROBABILITIES = {
    PROPENSITY: "Probability of enrolling",
    COMPLETION: "Probability of completing",
    CHURN: "Probability of leaving",
}
SLACK = 1e-9
"""Rounding, as a share of a range: ends of long-tailed numbers are kept as logarithms."""


def prediction_meaning(model: Any, family: str) -> str:  # noqa: ANN401  # a stored model of any family
    """Return in words what the model's prediction is of; those of others are predictions only."""
    if isinstance(model, DemandEstimator):
        roles = model.roles
        return f"Expected {roles.quantity}" + (f" per {roles.period}" if roles.period else "")
    if isinstance(model, TeacherRatings):
        return "Expected rating (stars)"
    words = PROBABILITIES.get(family, "Prediction")
    return f"{words} within {model.horizon:g} days" if family == CHURN and hasattr(model, "horizon") else words


def out_of_range_warnings(model: Any, rows: pd.DataFrame, support: pd.DataFrame | None = None) -> tuple[str, ...]:  # noqa: ANN401
    """Return a sentence for each column of `rows` with values that the model was not trained on.

    `support`: unit, low, high: the prices seen of each unit. Only what the model or its run keeps can be told.
    """
    if isinstance(model, DemandEstimator):
        return tuple(_of_demand(model, rows, support))
    if isinstance(model, TeacherRatings):
        return tuple(_new(rows, model.roles.teacher, model.teachers_))
    encoder = getattr(model, "encoder_", None)
    return tuple(_of_labels(encoder, rows)) if isinstance(encoder, Encoder) else ()


def _of_demand(model: DemandEstimator, rows: pd.DataFrame, support: pd.DataFrame | None) -> Iterator[str]:
    roles = model.roles
    for column, known in ((roles.unit, model.units_), (roles.segment, model.segments_)):
        if column is not None:
            yield from _new(rows, column, known)
    if support is None or support.empty:
        return
    ends = support.assign(unit=support["unit"].astype(str)).set_index("unit")
    units = rows[roles.unit].astype(str) if roles.unit is not None else pd.Series("all", rows.index)
    low = units.map(ends["low"]).fillna(ends["low"].min()).to_numpy(dtype=float)
    high = units.map(ends["high"]).fillna(ends["high"].max()).to_numpy(dtype=float)
    yield from _beyond(rows, roles.price, low, high)


def _of_labels(encoder: Encoder, rows: pd.DataFrame) -> Iterator[str]:
    for name, known in encoder.words_.items():
        yield from _new(rows, name, known)
    for place, name in enumerate(encoder.numbers_):
        low, high = (
            np.expm1(ends[place]) if encoder.logs_[place] else ends[place] for ends in (encoder.lows_, encoder.highs_)
        )
        yield from _beyond(rows, name, np.full(len(rows), low), np.full(len(rows), high))


def _new(rows: pd.DataFrame, column: str, known: Any) -> Iterator[str]:  # noqa: ANN401  # a list or array of text
    values = rows[column]
    new = values[values.notna() & ~values.astype(str).isin(list(known))]
    if len(new):
        yield f"{column}: {listed(new.astype(str).unique(), 3)} was not seen in training{_of(new, rows)}"


def _beyond(rows: pd.DataFrame, column: str, low: Any, high: Any) -> Iterator[str]:  # noqa: ANN401  # arrays (n,)
    values = to_number(rows[column]).to_numpy(dtype=float, na_value=np.nan)
    slack = SLACK * np.maximum(np.abs(low), np.abs(high))
    far = np.flatnonzero((values < low - slack) | (values > high + slack))
    if far.size:
        first = far[0]
        ends = f"{low[first]:,.6g} to {high[first]:,.6g}"
        yield f"{column}: {shown(values[first])} lies outside of {ends} seen in training{_of(far, rows)}"


def _of(some: Any, rows: pd.DataFrame) -> str:  # noqa: ANN401  # anything with a length
    return f" ({len(some):,} of {len(rows):,} rows)" if len(rows) > 1 else ""
