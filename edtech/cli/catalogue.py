"""Commands that manage data sets: rename, delete, restore, purge, lineage, difference, export, sample."""

from pathlib import Path
from typing import Annotated

import typer

from edtech.cli.data import DatasetId, data
from edtech.cli.options import Out, catalogue, settings_of, write_bytes
from edtech.tables.formatting import pluralize


@data.command("rename")
def data_rename(
    dataset: DatasetId, name: Annotated[str, typer.Argument(help="The new name.")], out: Out = None
) -> None:
    """Rename a data set."""
    stored = catalogue(settings_of(out)).rename(dataset, name)
    typer.echo(f"{stored.id}  {stored.name}")


@data.command("delete")
def data_delete(dataset: DatasetId, out: Out = None) -> None:
    """Delete a data set; `restore` brings it back."""
    stored = catalogue(settings_of(out)).delete(dataset)
    typer.echo(f"Deleted {stored.name}; `data restore {stored.id}` brings it back.")


@data.command("restore")
def data_restore(dataset: DatasetId, out: Out = None) -> None:
    """Bring back a deleted data set."""
    stored = catalogue(settings_of(out)).restore(dataset)
    typer.echo(f"{stored.id}  {stored.name}")


@data.command("purge")
def data_purge(
    dataset: DatasetId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    out: Out = None,
) -> None:
    """Remove the files of a deleted data set permanently."""
    if not yes:
        typer.confirm(f"Permanently remove the files of {dataset}?", abort=True)
    catalogue(settings_of(out)).purge(dataset)
    typer.echo(f"Removed {dataset}.")


@data.command("lineage")
def data_lineage(dataset: DatasetId, out: Out = None) -> None:
    """Print the sources of a data set, step by step."""
    for step in catalogue(settings_of(out)).lineage(dataset):
        mark = " (deleted)" if step.deleted is not None else ""
        source = ", ".join(f"{key} {value}" for key, value in step.source.items())
        typer.echo(f"{step.id}  {step.name}{mark}  {step.kind}  digest {step.digest}  {source}")


@data.command("difference")
def data_difference(
    before: Annotated[str, typer.Argument(help="Id of the baseline data set.")],
    after: Annotated[str, typer.Argument(help="Id of the data set to compare with it.")],
    out: Out = None,
) -> None:
    """Compare two data sets: tables, rows, columns and distributions."""
    from edtech.data import difference

    stored = catalogue(settings_of(out))
    changes = difference(stored.get(before), stored.get(after))
    for line in changes.lines():
        typer.echo(line)
    typer.echo(changes.table().to_string(index=False))


@data.command("export")
def data_export(
    dataset: DatasetId,
    file: Annotated[Path, typer.Argument(help="File to write: .csv or .parquet.")],
    table: Annotated[str | None, typer.Option(help="Table of the data set; default: the main table.")] = None,
    out: Out = None,
) -> None:
    """Write a table of a data set as CSV or Parquet."""
    from edtech.reports.export import write_file

    stored = catalogue(settings_of(out)).get(dataset)
    rows = write_file(stored, table or stored.main_table, file)
    typer.echo(f"{file}: {pluralize(rows, 'row')}")


@data.command("sample")
def data_sample(
    kind: Annotated[str, typer.Argument(help="panel, visits, labels or ratings.")],
    file: Annotated[Path | None, typer.Argument(help="File to write; default: print it.")] = None,
) -> None:
    """Write a valid example file of a kind of table."""
    from edtech.data import sample_csv

    content = sample_csv(kind)
    if file is None:
        typer.echo(content.decode(), nl=False)
    else:
        write_bytes(file, content)
        typer.echo(str(file))
