"""Commands about reports."""

from pathlib import Path
from typing import Annotated

import typer

from edtech import __version__
from edtech.cli.entry import app
from edtech.cli.options import Out, settings_of, write_report

MOST_LINES = 50


@app.command("report")
def report(
    run_id: Annotated[str, typer.Argument(help="Id of the run.")],
    file: Annotated[Path, typer.Argument(help="Where to write it: .html, .pdf, .xlsx, .zip or .csv.")],
    out: Out = None,
) -> None:
    """Write all that is stored of a run as a report."""
    from edtech.reports.recipes import RunRecipe

    write_report(RunRecipe(run=run_id), file, settings_of(out))


@app.command("verify")
def verify_report(
    file: Annotated[Path, typer.Argument(help="A report that was downloaded here or written by a command.")],
    out: Out = None,
) -> None:
    """Recompute a report's numbers from the stores; exit code 1 and one line for each that differs."""
    from edtech.reports.recipes import Stores
    from edtech.reports.verify import verify

    found = verify(file, Stores.of(settings_of(out)))
    if found.recipe.version != __version__:
        typer.echo(f"Made by version {found.recipe.version}; this is {__version__}, whose words may differ.")
    for difference in found.differences[:MOST_LINES]:
        typer.echo(str(difference))
    if found.differences:
        typer.echo(f"{len(found.differences):,} of {found.places:,} places differ.")
        raise typer.Exit(1)
    typer.echo(f"All {found.places:,} places agree with the stores.")
