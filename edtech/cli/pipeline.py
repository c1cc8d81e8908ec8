"""The command that runs the complete pipeline."""

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
"""Settings whose flag has another name."""


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
    register_best: Annotated[
        bool | None, typer.Option(help="Register each family's best model if it meets the requirements.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with these settings; flags override it.")] = None,
    show_config: Annotated[bool, typer.Option("--show-config", help="Print all settings and stop.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the last pipeline of this home.")] = False,
    out: Out = None,
) -> None:
    """Generate a market, train and log models, select the best and write a report. Exit code 1 if a stage fails."""
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
    resolved = read_config(config, flags)
    if show_config:
        typer.echo("\n".join(resolved.lines()))
        return
    options, settings = resolved.config, settings_of(out)
    workers = min(settings.workers, os.cpu_count() or 1)
    orchestrator = EdTechPipelineOrchestrator(options.mlflow, settings, typer.echo, workers)
    if resume:
        orchestrator.resume()
        return
    orchestrator.run_complete_pipeline(
        _market(options),
        name=f"{options.preset} market, seed {options.seed}",
        dataset=catalogue(settings).get(options.dataset) if options.dataset else None,
        families=options.families,
        algorithms=options.algorithms,
        register_best=options.register_best,
    )


def _require_alone(flags: Mapping[str, object]) -> None:
    """Refuse flags beside --resume, because the resumed pipeline keeps its settings."""
    others = {_FLAGS.get(name, name.replace("_", "-")): value for name, value in flags.items() if value is not None}
    if others:
        raise SettingsError(
            "A resumed pipeline keeps its settings",
            expected="--resume without other flags",
            actual=", ".join(f"--{'no-' * (value is False)}{name}" for name, value in others.items()),
            fix="omit these flags, or omit --resume to start a new pipeline",
        )


def _market(options: "PipelineConfig") -> "MarketParams":
    from edtech.market import MarketParams

    sizes = options.model_dump(include={"learners", "teachers", "courses", "weeks", "seed"})
    return MarketParams.preset(options.preset, **sizes | options.market)
