"""Scenarios: what-ifs that are saved as MLflow runs of the kind `scenario`, and can be rerun."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from edtech.errors import TrackingError
from edtech.pricing.questions import Scenario
from edtech.pricing.tables import LABELS, effect_rows, format_change_interval
from edtech.pricing.trust import saved_trust
from edtech.pricing.what_ifs import WhatIf
from edtech.tables.formatting import format_change
from edtech.tracking.run_items import RunItems

if TYPE_CHECKING:
    from edtech.pricing.recommendation import Plan
    from edtech.tracking.runs import RunStore

FILE = "scenario.json"
FIGURES = ("token_revenue", "enrollments", "teacher_earnings", "platform_commission", "tokens_burned")
"""The figures by which scenarios and plans are compared, the first with its interval."""
TABLE_FIGURES, REVENUE = (*FIGURES, "enrollment_rate"), LABELS[FIGURES[0]][0]
TAGS = ("dataset_name", "dataset_digest", "asked_run", "trust")
EFFECTS, PRICES = "scenario/effects.csv", "scenario/prices.csv"


def scenario_items(scenario: Scenario, outcome: WhatIf, dataset_name: str, dataset_digest: str) -> RunItems:
    """Return the items of a scenario's run."""
    return RunItems(
        name=scenario.name,
        kind="scenario",
        params=_params(scenario),
        metrics=_metrics(outcome),
        tags={
            "dataset_name": dataset_name,
            "dataset_digest": dataset_digest,
            "asked_run": scenario.run_id,
            "trust": outcome.trust.value,
        },
        description=scenario.note,
        artifacts={
            FILE: scenario.model_dump_json(indent=1),
            EFFECTS: effect_rows(outcome).to_csv(index=False),
            PRICES: outcome.prices.rename_axis("unit").reset_index().to_csv(index=False),
        },
    )


def read_scenario(store: "RunStore", run_id: str) -> Scenario:
    """Return the scenario of a run. Raises TrackingError if it has no readable scenario."""
    try:
        return Scenario.model_validate_json(store.read_artifact(run_id, FILE))
    except ValidationError as exc:
        raise TrackingError(
            "The run has no readable scenario",
            expected=f"the file {FILE} of a saved what-if",
            actual=str(exc).splitlines()[0][:200],
            where=f"run {run_id}",
            fix="run the what-if again and save it",
        ) from exc


def is_saved(store: "RunStore", runs: pd.DataFrame, scenario: Scenario) -> bool:
    """Tell whether a run of the table has the same scenario, name and note included."""
    return any(read_scenario(store, run_id) == scenario for run_id in runs.loc[runs["name"] == scenario.name, "run_id"])


def copy_of_scenario(store: "RunStore", run_id: str) -> RunItems:
    """Return the items of a copy of a scenario's run under another name. Raises TrackingError as `read_scenario`."""
    original, run = read_scenario(store, run_id), store.get_run(run_id)
    copy = original.model_copy(update={"name": f"{original.name[:190]} (copy)"})
    files = {path: store.read_artifact(run_id, path) for path in (EFFECTS, PRICES)}
    return RunItems(
        name=copy.name,
        kind="scenario",
        params=run.params,
        metrics=run.metrics,
        tags={name: run.tags[name] for name in TAGS if name in run.tags} | {"trust": _trust(run.tags.get("trust"))},
        description=copy.note,
        artifacts={FILE: copy.model_dump_json(indent=1), **files},
    )


