"""Commands that write and verify reports."""

from pathlib import Path
from typing import Annotated

import typer

from edtech import __version__
from edtech.cli.entry import app
from edtech.cli.options import Out, settings_of, write_report

MAX_LINES = 50


@app.command("report")
def report(
    run_id: Annotated[str, typer.Argument(help="Id of the run.")],
    file: Annotated[Path, typer.Argument(help="File to write: .html, .pdf, .xlsx, .zip or .csv.")],
    out: Out = None,
) -> None:
    """Write a report of everything that is stored of a run."""
    from edtech.reports.recipes import RunRecipe

    write_report(RunRecipe(run=run_id), file, settings_of(out))


@app.command("verify")
def verify_report(
    file: Annotated[Path, typer.Argument(help="A report that the dashboard or a command wrote.")],
    out: Out = None,
) -> None:
    """Recompute the numbers of a report; exit code 1 and one line for each difference."""
    from edtech.reports.recipes import Stores
    from edtech.reports.verify import verify

    result = verify(file, Stores.of(settings_of(out)))
    if result.recipe.version != __version__:
        typer.echo(f"Made by version {result.recipe.version}; this is {__version__}, whose texts may differ.")
    for difference in result.differences[:MAX_LINES]:
        typer.echo(str(difference))
    if result.differences:
        typer.echo(f"{len(result.differences):,} of {result.places:,} values differ.")
        raise typer.Exit(1)
    typer.echo(f"All {result.places:,} values match the stored data.")
