"""The diagnostics card of a training of labels."""

from typing import Any

import numpy as np
import pandas as pd

from edtech.data.quality import leakage
from edtech.data.quality.checks import Check, grade
from edtech.data.quality.outcomes import check_frame
from edtech.ml import trust_checks
from edtech.ml.outcomes.cases import Cases
from edtech.ml.outcomes.seasonality import TIME_FEATURES, share_without_record
from edtech.ml.outcomes.splits import Split
from edtech.tables.formatting import format_names

MAX_AUC = 0.99
DOMINANT_SHARE = 0.9
MIN_EVENTS = 100
SLOPE_RANGE = (0.9, 1.1)
MIN_CALIBRATION_ERROR = 0.02
MAX_DRIFT = 0.25
"""Population stability index above which a column is said to have changed (Siddiqi 2006, Credit Risk Scorecards)."""
MAX_NEWTON_STEP = 1e-3
MAX_DURATION_CORRELATION = 0.8
"""Rank correlation with the duration from which on a column holds it: what was paid so far, say."""
UNKNOWN_OUTCOME_SHARES = (0.25, 0.5)
"""Shares of rows of unknown outcome from which on a horizon is doubtful, and from which on it has no ground."""
PAST_TERMS = ("last", "previous", "past", "prior", "before", "since")


def all_checks(
    cases: Cases,
    split: Split,
    metrics: dict[str, float],
    importance: pd.DataFrame,
    model: Any,  # noqa: ANN401  # an estimator of ours
) -> tuple[Check, ...]:
    """Return the findings on a training: leaks first, then whether its numbers can be relied on."""
    return (
        *check_leaks(cases),
        check_time_overlap(split),
        check_too_good(metrics),
        check_single_feature(metrics, importance),
        check_worse_than_base(metrics),
        check_calibration(metrics),
        check_few_events(split),
        check_drift(split),
        *check_convergence(model),
        *check_follow_up(cases),
        *check_season(split),
    )


def check_leaks(cases: Cases) -> tuple[Check, ...]:
    """Return whether a feature gives the outcome away, by its values or by its name.

    Features that we made as of a moment are not judged by their names.
    """
    labeled = cases.subset(cases.labeled)
    outcome = labeled.target.astype(bool)
    association = {str(name): leakage.predictive_power(labeled.features[name], outcome) for name in labeled.features}
    leaking = [name for name, share in association.items() if share >= leakage.SUSPECT]
    suspicious = (
        [] if cases.generated else [name for name in association if name not in leaking and _later_by_name(name)]
    )
    evidence = [
        f"{description}: {format_names(names)}."
        for description, names in (
            ("Columns that tell the outcome by themselves", leaking),
            ("Columns whose names speak of the outcome or of what follows it", suspicious),
        )
        if names
    ]
    gate = grade(
        "leak_outcome",
        trust_checks.NO_LEAK,
        fail=bool(evidence),
        evidence=" ".join(evidence)
        or f"None of {len(association)} columns tells the outcome by itself or by its name.",
        fix="Map the file again without these columns, or under a name that says they were known before.",
    )
    return (gate,) if cases.generated else (gate, _check_known_later(labeled))


def _later_by_name(name: str) -> bool:
    return leakage.after_outcome(name) and not set(PAST_TERMS) & set(leakage.spaced_name(name).split())


def _check_known_later(labeled: Cases) -> Check:
    frame = labeled.features.assign(**{str(labeled.target.name): labeled.target.astype(bool)})
    checks = {check.code: check for check in check_frame(frame, str(labeled.target.name), labeled.as_of)}["known_later"]
    return Check("leak_later", checks.title, checks.severity, checks.evidence, checks.fix)


def check_time_overlap(split: Split) -> Check:
    """Return whether anything that was fitted on was known only after the evaluation had begun."""
    title, fix = trust_checks.NO_OVERLAP, "Name the column of time, and hold back later rows."
    fitted, held = split.training, split.evaluation
    if fitted.time is None or held.time is None:
        both = 0 if fitted.subject is None or held.subject is None else fitted.subject.isin(held.subject).sum()
        evidence = f"There is no time, so rows were drawn; {both} training rows share a subject with others."
        return grade("time_overlap", title, fail=both > 0, review=True, evidence=evidence, fix=fix)
    begins, last = held.time.min(), fitted.time.max()
    known = fitted.outcome_time.max() if fitted.outcome_time is not None and fitted.follow_up is None else last
    evidence = f"The last training row is of {last}, its outcome known by {known}; the evaluation begins at {begins}."
    if fitted.outcome_time is None:
        evidence = f"The last training row is of {last}; when outcomes became known the file does not say."
    return grade("time_overlap", title, fail=last >= begins or known > begins, evidence=evidence, fix=fix)


