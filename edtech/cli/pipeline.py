"""The command that goes the whole way."""

from typing import Annotated

import typer

from edtech.cli.entry import app
from edtech.cli.options import Courses, Learners, Out, Preset, Seed, Teachers, Weeks, catalogue, settings_of


@app.command()
def pipeline(
    learners: Learners = 10_000,
    teachers: Teachers = 500,
    courses: Courses = 2_000,
    weeks: Weeks = 52,
    seed: Seed = 1,
    preset: Preset = "balanced",
    dataset: Annotated[str | None, typer.Option(help="Id of a stored data set to use instead of a new market.")] = None,
    algorithms: Annotated[str, typer.Option(help="Algorithms, separated by commas; default: all that can be.")] = "",
    mlflow: Annotated[bool, typer.Option(help="Log the trainings to MLflow.")] = True,
    out: Out = None,
) -> None:
    """Generate a market, train and log models, write the report; prints stages and results."""
    from edtech.market import MarketParams
    from edtech.pipeline import EdTechPipelineOrchestrator

    settings = settings_of(out)
    params = MarketParams.preset(
        preset, learners=learners, teachers=teachers, courses=courses, weeks=weeks, seed=seed
    )  # fmt: skip
    orchestrator = EdTechPipelineOrchestrator(use_mlflow=mlflow, settings=settings, say=typer.echo)
    orchestrator.run_complete_pipeline(
        params,
        name=f"{preset} market, seed {seed}",
        dataset=catalogue(settings).get(dataset) if dataset else None,
        algorithms=[name.strip() for name in algorithms.split(",") if name.strip()] or None,
    )
