"""What the pipeline is asked to do: from a TOML file, the environment and flags, the later ones winning."""

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
    """One run of the pipeline. Each field is a flag, a key of the file, and an `EDTECH_PIPELINE_*` variable."""

    model_config = SettingsConfigDict(env_prefix="EDTECH_PIPELINE_", frozen=True, extra="forbid")

    dataset: str | None = Field(None, description="Id of a stored data set to use instead of a new market.")
    preset: str = Field("balanced", description="Kind of market: balanced, confounded, price_test, thin, growing.")
    learners: int = Field(10_000, description="Learners who join until the last week.")
    teachers: int = Field(500, description="Teachers who offer courses.")
    courses: int = Field(2_000, description="Courses published until the last week.")
    weeks: int = Field(52, description="Length of the observed time.")
    seed: int = Field(1, description="Same seed, same market.")
    market: dict[str, float] = Field(default_factory=dict, description="Further knobs of the market, by name.")
    families: CommaSeparated = Field(("token_elasticity",), description="Model families, separated by commas, or all.")
    algorithms: CommaSeparated = Field(
        (), description="Algorithms, separated by commas; none: each family's usual ones."
    )
    mlflow: bool = Field(True, description="Log the trainings to MLflow.")
    register_best: bool = Field(True, description="Register each family's best model if its gates pass.")

    @field_validator("families", "algorithms", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class ResolvedConfig:
    """A configuration, and for each of its fields where the value came from: flag, environment, file or default."""

    config: PipelineConfig
    sources: Mapping[str, str]

    def lines(self) -> list[str]:
        """Return one line for each field: name, value, source."""
        values = self.config.model_dump()
        return [f"{name} = {_shown(value)}  # {self.sources[name]}" for name, value in values.items()]


def read_config(file: Path | None = None, flags: Mapping[str, Any] | None = None) -> ResolvedConfig:
    """Return the configuration of a TOML file, the environment and flags; a flag that is None was not given.

    Knobs of the market are merged one by one. Raises SettingsError listing every name or value that cannot be used, or
    that the file or a variable cannot be read.
    """
    given = {
        "file": {} if file is None else _read(file),
        "environment": _environment(),
        "flag": {name: value for name, value in (flags or {}).items() if value is not None},
    }
    merged: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for where, values in given.items():
        for name, value in values.items():
            before = merged.get(name)
            if isinstance(before, dict) and isinstance(value, dict):
                merged[name], sources[name] = before | value, f"{sources[name]} and {where}"
            else:
                merged[name], sources[name] = value, where
    try:
        config = PipelineConfig(**merged)
    except ValidationError as exc:
        wrong = exc.errors(include_url=False, include_context=False)
        raise SettingsError(
            "The pipeline cannot be configured like this",
            expected=", ".join(PipelineConfig.model_fields),
            found=f"{len(wrong)} names or values that cannot be used",
            where=", ".join(sorted({sources.get(str(one["loc"][0]), "flag") for one in wrong if one["loc"]})),
            fix="correct what is listed; --show-config shows all settings",
            details=[
                f"{'.'.join(map(str, one['loc']))}: {one['msg']}, found {one['input']!r:.60}" for one in wrong[:10]
            ],
        ) from exc
    return ResolvedConfig(config, {name: sources.get(name, "default") for name in PipelineConfig.model_fields})


def _environment() -> dict[str, Any]:
    try:
        return EnvSettingsSource(PipelineConfig)()
    except UnreadableError as exc:
        raise SettingsError(
            "A variable of the environment cannot be read",
            expected='for EDTECH_PIPELINE_MARKET, JSON such as {"season": 0.1}',
            found=str(exc)[:200],
            where="the environment",
            fix="correct the variable, or leave it out",
        ) from exc


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise SettingsError(
            "The configuration file cannot be read",
            expected="a TOML file such as: learners = 2000",
            found=str(exc)[:200],
            where=str(file),
            fix="correct the file, or leave out --config",
        ) from exc


def _shown(value: object) -> str:
    match value:
        case None:
            return '""'
        case bool():
            return str(value).lower()
        case tuple():
            return "[" + ", ".join(f'"{one}"' for one in value) + "]"
        case dict():
            return "{" + ", ".join(f"{name} = {one}" for name, one in value.items()) + "}"
        case str():
            return f'"{value}"'
        case _:
            return str(value)