def check_too_good(metrics: dict[str, float]) -> Check:
    """Return whether the AUC is one that only a leak gives."""
    return grade(
        "too_good",
        trust_checks.PLAUSIBLE,
        fail=metrics["roc_auc"] > MAX_AUC,
        evidence=f"ROC AUC {metrics['roc_auc']:.3f} on rows held back; people cannot be told above {MAX_AUC}.",
        fix="Look for a column that is known only with the outcome, starting with the most important one.",
    )


def check_single_feature(metrics: dict[str, float], importance: pd.DataFrame) -> Check:
    """Return whether the prediction leans on one column almost alone."""
    rises = importance["importance"].clip(lower=0)
    share = float(rises.max() / rises.sum()) if rises.sum() > 0 else 0.0
    most = share > DOMINANT_SHARE and len(importance) > 1
    return grade(
        "single_feature",
        trust_checks.NO_DOMINANT_FEATURE,
        fail=most and metrics["roc_auc"] > 0.95,
        review=most,
        evidence=f"{str(importance['feature'].iloc[0])[:60]!r} has {share:.0%} of all importance.",
        fix="Ask whether this column was known at the moment of prediction; if not, leave it out.",
    )


def check_worse_than_base(metrics: dict[str, float]) -> Check:
    """Return whether the base rate alone would have predicted as well."""
    loss, base = metrics["log_loss"], metrics["log_loss_base"]
    chance = metrics.get("roc_auc_low", 1.0) <= 0.5
    return grade(
        "worse_than_base",
        "Better than the base rate",
        fail=loss >= base and chance,
        review=loss >= base or chance,
        evidence=f"Log loss {loss:.4f} against {base:.4f} of giving everyone the base rate; ROC AUC "
        f"{metrics['roc_auc']:.3f}, half by chance.",
        fix="Do not act on these probabilities; add columns that tell the outcome, or rows.",
    )


def check_calibration(metrics: dict[str, float]) -> Check:
    """Return whether the probabilities mean what they say, beyond what chance explains."""
    slope = metrics["calibration_slope"]
    low, high = (metrics.get(f"calibration_slope_{end}", slope) for end in ("low", "high"))
    off = metrics["calibration_error"] > max(MIN_CALIBRATION_ERROR, metrics["calibration_error_chance"])
    tilted = high < SLOPE_RANGE[0] or low > SLOPE_RANGE[1]
    return grade(
        "calibration",
        "Probabilities mean what they say",
        fail=high < 0
        or metrics["calibration_error"] > 5 * max(MIN_CALIBRATION_ERROR, metrics["calibration_error_chance"]),
        review=off or tilted,
        evidence=f"Calibration slope {slope:.2f} ({low:.2f} to {high:.2f}), expected calibration error "
        f"{metrics['calibration_error']:.3f}; right probabilities would exceed "
        f"{metrics['calibration_error_chance']:.3f} in 5 % of such samples.",
        fix="Choose a calibration, or use the ranking only; a base rate that moves over time needs a fresh training.",
    )


def check_few_events(split: Split) -> Check:
    """Return whether both sides have enough of the rarer outcome."""
    counts = []
    for side in (split.training, split.evaluation):
        actual = side.actual[side.labeled]
        counts.append(int(min(actual.sum(), len(actual) - actual.sum())))
    return grade(
        "few_events",
        "Enough of the rarer outcome",
        review=min(counts) < MIN_EVENTS,
        evidence=f"{counts[0]:,} rows of the rarer outcome to learn from, {counts[1]:,} to judge by.",
        fix="Intervals are wide: add rows, a longer time, or another horizon before acting on small differences.",
    )


