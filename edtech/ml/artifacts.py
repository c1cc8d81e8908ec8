"""A result as what a run holds, and back again."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any, get_type_hints

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from edtech.data.quality.findings import Check
from edtech.errors import ParamsError, TrackingError
from edtech.ml.base import Family, FitResult, FittedModel
from edtech.ml.families import get_family
from edtech.tracking.run_items import DatasetItem, ModelItem, RunItems, SampleItem

if TYPE_CHECKING:
    from edtech.tracking.runs import RunStore

RESULT = "result.json"
PATHS = {"evaluation": "evaluation/predictions.csv", "importance": "evaluation/feature_importance.csv"}
"""Where frames lie that people look for; the others lie under result/."""
CARD = "evaluation/diagnostics_card.json"
_EXAMPLE_ROWS = 5
_SAMPLE_ROWS = 200


def run_items(
    trained: FittedModel,
    *,
    dataset_name: str,
    dataset_digest: str,
    metrics: Mapping[str, float],
    tags: Mapping[str, str] | None = None,
) -> RunItems:
    """Return everything a training leaves in its run: `metrics` are those of the result and of what it is worth."""
    result = trained.result
    kind = get_family(result.family)
    inputs = trained.rows.drop(columns=trained.target)
    every = max(len(inputs) // _SAMPLE_ROWS, 1)
    return RunItems(
        name=f"{kind.algorithm(result.algorithm).title} on {dataset_name}"[:200],
        params={"algorithm": result.algorithm, **result.params.model_dump(), **result.run_params()},
        metrics=metrics,
        tags={
            "model_type": result.family,
            "algorithm": result.algorithm,
            "dataset_name": dataset_name,
            "dataset_digest": dataset_digest,
            "split": result.split,
            "seed": str(getattr(result.params, "seed", "none")),
            **result.run_tags(),
            **(tags or {}),
        },
        description=kind.summary(result),
        started=datetime.now(UTC) - timedelta(seconds=result.metrics["fit_seconds"]),
        artifacts={**_values(result), CARD: _card(result), **kind.plots(result)},
        model=ModelItem(result.model, inputs.head(_EXAMPLE_ROWS)),
        datasets=_datasets(trained, dataset_name, dataset_digest),
        sample=SampleItem(inputs[::every], trained.rows[trained.target][::every]),
    )


def _datasets(trained: FittedModel, name: str, digest: str) -> tuple[DatasetItem, ...]:
    """Return the rows trained on and, where there are any, those held back."""
    held_back = trained.result.evaluation
    training = DatasetItem(name, digest, trained.rows, trained.target)
    if held_back.empty:
        return (training,)
    own = hashlib.sha256(held_back.to_csv(index=False).encode()).hexdigest()[:32]
    return training, DatasetItem(f"{name}, held back", own, held_back, "actual", context="evaluation")


def load_result(store: "RunStore", run_id: str) -> Any:  # noqa: ANN401  # the result of whichever family it is of
    """Return the result that a run holds, its model included.

    Raises TrackingError where the run is not a training of ours, UntrustedModelError where its model holds foreign
    types.
    """
    try:
        stored = json.loads(store.read_artifact(run_id, RESULT))
        kind = get_family(stored["family"])
        algorithm = kind.algorithm(stored["algorithm"])
        found = _fields(kind, stored) | {"params": algorithm.validate_params(stored["params"])}
        names = [*_frames(kind.result), *(f"tables.{name}" for name in stored["tables"])]
        read = {name: _read_frame(store, run_id, kind.result, name) for name in names}
        tables = {name.partition(".")[2]: read.pop(name) for name in names if name.startswith("tables.")}
        model = store.load_model(run_id)
        if not isinstance(model, algorithm.estimator):
            raise ValueError(f"a model that is a {type(model).__name__}, not a {algorithm.estimator.__name__}")
        values: dict[str, Any] = {**found, **read, "tables": tables, "model": model}
        return kind.result(**values)
    except (ValidationError, ValueError, KeyError, TypeError, ParamsError, RecursionError) as exc:
        raise _unreadable(run_id, exc) from exc


def read_settings(store: "RunStore", run_id: str) -> tuple[str, str, dict[str, Any]]:
    """Return family, algorithm and hyperparameters of a run. Raises TrackingError where it is no training of ours."""
    try:
        stored = json.loads(store.read_artifact(run_id, RESULT))
        kind = get_family(stored["family"])
        algorithm = kind.algorithm(stored["algorithm"])
        return kind.name, algorithm.name, algorithm.validate_params(stored["params"]).model_dump()
    except (ValueError, KeyError, TypeError, ParamsError, RecursionError) as exc:
        raise _unreadable(run_id, exc) from exc


def _unreadable(run_id: str, exc: Exception) -> TrackingError:
    return TrackingError(
        "The run does not hold a result that can be read",
        expected=f"{RESULT} and its tables, as a training of this version writes them",
        found=str(exc).splitlines()[0][:200] if str(exc) else type(exc).__name__,
        where=f"run {run_id}",
        fix="train again on the same data set",
    )


def _frames(result: type[FitResult]) -> list[str]:
    hints = get_type_hints(result)
    return [field.name for field in fields(result) if hints[field.name] is pd.DataFrame]


def _plain(result: type[FitResult]) -> dict[str, Any]:
    """Return the types of the fields that are stored as JSON and read back by their type alone."""
    hints = get_type_hints(result)
    apart = {*_frames(result), "tables", "model", "params"}
    return {field.name: hints[field.name] for field in fields(result) if field.name not in apart}


def _fields(kind: Family, stored: Mapping[str, Any]) -> dict[str, Any]:
    return {name: TypeAdapter(hint).validate_python(stored[name]) for name, hint in _plain(kind.result).items()}


def _values(result: FitResult) -> dict[str, str]:
    """Return numbers as text that reads back to the same bits."""
    kept = {
        name: TypeAdapter(hint).dump_python(getattr(result, name), mode="json")
        for name, hint in _plain(type(result)).items()
    }
    kept |= {"params": result.params.model_dump(mode="json"), "tables": list(result.tables)}
    frames = {name: getattr(result, name) for name in _frames(type(result))}
    frames |= {f"tables.{name}": frame for name, frame in result.tables.items()}
    return {RESULT: json.dumps(kept, indent=1)} | {
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
