"""Compare trained runs by the token economy that their recommended prices lead to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from edtech.economy.forecast import FORECAST_FIGURES, TODAY, forecast
from edtech.economy.observed_flows import ObservedFlows
from edtech.economy.simulation import Assumptions, PriceEffect
from edtech.metrics import metric
from edtech.ml.elasticity.algorithms import FAMILY
from edtech.pricing import Plan, WhatIf

NORMAL_95 = 1.959964
"""Half the width of a normal 95% interval, in standard errors."""
PREFERRED_ALGORITHMS = ("choice_logit", "fixed_effects")
"""Preferred algorithms: with substitution, then with effects of units and periods."""
MODEL_METRICS = ("price_elasticity_coefficient", "rmse", "poisson_deviance", "revenue_impact", "decision_value_tokens")


def price_effect(outcome: WhatIf) -> PriceEffect:
    """Return the effect of prices on token revenue, with an error whose 95% interval is the model's."""
    revenue = outcome.token_revenue
    if revenue.high is None:
        moved = not np.isclose(revenue.change, 0.0, atol=1e-12)
        return PriceEffect(revenue.change, None if moved else 0.0)
    reach = np.log1p(revenue.high) - np.log1p(revenue.change)
    return PriceEffect(revenue.change, float(reach / NORMAL_95))


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run to compare: its name, its plan, and its logged metrics."""

    name: str
    plan: Plan
    metrics: Mapping[str, float]


def forecast_runs(observed: ObservedFlows, assumptions: Assumptions, runs: Mapping[str, RunPlan]) -> pd.DataFrame:
    """Return one row for today's prices and one for each run (by id) under its recommended prices.

    Columns: run_id ("" for today), run, note (why nothing changes, if so), the model metrics, and for each figure of
    `FORECAST_FIGURES` its median at the horizon and `_low`, `_high` of its 90% interval. All rows have the same draws.
    """
    rows = [_row("", "Today's prices", "", {}, observed, assumptions, TODAY)]
    for run_id, run in runs.items():
        note = "no recommendation: today's prices" if run.plan.refused else ""
        effect = TODAY if run.plan.refused else price_effect(run.plan.outcome)
        rows.append(_row(run_id, run.name, note, run.metrics, observed, assumptions, effect))
    return pd.DataFrame(rows)


def _row(
    run_id: str,
    name: str,
    note: str,
    metrics: Mapping[str, float],
    observed: ObservedFlows,
    assumptions: Assumptions,
    effect: PriceEffect,
) -> dict[str, object]:
    row: dict[str, object] = {"run_id": run_id, "run": name, "note": note}
    row |= {name: float(metrics.get(name, np.nan)) for name in MODEL_METRICS}
    totals = forecast(observed, assumptions, effect).totals
    for figure, mid, low, high in totals[["figure", "mid", "low", "high"]].itertuples(index=False):
        row |= {figure: mid, f"{figure}_low": low, f"{figure}_high": high}
    return row


def price_model_runs(runs: pd.DataFrame, digest: str) -> pd.DataFrame:
    """Return the runs of price models trained on the data set of this digest, preferred algorithms first."""
    needed = {"tags.dataset_digest": digest, "tags.model_type": FAMILY}
    if not set(needed) <= set(runs.columns):
        return runs.iloc[:0]
    matches = runs[np.all([runs[column] == value for column, value in needed.items()], axis=0)]
    rank = (
        matches["tags.algorithm"]
        .map({name: rank for rank, name in enumerate(PREFERRED_ALGORITHMS)})
        .fillna(len(PREFERRED_ALGORITHMS))
    )
    return matches.loc[rank.sort_values(kind="stable").index]


def forecast_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return `forecast_runs` for reading: one row per figure (figure, unit), one column of text per run.

    Figures of the economy have their 90% interval in parentheses, if there is one.
    """
    model_metrics = [metric(name) for name in MODEL_METRICS]
    titles = ["Note", *(item.title for item in model_metrics), *(title for title, _ in FORECAST_FIGURES.values())]
    units = ["", *(item.unit for item in model_metrics), *["tokens"] * len(FORECAST_FIGURES)]
    readable = pd.DataFrame({"figure": titles, "unit": units})
    for _, row in table.iterrows():
        name = row["run"] if (table["run"] == row["run"]).sum() == 1 else f"{row['run']} {row['run_id'][:8]}"
        model = [_text(row[item], 3) for item in MODEL_METRICS]
        readable[name] = [row["note"], *model, *(_with_interval(row, item) for item in FORECAST_FIGURES)]
    return readable


def _with_interval(row: "pd.Series[Any]", name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return _text(row[name]) + ("" if np.isnan(low) else f" ({_text(low)} to {_text(high)})")


def _text(value: float, digits: int = 0) -> str:
    return "" if np.isnan(value) else f"{value:,.{digits}f}"
