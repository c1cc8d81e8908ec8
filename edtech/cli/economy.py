"""Commands about the token economy."""

from datetime import date, datetime
from typing import Annotated

import typer

from edtech.cli.entry import app
from edtech.cli.options import Out, ReportFile, assignments, catalogue, number, settings_of, write_report

economy = typer.Typer(help="Figures of the token economy, and the proof that they agree.", no_args_is_help=True)
app.add_typer(economy, name="economy")

DatasetId = Annotated[str, typer.Argument(help="Id of the data set.")]
First = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day; default: the data's first.")]
Last = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day; default: the data's last.")]


@economy.command("figures")
def economy_figures(
    dataset: DatasetId, first: First = None, last: Last = None, report: ReportFile = None, out: Out = None
) -> None:
    """Print every figure that the data set's tables allow, against the range before."""
    from edtech.economy import chosen_period
    from edtech.economy import economy as figures_of
    from edtech.economy.tables import figure_rows, missing_words

    settings = settings_of(out)
    stored = catalogue(settings).get(dataset)
    found = figures_of(stored, chosen_period(stored, *_days(first, last)))
    typer.echo(figure_rows(found).drop(columns=["group", "meaning"]).to_string(index=False))
    for line in missing_words(found.missing):
        typer.echo(line)
    if report is not None:
        from edtech.reports.recipes import EconomyRecipe

        first_day, last_day = _days(first, last)
        write_report(EconomyRecipe(dataset=dataset, first=first_day, last=last_day), report, settings)


@economy.command("proof")
def economy_proof(dataset: DatasetId, first: First = None, last: Last = None, out: Out = None) -> None:
    """Print the identities that tie the figures to the ledger; exit code 1 where one does not hold."""
    from edtech.economy import chosen_period, reconcile
    from edtech.economy.ledger_lines import needs_ledger

    stored = catalogue(settings_of(out)).get(dataset)
    needs_ledger(stored)
    period = chosen_period(stored, *_days(first, last))
    if period is not None:
        found = reconcile(stored, period)
        typer.echo(found.table.to_string(index=False))
        typer.echo(f"{len(found.broken)} of {len(found.identities)} identities do not hold.")
        if found.broken:
            raise typer.Exit(1)


@economy.command("outlook")
def economy_outlook(
    dataset: DatasetId,
    run_id: Annotated[str | None, typer.Option("--run", help="Id of the run that says what prices do.")] = None,
    change: Annotated[list[str] | None, typer.Option(help="segment=change, such as Programming=0.15.")] = None,
    recommended: Annotated[bool, typer.Option(help="Take the run's recommended prices.")] = False,
    assume: Annotated[
        list[str] | None, typer.Option(help="name=value, such as weeks=26 or commission_rate=0.3.")
    ] = None,
    report: ReportFile = None,
    out: Out = None,
) -> None:
    """Say where prices and rules lead the token economy, with a 90 % band."""
    from edtech.economy.forecast import forecast
    from edtech.economy.observed_flows import observe
    from edtech.economy.price_forecast import AskedPrices, Models, asked_effect
    from edtech.economy.simulation import Assumptions
    from edtech.tracking import RunStore

    settings = settings_of(out)
    stored = catalogue(settings).get(dataset)
    observed = observe(stored)
    asked = Assumptions.of(observed, **assignments(assume or []))
    changes = {name: number(name, value) for name, value in assignments(change or []).items()}
    prices = AskedPrices(run_id, changes, recommended)
    effect, reasons = asked_effect(Models.of(RunStore(settings=settings), stored), prices)
    found = forecast(observed, asked, effect)
    typer.echo(found.totals.drop(columns="figure").to_string(index=False))
    for line in (*reasons, *found.notes):
        typer.echo(line)
    if report is not None:
        from edtech.reports.recipes import OutlookRecipe

        recipe = OutlookRecipe(
            dataset=dataset, run=run_id, changes=changes, recommended=recommended, assumed=asked.model_dump()
        )
        write_report(recipe, report, settings)


@economy.command("runs")
def economy_runs(
    dataset: DatasetId,
    run_ids: Annotated[list[str], typer.Argument(help="Ids of runs that were trained on it.")],
    out: Out = None,
) -> None:
    """Lay runs side by side: model metrics, and the economy in 13 weeks under each one's recommended prices."""
    from edtech.economy.observed_flows import observe
    from edtech.economy.price_forecast import Models, runs_ahead
    from edtech.economy.run_comparison import side_by_side
    from edtech.tracking import RunStore

    settings = settings_of(out)
    stored = catalogue(settings).get(dataset)
    table = runs_ahead(Models.of(RunStore(settings=settings), stored), observe(stored), run_ids)
    typer.echo(side_by_side(table).to_string(index=False))


def _days(first: datetime | None, last: datetime | None) -> tuple[date | None, date | None]:
    return (first.date() if first else None, last.date() if last else None)
