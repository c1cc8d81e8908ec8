"""The configuration of the pipeline: defaults, overridden by a TOML file, then the environment, then flags."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableError

from edtech.errors import SettingsError

CommaSeparated = Annotated[tuple[str, ...], NoDecode]


class PipelineConfig(BaseSettings):
    """The configuration of a pipeline. Each field is a flag, a key of the file and an `EDTECH_PIPELINE_*` variable."""

    model_config = SettingsConfigDict(env_prefix="EDTECH_PIPELINE_", frozen=True, extra="forbid")

    dataset: str | None = Field(None, description="Id of a stored data set to use instead of a new market.")
    preset: str = Field("balanced", description="Kind of market: balanced, confounded, price_test, thin, growing.")
    learners: int = Field(10_000, description="Learners who join until the last week.")
    teachers: int = Field(500, description="Teachers who offer courses.")
    courses: int = Field(2_000, description="Courses published until the last week.")
    weeks: int = Field(52, description="Observed weeks.")
    seed: int = Field(1, description="Same seed, same market.")
    market: dict[str, float] = Field(default_factory=dict, description="Other market parameters, by name.")
    families: CommaSeparated = Field(("token_elasticity",), description="Model families, separated by commas, or all.")
    algorithms: CommaSeparated = Field(
        (), description="Algorithms, separated by commas; none: each family's usual ones."
    )
    mlflow: bool = Field(True, description="Log the trainings to MLflow.")
    register_best: bool = Field(True, description="Register each family's best model if it meets the requirements.")

    @field_validator("families", "algorithms", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class ResolvedConfig:
    """A configuration and the source of each of its values: flag, environment, file or default."""

    config: PipelineConfig
    sources: Mapping[str, str]

    def lines(self) -> list[str]:
        """Return one line of TOML for each field, with its source as a comment."""
        values = self.config.model_dump()
        return [f"{name} = {_toml(value)}  # {self.sources[name]}" for name, value in values.items()]


def read_config(file: Path | None = None, flags: Mapping[str, Any] | None = None) -> ResolvedConfig:
    """Merge a TOML file, the environment and flags; flags that are None are ignored.

    Market parameters are merged one by one. Raises SettingsError that lists every invalid name or value, or if the file
    or a variable cannot be read.
    """
    layers = {
        "file": {} if file is None else _read(file),
        "environment": _environment(),
        "flag": {name: value for name, value in (flags or {}).items() if value is not None},
    }
    merged: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for source, values in layers.items():
        for name, value in values.items():
            earlier = merged.get(name)
            if isinstance(earlier, dict) and isinstance(value, dict):
                merged[name], sources[name] = earlier | value, f"{sources[name]} and {source}"
            else:
                merged[name], sources[name] = value, source
    try:
        config = PipelineConfig(**merged)
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_context=False)
        raise SettingsError(
            "The pipeline configuration is invalid",
            expected=", ".join(PipelineConfig.model_fields),
            actual=f"{len(errors)} invalid names or values",
            where=", ".join(sorted({sources.get(str(error["loc"][0]), "flag") for error in errors if error["loc"]})),
            fix="correct the listed values; --show-config prints all settings",
            details=[
                f"{'.'.join(map(str, error['loc']))}: {error['msg']}, found {error['input']!r:.60}"
                for error in errors[:10]
            ],
        ) from exc
    return ResolvedConfig(config, {name: sources.get(name, "default") for name in PipelineConfig.model_fields})


def _environment() -> dict[str, Any]:
    try:
        return EnvSettingsSource(PipelineConfig)()
    except UnreadableError as exc:
        raise SettingsError(
            "An environment variable cannot be read",
            expected='for EDTECH_PIPELINE_MARKET, JSON such as {"season": 0.1}',
            actual=str(exc)[:200],
            where="the environment",
            fix="correct the variable, or unset it",
        ) from exc


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise SettingsError(
            "The configuration file cannot be read",
            expected="a TOML file such as: learners = 2000",
            actual=str(exc)[:200],
            where=str(file),
            fix="correct the file, or omit --config",
        ) from exc


def _toml(value: object) -> str:
    match value:
        case None:
            return '""'
        case bool():
            return str(value).lower()
        case tuple():
            return "[" + ", ".join(f'"{item}"' for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{name} = {item}" for name, item in value.items()) + "}"
        case str():
            return f'"{value}"'
        case _:
            return str(value)