def check_convergence(model: Any) -> tuple[Check, ...]:  # noqa: ANN401  # an estimator of ours
    """Return whether a Cox regression stands at its highest likelihood; nothing for other models."""
    if (step := getattr(model, "newton_step_", None)) is None:
        return ()
    check = grade(
        "convergence",
        "The regression has settled",
        fail=not step <= 1,
        review=step > MAX_NEWTON_STEP,
        evidence=f"Another step would move the effects by {step:.2g} standard errors.",
        fix="Leave out columns that say the same, or that tell the outcome or the duration.",
    )
    return (check,)


def check_follow_up(cases: Cases) -> tuple[Check, ...]:
    """Return, for uploaded durations, whether rows outlive the horizon, and whether a feature holds the duration."""
    if cases.follow_up is None or cases.generated:
        return ()
    unknown = float(1 - cases.labeled.mean())
    ground = grade(
        "horizon",
        "Rows were watched up to the horizon",
        fail=unknown > UNKNOWN_OUTCOME_SHARES[1],
        review=unknown > UNKNOWN_OUTCOME_SHARES[0],
        evidence=f"By the horizon of {cases.horizon:g} the outcome of {unknown:.0%} of the rows is not known.",
        fix="Choose a shorter horizon, or 0 for one that the data bear.",
    )
    held = {
        str(name): leakage.predictive_power(cases.features[name], cases.follow_up["duration"])
        for name in cases.features
    }
    holding = [name for name in held if held[name] >= MAX_DURATION_CORRELATION]
    most = max(held, key=lambda name: held[name])
    leak = grade(
        "leak_duration",
        "No column holds the duration",
        fail=bool(holding),
        evidence=f"Columns that grow with how long a row was watched: {format_names(holding)}."
        if holding
        else f"None follows the duration; nearest is {most[:60]!r}, rank correlation {held[most]:.2f}.",
        fix="Leave them out, or use their values at the start: time watched tells who had not left yet.",
    )
    return ground, leak


def check_season(split: Split) -> tuple[Check, ...]:
    """Return whether the weeks judged were on record before; nothing where no season is learned."""
    fitted, held = split.training, split.evaluation
    if fitted.visits is None or held.time is None:
        return ()
    last = held.time.max() + pd.Timedelta(days=held.horizon or 0)
    share = share_without_record(fitted.visits["time"], held.time.min(), last)
    check = grade(
        "season",
        "The weeks judged were seen in a year before",
        review=share > 0,
        evidence=f"{share:.0%} of the days judged lie in weeks of the year that the record before them does not hold"
        + (": how often people come then was guessed from the weeks around." if share else "."),
        fix="Probabilities for weeks of the year not on record may all be too high or too low, their ranking is not: "
        "compare them with what comes before acting on them, or train on more than a year.",
    )
    return (check,)


def check_drift(split: Split) -> Check:
    """Return which columns look different in the rows held back, by the population stability index."""
    index = {
        str(name): stability_index(split.training.features[name], split.evaluation.features[name])
        for name in split.training.features
        if name not in TIME_FEATURES
    }
    changed = sorted((name for name in index if index[name] > MAX_DRIFT), key=lambda name: -index[name])
    most = max(index, key=lambda name: index[name])
    return grade(
        "drift",
        "Later rows look like those trained on",
        review=bool(changed),
        evidence=f"{len(changed)} of {len(index)} columns changed (stability index above {MAX_DRIFT}): {format_names(changed)}."
        if changed
        else f"The column that changed most is {most[:60]!r}, stability index {index[most]:.2f}.",
        fix="Train again as time goes on, and ask why these columns change.",
    )


def stability_index(before: pd.Series, after: pd.Series) -> float:
    """Return the population stability index of a column over ten equally full bins, or over its values."""
    if pd.api.types.is_numeric_dtype(before.dtype) and before.nunique() > 10:
        edges = np.unique(before.astype(float).quantile(np.linspace(0.1, 0.9, 9)))
        groups = [np.where(one.isna(), -1, np.searchsorted(edges, one.astype(float))) for one in (before, after)]
    else:
        groups = [one.astype("str").fillna("").to_numpy() for one in (before, after)]
    values = np.unique(np.concatenate(groups))
    shares = [np.maximum([(group == value).mean() for value in values], 1e-4) for group in groups]
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
