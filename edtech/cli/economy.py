"""Commands about the token economy."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from edtech import __version__
from edtech.cli.entry import app
from edtech.cli.options import Out, catalogue, settings_of, write_report

economy = typer.Typer(help="Figures of the token economy, and the proof that they agree.", no_args_is_help=True)
app.add_typer(economy, name="economy")

DatasetId = Annotated[str, typer.Argument(help="Id of the data set.")]
First = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day; default: the data's first.")]
Last = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day; default: the data's last.")]


@economy.command("figures")
def economy_figures(
    dataset: DatasetId,
    first: First = None,
    last: Last = None,
    report: Annotated[Path | None, typer.Option(help="Write a report there: .html, .csv or .zip.")] = None,
    out: Out = None,
) -> None:
    """Print every figure that the data set's tables allow, against the range before."""
    from edtech.economy import chosen_period
    from edtech.economy import economy as figures_of
    from edtech.economy.tables import figure_rows, missing_words
    from edtech.reports.economy import economy_report

    stored = catalogue(settings_of(out)).get(dataset)
    found = figures_of(stored, chosen_period(stored, *_days(first, last)))
    typer.echo(figure_rows(found).drop(columns=["group", "meaning"]).to_string(index=False))
    for line in missing_words(found):
        typer.echo(line)
    if report is not None:
        provenance = {"data set": stored.name, "data set digest": stored.digest, "version": __version__}
        write_report(economy_report(stored, found, provenance), report)


@economy.command("proof")
def economy_proof(dataset: DatasetId, first: First = None, last: Last = None, out: Out = None) -> None:
    """Print the identities that tie the figures to the ledger; exit code 1 where one does not hold."""
    from edtech.economy import chosen_period, reconcile
    from edtech.economy.lines import needs_ledger

    stored = catalogue(settings_of(out)).get(dataset)
    needs_ledger(stored)
    period = chosen_period(stored, *_days(first, last))
    if period is not None:
        found = reconcile(stored, period)
        typer.echo(found.table.to_string(index=False))
        typer.echo(f"{len(found.broken)} of {len(found.identities)} identities do not hold.")
        if found.broken:
            raise typer.Exit(1)


def _days(first: datetime | None, last: datetime | None) -> tuple[date | None, date | None]:
    return (first.date() if first else None, last.date() if last else None)
