"""Commands about trainings and their runs."""

from typing import Annotated

import typer

from edtech.cli.entry import app
from edtech.cli.options import (
    Experiment,
    Family,
    Out,
    Param,
    ReportFile,
    RoleOf,
    catalogue,
    params_by_algorithm,
    roles_of,
    settings_of,
    write_report,
)


@app.command()
def train(
    dataset: Annotated[str, typer.Argument(help="Id of the data set.")],
    family: Family = "token_elasticity",
    algorithm: Annotated[
        str, typer.Option(help="Algorithms, separated by commas, or all; default: the one to start with.")
    ] = "",
    param: Param = None,
    role: RoleOf = None,
    repeats: Annotated[int, typer.Option(min=1, max=50, help="Trainings with different seeds.")] = 1,
    experiment: Experiment = None,
    out: Out = None,
) -> None:
    """Train algorithms on a data set and log them, a run each; prints what was found and the diagnostics card."""
    from edtech.ml.families import get_family
    from edtech.training.plans import TrainingPlan, get_tracker, load_dataset, train_planned

    settings, kind = settings_of(out), get_family(family)
    roles = roles_of(role or [], catalogue(settings).get(dataset).mapping.several())
    fits = kind.algorithms_for(load_dataset(dataset, roles, settings))
    first = next(iter(fits), next(iter(kind.algorithms)))
    names = ",".join(fits) if algorithm == "all" else algorithm
    chosen = tuple(name.strip() for name in (names or first).split(","))
    params = params_by_algorithm(param or [], [kind.algorithm(name) for name in chosen])
    plan = TrainingPlan(dataset, family, chosen, params, roles, experiment, repeats)
    for run in train_planned(plan, settings):
        typer.echo(f"run {run.run_id}\n{kind.summary(run.result)}")
        for check in run.result.checks:
            typer.echo(f"  {check.severity:6}  {check.title}: {check.evidence} {check.fix}".rstrip())
        for name, value in run.metrics.items():
            typer.echo(f"  {name} = {value!r}")
    if notice := get_tracker(settings, experiment).notice:
        typer.echo(notice, err=True)


@app.command()
def search(
    dataset: Annotated[str, typer.Argument(help="Id of the data set.")],
    algorithm: Annotated[str, typer.Option(help="Algorithm whose hyperparameters are searched.")],
    family: Family = "token_elasticity",
    vary: Annotated[list[str] | None, typer.Option(help="Hyperparameter to vary; default: all. Repeatable.")] = None,
    trials: Annotated[int, typer.Option(min=1, help="Most trials; the defaults are the first.")] = 20,
    seconds: Annotated[float, typer.Option(min=1, help="No trial begins later than this.")] = 300,
    folds: Annotated[int, typer.Option(min=1, max=8, help="Later parts that each trial is scored on.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same points.")] = 0,
    role: RoleOf = None,
    experiment: Experiment = None,
    out: Out = None,
) -> None:
    """Search an algorithm's hyperparameters on later periods of the training part; train and log the best."""
    from edtech.training.plans import SearchPlan, search_planned
    from edtech.training.search import Budget

    settings = settings_of(out)
    roles = roles_of(role or [], catalogue(settings).get(dataset).mapping.several())
    budget = Budget(trials, seconds, folds, seed)
    plan = SearchPlan(dataset, family, algorithm, tuple(vary or ()), budget, roles, experiment)
    found = search_planned(plan, settings, lambda share, text: typer.echo(f"{share:4.0%}  {text}"))
    typer.echo(found.trials.head(10).to_string(index=False))
    typer.echo(f"search {found.run_id}\nrun {found.best.run_id}")
    for edge in found.edges:
        typer.echo(f"At the edge of what was searched: {edge}")


@app.command()
def runs(experiment: Experiment = None, out: Out = None) -> None:
    """List the finished trainings of an experiment, newest first."""
    from edtech.tracking import RunStore

    settings = settings_of(out)
    store = RunStore(settings=settings)
    if problem := store.problem():
        typer.echo(f"{problem}; these runs wait on this machine, send them later: python -m edtech sync", err=True)
    table = store.list_runs([experiment or settings.experiment], or_kept=True)
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
        from edtech.reports.recipes import ComparisonRecipe

        write_report(ComparisonRecipe(runs=tuple(run_ids), baseline=run_ids[0]), report, settings)
