"""Feature importance: permutation importance, and odds or hazard ratios of regressions."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.metrics import log_loss

from edtech.ml.elasticity.fitting.inference import cluster_sums, critical_value
from edtech.ml.outcomes.cases import Cases
from edtech.ml.outcomes.churn_estimators import CoxChurn, PersonPeriod
from edtech.ml.outcomes.estimators import LogisticProbability
from edtech.tables.arrays import Floats

MAX_ROWS = 2_000
SEED = 20
COLLINEARITY_TOLERANCE = 1e-6


def permutation_importance(model: Any, cases: Cases) -> pd.DataFrame:  # noqa: ANN401  # an estimator of ours
    """Return the increase of log loss on held-out rows if a column is shuffled: feature, importance, meaning.

    Breiman (2001), Machine Learning 45; one shuffle of up to 2,000 rows (seed 20). Importance measures what predictions
    depend on; it is not a causal effect.
    """
    rng = np.random.default_rng(SEED)
    sample = np.zeros(len(cases), dtype=bool)
    sample[rng.permutation(np.flatnonzero(cases.labeled))[:MAX_ROWS]] = True
    rows = cases.subset(sample)

    def loss(frame: pd.DataFrame) -> float:
        return float(log_loss(rows.actual, model.predict(frame), labels=[0, 1]))

    base = loss(rows.features)
    increases = []
    for name in rows.features:
        shuffled = rows.features[name].iloc[rng.permutation(len(rows))].array
        rise = loss(rows.features.assign(**{str(name): shuffled})) - base
        increases.append((str(name), rise, cases.meanings.get(str(name), "")))
    table = pd.DataFrame(increases, columns=["feature", "importance", "meaning"])
    return table.sort_values("importance", ascending=False, ignore_index=True)


def odds_ratios(model: Any, cases: Cases) -> pd.DataFrame:  # noqa: ANN401  # an estimator of ours
    """Return the odds or hazard ratios of a regression: feature, ratio, low, high, note.

    Ratios are per standard deviation of a number (of its logarithm if it is long-tailed), or relative to the most
    frequent value of text. Intervals are clustered by subject (Liang and Zeger 1986, Biometrika 73) and are of the
    penalized fit; collinear columns have none. Empty for other models.
    """
    empty = pd.DataFrame({name: [] for name in ("feature", "ratio", "low", "high", "note")})
    if isinstance(model, CoxChurn):
        return model.ratios()
    if isinstance(model, PersonPeriod) and model.ends_.size:
        return empty
    if not isinstance(model, LogisticProbability):
        return empty
    labeled = cases.subset(cases.labeled)
    matrix = model.encoder_.transform(labeled.features)
    beta = model.classifier_.coef_[0]
    low, high, identified = _interval(model, matrix, labeled.actual, labeled.clusters, beta)
    names = model.encoder_.names_
    per = ["per standard deviation" if name in model.encoder_.numbers_ else "" for name in names]
    note = np.where(identified, per, "collinear with other columns: no interval")
    table = pd.DataFrame({"feature": names, "ratio": np.exp(beta), "low": low, "high": high, "note": note})
    return table.iloc[np.argsort(-np.abs(beta), kind="stable")].reset_index(drop=True)


def _interval(
    model: LogisticProbability,
    matrix: Floats,
    actual: Floats,
    cluster: Any,  # noqa: ANN401
    beta: Floats,
) -> tuple[Floats, Floats, Any]:
    design = np.column_stack([matrix, np.ones(len(matrix))])
    p = expit(matrix @ beta + model.classifier_.intercept_[0])
    ridge = np.diag([model.penalty] * len(beta) + [0.0])
    information = (design * (p * (1 - p))[:, None]).T @ design
    values, vectors = np.linalg.eigh(information / len(design))
    unidentified = vectors[:, values < COLLINEARITY_TOLERANCE * values.max()]
    identified = (np.abs(unidentified).max(axis=1, initial=0) < np.sqrt(COLLINEARITY_TOLERANCE))[:-1]
    bread = np.linalg.pinv(information + ridge)
    score = cluster_sums(design * (actual - p)[:, None], cluster) @ bread
    half = critical_value(len(score)) * np.sqrt((score**2).sum(axis=0))[:-1]
    low, high = (np.exp(np.where(identified, beta + sign * half, np.nan)) for sign in (-1, 1))
    return low, high, identified
