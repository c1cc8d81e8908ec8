"""Commands about the token economy."""

from datetime import date, datetime
from typing import Annotated

import typer

from edtech.cli.entry import app
from edtech.cli.options import Out, ReportFile, assignments, catalogue, number, settings_of, write_report

economy = typer.Typer(help="Key figures, reconciliation and forecasts of the token economy.", no_args_is_help=True)
app.add_typer(economy, name="economy")

DatasetId = Annotated[str, typer.Argument(help="Id of the data set.")]
First = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day; default: the data's first.")]
Last = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day; default: the data's last.")]


@economy.command("figures")
def economy_figures(
    dataset: DatasetId, first: First = None, last: Last = None, report: ReportFile = None, out: Out = None
) -> None:
    """Print the key figures of a period and their change from the period before."""
    from edtech.economy import economy as figures_of
    from edtech.economy import select_period
    from edtech.economy.tables import figure_rows, missing_table_notes

    settings = settings_of(out)
    stored = catalogue(settings).get(dataset)
    result = figures_of(stored, select_period(stored, *_days(first, last)))
    typer.echo(figure_rows(result).drop(columns=["group", "meaning"]).to_string(index=False))
    for line in missing_table_notes(result.missing):
        typer.echo(line)
    if report is not None:
        from edtech.reports.recipes import EconomyRecipe

        first_day, last_day = _days(first, last)
        write_report(EconomyRecipe(dataset=dataset, first=first_day, last=last_day), report, settings)


@economy.command("proof")
def economy_proof(dataset: DatasetId, first: First = None, last: Last = None, out: Out = None) -> None:
    """Reconcile the key figures with the ledger; exit code 1 if an identity does not hold."""
    from edtech.economy import reconcile, select_period
    from edtech.economy.line_items import require_ledger

    stored = catalogue(settings_of(out)).get(dataset)
    require_ledger(stored)
    period = select_period(stored, *_days(first, last))
    if period is not None:
        reconciliation = reconcile(stored, period)
        typer.echo(reconciliation.table.to_string(index=False))
        typer.echo(f"{len(reconciliation.broken)} of {len(reconciliation.identities)} identities do not hold.")
        if reconciliation.broken:
            raise typer.Exit(1)


@economy.command("outlook")
def economy_forecast(
    dataset: DatasetId,
    run_id: Annotated[str | None, typer.Option("--run", help="Id of the demand model's run.")] = None,
    change: Annotated[
        list[str] | None, typer.Option(help="Price change of a segment, such as Programming=0.15. Repeatable.")
    ] = None,
    recommended: Annotated[bool, typer.Option(help="Use the recommended prices of the run.")] = False,
    assume: Annotated[
        list[str] | None, typer.Option(help="Assumption, such as weeks=26 or commission_rate=0.3. Repeatable.")
    ] = None,
    report: ReportFile = None,
    out: Out = None,
) -> None:
    """Forecast the token economy under new prices and rules, with a 90% prediction interval."""
    from edtech.economy.forecast import forecast
    from edtech.economy.observed_flows import observe_flows
    from edtech.economy.price_forecast import ForecastModels, ForecastPrices, price_scenario_effect
    from edtech.economy.simulation import Assumptions
    from edtech.tracking import RunStore

    settings = settings_of(out)
    stored = catalogue(settings).get(dataset)
    observed = observe_flows(stored)
    assumptions = Assumptions.of(observed, **assignments(assume or []))
    changes = {name: number(name, value) for name, value in assignments(change or []).items()}
    prices = ForecastPrices(run_id, changes, recommended)
    effect, reasons = price_scenario_effect(ForecastModels.of(RunStore(settings=settings), stored), prices)
    result = forecast(observed, assumptions, effect)
    typer.echo(result.totals.drop(columns="figure").to_string(index=False))
    for line in (*reasons, *result.notes):
        typer.echo(line)
    if report is not None:
        from edtech.reports.recipes import ForecastRecipe

        recipe = ForecastRecipe(
            dataset=dataset, run=run_id, changes=changes, recommended=recommended, assumed=assumptions.model_dump()
        )
        write_report(recipe, report, settings)


@economy.command("runs")
def economy_runs(
    dataset: DatasetId,
    run_ids: Annotated[list[str], typer.Argument(help="Ids of runs that were trained on the data set.")],
    out: Out = None,
) -> None:
    """Compare runs: model metrics, and the economy after 13 weeks with the recommended prices of each."""
    from edtech.economy.observed_flows import observe_flows
    from edtech.economy.price_forecast import ForecastModels, compare_run_forecasts
    from edtech.economy.run_comparison import forecast_table
    from edtech.tracking import RunStore

    settings = settings_of(out)
    stored = catalogue(settings).get(dataset)
    table = compare_run_forecasts(
        ForecastModels.of(RunStore(settings=settings), stored), observe_flows(stored), run_ids
    )
    typer.echo(forecast_table(table).to_string(index=False))


def _days(first: datetime | None, last: datetime | None) -> tuple[date | None, date | None]:
    return (first.date() if first else None, last.date() if last else None)
