"""A result as what a run holds, and back again."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from edtech.charts import png
from edtech.errors import ParamsError, TrackingError
from edtech.ml.base import Estimate, FitResult, Kind
from edtech.ml.elasticity.algorithms import ALGORITHMS, FAMILY
from edtech.ml.elasticity.words import finding, summary
from edtech.tables.roles import PanelRoles
from edtech.tracking.items import DatasetItem, ModelItem, RunItems

if TYPE_CHECKING:
    from edtech.tracking.runs import RunStore

RESULT = "result.json"
TABLES = {
    "elasticity_by_segment": "result/elasticity_by_segment.csv",
    "support": "result/price_support.csv",
    "evaluation": "evaluation/predictions.csv",
    "importance": "evaluation/feature_importance.csv",
}
_EXAMPLE_ROWS = 5


class _Stored(BaseModel):
    """What `result.json` must hold; a run may have been written by anyone."""

    model_config = ConfigDict(extra="ignore")

    family: str
    algorithm: str
    params: dict[str, Any]
    roles: PanelRoles
    elasticity: tuple[float, float | None, float | None, str]
    identification: Kind
    condition: str
    naive: tuple[float, float | None, float | None, str]
    metrics: dict[str, float]
    split: str
    notes: tuple[str, ...]


def run_items(
    result: FitResult,
    panel: pd.DataFrame,
    *,
    dataset_name: str,
    dataset_digest: str,
    metrics: Mapping[str, float],
    tags: Mapping[str, str] | None = None,
) -> RunItems:
    """Return everything a training leaves in its run: `metrics` are those of the result and of its plan."""
    algorithm = ALGORITHMS[result.algorithm]
    inputs = panel.drop(columns=result.roles.quantity)
    parameters = {"algorithm": result.algorithm, **result.params.model_dump(), **_role_params(result.roles)}
    return RunItems(
        name=f"{algorithm.title} on {dataset_name}"[:200],
        params=parameters,
        metrics=metrics,
        tags={
            "model_type": result.family,
            "algorithm": result.algorithm,
            "dataset_name": dataset_name,
            "dataset_digest": dataset_digest,
            "identification": result.identification,
            "split": result.split,
            "seed": str(getattr(result.params, "seed", "none")),
            **(tags or {}),
        },
        description=summary(result),
        started=datetime.now(UTC) - timedelta(seconds=result.metrics["fit_seconds"]),
        artifacts={**_values(result), **_plots(result)},
        model=ModelItem(result.model, inputs.head(_EXAMPLE_ROWS)),
        datasets=(DatasetItem(dataset_name, dataset_digest, panel, result.roles.quantity),),
    )


def load_result(store: "RunStore", run_id: str) -> FitResult:
    """Return the result that a run holds, its model included.

    Raises TrackingError where the run is not a training of ours, UntrustedModelError where its model holds foreign
    types.
    """
    try:
        stored = _Stored.model_validate_json(store.read_artifact(run_id, RESULT))
        tables = {name: _read_table(store.read_artifact(run_id, path), name) for name, path in TABLES.items()}
        if stored.family != FAMILY or stored.algorithm not in ALGORITHMS:
            raise ValueError(f"family {stored.family!r}, algorithm {stored.algorithm!r}")
        algorithm = ALGORITHMS[stored.algorithm]
        params, model = algorithm.parameters(stored.params), store.load_model(run_id)
        if not isinstance(model, algorithm.estimator):
            raise ValueError(f"a model that is a {type(model).__name__}, not a {algorithm.estimator.__name__}")
    except (ValidationError, ValueError, KeyError, ParamsError) as exc:
        raise TrackingError(
            "The run does not hold a result that can be read",
            expected=f"{RESULT} and its tables, as a training of this version writes them",
            found=str(exc).splitlines()[0][:200],
            where=f"run {run_id}",
            fix="train again on the same data set",
        ) from exc
    return FitResult(
        family=stored.family,
        algorithm=stored.algorithm,
        params=params,
        model=model,
        roles=stored.roles,
        elasticity=Estimate(*stored.elasticity),
        identification=stored.identification,
        condition=stored.condition,
        naive=Estimate(*stored.naive),
        metrics=stored.metrics,
        split=stored.split,
        notes=stored.notes,
        **tables,
    )


def _role_params(roles: PanelRoles) -> dict[str, str]:
    values = roles.model_dump()
    return {
        f"column.{name}": ", ".join(value) if isinstance(value, tuple) else str(value) for name, value in values.items()
    }


def _values(result: FitResult) -> dict[str, str]:
    """Numbers as text that reads back to the same bits."""
    stored = _Stored(
        family=result.family,
        algorithm=result.algorithm,
        params=result.params.model_dump(),
        roles=result.roles,
        elasticity=_tuple(result.elasticity),
        identification=result.identification,
        condition=result.condition,
        naive=_tuple(result.naive),
        metrics=result.metrics,
        split=result.split,
        notes=result.notes,
    )
    tables = {path: getattr(result, name).to_csv(index=False) for name, path in TABLES.items()}
    return {RESULT: json.dumps(stored.model_dump(mode="json"), indent=1), **tables}


def _plots(result: FitResult) -> dict[str, bytes]:
    """PNG files that are readable at a glance."""
    drawn = {
        "evaluation/elasticity_by_segment.png": png.elasticity_by_segment(
            result.elasticity_by_segment, naive=result.naive.estimate, title=finding(result)
        )
    }
    if len(result.evaluation):
        title = f"{ALGORITHMS[result.algorithm].title} on {result.split}: RMSE {result.metrics['rmse']:.3g}"
        drawn |= {
            "evaluation/actual_vs_predicted.png": png.actual_vs_predicted(result.evaluation, title=title),
            "evaluation/residuals_plot.png": png.residuals_plot(result.evaluation, title=title),
            "evaluation/residuals_histogram.png": png.residuals_histogram(result.evaluation, title=title),
        }
    if len(result.importance):
        drawn["evaluation/feature_importance.png"] = png.feature_importance(
            result.importance,
            title=f"Predictions lean most on {result.importance['feature'].iloc[0]}",
            unit="rise of Poisson deviance when shuffled",
        )
    return drawn


def _tuple(estimate: Estimate) -> tuple[float, float | None, float | None, str]:
    return estimate.estimate, estimate.low, estimate.high, estimate.note


def _read_table(content: bytes, name: str) -> pd.DataFrame:
    text = {"unit": str, "segment": str, "feature": str}
    frame = pd.read_csv(StringIO(content.decode("utf-8")), dtype=text, keep_default_na=False, na_values=[""])
    if missing := set(_COLUMNS[name]) - set(frame.columns):
        raise ValueError(f"{TABLES[name]} lacks {', '.join(sorted(missing))}")
    return frame


_COLUMNS = {
    "elasticity_by_segment": ("segment", "estimate", "low", "high"),
    "support": ("unit", "low", "high", "randomized_low", "randomized_high"),
    "evaluation": ("actual", "predicted"),
    "importance": ("feature", "importance"),
}
