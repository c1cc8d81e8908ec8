"""Holdout splits, and errors on held-out rows."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import mean_absolute_error, mean_poisson_deviance, r2_score, root_mean_squared_error

from edtech.tables.arrays import Floats
from edtech.tables.roles import PanelRoles

_SEED = 20
_MAX_ROWS = 5_000
_MIN_GROUPS = 4


@dataclass(frozen=True, slots=True)
class Split:
    """A mask (n,) of the held-out rows and their description; the mask is None if the panel is too short."""

    held_out: NDArray[np.bool_] | None
    description: str


def split_panel(panel: pd.DataFrame, roles: PanelRoles, share: float) -> Split:
    """Hold out the last `share` of the periods; without periods, random units; without units, random rows."""
    if roles.period is not None:
        periods = np.sort(panel[roles.period].unique())
        if periods.size < _MIN_GROUPS:
            return Split(None, f"only {periods.size} periods, too few to hold any out")
        count = max(1, round(share * periods.size))
        return Split(
            panel[roles.period].isin(periods[-count:]).to_numpy(), f"the last {count} of {periods.size} periods"
        )
    labels = np.arange(len(panel)) if roles.unit is None else panel[roles.unit].astype("category").cat.codes.to_numpy()
    units = np.unique(labels)
    if units.size < _MIN_GROUPS:
        return Split(None, f"only {units.size} units and no periods, too few to hold any out")
    held_out_units = np.random.default_rng(_SEED).permutation(units)[: max(1, round(share * units.size))]
    return Split(
        np.isin(labels, held_out_units),
        f"{held_out_units.size:,} of {units.size:,} units, none of their rows in training",
    )


def error_metrics(actual: Floats, predicted: Floats) -> dict[str, float]:
    """Return r2, rmse, mae and the mean Poisson deviance of predictions (n,)."""
    metrics = {
        "rmse": root_mean_squared_error(actual, predicted),
        "mae": mean_absolute_error(actual, predicted),
        "poisson_deviance": mean_poisson_deviance(actual, np.maximum(predicted, 1e-12)),
    }
    if actual.size > 1 and np.ptp(actual) > 0:
        metrics["r2"] = r2_score(actual, predicted)
    return {name: float(value) for name, value in metrics.items()}


def permutation_importance(model: object, rows: pd.DataFrame, roles: PanelRoles) -> pd.DataFrame:
    """Return the increase of the mean Poisson deviance on held-out `rows` if a column is shuffled: feature, importance.

    Breiman (2001), "Random Forests", Machine Learning 45. Importance measures what predictions depend on; it is neither
    a causal effect nor an elasticity.
    """
    rng = np.random.default_rng(_SEED)
    if len(rows) > _MAX_ROWS:
        rows = rows.iloc[np.sort(rng.choice(len(rows), _MAX_ROWS, replace=False))]
    predict = model.predict  # type: ignore[attr-defined]
    actual = rows[roles.quantity].to_numpy(dtype=float)

    def deviance(frame: pd.DataFrame) -> float:
        return float(mean_poisson_deviance(actual, np.maximum(predict(frame), 1e-12)))

    base = deviance(rows)
    columns = dict.fromkeys(
        name for name in (roles.price, roles.unit, roles.segment, roles.period, roles.views, *roles.controls) if name
    )
    increases = [(name, deviance(rows.assign(**{name: rng.permutation(rows[name])})) - base) for name in columns]
    table = pd.DataFrame(increases, columns=["feature", "importance"])
    return table.sort_values("importance", ascending=False, ignore_index=True)


def per_period_metrics(panel: pd.DataFrame, roles: PanelRoles, quantity: Floats) -> dict[str, float]:
    """Return revenue per period and, with views, the rate of `quantity` (n,) per view."""
    periods = 1 if roles.period is None else max(panel[roles.period].nunique(), 1)
    metrics = {"token_revenue": float(panel[roles.price].to_numpy(dtype=float) @ quantity) / periods}
    if roles.views is not None:
        metrics["enrollment_rate"] = float(quantity.sum() / panel[roles.views].sum())
    return metrics
