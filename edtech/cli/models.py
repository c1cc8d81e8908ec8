"""Commands about trainings and their runs."""

from typing import Annotated

import typer

from edtech.cli.entry import app
from edtech.cli.options import Experiment, Out, ReportFile, assignments, catalogue, settings_of, write_report


@app.command()
def train(
    dataset: Annotated[str, typer.Argument(help="Id of the data set.")],
    family: Annotated[str, typer.Option(help="Model family.")] = "token_elasticity",
    algorithm: Annotated[str, typer.Option(help="Algorithm of the family; default: the one to start with.")] = "",
    param: Annotated[list[str] | None, typer.Option(help="name=value of a hyperparameter. Repeatable.")] = None,
    experiment: Experiment = None,
    out: Out = None,
) -> None:
    """Train one algorithm on a data set and log it."""
    from edtech.ml.families import family as family_of
    from edtech.pipeline.training import train_runs
    from edtech.tracking import EdTechMLFlowTracker

    settings = settings_of(out)
    tracker = EdTechMLFlowTracker(experiment, settings=settings)
    stored, kind = catalogue(settings).get(dataset), family_of(family)
    chosen = algorithm or next(iter(kind.fits(stored)), next(iter(kind.algorithms)))
    values = {chosen: assignments(param or [])}
    for run in train_runs(stored, [chosen], family=family, params=values, tracker=tracker):
        typer.echo(f"run {run.run_id}\n{kind.summary(run.result)}")
        for name, value in run.metrics.items():
            typer.echo(f"  {name} = {value!r}")
    if tracker.notice:
        typer.echo(tracker.notice, err=True)


@app.command()
def runs(experiment: Experiment = None, out: Out = None) -> None:
    """List the finished trainings of an experiment, newest first."""
    from edtech.tracking import RunStore

    settings = settings_of(out)
    table = RunStore(settings=settings).list_runs([experiment or settings.experiment])
    for run_id, started, name in zip(table["run_id"], table["started"], table["name"], strict=True):
        typer.echo(f"{run_id}  {started:%Y-%m-%d %H:%M:%S}  {name}")


@app.command()
def compare(
    run_ids: Annotated[list[str], typer.Argument(help="Ids of the runs; the first is the baseline.")],
    report: ReportFile = None,
    out: Out = None,
) -> None:
    """Lay runs side by side: metrics, differences to the first, the best marked."""
    from edtech.reports.comparison import KINDS, metric_table
    from edtech.tracking import RunStore, compare_runs

    settings = settings_of(out)
    store = RunStore(settings=settings)
    comparison = compare_runs([store.get_run(run_id) for run_id in run_ids], baseline=run_ids[0])
    if comparison.warning:
        typer.echo(comparison.warning)
    for kind, title in KINDS:
        table = metric_table(comparison, kind)
        if len(table):
            typer.echo(f"\n{title}\n{table.to_string(index=False)}")
    if report is not None:
        from edtech.pipeline.recipes import ComparisonRecipe

        write_report(ComparisonRecipe(runs=tuple(run_ids), baseline=run_ids[0]), report, settings)
