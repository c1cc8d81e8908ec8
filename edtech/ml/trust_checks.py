"""Gates of a training: what shows that a model knew the outcome, or was judged on what it had seen.

Kaufman, Rosset and Perlich (2012), "Leakage in Data Mining", ACM TKDD 6(4). Pure functions of tables; a run whose card
has a FAIL is not registered, and `blocked` says why.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from edtech.data.quality import leakage
from edtech.data.quality.findings import Check, Severity, graded
from edtech.tables.values import listed

LEAKS = ("leak_outcome", "leak_later", "time_overlap", "too_good", "single_feature")
"""Codes of the checks that speak of leaks."""
ALMOST_ALL = 0.9
TELLS_MUCH = 0.8
NO_CHANCE = 0.25
LITTLE_CHANCE = 0.5
TOO_GOOD_R2 = 0.999
FEWEST = 50


def blocking_checks(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Return the checks that keep a run out of the registry, leaks first: those that FAIL."""
    failed = [check for check in checks if check.severity is Severity.FAIL]
    return tuple(sorted(failed, key=lambda check: check.code not in LEAKS))


def blocking_reason(checks: Iterable[Check]) -> str | None:
    """Return why a run may not be registered, None where it may."""
    found = blocking_checks(checks)
    if not found:
        return None
    return "It may not be registered. " + " ".join(f"{check.title}: no. {check.evidence}" for check in found)


def leak_outcome(
    features: pd.DataFrame, outcomes: Sequence[pd.Series], known: Sequence[str] = (), instruments: Sequence[str] = ()
) -> Check:
    """Return whether a feature is the outcome, a function of it, or known only after it.

    `outcomes` are the target and what is made of it, such as quantity and revenue. Values tell for all columns, names
    for those that are neither `known` to be legitimate nor `instruments`, which may be called "demand_instrument".
    """
    told = {str(name): max(leakage.tells(features[name], of) for of in outcomes) for name in features}
    limits = {name: leakage.SURE if name in known else leakage.SUSPECT for name in told}
    sure = [name for name in told if told[name] >= limits[name]]
    named = [name for name in told if name not in (*sure, *known, *instruments) and leakage.after_outcome(name)]
    evidence = [
        f"{words}: {listed(names)}."
        for words, names in (
            ("Columns that follow the outcome, or what is made of it, by their values", sure),
            ("Columns whose names speak of the outcome or of what comes after it", named),
        )
        if names
    ]
    return graded(
        "leak_outcome",
        "No column gives the outcome away",
        fail=bool(evidence),
        evidence=" ".join(evidence) or f"None of {len(told)} columns tells the outcome by its values or its name.",
        fix="Train without these columns: they are known only with the outcome.",
    )


def time_overlap(earliest_held_back: object, later_in_training: int, what: str = "rows") -> Check:
    """Return whether anything was fitted on that is not older than all that was held back."""
    return graded(
        "time_overlap",
        "Training ends where the evaluation begins",
        fail=later_in_training > 0,
        evidence=f"{later_in_training:,} {what} of the first fit are from {earliest_held_back} on, where those held "
        "back begin.",
        fix="Hold back whole periods, the last ones.",
    )


def too_good_counts(actual: pd.Series, predicted: pd.Series, views: pd.Series | None = None) -> Check | None:
    """Return whether counts were predicted better than chance allows; None of a handful of rows.

    A count with expectation m varies by about m around it, and one out of n views by m (1 - m / n), however good the
    model is (McCullagh and Nelder 1989, "Generalized Linear Models", section 4.5): squared errors that are on average
    far below this variance mean that m knew the draw. Rows without views say nothing. Numbers that are no counts have
    no such floor; of them R² near 1 is too good.
    """
    if views is not None:
        seen = views > 0
        actual, predicted, views = actual[seen], predicted[seen], views[seen]
    if len(actual) < FEWEST:
        return None
    whole = bool((actual % 1 == 0).all())
    chance = predicted if views is None else predicted * (1 - predicted / views)
    spread = float(((actual - predicted) ** 2 / np.maximum(chance, 1e-9)).mean())
    variance = float(((actual - actual.mean()) ** 2).mean())
    r2 = 1 - float(((actual - predicted) ** 2).mean()) / variance if variance > 0 else 0.0
    return graded(
        "too_good",
        "Not too good to be true",
        fail=(spread < NO_CHANCE) if whole else (r2 > TOO_GOOD_R2),
        review=whole and spread < LITTLE_CHANCE,
        evidence=f"On rows held back, squared errors are {spread:.2f} times what chance alone makes of counts (R² "
        f"{r2:.3f})."
        if whole
        else f"R² {r2:.4f} on rows held back.",
        fix="Look for a column that is known only with the outcome, starting with the most important one.",
    )


def single_feature(importance: pd.DataFrame, told: "pd.Series[float]") -> Check | None:
    """Return whether predictions lean on one of some columns almost alone; None without any.

    `importance`: feature, importance, of all columns. `told`: by column that may be a leak, how far it alone tells the
    outcome, from 0 to 1.
    """
    rises = importance.set_index("feature")["importance"].clip(lower=0)
    asked = rises[rises.index.isin(told.index)]
    if asked.empty or rises.sum() <= 0:
        return None
    first, share = str(asked.idxmax()), float(asked.max() / rises.sum())
    most = share > ALMOST_ALL and len(rises) > 1
    return graded(
        "single_feature",
        "No single column carries it all",
        fail=most and told[first] > TELLS_MUCH,
        review=most,
        evidence=f"{first[:60]!r} has {share:.0%} of all importance and alone tells {told[first]:.0%} of the outcome's "
        "order.",
        fix="Ask whether this column was known before the outcome; if not, leave it out.",
    )
