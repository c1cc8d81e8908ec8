"""Write a result as the artifacts of a run, and read it back."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any, get_type_hints

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from edtech.data.quality.checks import Check
from edtech.errors import ParamsError, TrackingError
from edtech.ml.base import Family, FitResult, FittedModel
from edtech.ml.families import get_family
from edtech.tracking.run_items import DatasetItem, ModelItem, RunItems, SampleItem

if TYPE_CHECKING:
    from edtech.tracking.runs import RunStore

RESULT = "result.json"
PATHS = {"evaluation": "evaluation/predictions.csv", "importance": "evaluation/feature_importance.csv"}
"""Paths of the frames that people look for; the others are under result/."""
CARD = "evaluation/diagnostics_card.json"
_EXAMPLE_ROWS = 5
_SAMPLE_ROWS = 200


def run_items(
    fitted: FittedModel,
    *,
    dataset_name: str,
    dataset_digest: str,
    metrics: Mapping[str, float],
    tags: Mapping[str, str] | None = None,
) -> RunItems:
    """Return everything that the run of a training holds; `metrics` are those of the result and of its decision."""
    result = fitted.result
    family = get_family(result.family)
    inputs = fitted.rows.drop(columns=fitted.target)
    step = max(len(inputs) // _SAMPLE_ROWS, 1)
    return RunItems(
        name=f"{family.algorithm(result.algorithm).title} on {dataset_name}"[:200],
        params={"algorithm": result.algorithm, **result.params.model_dump(), **result.run_params()},
        metrics=metrics,
        tags={
            "model_type": result.family,
            "algorithm": result.algorithm,
            "dataset_name": dataset_name,
            "dataset_digest": dataset_digest,
            "split": result.split,
            "seed": str(result.params.model_dump().get("seed", "none")),
            **result.run_tags(),
            **(tags or {}),
        },
        description=family.summary(result),
        started=datetime.now(UTC) - timedelta(seconds=result.metrics.get("fit_seconds", 0.0)),
        artifacts={**_files(result), CARD: _card(result), **family.plots(result)},
        model=ModelItem(result.model, inputs.head(_EXAMPLE_ROWS)),
        datasets=_datasets(fitted, dataset_name, dataset_digest),
        sample=SampleItem(inputs[::step], fitted.rows[fitted.target][::step]),
    )


def _datasets(fitted: FittedModel, name: str, digest: str) -> tuple[DatasetItem, ...]:
    """Return the training rows and, if there are any, the held-out rows."""
    held_out = fitted.result.evaluation
    training = DatasetItem(name, digest, fitted.rows, fitted.target)
    if held_out.empty:
        return (training,)
    held_out_digest = hashlib.sha256(held_out.to_csv(index=False).encode()).hexdigest()[:32]
    return training, DatasetItem(f"{name}, held-out rows", held_out_digest, held_out, "actual", context="evaluation")


def load_result(store: "RunStore", run_id: str) -> Any:  # noqa: ANN401  # the result class of its family
    """Return the result of a run, with its model.

    Raises TrackingError if the run is not a training of this project, UntrustedModelError if its model holds other
    types than ours.
    """
    try:
        stored = json.loads(store.read_artifact(run_id, RESULT))
        family = get_family(stored["family"])
        algorithm = family.algorithm(stored["algorithm"])
        values = _read_fields(family, stored) | {"params": algorithm.validate_params(stored["params"])}
        names = _frame_names(family.result)
        frames: dict[str, Any] = {name: _read_frame(store, run_id, family.result, name) for name in names}
        tables = {name: _read_frame(store, run_id, family.result, f"tables.{name}") for name in stored["tables"]}
        model = store.load_model(run_id)
        if not isinstance(model, algorithm.estimator):
            raise ValueError(f"a model that is a {type(model).__name__}, not a {algorithm.estimator.__name__}")
        return family.result(**values, **frames, tables=tables, model=model)
    except (ValidationError, ValueError, KeyError, TypeError, ParamsError, RecursionError) as exc:
        raise _unreadable_result(run_id, exc) from exc


def read_settings(store: "RunStore", run_id: str) -> tuple[str, str, dict[str, Any]]:
    """Return family, algorithm and hyperparameters of a run.

    Raises TrackingError if it is not a training of this project.
    """
    try:
        stored = json.loads(store.read_artifact(run_id, RESULT))
        family = get_family(stored["family"])
        algorithm = family.algorithm(stored["algorithm"])
        return family.name, algorithm.name, algorithm.validate_params(stored["params"]).model_dump()
    except (ValueError, KeyError, TypeError, ParamsError, RecursionError) as exc:
        raise _unreadable_result(run_id, exc) from exc


def _unreadable_result(run_id: str, exc: Exception) -> TrackingError:
    return TrackingError(
        "The run holds no readable result",
        expected=f"{RESULT} and its tables, as a training writes them",
        actual=str(exc).splitlines()[0][:200] if str(exc) else type(exc).__name__,
        where=f"run {run_id}",
        fix="train again on the same data set",
    )


def _frame_names(result: type[FitResult]) -> list[str]:
    hints = get_type_hints(result)
    return [field.name for field in fields(result) if hints[field.name] is pd.DataFrame]


def _json_fields(result: type[FitResult]) -> dict[str, Any]:
    """Return the types of the fields that are stored as JSON and validated by their type alone."""
    hints = get_type_hints(result)
    others = {*_frame_names(result), "tables", "model", "params"}
    return {field.name: hints[field.name] for field in fields(result) if field.name not in others}


def _read_fields(family: Family, stored: Mapping[str, Any]) -> dict[str, Any]:
    types, keys = _json_fields(family.result), family.result.JSON_KEYS
    return {name: TypeAdapter(hint).validate_python(stored[keys.get(name, name)]) for name, hint in types.items()}


def _files(result: FitResult) -> dict[str, str]:
    """Return JSON and CSV files by path; numbers are written so that they read back to the same bits."""
    content = {
        result.JSON_KEYS.get(name, name): TypeAdapter(hint).dump_python(getattr(result, name), mode="json")
        for name, hint in _json_fields(type(result)).items()
    }
    content |= {"params": result.params.model_dump(mode="json"), "tables": list(result.tables)}
    frames = {name: getattr(result, name) for name in _frame_names(type(result))}
    frames |= {f"tables.{name}": frame for name, frame in result.tables.items()}
    return {RESULT: json.dumps(content, indent=1)} | {
        _path(name): frame.to_csv(index=False) for name, frame in frames.items()
    }


def _card(result: FitResult) -> str:
    """Return the diagnostics as JSON for other programs."""
    checks = TypeAdapter(tuple[Check, ...]).dump_python(result.checks, mode="json")
    card = {"family": result.family, "algorithm": result.algorithm, "split": result.split, "checks": checks}
    return json.dumps(card | {"notes": result.notes}, indent=1)


def _path(name: str) -> str:
    return PATHS.get(name, f"result/{name.removeprefix('tables.')}.csv")


def _read_frame(store: "RunStore", run_id: str, result: type[FitResult], name: str) -> pd.DataFrame:
    content = store.read_artifact(run_id, _path(name)).decode("utf-8")
    frame = pd.read_csv(StringIO(content), dtype=dict.fromkeys(result.TEXT, str), keep_default_na=False, na_values=[""])
    if missing := set(result.COLUMNS.get(name, ())) - set(frame.columns):
        raise ValueError(f"{_path(name)} lacks {', '.join(sorted(missing))}")
    return frame
