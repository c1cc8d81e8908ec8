"""Commands about prices."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from edtech.cli.entry import app
from edtech.cli.options import (
    Experiment,
    Out,
    ReportFile,
    assignments,
    catalogue,
    number,
    settings_of,
    write_bytes,
    write_report,
)

if TYPE_CHECKING:
    from edtech.data import Dataset
    from edtech.pricing import Plan, Response, WhatIf
    from edtech.pricing.constraints import Constraints, Objective
    from edtech.pricing.price_changes import How, PriceChange
    from edtech.pricing.scenarios import Scenario
    from edtech.settings import Settings

MOST_SHOWN = 20


RunId = Annotated[str, typer.Argument(help="Id of the run that answers.")]
DatasetId = Annotated[str, typer.Argument(help="Id of the data set it was trained on.")]
Changes = Annotated[list[str] | None, typer.Option(help="name=amount, such as Programming=0.15. Repeatable.")]
Scope = Annotated[str, typer.Option(help="What is named: segment, unit, level, teacher_id; or all.")]
Amounts = Annotated[
    Literal["percent", "tokens", "set"],
    typer.Option(help="The amount is a share of today's price (0.15: 15 % up), tokens to add, or the new price."),
]
PriceList = Annotated[Path | None, typer.Option(help="Table of unit and price, in place of --change.")]
Commission = Annotated[float | None, typer.Option(min=0, max=0.6, help="Another rate of commission.")]
Burn = Annotated[float | None, typer.Option(min=0, max=0.3, help="Another rate that is burned.")]
Aims = Annotated[
    list[str] | None,
    typer.Option(
        help="What recommended prices make largest: token_revenue (default), teacher_earnings, "
        "platform_commission or enrollments; or several as name=weight. Repeatable."
    ),
]
MaxChange = Annotated[float, typer.Option(help="Largest relative change of a price, at most 0.9.")]
Step = Annotated[float | None, typer.Option(help="Changed prices are multiples of it.")]
MostChanged = Annotated[int | None, typer.Option(help="How many prices may change.")]
LeastEnrollments = Annotated[float | None, typer.Option(help="Share of today's enrollments to keep.")]
Extrapolate = Annotated[bool, typer.Option("--extrapolate", help="Allow prices never seen.")]
BoundsFile = Annotated[Path | None, typer.Option(help="Table with the unit first, then floor and ceiling.")]
PlanFile = Annotated[Path | None, typer.Option(help="Write all recommended prices there, as CSV.")]
SaveAs = Annotated[str | None, typer.Option(help="Save the what-if as a scenario of this name.")]


@app.command("what-if")
def what_if(
    run_id: RunId,
    dataset: DatasetId,
    change: Changes = None,
    scope: Scope = "segment",
    how: Amounts = "percent",
    prices: PriceList = None,
    commission: Commission = None,
    burn: Burn = None,
    objective: Aims = None,
    max_change: MaxChange = 0.5,
    step: Step = None,
    most_changed: MostChanged = None,
    least_enrollments: LeastEnrollments = None,
    extrapolate: Extrapolate = False,
    bounds: BoundsFile = None,
    plan: PlanFile = None,
    save: SaveAs = None,
    experiment: Experiment = None,
    report: ReportFile = None,
    out: Out = None,
) -> None:
    """Say what price changes are expected to do, with intervals, and which prices are recommended."""
    from edtech.ml.artifacts import load_result
    from edtech.pricing import answer, price_response
    from edtech.pricing.policy import plan_to_act_on
    from edtech.pricing.price_changes import attributes, unit_table
    from edtech.reports.recipes import WhatIfRecipe
    from edtech.tracking import RunStore

    settings = settings_of(out)
    stored = catalogue(settings).get(dataset)
    response = price_response(load_result(RunStore(settings=settings), run_id), stored.panel())
    listed = None if prices is None else _listed(prices, response, settings)
    changes = _changes(scope, how, change or [])
    scenario = _scenario(save or "What-if", run_id, stored, changes, listed, commission, burn)
    asked = scenario.asked(response, attributes(response, unit_table(stored)))
    outcome = answer(response, asked, scenario.split, scenario.planned_split)
    limits = _limits(max_change, extrapolate, step, most_changed, least_enrollments, bounds, settings)
    found = plan_to_act_on(stored, response, scenario.split, _objective(objective or []), limits)
    _tell(outcome, found)
    if plan is not None:
        _write_plan(plan, found)
    if save is not None:
        typer.echo(f"scenario {_save(scenario, outcome, stored, experiment, settings)}")
    if report is not None:
        recipe = WhatIfRecipe(scenario=scenario, objective=found.objective, constraints=found.constraints)
        write_report(recipe, report, settings)


def _tell(outcome: "WhatIf", plan: "Plan") -> None:
    from edtech.pricing.tables import effect_text

    typer.echo(effect_text(outcome))
    for line in dict.fromkeys((*outcome.reasons, *_told(plan))):
        typer.echo(line)


def _changes(scope: str, how: "How", texts: list[str]) -> "tuple[PriceChange, ...]":
    from edtech.pricing.price_changes import ALL, PriceChange

    amounts = {name: number(name, value) for name, value in assignments(texts).items()}
    return tuple(PriceChange(scope, () if scope == ALL else (name,), how, by) for name, by in amounts.items())


def _scenario(
    name: str,
    run_id: str,
    stored: "Dataset",
    changes: "tuple[PriceChange, ...]",
    listed: dict[str, float] | None,
    commission: float | None,
    burn: float | None,
) -> "Scenario":
    from edtech.pricing.policy import revenue_split
    from edtech.pricing.scenarios import Scenario

    split = revenue_split(stored)
    rates = {"commission_rate": commission, "burn_rate": burn}
    planned = split.model_copy(update={rate: value for rate, value in rates.items() if value is not None})
    return Scenario(
        name=name[:200],
        run_id=run_id,
        dataset_id=stored.id,
        changes=changes,
        prices=listed,
        split=split,
        planned_split=planned,
    )


def _write_plan(file: Path, plan: "Plan") -> None:
    from edtech.reports import table_csv

    write_bytes(file, table_csv(plan.table))
    typer.echo(f"Recommended prices: {file}")


def _save(
    scenario: "Scenario", outcome: "WhatIf", stored: "Dataset", experiment: str | None, settings: "Settings"
) -> str:
    from edtech.pricing.scenarios import scenario_items
    from edtech.tracking import EdTechMLFlowTracker

    items = scenario_items(scenario, outcome, stored.name, stored.digest)
    return EdTechMLFlowTracker(experiment, settings=settings).log(items)


def _listed(file: Path, response: "Response", settings: "Settings") -> dict[str, float]:
    from edtech.data import read_upload
    from edtech.pricing.price_changes import price_list

    frame = read_upload(file.name, file, limit_mb=settings.upload_limit_mb).frame
    return dict(zip(response.units, price_list(response, frame, "unit", "price").tolist(), strict=True))


def _objective(texts: list[str]) -> "Objective":
    """Return one figure by name, or several with weights."""
    if len(texts) == 1 and "=" not in texts[0]:
        return cast("Objective", texts[0])
    weights = {name: number(name, value) for name, value in assignments(texts).items()}
    return cast("Objective", weights or "token_revenue")


def _limits(
    max_change: float,
    extrapolate: bool,
    step: float | None,
    most: int | None,
    least: float | None,
    bounds: Path | None,
    settings: "Settings",
) -> "Constraints":
    from edtech.data import read_upload
    from edtech.pricing.constraints import Constraints
    from edtech.pricing.price_changes import bounds_in

    floor = ceiling = None
    if bounds is not None:
        frame = read_upload(bounds.name, bounds, limit_mb=settings.upload_limit_mb).frame
        floor, ceiling = bounds_in(frame)
    return Constraints(max_change, extrapolate, floor, ceiling, step, most, least)


def _told(plan: "Plan") -> list[str]:
    """Return a plan as lines: what it changes, what it is expected to bring, and the largest changes."""
    if plan.refused:
        return ["No price is recommended.", *plan.reasons]
    moved = plan.table[plan.table["change"] != 0]
    expected = plan.expected
    reach = "" if expected.low is None else f" (95 % interval {expected.low:+.1%} to {expected.high:+.1%})"
    lines = [f"Recommended: {len(moved):,} of {len(plan.table):,} prices change; {expected.change:+.1%}{reach}."]
    largest = moved.loc[moved["change"].abs().sort_values(ascending=False, kind="stable").index].head(MOST_SHOWN)
    return [*lines, *([largest.to_string(index=False)] if len(largest) else []), *plan.binding, *plan.reasons]
