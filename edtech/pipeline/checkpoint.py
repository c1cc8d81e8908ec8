"""The progress of a pipeline, saved in a file so that it can resume."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edtech.data.atomic import write_atomically
from edtech.errors import PipelineError
from edtech.market import MarketParams

FILE = "pipeline_state.json"


class PipelineState(BaseModel):
    """The settings of a pipeline and its results so far: the data set, and the run of each `family/algorithm`."""

    model_config = ConfigDict(extra="forbid")

    params: MarketParams | None
    name: str
    families: tuple[str, ...]
    algorithms: tuple[str, ...]
    use_mlflow: bool
    register_best: bool
    dataset_id: str | None = None
    run_ids: dict[str, str] = Field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write the state atomically."""
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / FILE, self.model_dump_json(indent=1))


def read_state(folder: Path) -> PipelineState:
    """Return the state of the last pipeline. Raises PipelineError if there is no readable one."""
    try:
        return PipelineState.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError) as exc:
        raise PipelineError(
            "There is no pipeline to resume",
            expected=f"{FILE}, as a pipeline writes it",
            actual=str(exc).splitlines()[0][:200],
            where=str(folder),
            fix="start a new pipeline, without --resume",
        ) from exc
