"""Commands that train models and compare their runs."""

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
        str, typer.Option(help="Algorithms, separated by commas, or all; default: the recommended algorithm.")
    ] = "",
    param: Param = None,
    role: RoleOf = None,
    repeats: Annotated[int, typer.Option(min=1, max=50, help="Number of trainings, each with another seed.")] = 1,
    experiment: Experiment = None,
    out: Out = None,
) -> None:
    """Train algorithms on a data set and log a run for each; print the results and the diagnostics card."""
    from edtech.ml.families import get_family
    from edtech.training.plans import TrainingPlan, get_tracker, load_dataset, train_planned

    settings, kind = settings_of(out), get_family(family)
    roles = roles_of(role or [], catalogue(settings).get(dataset).mapping.several())
    available = kind.algorithms_for(load_dataset(dataset, roles, settings))
    first = next(iter(available), next(iter(kind.algorithms)))
    names = ",".join(available) if algorithm == "all" else algorithm
    algorithms = tuple(name.strip() for name in (names or first).split(","))
    params = params_by_algorithm(param or [], [kind.algorithm(name) for name in algorithms])
    plan = TrainingPlan(dataset, family, algorithms, params, roles, experiment, repeats)
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
    algorithm: Annotated[str, typer.Option(help="Algorithm to tune.")],
    family: Family = "token_elasticity",
    vary: Annotated[list[str] | None, typer.Option(help="Hyperparameter to vary; default: all. Repeatable.")] = None,
    trials: Annotated[
        int, typer.Option(min=1, help="Maximum number of trials; the first has the default values.")
    ] = 20,
    seconds: Annotated[float, typer.Option(min=1, help="Time limit in seconds; no trial starts later.")] = 300,
    folds: Annotated[int, typer.Option(min=1, max=8, help="Number of later time folds that score each trial.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Random seed; the same seed gives the same trials.")] = 0,
    role: RoleOf = None,
    experiment: Experiment = None,
    out: Out = None,
) -> None:
    """Tune the hyperparameters of an algorithm by time-series cross-validation; train and log the best."""
    from edtech.training.plans import SearchPlan, search_planned
    from edtech.training.search import Budget

    settings = settings_of(out)
    roles = roles_of(role or [], catalogue(settings).get(dataset).mapping.several())
    budget = Budget(trials, seconds, folds, seed)
    plan = SearchPlan(dataset, family, algorithm, tuple(vary or ()), budget, roles, experiment)
    result = search_planned(plan, settings, lambda fraction, step: typer.echo(f"{fraction:4.0%}  {step}"))
    typer.echo(result.trials.head(10).to_string(index=False))
    typer.echo(f"search {result.run_id}\nrun {result.best.run_id}")
    for edge in result.edges:
        typer.echo(f"At the edge of the search range: {edge}")


@app.command()
def runs(experiment: Experiment = None, out: Out = None) -> None:
    """List the finished training runs of an experiment, newest first."""
    from edtech.tracking import RunStore

    settings = settings_of(out)
    store = RunStore(settings=settings)
    if problem := store.problem():
        typer.echo(f"{problem}; only runs on this machine are listed; send them later: python -m edtech sync", err=True)
    table = store.list_runs([experiment or settings.experiment], fallback_to_local=True)
    for run_id, started, name in zip(table["run_id"], table["started"], table["name"], strict=True):
        typer.echo(f"{run_id}  {started:%Y-%m-%d %H:%M:%S}  {name}")


@app.command()
def compare(
    run_ids: Annotated[list[str], typer.Argument(help="Ids of the runs; the first is the baseline.")],
    report: ReportFile = None,
    out: Out = None,
) -> None:
    """Compare runs: metrics, differences from the baseline, the best values marked."""
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
