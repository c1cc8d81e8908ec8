"""Checks after a training of `token_elasticity`: leakage, overlap in time, agreement with other algorithms."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from edtech.data.quality import leakage
from edtech.data.quality.checks import Check, grade
from edtech.ml import trust_checks
from edtech.ml.base import Estimate, FittedModel
from edtech.ml.elasticity.result import ElasticityResult

MAX_DISAGREEMENT = 0.25
"""Elasticities disagree if they differ by more than this share and by more than their intervals."""


def panel_checks(fitted: FittedModel) -> tuple[Check, ...]:
    """Return the checks of the rows and of the errors, except those that the result has already."""
    result = _result(fitted)
    checks = (_leaks(fitted, result), _overlap(fitted, result), _too_good(result), _single_feature(fitted, result))
    present = {check.code for check in result.checks}
    return tuple(check for check in checks if check is not None and check.code not in present)


def _result(fitted: FittedModel) -> ElasticityResult:
    assert isinstance(fitted.result, ElasticityResult)  # noqa: S101  # the family's own result
    return fitted.result


def _leaks(fitted: FittedModel, result: ElasticityResult) -> Check:
    roles, rows = result.roles, fitted.rows
    legitimate = [name for name in (roles.price, roles.views) if name is not None]
    quantity = rows[roles.quantity].astype(float)
    revenue = quantity * rows[roles.price].astype(float)
    features = rows[list(dict.fromkeys([*legitimate, *_covariates(result)]))]
    return trust_checks.leak_outcome(features, [quantity, revenue], legitimate, roles.instruments)


def _overlap(fitted: FittedModel, result: ElasticityResult) -> Check | None:
    if result.roles.period is None or result.evaluation.empty:
        return None
    begins = result.evaluation["period"].min()
    later = int((fitted.rows[result.roles.period] >= begins).sum()) - len(result.evaluation)
    return trust_checks.time_overlap(begins, max(later, 0))


def _too_good(result: ElasticityResult) -> Check | None:
    rows = result.evaluation
    return trust_checks.too_good_counts(rows["actual"], rows["predicted"], rows.get("views"))


def _single_feature(fitted: FittedModel, result: ElasticityResult) -> Check | None:
    quantity = fitted.rows[result.roles.quantity].astype(float)
    association = {name: leakage.predictive_power(fitted.rows[name], quantity) for name in _covariates(result)}
    return trust_checks.single_feature(result.importance, pd.Series(association, dtype=float))


def _covariates(result: ElasticityResult) -> tuple[str, ...]:
    return (*result.roles.controls, *result.roles.instruments)


def compare_runs(fitted: FittedModel, runs: pd.DataFrame) -> Check | None:
    """Return whether other algorithms estimate the same elasticity; None without any.

    `runs`: finished runs of the family on the same data set, newest first, as `RunStore.list_runs` returns them.
    """
    result = _result(fitted)
    others = other_elasticities(runs, result.algorithm)
    return agreement_check(result.elasticity, others) if others else None


def other_elasticities(runs: pd.DataFrame, algorithm: str | None) -> dict[str, Estimate]:
    """Return algorithm -> the estimate of its newest run, without the algorithm given."""
    columns = ["tags.algorithm", *(f"metrics.price_elasticity_{suffix}" for suffix in ("coefficient", "low", "high"))]
    estimates = runs.reindex(columns=columns).set_axis(["name", "estimate", "low", "high"], axis=1)
    others = estimates[estimates["name"] != algorithm].drop_duplicates("name").dropna(subset="estimate")
    others = others.sort_values("name")
    rows = others.astype(object).where(others.notna(), None).itertuples(index=False)
    return {str(name): Estimate(estimate, low, high) for name, estimate, low, high in rows}


def agreement_check(own: Estimate, others: Mapping[str, Estimate]) -> Check:
    """Return whether an elasticity agrees with the median of those of other algorithms on the same data."""
    median = float(np.median([other.estimate for other in others.values()]))
    half_widths = _half_width(own) + max(_half_width(other) for other in others.values())
    disagree = abs(own.estimate - median) > max(MAX_DISAGREEMENT * abs(median), half_widths)
    estimates = ", ".join(f"{name} {other.estimate:.2f}" for name, other in others.items())
    return grade(
        "agreement",
        "Algorithms agree on the elasticity",
        review=disagree or own.estimate * median < 0,
        evidence=f"This run {own.estimate:.2f}; {estimates} (newest run of each on the same data).",
        fix="Prefer the algorithm whose condition holds: fixed_effects before models that only predict.",
    )


def _half_width(estimate: Estimate) -> float:
    return 0.0 if estimate.low is None or estimate.high is None else (estimate.high - estimate.low) / 2
