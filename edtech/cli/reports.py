"""Commands that write and verify reports."""

from pathlib import Path
from typing import Annotated

import typer

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
    for difference in result.differences[:MAX_LINES]:
        typer.echo(str(difference))
    typer.echo(result.summary)
    if result.differences:
        raise typer.Exit(1)
