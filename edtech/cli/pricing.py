"""Commands about prices."""

from typing import Annotated

import typer

from edtech.cli.entry import app
from edtech.cli.options import Out, ReportFile, assignments, catalogue, number, settings_of, write_report


@app.command("what-if")
def what_if(
    run_id: Annotated[str, typer.Argument(help="Id of the run that answers.")],
    dataset: Annotated[str, typer.Argument(help="Id of the data set it was trained on.")],
    change: Annotated[list[str] | None, typer.Option(help="segment=change, such as Programming=0.15.")] = None,
    report: ReportFile = None,
    out: Out = None,
) -> None:
    """Say what price changes are expected to do, with intervals, and which prices are best."""
    from edtech.ml.artifacts import load_result
    from edtech.pipeline.worth import plan_to_act_on, revenue_split
    from edtech.pricing import answer, price_response
    from edtech.pricing.asked import PriceChange, attributes, unit_table
    from edtech.pricing.saved import Scenario
    from edtech.pricing.tables import effect_rows
    from edtech.tracking import RunStore

    settings = settings_of(out)
    stored = catalogue(settings).get(dataset)
    response = price_response(load_result(RunStore(settings=settings), run_id), stored.panel())
    changes = {name: number(name, value) for name, value in assignments(change or []).items()}
    split = revenue_split(stored)
    asked = tuple(PriceChange("segment", (name,), "percent", change) for name, change in changes.items())
    scenario = Scenario(
        name="What-if", run_id=run_id, dataset_id=dataset, changes=asked, split=split, planned_split=split
    )  # fmt: skip
    outcome = answer(response, scenario.asked(response, attributes(response, unit_table(stored))), split)
    plan = plan_to_act_on(stored, response, split)
    typer.echo(effect_rows(outcome).to_string(index=False))
    for line in dict.fromkeys((*outcome.reasons, *plan.reasons)):
        typer.echo(line)
    if report is not None:
        from edtech.pipeline.recipes import WhatIfRecipe

        write_report(WhatIfRecipe(scenario=scenario), report, settings)
