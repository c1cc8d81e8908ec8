"""Definitions of the metrics in a frame of runs: built-in, by users, else guessed from the name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import pandas as pd
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from edtech.errors import TrackingError
from edtech.metrics import METRICS, Direction, Metric, guess

PREFIX = "metrics."


class MetricDefinition(BaseModel):
    """A user's definition of a metric that another program logged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    direction: Direction
    unit: str = Field("", max_length=60)


_DEFINITIONS = TypeAdapter(dict[Annotated[str, Field(max_length=250)], MetricDefinition])


class MetricDefinitions:
    """The users' definitions, stored in one file in the home folder."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def load(self) -> dict[str, MetricDefinition]:
        """Return the stored definitions. Raises TrackingError if the file is damaged."""
        if not self.file.exists():
            return {}
        try:
            return _DEFINITIONS.validate_json(self.file.read_bytes())
        except (ValidationError, OSError) as exc:
            raise TrackingError(
                "The stored metric definitions cannot be read",
                actual=str(exc).splitlines()[0][:200],
                where=str(self.file),
                fix="Correct the file, or rename it to keep a copy; without it, directions are guessed",
            ) from exc

    def save(self, name: str, definition: MetricDefinition | None) -> None:
        """Store a definition; None deletes it. Raises TrackingError if the file is damaged or not writable."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self.file}.lock"):
                definitions = {key: value for key, value in self.load().items() if key != name}
                definitions |= {} if definition is None else {name: definition}
                fresh = self.file.with_suffix(".new")
                fresh.write_bytes(_DEFINITIONS.dump_json(definitions, indent=1))
                fresh.replace(self.file)
        except OSError as exc:
            raise TrackingError(
                "The metric definition cannot be saved",
                actual=f"{type(exc).__name__}: {exc.strerror or exc}",
                where=str(self.file),
                fix="Make the folder writable and check free space",
            ) from exc


def define_metrics(runs: pd.DataFrame, definitions: Mapping[str, MetricDefinition] | None = None) -> dict[str, Metric]:
    """Return all built-in metrics and those of `runs`; built-in definitions come first, then users', then guesses."""
    foreign = [name for name in runs.columns if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in METRICS]
    values = {name.removeprefix(PREFIX): runs[name] for name in foreign}
    return METRICS | {name: _to_metric(name, series, (definitions or {}).get(name)) for name, series in values.items()}


def _to_metric(name: str, values: pd.Series, definition: MetricDefinition | None) -> Metric:
    if definition is None:
        return guess(name, values.dropna())
    return Metric(name, name, definition.direction, definition.unit, "model", "Defined by a user.")
