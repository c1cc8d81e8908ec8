"""Commands of the model registry: list, register, promote, roll back, score."""

from pathlib import Path
from typing import Annotated

import typer

from edtech.cli.entry import app
from edtech.cli.options import Out, settings_of, write_bytes
from edtech.tables.words import counted

models = typer.Typer(help="The model registry: versions, the champion, and predictions.", no_args_is_help=True)
app.add_typer(models, name="models")

Name = Annotated[str, typer.Argument(help="Registered model, such as token_elasticity.")]


@models.command("list")
def models_list(out: Out = None) -> None:
    """List the registered models and their versions, newest first."""
    from edtech.tracking.registry import ModelRegistry

    registry = ModelRegistry(settings_of(out))
    for name in registry.names():
        typer.echo(name)
        for one in registry.versions(name):
            told = one.tags.get("algorithm", ""), one.tags.get("dataset_name", ""), ", ".join(one.aliases)
            typer.echo(f"  {one.version}  run {one.run_id}  {'  '.join(filter(None, told))}")


@models.command("register")
def models_register(
    run_id: Annotated[str, typer.Argument(help="Id of a finished training.")],
    name: Annotated[str, typer.Option(help="Registered model; default: the run's family.")] = "",
    out: Out = None,
) -> None:
    """Register a run's model as the newest version and the challenger, where its gates let it in."""
    from edtech.tracking.registry import ModelRegistry

    registry = ModelRegistry(settings_of(out))
    for gate in registry.gates(run_id, name or None):
        typer.echo(f"{'passed' if gate.passed else 'shut'}: {gate.title}. {gate.evidence}")
    made = registry.register(run_id, name or None)
    typer.echo(f"{made.uri}  {', '.join(made.aliases)}")


@models.command("promote")
def models_promote(
    name: Name,
    version: Annotated[int, typer.Argument(help="Version to make the champion.")],
    reason: Annotated[str, typer.Option(help="Why, where its decisions are not worth more; it is kept.")] = "",
    out: Out = None,
) -> None:
    """Make a version the champion."""
    from edtech.tracking.registry import ModelRegistry

    made = ModelRegistry(settings_of(out)).promote(name, version, reason)
    typer.echo(f"models:/{made.name}@champion is version {made.version}")


@models.command("rollback")
def models_rollback(name: Name, out: Out = None) -> None:
    """Give the champion's place back to the version that held it before."""
    from edtech.tracking.registry import ModelRegistry

    made = ModelRegistry(settings_of(out)).rollback(name)
    typer.echo(f"models:/{made.name}@champion is version {made.version} again")


@models.command("score")
def models_score(
    name: Name,
    file: Annotated[Path, typer.Argument(help="CSV, TSV, Parquet or XLSX with the columns of the model.")],
    to: Annotated[Path, typer.Option(help="Where the rows with their predictions go, as CSV.")],
    version: Annotated[int | None, typer.Option(help="Version; default: the champion.")] = None,
    out: Out = None,
) -> None:
    """Predict the rows of a file with the champion, or with a version."""
    from edtech.data.ingest.upload import read_upload
    from edtech.errors import RegistryError
    from edtech.ml.prediction import predict_rows
    from edtech.reports.export import frame_csv
    from edtech.tracking.registry import ModelRegistry

    settings = settings_of(out)
    registry = ModelRegistry(settings)
    chosen = registry.version(name, version) if version is not None else registry.champion(name)
    if chosen is None:
        raise RegistryError("The model has no champion", where=name, fix="promote a version, or name one: --version")
    rows = read_upload(file.name, file, limit_mb=settings.upload_limit_mb).frame
    scored = predict_rows(registry.runs, chosen.run_id, rows)
    write_bytes(to, frame_csv(scored))
    typer.echo(f"{counted(len(scored), 'row')} predicted by {chosen.uri}: {to}")
