"""How far a pipeline came, kept in a file so that it can go on from there."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edtech.data.atomic import write_whole
from edtech.errors import PipelineError
from edtech.market import MarketParams

FILE = "pipeline_state.json"


class PipelineState(BaseModel):
    """What was asked, and what is made: the data set, and the run of each `family/algorithm`."""

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
        """Write the state so that a kill leaves the old or the new."""
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / FILE, self.model_dump_json(indent=1))


def read_state(folder: Path) -> PipelineState:
    """Return the state of the last pipeline. Raises PipelineError where there is none that can be read."""
    try:
        return PipelineState.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError) as exc:
        raise PipelineError(
            "There is no pipeline to go on with",
            expected=f"{FILE}, as a pipeline leaves it",
            found=str(exc).splitlines()[0][:200],
            where=str(folder),
            fix="start one without --resume",
        ) from exc
