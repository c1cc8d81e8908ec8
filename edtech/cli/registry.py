"""Commands of the model registry: list, register, promote, roll back, score."""

from pathlib import Path
from typing import Annotated

import typer

from edtech.cli.entry import app
from edtech.cli.options import Out, settings_of, write_bytes
from edtech.tables.formatting import pluralize

models = typer.Typer(help="Model registry: versions, champion and predictions.", no_args_is_help=True)
app.add_typer(models, name="models")

Name = Annotated[str, typer.Argument(help="Registered model, such as token_elasticity.")]


@models.command("list")
def models_list(out: Out = None) -> None:
    """List the registered models and their versions, newest first."""
    from edtech.tracking.registry import ModelRegistry

    registry = ModelRegistry(settings_of(out))
    for name in registry.names():
        typer.echo(name)
        for version in registry.versions(name):
            tags = version.tags.get("algorithm", ""), version.tags.get("dataset_name", ""), ", ".join(version.aliases)
            typer.echo(f"  {version.version}  run {version.run_id}  {'  '.join(filter(None, tags))}")


@models.command("register")
def models_register(
    run_id: Annotated[str, typer.Argument(help="Id of a finished training run.")],
    name: Annotated[str, typer.Option(help="Registered model; default: the run's family.")] = "",
    out: Out = None,
) -> None:
    """Register the model of a run as the newest version and the challenger, if it meets the requirements."""
    from edtech.tracking.registry import ModelRegistry

    registry = ModelRegistry(settings_of(out))
    for requirement in registry.requirements(run_id, name or None):
        mark = "met" if requirement.passed else "not met"
        typer.echo(f"{mark}: {requirement.title}. {requirement.evidence}")
    version_info = registry.register(run_id, name or None)
    typer.echo(f"{version_info.uri}  {', '.join(version_info.aliases)}")


@models.command("promote")
def models_promote(
    name: Name,
    version: Annotated[int, typer.Argument(help="Version to make the champion.")],
    reason: Annotated[
        str, typer.Option(help="Reason for the promotion, needed if the decision value does not improve; it is stored.")
    ] = "",
    out: Out = None,
) -> None:
    """Make a version the champion."""
    from edtech.tracking.registry import ModelRegistry

    version_info = ModelRegistry(settings_of(out)).promote(name, version, reason)
    typer.echo(f"models:/{version_info.name}@champion is version {version_info.version}")


@models.command("rollback")
def models_rollback(name: Name, out: Out = None) -> None:
    """Make the previous champion the champion again."""
    from edtech.tracking.registry import ModelRegistry

    version_info = ModelRegistry(settings_of(out)).rollback(name)
    typer.echo(f"models:/{version_info.name}@champion is version {version_info.version} again")


@models.command("score")
def models_score(
    name: Name,
    file: Annotated[Path, typer.Argument(help="CSV, TSV, Parquet or XLSX file with the columns of the model.")],
    to: Annotated[Path, typer.Option(help="CSV file for the rows and their predictions.")],
    version: Annotated[int | None, typer.Option(help="Version of the model; default: the champion.")] = None,
    out: Out = None,
) -> None:
    """Predict the rows of a file with the champion or another version."""
    from edtech.data.ingest.upload import read_upload
    from edtech.errors import RegistryError
    from edtech.ml.prediction import predict_rows
    from edtech.reports.export import frame_csv
    from edtech.tracking.registry import ModelRegistry

    settings = settings_of(out)
    registry = ModelRegistry(settings)
    model = registry.version(name, version) if version is not None else registry.champion(name)
    if model is None:
        raise RegistryError(
            "The model has no champion", where=name, fix="promote a version, or select one with --version"
        )
    rows = read_upload(file.name, file, limit_mb=settings.upload_limit_mb).frame
    scored = predict_rows(registry.runs, model.run_id, rows)
    write_bytes(to, frame_csv(scored))
    typer.echo(f"{pluralize(len(scored), 'row')} predicted by {model.uri}: {to}")
