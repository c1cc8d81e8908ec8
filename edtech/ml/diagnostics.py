"""What the diagnostics card of every training says beside what its family found itself."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from edtech.data import leakage
from edtech.data.findings import Check, graded
from edtech.ml import gates
from edtech.ml.base import Trained
from edtech.ml.elasticity.algorithms import FAMILY as TOKEN_ELASTICITY
from edtech.ml.elasticity.result import ElasticityResult

APART = 0.25
"""Elasticities that differ by more than this share, and beyond their intervals, disagree."""


def common_checks(trained: Trained) -> tuple[Check, ...]:
    """Return the checks that are the same for all families, but for those that the family has made itself."""
    result = trained.result
    own = {check.code for check in result.checks}
    if not isinstance(result, ElasticityResult):
        return ()
    made = (make(trained, result) for make in _PANEL_CHECKS)
    return tuple(check for check in made if check is not None and check.code not in own)


def _leaks(trained: Trained, result: ElasticityResult) -> Check:
    roles, rows = result.roles, trained.rows
    known = [name for name in (roles.price, roles.views) if name is not None]
    quantity = rows[roles.quantity].astype(float)
    revenue = quantity * rows[roles.price].astype(float)
    features = rows[list(dict.fromkeys([*known, *_covariates(result)]))]
    return gates.leak_outcome(features, [quantity, revenue], known, roles.instruments)


def _overlap(trained: Trained, result: ElasticityResult) -> Check | None:
    if result.roles.period is None or result.evaluation.empty:
        return None
    begins = result.evaluation["period"].min()
    later = int((trained.rows[result.roles.period] >= begins).sum()) - len(result.evaluation)
    return gates.time_overlap(begins, max(later, 0))


def _too_good(_trained: Trained, result: ElasticityResult) -> Check | None:
    return gates.too_good_counts(result.evaluation["actual"], result.evaluation["predicted"])


def _single(trained: Trained, result: ElasticityResult) -> Check | None:
    quantity = trained.rows[result.roles.quantity].astype(float)
    told = {name: leakage.tells(trained.rows[name], quantity) for name in _covariates(result)}
    return gates.single_feature(result.importance, pd.Series(told, dtype=float))


def _covariates(result: ElasticityResult) -> tuple[str, ...]:
    return (*result.roles.controls, *result.roles.instruments)


_PANEL_CHECKS: tuple[Callable[[Trained, ElasticityResult], Check | None], ...] = (_leaks, _overlap, _too_good, _single)


def agreement(trained: Trained, runs: pd.DataFrame) -> Check | None:
    """Return whether the newest finished runs of other algorithms on the same rows say the same; None without any.

    `runs`: as `RunStore.list_runs` returns them, newest first, of the same data set digest and family.
    """
    result = trained.result
    if result.family != TOKEN_ELASTICITY or "metrics.price_elasticity_coefficient" not in runs:
        return None
    others = runs[runs["tags.algorithm"] != result.algorithm].drop_duplicates("tags.algorithm")
    found = others.dropna(subset="metrics.price_elasticity_coefficient").sort_values("tags.algorithm")
    if found.empty:
        return None
    columns = [f"metrics.price_elasticity_{part}" for part in ("coefficient", "low", "high")]
    theirs = found.reindex(columns=columns).to_numpy(dtype=float)
    own = result.metrics["price_elasticity_coefficient"]
    middle = float(np.median(theirs[:, 0]))
    reach = np.nanmax(np.r_[(theirs[:, 2] - theirs[:, 1]) / 2, 0.0])
    own_reach = (result.metrics.get("price_elasticity_high", own) - result.metrics.get("price_elasticity_low", own)) / 2
    apart = abs(own - middle) > max(APART * abs(middle), reach + own_reach)
    told = ", ".join(f"{name} {value:.2f}" for name, value in zip(found["tags.algorithm"], theirs[:, 0], strict=True))
    return graded(
        "agreement",
        "Algorithms agree on the elasticity",
        review=apart or own * middle < 0,
        evidence=f"This run {own:.2f}; {told} (newest run of each on the same data).",
        fix="Believe the one whose condition holds: fixed_effects before models that only predict.",
    )
