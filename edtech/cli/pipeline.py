"""The command that goes the whole way."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edtech.cli.entry import app
from edtech.cli.options import (
    Courses,
    Knobs,
    Learners,
    Out,
    Preset,
    Seed,
    Teachers,
    Weeks,
    assignments,
    catalogue,
    settings_of,
)
from edtech.errors import SettingsError

if TYPE_CHECKING:
    from edtech.market import MarketParams
    from edtech.pipeline.config import PipelineConfig


_FLAGS = {"market": "set"}
"""Flags that have another name than their setting."""


@app.command()
def pipeline(
    learners: Learners = None,
    teachers: Teachers = None,
    courses: Courses = None,
    weeks: Weeks = None,
    seed: Seed = None,
    preset: Preset = None,
    set_: Knobs = None,
    dataset: Annotated[str | None, typer.Option(help="Id of a stored data set to use instead of a new market.")] = None,
    families: Annotated[str | None, typer.Option(help="Model families, separated by commas, or all.")] = None,
    algorithms: Annotated[str | None, typer.Option(help="Algorithms, separated by commas.")] = None,
    mlflow: Annotated[bool | None, typer.Option(help="Log the trainings to MLflow.")] = None,
    register_best: Annotated[bool | None, typer.Option(help="Register the best model if its gates pass.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with these settings; flags win over it.")] = None,
    show_config: Annotated[bool, typer.Option("--show-config", help="Print all settings and stop.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the last pipeline of this home.")] = False,
    out: Out = None,
) -> None:
    """Generate a market, train, log, compare, report: six stages. Exit code 1 where one fails."""
    from edtech.pipeline import EdTechPipelineOrchestrator
    from edtech.pipeline.config import read_config

    flags = {
        "learners": learners,
        "teachers": teachers,
        "courses": courses,
        "weeks": weeks,
        "seed": seed,
        "preset": preset,
        "market": assignments(set_) if set_ else None,
        "dataset": dataset,
        "families": families,
        "algorithms": algorithms,
        "mlflow": mlflow,
        "register_best": register_best,
    }
    if resume:
        _require_alone(flags | {"config": config})
    configured = read_config(config, flags)
    if show_config:
        typer.echo("\n".join(configured.lines()))
        return
    chosen, settings = configured.config, settings_of(out)
    workers = min(settings.workers, os.cpu_count() or 1)
    orchestrator = EdTechPipelineOrchestrator(chosen.mlflow, settings, typer.echo, workers)
    if resume:
        orchestrator.resume()
        return
    orchestrator.run_complete_pipeline(
        _market(chosen),
        name=f"{chosen.preset} market, seed {chosen.seed}",
        dataset=catalogue(settings).get(chosen.dataset) if chosen.dataset else None,
        families=chosen.families,
        algorithms=chosen.algorithms,
        register_best=chosen.register_best,
    )


def _require_alone(flags: Mapping[str, object]) -> None:
    """Refuse flags that a pipeline which goes on would not heed."""
    given = {_FLAGS.get(name, name.replace("_", "-")): value for name, value in flags.items() if value is not None}
    if given:
        raise SettingsError(
            "A pipeline goes on as it was asked",
            expected="--resume without settings",
            found=", ".join(f"--{'no-' * (value is False)}{name}" for name, value in given.items()),
            fix="leave these out, or leave out --resume and begin anew",
        )


def _market(chosen: "PipelineConfig") -> "MarketParams":
    from edtech.market import MarketParams

    sizes = chosen.model_dump(include={"learners", "teachers", "courses", "weeks", "seed"})
    return MarketParams.preset(chosen.preset, **sizes | chosen.market)