def scenario_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per scenario of a run table for reading, newest first.

    Columns: name, the change of each figure with its 95% interval, token revenue first and also in tokens, trust, the
    time of saving and the data set.
    """
    changes = {LABELS[name][0]: [_change_text(row, name) for row in runs.to_dict("records")] for name in TABLE_FIGURES}
    return pd.DataFrame(
        {
            "Name": runs["name"],
            REVENUE: changes.pop(REVENUE),
            "Tokens per period": runs.get(f"metrics.{FIGURES[0]}_planned"),
            **changes,
            "Trust": runs.reindex(columns=["tags.trust"])["tags.trust"].map(_trust).astype("str"),
            "Saved (UTC)": pd.to_datetime(runs["started"], utc=True).dt.tz_localize(None),
            "Data set": runs.get("tags.dataset_name"),
        }
    )


def _change_text(row: Mapping[Hashable, Any], name: str) -> str:
    return format_change_interval(
        *(row.get(f"metrics.{name}_{suffix}") for suffix in ("change", "change_low", "change_high"))
    )


def compare_scenarios(scenarios: pd.DataFrame, plans: Mapping[str, "Plan"]) -> pd.DataFrame:
    """Return saved what-ifs and plans of runs, one row each.

    Columns: name, what, trust, today's and planned token revenue per period, its change with `low` and `high` (95%),
    and the changes of the other figures; NaN for refused plans. `scenarios` is a run table, `plans` is by the run's
    name.
    """
    rows = [*(_of_scenario(row) for row in scenarios.to_dict("records")), *(_of_plan(*item) for item in plans.items())]
    numbers = ["today", "planned", "change", "low", "high", *(name for name in FIGURES if name != FIGURES[0])]
    columns = ["name", "what", "trust", *numbers]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(numbers, float))


def distinct_names(runs: pd.DataFrame, column: str) -> dict[str, str]:
    """Return a name for each run from a column of the run table, with the time if two runs share a name."""
    names = runs.reindex(columns=[column])[column].fillna("run").astype("str")
    rows = zip(runs["run_id"], names, names.duplicated(keep=False), runs["started"], strict=True)
    return {run: f"{name} ({at:%d %b %H:%M:%S})" if twice else name for run, name, twice, at in rows}


def best_scenario_title(table: pd.DataFrame) -> str:
    """Return the scenario or plan with the highest expected revenue, in one line."""
    estimated = table.dropna(subset=["change"]).sort_values("change", ascending=False)
    if estimated.empty:
        return "None of these has an expected revenue"
    first = estimated.iloc[0]
    if first["change"] <= 0:
        return "None of these is expected to raise revenue above today's"
    return f"Highest expected revenue: {first['name']}, {format_change(first['change'])}"


def _of_scenario(row: Mapping[Hashable, Any]) -> dict[str, Any]:
    revenue = {name: row.get(f"metrics.{FIGURES[0]}_{name}") for name in ("today", "planned", "change")}
    ends = {end: row.get(f"metrics.{FIGURES[0]}_change_{end}") for end in ("low", "high")}
    others = {name: _saved_change(row, name) for name in FIGURES[1:]}
    return {"name": row["name"], "what": "what-if", "trust": _trust(row.get("tags.trust")), **revenue, **ends, **others}


def _trust(tag: object) -> str:
    return saved_trust(tag).value


def _saved_change(row: Mapping[Hashable, Any], name: str) -> float | None:
    """Return a figure's change, infinite for a figure that is 0 today: runs cannot store infinite metrics."""
    today, planned = (row.get(f"metrics.{name}_{suffix}") for suffix in ("today", "planned"))
    return np.inf if today == 0 and planned else row.get(f"metrics.{name}_change")


def _of_plan(name: str, plan: "Plan") -> dict[str, Any]:
    row = {"name": name, "what": "plan of a run", "trust": plan.trust.value}
    if plan.refused:
        return row
    effects = plan.outcome.effects
    revenue = {field: getattr(effects[FIGURES[0]], field) for field in ("today", "planned", "change", "low", "high")}
    return {**row, **revenue, **{name: effects[name].change for name in FIGURES[1:] if name in effects}}


def _params(scenario: Scenario) -> Mapping[str, str | float]:
    changes = {f"change {number}": change.description for number, change in enumerate(scenario.changes, 1)}
    rates = {"commission_rate": scenario.planned_split.commission_rate, "burn_rate": scenario.planned_split.burn_rate}
    listed = {} if scenario.prices is None else {"price list": f"{len(scenario.prices):,} prices"}
    return {"run": scenario.run_id, "dataset": scenario.dataset_id, **changes, **listed, **rates}


def _metrics(outcome: WhatIf) -> dict[str, float]:
    metrics: dict[str, float] = {"share_outside_support": outcome.share_outside}
    for name, effect in outcome.effects.items():
        values = {
            "today": effect.today,
            "planned": effect.planned,
            "change": effect.change,
            "change_low": effect.low,
            "change_high": effect.high,
        }
        metrics |= {f"{name}_{key}": value for key, value in values.items() if value is not None and np.isfinite(value)}
    return metrics
