"""Commands of run tracking: doctor, sync, export, rerun."""

from pathlib import Path
from typing import Annotated

import typer

from edtech.cli.entry import app
from edtech.cli.options import Experiment, Out, settings_of


@app.command()
def doctor(
    upgrade: Annotated[
        bool, typer.Option(help="First upgrade a store of an older MLflow version; a backup stays.")
    ] = False,
    out: Out = None,
) -> None:
    """Check the MLflow setup; exit code 1 if a check fails."""
    from edtech.tracking.doctor import check_setup
    from edtech.tracking.schema_upgrade import upgrade_store
    from edtech.tracking.store import find_store

    settings = settings_of(out)
    if upgrade:
        backup = upgrade_store(find_store(settings=settings))
        typer.echo(f"upgraded; backup of the old store: {backup}" if backup else "nothing to upgrade")
    failed = False
    for finding in check_setup(settings=settings):
        failed |= not finding.ok
        typer.echo(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.name}: {finding.text}")
        if finding.fix:
            typer.echo(f"      What to do: {finding.fix}")
    raise typer.Exit(int(failed))


@app.command()
def sync(out: Out = None) -> None:
    """Send the pending runs of this machine to the MLflow server; exit code 1 if some are still pending."""
    from edtech.tracking import sync as send

    report = send(settings=settings_of(out))
    for here, there in report.synced.items():
        typer.echo(f"sent {here} as {there}")
    for here, problem in report.failed.items():
        typer.echo(f"FAIL {here}: {problem}", err=True)
    typer.echo(f"{len(report.synced)} runs sent, {len(report.failed)} pending")
    raise typer.Exit(int(bool(report.failed)))


@app.command()
def export(
    path: Annotated[
        Path | None, typer.Argument(help="File to write; default: mlruns/experiment_summary.json in the home.")
    ] = None,
    experiment: Experiment = None,
    out: Out = None,
) -> None:
    """Write the runs of an experiment as JSON."""
    from edtech.tracking import EdTechMLFlowTracker

    written = EdTechMLFlowTracker(experiment, settings=settings_of(out)).export_experiment_results(path)
    typer.echo(str(written))


@app.command()
def rerun(
    run_id: Annotated[str, typer.Argument(help="Id of the run to repeat.")],
    dataset: Annotated[str | None, typer.Option(help="Id of another data set to train on.")] = None,
    out: Out = None,
) -> None:
    """Repeat a run and compare its metrics; exit code 1 if they differ."""
    from edtech.training.rerun import rerun as repeat

    result = repeat(run_id, settings_of(out), dataset)
    typer.echo(f"run {result.new.run_id}")
    for name, (before, now) in result.differences.items():
        typer.echo(f"  {name}: {before!r} before, {now!r} now")
    typer.echo(result.summary)
    raise typer.Exit(int(not result.equal))
