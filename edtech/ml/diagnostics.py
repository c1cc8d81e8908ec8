"""What the diagnostics card of every training says beside what its family found itself."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from edtech.data.quality import leakage
from edtech.data.quality.findings import Check, graded
from edtech.ml import trust_checks
from edtech.ml.base import Estimate, FittedModel
from edtech.ml.elasticity.result import ElasticityResult

APART = 0.25
"""Elasticities that differ by more than this share, and beyond their intervals, disagree."""


def common_checks(trained: FittedModel) -> tuple[Check, ...]:
    """Return the checks that are the same for all families, but for those that the family has made itself."""
    result = trained.result
    own = {check.code for check in result.checks}
    if not isinstance(result, ElasticityResult):
        return ()
    made = (make(trained, result) for make in _PANEL_CHECKS)
    return tuple(check for check in made if check is not None and check.code not in own)


def _leaks(trained: FittedModel, result: ElasticityResult) -> Check:
    roles, rows = result.roles, trained.rows
    known = [name for name in (roles.price, roles.views) if name is not None]
    quantity = rows[roles.quantity].astype(float)
    revenue = quantity * rows[roles.price].astype(float)
    features = rows[list(dict.fromkeys([*known, *_covariates(result)]))]
    return trust_checks.leak_outcome(features, [quantity, revenue], known, roles.instruments)


def _overlap(trained: FittedModel, result: ElasticityResult) -> Check | None:
    if result.roles.period is None or result.evaluation.empty:
        return None
    begins = result.evaluation["period"].min()
    later = int((trained.rows[result.roles.period] >= begins).sum()) - len(result.evaluation)
    return trust_checks.time_overlap(begins, max(later, 0))


def _too_good(_trained: FittedModel, result: ElasticityResult) -> Check | None:
    rows = result.evaluation
    return trust_checks.too_good_counts(rows["actual"], rows["predicted"], rows.get("views"))


def _single(trained: FittedModel, result: ElasticityResult) -> Check | None:
    quantity = trained.rows[result.roles.quantity].astype(float)
    told = {name: leakage.tells(trained.rows[name], quantity) for name in _covariates(result)}
    return trust_checks.single_feature(result.importance, pd.Series(told, dtype=float))


def _covariates(result: ElasticityResult) -> tuple[str, ...]:
    return (*result.roles.controls, *result.roles.instruments)


_PANEL_CHECKS: tuple[Callable[[FittedModel, ElasticityResult], Check | None], ...] = (
    _leaks,
    _overlap,
    _too_good,
    _single,
)


def agreement(trained: FittedModel, runs: pd.DataFrame) -> Check | None:
    """Return whether the newest finished runs of other algorithms on the same rows say the same; None without any.

    `runs`: as `RunStore.list_runs` returns them, newest first, of the same data set digest and family.
    """
    result = trained.result
    if not isinstance(result, ElasticityResult):
        return None
    others = other_elasticities(runs, result.algorithm)
    return agreement_check(result.elasticity, others) if others else None


def other_elasticities(runs: pd.DataFrame, algorithm: str | None) -> dict[str, Estimate]:
    """Return what the newest run of each other algorithm found, by its name."""
    columns = ["tags.algorithm", *(f"metrics.price_elasticity_{part}" for part in ("coefficient", "low", "high"))]
    known = runs.reindex(columns=columns).set_axis(["name", "estimate", "low", "high"], axis=1)
    others = known[known["name"] != algorithm].drop_duplicates("name").dropna(subset="estimate").sort_values("name")
    rows = others.astype(object).where(others.notna(), None).itertuples(index=False)
    return {str(name): Estimate(estimate, low, high) for name, estimate, low, high in rows}


def agreement_check(own: Estimate, others: Mapping[str, Estimate]) -> Check:
    """Return whether an elasticity is that of other algorithms on the same data; they are compared by their median."""
    middle = float(np.median([one.estimate for one in others.values()]))
    reach = _half(own) + max(_half(one) for one in others.values())
    apart = abs(own.estimate - middle) > max(APART * abs(middle), reach)
    told = ", ".join(f"{name} {one.estimate:.2f}" for name, one in others.items())
    return graded(
        "agreement",
        "Algorithms agree on the elasticity",
        review=apart or own.estimate * middle < 0,
        evidence=f"This run {own.estimate:.2f}; {told} (newest run of each on the same data).",
        fix="Believe the one whose condition holds: fixed_effects before models that only predict.",
    )


def _half(found: Estimate) -> float:
    return 0.0 if found.low is None or found.high is None else (found.high - found.low) / 2
