"""Trained runs and the economy side by side: what prices do by a model, and where each run's prices would lead."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from edtech.economy.forecast import OUTLOOK, TODAY, forecast
from edtech.economy.observed import Observed
from edtech.economy.simulation import Assumptions, PriceEffect
from edtech.metrics import metric
from edtech.ml.elasticity.algorithms import FAMILY
from edtech.ml.elasticity.inference import critical_value
from edtech.pricing import Plan, WhatIf

MODEL_METRICS = (
    "price_elasticity_coefficient", "rmse", "poisson_deviance", "revenue_impact", "decision_value_tokens",
)  # fmt: skip


def price_effect(outcome: WhatIf) -> PriceEffect:
    """Return what the asked prices do to token revenue, with the standard error that its interval is made of."""
    revenue = outcome.token_revenue
    if revenue.high is None:
        moved = not np.isclose(revenue.change, 0.0, atol=1e-12)
        return PriceEffect(revenue.change, None if moved else 0.0)
    reach = np.log1p(revenue.high) - np.log1p(revenue.change)
    return PriceEffect(revenue.change, float(reach / critical_value(len(outcome.prices))))


@dataclass(frozen=True, slots=True)
class RunOfEconomy:
    """A run to lay beside others: its name, its plan, and the metrics that were logged with it."""

    name: str
    plan: Plan
    metrics: Mapping[str, float]


def economy_of_runs(observed: Observed, asked: Assumptions, runs: Mapping[str, RunOfEconomy]) -> pd.DataFrame:
    """Return a row for today's prices and one for each run (by id) under its recommended prices.

    Columns: run_id ("" for today), run, note (why nothing changes, where that is so), the model metrics, and for each
    figure of `OUTLOOK` its median at the horizon and `_low`, `_high` of its 90 % band. All rows see the same draws.
    """
    rows = [_row("", "Today's prices", "", {}, observed, asked, TODAY)]
    for run_id, run in runs.items():
        note = "no price is recommended: today's prices" if run.plan.refused else ""
        effect = TODAY if run.plan.refused else price_effect(run.plan.outcome)
        rows.append(_row(run_id, run.name, note, run.metrics, observed, asked, effect))
    return pd.DataFrame(rows)


def _row(
    run_id: str, name: str, note: str, metrics: Mapping[str, float], observed: Observed, asked: Assumptions,
    effect: PriceEffect,
) -> dict[str, object]:  # fmt: skip
    row: dict[str, object] = {"run_id": run_id, "run": name, "note": note}
    row |= {name: float(metrics.get(name, np.nan)) for name in MODEL_METRICS}
    totals = forecast(observed, asked, effect).totals
    for figure, mid, low, high in totals[["figure", "mid", "low", "high"]].itertuples(index=False):
        row |= {figure: mid, f"{figure}_low": low, f"{figure}_high": high}
    return row


def runs_of(runs: pd.DataFrame, digest: str) -> pd.DataFrame:
    """Return the runs of price models that were trained on the data set of this digest, as the table has them."""
    needed = {"tags.dataset_digest": digest, "tags.model_type": FAMILY}
    if not set(needed) <= set(runs.columns):
        return runs.iloc[:0]
    return runs[np.all([runs[column] == value for column, value in needed.items()], axis=0)]


def run_columns() -> dict[str, tuple[str, str]]:
    """Return title with unit and meaning of the columns of `economy_of_runs` that have one."""
    found = {name: (f"{metric(name).title} ({metric(name).unit})", metric(name).help) for name in MODEL_METRICS}
    for name, (title, unit, meaning) in OUTLOOK.items():
        found[name] = (f"{title} ({unit})", f"{meaning} Median of the draws.")
        found[f"{name}_low"] = (f"{title}, low end", "Lower end of the 90 % band.")
        found[f"{name}_high"] = (f"{title}, high end", "Upper end of the 90 % band.")
    return found
