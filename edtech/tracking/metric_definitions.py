"""What the metrics of a frame of runs mean: our own, what users said of others, else a guess."""

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
    """What a user said of a metric that is not ours."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    direction: Direction
    unit: str = Field("", max_length=60)


_DEFINITIONS = TypeAdapter(dict[Annotated[str, Field(max_length=250)], MetricDefinition])


class MetricDefinitions:
    """What users said of foreign metrics, kept in one file of the home."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def load(self) -> dict[str, MetricDefinition]:
        """Return what was said. Raises TrackingError where the file is damaged."""
        if not self.file.exists():
            return {}
        try:
            return _DEFINITIONS.validate_json(self.file.read_bytes())
        except (ValidationError, OSError) as exc:
            raise TrackingError(
                "What was said of metrics cannot be read",
                actual=str(exc).splitlines()[0][:200],
                where=str(self.file),
                fix="Correct the file, or rename it to keep a copy; guesses take its place",
            ) from exc

    def save(self, name: str, definition: MetricDefinition | None) -> None:
        """Keep what a metric means, or forget it. Raises TrackingError where the file is damaged or not writable."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self.file}.lock"):
                kept = {key: value for key, value in self.load().items() if key != name}
                kept |= {} if definition is None else {name: definition}
                fresh = self.file.with_suffix(".new")
                fresh.write_bytes(_DEFINITIONS.dump_json(kept, indent=1))
                fresh.replace(self.file)
        except OSError as exc:
            raise TrackingError(
                "What was said of metrics cannot be kept",
                actual=f"{type(exc).__name__}: {exc.strerror or exc}",
                where=str(self.file),
                fix="Make the folder writable and check free space",
            ) from exc


def define_metrics(runs: pd.DataFrame, definitions: Mapping[str, MetricDefinition] | None = None) -> dict[str, Metric]:
    """Return the meaning of every metric of ours and of `runs`; what was said goes before a guess, ours before both."""
    foreign = [name for name in runs.columns if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in METRICS]
    found = {name.removeprefix(PREFIX): runs[name] for name in foreign}
    return METRICS | {name: _to_metric(name, values, (definitions or {}).get(name)) for name, values in found.items()}


def _to_metric(name: str, values: pd.Series, definition: MetricDefinition | None) -> Metric:
    if definition is None:
        return guess(name, values.dropna())
    return Metric(name, name, definition.direction, definition.unit, "model", "As a user of this dashboard said.")
