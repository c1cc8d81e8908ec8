"""The checks of a training of an outcome family."""

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
"""Population stability index above which a column has drifted (Siddiqi 2006, Credit Risk Scorecards)."""
MAX_NEWTON_STEP = 1e-3
MAX_DURATION_CORRELATION = 0.8
"""Rank correlation above which a column contains the duration, such as the amount paid so far."""
UNKNOWN_OUTCOME_SHARES = (0.25, 0.5)
"""Shares of rows with unknown outcome above which a horizon is doubtful, and above which it fails."""
PAST_TERMS = ("last", "previous", "past", "prior", "before", "since")


def all_checks(
    cases: Cases,
    split: Split,
    metrics: dict[str, float],
    importance: pd.DataFrame,
    model: Any,  # noqa: ANN401  # an estimator of ours
) -> tuple[Check, ...]:
    """Return the checks of a training, leakage first."""
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
    """Check that no feature reveals the outcome, by its values or by its name.

    Derived features are computed as of a time, so their names are not checked.
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
            ("Columns that predict the outcome almost perfectly", leaking),
            ("Columns whose names suggest the outcome or later events", suspicious),
        )
        if names
    ]
    gate = grade(
        "leak_outcome",
        trust_checks.NO_LEAK,
        fail=bool(evidence),
        evidence=" ".join(evidence)
        or f"None of {len(association)} columns reveals the outcome by its values or its name.",
        fix="Map the file again without these columns, or rename them if they were known before the outcome.",
    )
    return (gate,) if cases.generated else (gate, _check_known_later(labeled))


def _later_by_name(name: str) -> bool:
    return leakage.after_outcome(name) and not set(PAST_TERMS) & set(leakage.spaced_name(name).split())


def _check_known_later(labeled: Cases) -> Check:
    frame = labeled.features.assign(**{str(labeled.target.name): labeled.target.astype(bool)})
    checks = {check.code: check for check in check_frame(frame, str(labeled.target.name), labeled.as_of)}["known_later"]
    return Check("leak_later", checks.title, checks.severity, checks.evidence, checks.fix)


def check_time_overlap(split: Split) -> Check:
    """Check that training contains nothing from after the start of the evaluation."""
    title, fix = trust_checks.NO_OVERLAP, "Name the column of time, so that later rows are held out."
    training, held_out = split.training, split.evaluation
    if training.time is None or held_out.time is None:
        both = (
            0 if training.subject is None or held_out.subject is None else training.subject.isin(held_out.subject).sum()
        )
        evidence = f"Without a time, held-out rows are random; {both} training rows share a subject with them."
        return grade("time_overlap", title, fail=both > 0, review=True, evidence=evidence, fix=fix)
    begins, last = held_out.time.min(), training.time.max()
    outcomes_known = (
        training.outcome_time.max() if training.outcome_time is not None and training.follow_up is None else last
    )
    evidence = (
        f"Training rows end at {last}, their outcomes are known by {outcomes_known}; the evaluation begins at {begins}."
    )
    if training.outcome_time is None:
        evidence = f"Training rows end at {last}; the file has no time at which outcomes became known."
    return grade("time_overlap", title, fail=last >= begins or outcomes_known > begins, evidence=evidence, fix=fix)


def check_too_good(metrics: dict[str, float]) -> Check:
    """Check that the AUC is plausible without leakage."""
    return grade(
        "too_good",
        trust_checks.PLAUSIBLE,
        fail=metrics["roc_auc"] > MAX_AUC,
        evidence=f"ROC AUC {metrics['roc_auc']:.3f} on held-out rows; above {MAX_AUC} leakage is likely.",
        fix="Look for a column that is known only after the outcome, the most important one first.",
    )


def check_single_feature(metrics: dict[str, float], importance: pd.DataFrame) -> Check:
    """Check that predictions do not depend on one column alone."""
    rises = importance["importance"].clip(lower=0)
    share = float(rises.max() / rises.sum()) if rises.sum() > 0 else 0.0
    most = share > DOMINANT_SHARE and len(importance) > 1
    return grade(
        "single_feature",
        trust_checks.NO_DOMINANT_FEATURE,
        fail=most and metrics["roc_auc"] > 0.95,
        review=most,
        evidence=f"{str(importance['feature'].iloc[0])[:60]!r} has {share:.0%} of all importance.",
        fix="Leave this column out if it was not known at prediction time.",
    )


def check_worse_than_base(metrics: dict[str, float]) -> Check:
    """Check that the model predicts better than the base rate."""
    loss, base = metrics["log_loss"], metrics["log_loss_base"]
    chance = metrics.get("roc_auc_low", 1.0) <= 0.5
    return grade(
        "worse_than_base",
        "Better than the base rate",
        fail=loss >= base and chance,
        review=loss >= base or chance,
        evidence=f"Log loss {loss:.4f}, {base:.4f} of the base rate; ROC AUC {metrics['roc_auc']:.3f}, 0.5 by chance.",
        fix="Do not use these probabilities; add predictive columns or rows.",
    )


def check_calibration(metrics: dict[str, float]) -> Check:
    """Check that the probabilities are calibrated, up to chance."""
    slope = metrics["calibration_slope"]
    low, high = (metrics.get(f"calibration_slope_{end}", slope) for end in ("low", "high"))
    off = metrics["calibration_error"] > max(MIN_CALIBRATION_ERROR, metrics["calibration_error_chance"])
    tilted = high < SLOPE_RANGE[0] or low > SLOPE_RANGE[1]
    return grade(
        "calibration",
        "Probabilities are calibrated",
        fail=high < 0
        or metrics["calibration_error"] > 5 * max(MIN_CALIBRATION_ERROR, metrics["calibration_error_chance"]),
        review=off or tilted,
        evidence=f"Calibration slope {slope:.2f} ({low:.2f} to {high:.2f}), expected calibration error "
        f"{metrics['calibration_error']:.3f}; calibrated probabilities exceed "
        f"{metrics['calibration_error_chance']:.3f} in 5% of such samples.",
        fix="Choose a calibration, or use the ranking only. Train again if the base rate changes over time.",
    )


def check_few_events(split: Split) -> Check:
    """Check that training and evaluation have enough rows of the rarer outcome."""
    counts = []
    for side in (split.training, split.evaluation):
        actual = side.actual[side.labeled]
        counts.append(int(min(actual.sum(), len(actual) - actual.sum())))
    return grade(
        "few_events",
        "Enough events",
        review=min(counts) < MIN_EVENTS,
        evidence=f"The rarer outcome has {counts[0]:,} training rows and {counts[1]:,} held-out rows.",
        fix="Intervals are wide: add rows, a longer time, or another horizon before acting on small differences.",
    )


def check_convergence(model: Any) -> tuple[Check, ...]:  # noqa: ANN401  # an estimator of ours
    """Check that a Cox regression is at its maximum likelihood; no check for other models."""
    if (step := getattr(model, "newton_step_", None)) is None:
        return ()
    check = grade(
        "convergence",
        "Convergence",
        fail=not step <= 1,
        review=step > MAX_NEWTON_STEP,
        evidence=f"Another Newton step would change the effects by {step:.2g} standard errors.",
        fix="Leave out collinear columns, and columns that contain the outcome or the duration.",
    )
    return (check,)


def check_follow_up(cases: Cases) -> tuple[Check, ...]:
    """Check, for uploaded durations, follow-up up to the horizon, and that no feature contains the duration."""
    if cases.follow_up is None or cases.generated:
        return ()
    unknown = float(1 - cases.labeled.mean())
    horizon = grade(
        "horizon",
        "Follow-up covers the horizon",
        fail=unknown > UNKNOWN_OUTCOME_SHARES[1],
        review=unknown > UNKNOWN_OUTCOME_SHARES[0],
        evidence=f"The outcome of {unknown:.0%} of the rows at the horizon of {cases.horizon:g} is unknown.",
        fix="Choose a shorter horizon, or 0 for one that the data support.",
    )
    correlation = {
        str(name): leakage.predictive_power(cases.features[name], cases.follow_up["duration"])
        for name in cases.features
    }
    correlated = [name for name in correlation if correlation[name] >= MAX_DURATION_CORRELATION]
    most = max(correlation, key=lambda name: correlation[name])
    leak = grade(
        "leak_duration",
        "No column contains the duration",
        fail=bool(correlated),
        evidence=f"Columns correlated with the duration: {format_names(correlated)}."
        if correlated
        else f"The largest rank correlation with the duration is {correlation[most]:.2f}, of {most[:60]!r}.",
        fix="Leave them out, or use their values at the start: a long duration means that a row has not left yet.",
    )
    return horizon, leak


def check_season(split: Split) -> tuple[Check, ...]:
    """Check that the evaluated weeks of the year are in the training record; no check without a season."""
    training, held_out = split.training, split.evaluation
    if training.visits is None or held_out.time is None:
        return ()
    last = held_out.time.max() + pd.Timedelta(days=held_out.horizon or 0)
    share = share_without_record(training.visits["time"], held_out.time.min(), last)
    check = grade(
        "season",
        "The evaluated season is in the training record",
        review=share > 0,
        evidence=f"{share:.0%} of the evaluated days lie in weeks of the year without training record"
        + (": their season is interpolated." if share else "."),
        fix="Probabilities in weeks of the year without record may all be too high or too low; their ranking is not "
        "affected. Compare them with outcomes before you use them, or train on more than a year.",
    )
    return (check,)


def check_drift(split: Split) -> Check:
    """Check that the distribution of columns is stable in the held-out rows (population stability index)."""
    index = {
        str(name): stability_index(split.training.features[name], split.evaluation.features[name])
        for name in split.training.features
        if name not in TIME_FEATURES
    }
    changed = sorted((name for name in index if index[name] > MAX_DRIFT), key=lambda name: -index[name])
    most = max(index, key=lambda name: index[name])
    return grade(
        "drift",
        "Distributions are stable over time",
        review=bool(changed),
        evidence=f"{len(changed)} of {len(index)} columns drifted (stability index above {MAX_DRIFT}): "
        f"{format_names(changed)}."
        if changed
        else f"The largest stability index is {index[most]:.2f}, of {most[:60]!r}.",
        fix="Train again regularly, and find why these columns change.",
    )


def stability_index(before: pd.Series, after: pd.Series) -> float:
    """Return the population stability index of a column over deciles, or over its values."""
    if pd.api.types.is_numeric_dtype(before.dtype) and before.nunique() > 10:
        edges = np.unique(before.astype(float).quantile(np.linspace(0.1, 0.9, 9)))
        groups = [
            np.where(values.isna(), -1, np.searchsorted(edges, values.astype(float))) for values in (before, after)
        ]
    else:
        groups = [values.astype("str").fillna("").to_numpy() for values in (before, after)]
    levels = np.unique(np.concatenate(groups))
    shares = [np.maximum([(group == level).mean() for level in levels], 1e-4) for group in groups]
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
