"""Trust checks of a training: is the target leaked, or are errors measured on training rows?

Kaufman, Rosset and Perlich (2012), "Leakage in Data Mining", ACM TKDD 6(4). Pure functions of tables. A run whose card
has a FAIL cannot be registered; `blocking_reason` names it.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from edtech.data.quality import leakage
from edtech.data.quality.checks import Check, Severity, grade
from edtech.tables.formatting import format_names

LEAKS = ("leak_outcome", "leak_later", "time_overlap", "too_good", "single_feature")
"""Codes of the checks for leakage."""
NO_LEAK, NO_OVERLAP, PLAUSIBLE, NO_DOMINANT_FEATURE = (
    "No column reveals the outcome",
    "Training ends before the evaluation begins",
    "Errors are plausible",
    "No single column dominates",
)
"""Titles of these checks, the same for all families."""
DOMINANT_SHARE = 0.9
STRONG_ASSOCIATION = 0.8
IMPLAUSIBLE_RATIO = 0.25
DOUBTFUL_RATIO = 0.5
IMPLAUSIBLE_R2 = 0.999
MIN_ROWS = 50


def blocking_checks(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Return the checks that keep a run out of the registry, leaks first: those that FAIL."""
    failed = [check for check in checks if check.severity is Severity.FAIL]
    return tuple(sorted(failed, key=lambda check: check.code not in LEAKS))


def blocking_reason(checks: Iterable[Check]) -> str | None:
    """Return why a run cannot be registered, None if it can."""
    blocking = blocking_checks(checks)
    if not blocking:
        return None
    reasons = (f"Failed check: {check.title}. {check.evidence}" for check in blocking)
    return "It cannot be registered. " + " ".join(reasons)


def leak_outcome(
    features: pd.DataFrame,
    outcomes: Sequence[pd.Series],
    legitimate: Sequence[str] = (),
    instruments: Sequence[str] = (),
) -> Check:
    """Return whether a feature is the outcome, a function of it, or available only after it.

    `outcomes` are the target and what is derived from it, such as quantity and revenue. All columns are checked by
    their values, and by their names those that are neither `legitimate` nor `instruments`, as an instrument may be
    called "demand_instrument".
    """
    association = {str(name): max(leakage.predictive_power(features[name], of) for of in outcomes) for name in features}
    limits = {name: leakage.SURE if name in legitimate else leakage.SUSPECT for name in association}
    by_value = [name for name in association if association[name] >= limits[name]]
    exempt = (*by_value, *legitimate, *instruments)
    by_name = [name for name in association if name not in exempt and leakage.after_outcome(name)]
    evidence = [
        f"{reason}: {format_names(names)}."
        for reason, names in (
            ("Columns whose values follow the outcome", by_value),
            ("Columns whose names refer to the outcome or to a later moment", by_name),
        )
        if names
    ]
    return grade(
        "leak_outcome",
        NO_LEAK,
        fail=bool(evidence),
        evidence=" ".join(evidence) or f"None of {len(association)} columns reveals the outcome by values or name.",
        fix="Train without these columns: they are available only with the outcome.",
    )


def time_overlap(first_held_out: object, later_in_training: int, what: str = "rows") -> Check:
    """Return whether training rows are as late as the held-out rows; `later_in_training` counts them."""
    return grade(
        "time_overlap",
        NO_OVERLAP,
        fail=later_in_training > 0,
        evidence=f"{later_in_training:,} {what} of the holdout fit are from {first_held_out} on, where the held-out "
        "rows begin.",
        fix="Hold out whole periods, the latest ones.",
    )


def too_good_counts(actual: pd.Series, predicted: pd.Series, views: pd.Series | None = None) -> Check | None:
    """Return whether counts are predicted better than chance allows; None with fewer than MIN_ROWS rows.

    A count with expectation m varies by about m around it, and a count out of n views by m (1 - m / n), however good
    the model is (McCullagh and Nelder 1989, "Generalized Linear Models", section 4.5). A mean squared error far below
    this variance means that the model had information about the outcome. Rows without views are left out. Numbers that
    are no counts have no such bound; for them, R² near 1 is implausible.
    """
    if views is not None:
        viewed = views > 0
        actual, predicted, views = actual[viewed], predicted[viewed], views[viewed]
    if len(actual) < MIN_ROWS:
        return None
    counts = bool((actual % 1 == 0).all())
    chance = predicted if views is None else predicted * (1 - predicted / views)
    ratio = float(((actual - predicted) ** 2 / np.maximum(chance, 1e-9)).mean())
    variance = float(((actual - actual.mean()) ** 2).mean())
    r2 = 1 - float(((actual - predicted) ** 2).mean()) / variance if variance > 0 else 0.0
    return grade(
        "too_good",
        PLAUSIBLE,
        fail=(ratio < IMPLAUSIBLE_RATIO) if counts else (r2 > IMPLAUSIBLE_R2),
        review=counts and ratio < DOUBTFUL_RATIO,
        evidence=f"On held-out rows, the squared errors are {ratio:.2f} times the chance variation of counts (R² "
        f"{r2:.3f})."
        if counts
        else f"R² {r2:.4f} on held-out rows.",
        fix="Look for a column that is available only with the outcome, starting with the most important one.",
    )


def single_feature(importance: pd.DataFrame, association: "pd.Series[float]") -> Check | None:
    """Return whether predictions depend on one suspect column almost alone; None without suspects.

    `importance`: feature, importance of all columns. `association`: by suspect column, how well it alone orders the
    outcome, from 0 to 1.
    """
    positive = importance.set_index("feature")["importance"].clip(lower=0)
    suspects = positive[positive.index.isin(association.index)]
    if suspects.empty or positive.sum() <= 0:
        return None
    first, share = str(suspects.idxmax()), float(suspects.max() / positive.sum())
    dominant = share > DOMINANT_SHARE and len(positive) > 1
    return grade(
        "single_feature",
        NO_DOMINANT_FEATURE,
        fail=dominant and association[first] > STRONG_ASSOCIATION,
        review=dominant,
        evidence=f"{first[:60]!r} has {share:.0%} of the importance, and alone orders {association[first]:.0%} of the "
        "outcome.",
        fix="Check that this column was available before the outcome; if not, leave it out.",
    )
