"""Which rows are held back: later ones wherever there is a time, never random rows of a panel."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from edtech.errors import ModelError
from edtech.ml.outcomes.cases import Cases
from edtech.tables.arrays import Bools

FEWEST = 20
"""Rows of each outcome that a fit and an evaluation need."""


@dataclass(frozen=True, slots=True)
class Split:
    """Cases to fit on and cases held back, and in words which these are."""

    training: Cases
    evaluation: Cases
    words: str


def split_cases(cases: Cases, share: float, seed: int, row: str) -> Split:
    """Hold back about `share` of the rows whose outcome is known: the latest; without a time, a fixed part.

    What is fitted on ends where the evaluation begins: rows whose outcome was known only later are left out. Where
    subjects repeat and there is no time, all rows of a subject fall on one side. `row` names a row, in the plural.
    Raises ModelError where a side lacks one of the outcomes.
    """
    known = cases.labeled
    if cases.time is None:
        held, words = _drawn(cases, known, share, seed, row)
        split = Split(cases.rows(~held), cases.rows(held), words)
    else:
        times = cases.time[known]
        cut = times.quantile(1 - share, interpolation="higher")
        if cut == times.min():
            cut = times[times > cut].min() if times.nunique() > 1 else cut
        later = known & (cases.time >= cut).to_numpy()
        part = later.sum() / known.sum()
        words = f"{row} from {_moment(cut)} on, {part:.0%} of all; what was fitted on ends before"
        split = Split(cases.before(cut), cases.rows(later), words)
    for name, side in (("fit", split.training), ("evaluate", split.evaluation)):
        _require(side, name, row)
    return split


def _drawn(cases: Cases, known: Bools, share: float, seed: int, row: str) -> tuple[Bools, str]:
    rng = np.random.default_rng(seed)
    repeated = cases.subject is not None and cases.subject.duplicated().any()
    held = np.zeros(len(cases), dtype=bool)
    if repeated:
        subjects = pd.unique(cases.clusters)
        chosen = rng.permutation(subjects)[: max(1, round(share * subjects.size))]
        held = np.isin(cases.clusters, chosen) & known
        return held, f"{share:.0%} of the subjects, drawn once (seed {seed}), none of their {row} in training"
    for outcome in (0.0, 1.0):
        rows = rng.permutation(np.flatnonzero(cases.actual == outcome))
        held[rows[: round(share * rows.size)]] = True
    return held, f"{share:.0%} of the {row}, drawn once (seed {seed}) at equal shares of the outcome; there is no time"


def _require(side: Cases, what: str, row: str) -> None:
    actual = side.actual[side.labeled]
    counts = [int((actual == outcome).sum()) for outcome in (1.0, 0.0)]
    if min(counts) < FEWEST:
        raise ModelError(
            f"There are too few {row} to {what} a model",
            expected=f"at least {FEWEST} of each outcome",
            actual=f"{counts[0]} with the outcome and {counts[1]} without",
            fix="use more rows or a longer time, another horizon, or another share held back",
        )


def _moment(moment: object) -> str:
    return f"{moment:%Y-%m-%d}" if isinstance(moment, pd.Timestamp) else str(moment)
