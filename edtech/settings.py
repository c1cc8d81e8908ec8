"""All settings, each an `EDTECH_*` environment variable."""

from functools import cached_property
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from edtech.errors import SettingsError

PROJECT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Where things are kept and how much is allowed. Build it anew to read the environment again."""

    model_config = SettingsConfigDict(env_prefix="EDTECH_", frozen=True, ignored_types=(cached_property,))

    home: Path = Field(
        default=PROJECT,
        description="Folder that holds everything that is made: data/, mlruns/, reports/, metrics.json.",
    )
    mlflow_tracking_uri: str | None = Field(
        default=None,
        description="MLflow store, as sqlite:///... or http(s)://...; unset: the embedded store mlruns/mlflow.db.",
    )
    experiment: str = Field(
        default="EdTech_Token_Economy_Pipeline",
        min_length=1,
        max_length=200,
        description="MLflow experiment that new runs go to unless another is chosen.",
    )
    upload_limit_mb: int = Field(
        default=500, ge=1, le=2_000, description="Largest file that the upload takes, in megabytes."
    )
    workers: int = Field(
        default=2,
        ge=0,
        le=64,
        description="Processes that train in the background, about 300 MB each; 0: the page waits for its training.",
    )

    @cached_property
    def root(self) -> Path:
        """`home`, absolute."""
        return self.home.expanduser().resolve()

    @cached_property
    def data_dir(self) -> Path:
        """Stored data sets."""
        return self.root / "data"

    @property
    def has_server(self) -> bool:
        """Whether an MLflow server keeps the runs."""
        return (self.mlflow_tracking_uri or "").startswith(("http://", "https://"))

    @cached_property
    def mlruns_dir(self) -> Path:
        """The embedded MLflow store: mlflow.db and artifacts/."""
        return self.root / "mlruns"

    @cached_property
    def reports_dir(self) -> Path:
        """Written reports."""
        return self.root / "reports"


def load_settings(home: Path | None = None) -> Settings:
    """Return the settings, with another home where one is given.

    Raises SettingsError listing every variable whose value cannot be used.
    """
    try:
        return Settings() if home is None else Settings(home=home)
    except ValidationError as exc:
        wrong = exc.errors(include_url=False, include_context=False)
        raise SettingsError(
            "The settings cannot be used",
            expected="variables as the README lists them",
            found=f"{len(wrong)} that cannot be used",
            where="the environment",
            fix="correct these variables, or leave them out",
            details=[f"EDTECH_{str(one['loc'][0]).upper()}: {one['msg']}, found {one['input']!r:.60}" for one in wrong],
        ) from exc
