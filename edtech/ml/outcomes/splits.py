"""Holdout splits: the latest rows if there is a time, else random subjects or rows."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from edtech.errors import ModelError
from edtech.ml.outcomes.cases import Cases
from edtech.tables.arrays import Bools

MIN_ROWS = 20
"""Minimum rows of each outcome, in training and in evaluation."""


@dataclass(frozen=True, slots=True)
class Split:
    """Training cases, held-out cases, and a description of the held-out ones."""

    training: Cases
    evaluation: Cases
    description: str


def split_cases(cases: Cases, share: float, seed: int, row: str) -> Split:
    """Hold out about `share` of the labeled rows: the latest, or random ones without a time.

    Training ends where the evaluation begins: rows with a later outcome are dropped from training. Without a time, all
    rows of a subject are on one side. `row` names the rows, in the plural. Raises ModelError if a side lacks one of the
    outcomes.
    """
    labeled = cases.labeled
    if cases.time is None:
        held_out, description = _random_holdout(cases, labeled, share, seed, row)
        split = Split(cases.subset(~held_out), cases.subset(held_out), description)
    else:
        times = cases.time[labeled]
        cut = times.quantile(1 - share, interpolation="higher")
        if cut == times.min():
            cut = times[times > cut].min() if times.nunique() > 1 else cut
        later = labeled & (cases.time >= cut).to_numpy()
        share_held_out = later.sum() / labeled.sum()
        description = f"{row} from {_format_time(cut)} on, {share_held_out:.0%} of all; training ends before"
        split = Split(cases.before(cut), cases.subset(later), description)
    for name, side in (("fit", split.training), ("evaluate", split.evaluation)):
        _require_both_outcomes(side, name, row)
    return split


def _random_holdout(cases: Cases, labeled: Bools, share: float, seed: int, row: str) -> tuple[Bools, str]:
    rng = np.random.default_rng(seed)
    repeated = cases.subject is not None and cases.subject.duplicated().any()
    held_out = np.zeros(len(cases), dtype=bool)
    if repeated:
        subjects = pd.unique(cases.clusters)
        held_out_subjects = rng.permutation(subjects)[: max(1, round(share * subjects.size))]
        held_out = np.isin(cases.clusters, held_out_subjects) & labeled
        return held_out, f"{share:.0%} of the subjects, random (seed {seed}), none of their {row} in training"
    for outcome in (0.0, 1.0):
        rows = rng.permutation(np.flatnonzero(cases.actual == outcome))
        held_out[rows[: round(share * rows.size)]] = True
    return (
        held_out,
        f"{share:.0%} of the {row}, random (seed {seed}) and stratified by outcome, because there is no time",
    )


def _require_both_outcomes(side: Cases, purpose: str, row: str) -> None:
    actual = side.actual[side.labeled]
    counts = [int((actual == outcome).sum()) for outcome in (1.0, 0.0)]
    if min(counts) < MIN_ROWS:
        raise ModelError(
            f"There are too few {row} to {purpose} a model",
            expected=f"at least {MIN_ROWS} of each outcome",
            actual=f"{counts[0]} with the outcome and {counts[1]} without",
            fix="use more rows or a longer time, another horizon, or another test share",
        )


def _format_time(moment: object) -> str:
    return f"{moment:%Y-%m-%d}" if isinstance(moment, pd.Timestamp) else str(moment)
