"""All settings, each an `EDTECH_*` environment variable."""

from functools import cached_property
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from edtech.errors import SettingsError

PROJECT = Path(__file__).resolve().parent.parent
MEGABYTE = 1024**2
"""Bytes of a megabyte, as Streamlit's `server.maxUploadSize` counts them."""


class Settings(BaseSettings):
    """Folders, tracking store and limits. A new instance reads the environment again."""

    model_config = SettingsConfigDict(env_prefix="EDTECH_", frozen=True, ignored_types=(cached_property,))

    home: Path = Field(
        default=PROJECT,
        description="Folder of all data and results: data/, mlruns/, reports/, metrics.json.",
    )
    mlflow_tracking_uri: str | None = Field(
        default=None,
        description="MLflow store, as sqlite:///... or http(s)://...; unset: the embedded store mlruns/mlflow.db.",
    )
    experiment: str = Field(
        default="EdTech_Token_Economy_Pipeline",
        min_length=1,
        max_length=200,
        description="Default MLflow experiment of new runs.",
    )
    upload_limit_mb: int = Field(
        default=500, ge=1, le=2_000, description="Maximum size of an uploaded file, in megabytes."
    )
    workers: int = Field(
        default=2,
        ge=0,
        le=64,
        description="Worker processes for background jobs, about 300 MB each; 0: the page waits for each job.",
    )

    @cached_property
    def root(self) -> Path:
        """The absolute path of `home`."""
        return self.home.expanduser().resolve()

    @cached_property
    def data_dir(self) -> Path:
        """Folder of the stored data sets."""
        return self.root / "data"

    @property
    def has_server(self) -> bool:
        """Whether runs are logged to an MLflow server."""
        return (self.mlflow_tracking_uri or "").startswith(("http://", "https://"))

    @cached_property
    def mlruns_dir(self) -> Path:
        """Folder of the embedded MLflow store: mlflow.db and artifacts/."""
        return self.root / "mlruns"

    @cached_property
    def reports_dir(self) -> Path:
        """Folder of the reports."""
        return self.root / "reports"


def load_settings(home: Path | None = None) -> Settings:
    """Return the settings, with `home` as the home folder if it is given.

    Raises SettingsError that lists every invalid variable.
    """
    try:
        return Settings() if home is None else Settings(home=home)
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_context=False)
        raise SettingsError(
            "The settings are invalid",
            expected="values as in the table of settings in README.md",
            actual=f"{len(errors)} invalid variables",
            where="the environment",
            fix="correct these variables, or unset them",
            details=[
                f"EDTECH_{str(error['loc'][0]).upper()}: {error['msg']}, found {error['input']!r:.60}"
                for error in errors
            ],
        ) from exc
