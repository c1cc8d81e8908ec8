"""The what-if command: price changes and recommended prices."""

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
    from edtech.pricing import Plan, Response, Scenario, WhatIf
    from edtech.pricing.constraints import Constraints, Objective
    from edtech.pricing.price_changes import ChangeMode, PriceChange
    from edtech.settings import Settings

MAX_PRINTED = 20


RunId = Annotated[str, typer.Argument(help="Id of the demand model's run.")]
DatasetId = Annotated[str, typer.Argument(help="Id of the data set.")]
Changes = Annotated[
    list[str] | None, typer.Option(help="Price change as name=amount, such as Programming=0.15. Repeatable.")
]
Scope = Annotated[str, typer.Option(help="What --change names: segment, unit, level or teacher_id; or all.")]
Amounts = Annotated[
    Literal["percent", "tokens", "set"],
    typer.Option(
        help="Meaning of the amount: fraction of today's price (0.15 is +15%), tokens to add, or the new price."
    ),
]
PriceList = Annotated[Path | None, typer.Option(help="Table with the columns unit and price, instead of --change.")]
Commission = Annotated[float | None, typer.Option(min=0, max=0.6, help="New commission rate.")]
Burn = Annotated[float | None, typer.Option(min=0, max=0.3, help="New burn rate.")]
Aims = Annotated[
    list[str] | None,
    typer.Option(
        help="Objective of the recommended prices: token_revenue (default), teacher_earnings, "
        "platform_commission or enrollments; or a weighted sum, each as name=weight. Repeatable."
    ),
]
MaxChange = Annotated[float, typer.Option(help="Maximum relative change of a price, at most 0.9.")]
Step = Annotated[float | None, typer.Option(help="Price increment: changed prices are multiples of it.")]
MostChanged = Annotated[int | None, typer.Option(help="Maximum number of prices that change.")]
LeastEnrollments = Annotated[float | None, typer.Option(help="Minimum enrollments, as a fraction of today's.")]
Extrapolate = Annotated[bool, typer.Option("--extrapolate", help="Allow prices outside the observed range.")]
BoundsFile = Annotated[
    Path | None, typer.Option(help="Table with the unit in the first column, then floor and ceiling.")
]
PlanFile = Annotated[Path | None, typer.Option(help="Write all recommended prices to this CSV file.")]
SaveAs = Annotated[str | None, typer.Option(help="Save the what-if as a scenario with this name.")]


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
    """Estimate the effect of price changes, with intervals, and recommend prices."""
    from edtech.pricing import PricingModel, WhatIfQuestion, answer_question
    from edtech.reports.recipes import WhatIfRecipe
    from edtech.tracking import RunStore

    settings = settings_of(out)
    stored = catalogue(settings).get(dataset)
    model = PricingModel.load(RunStore(settings=settings), run_id, stored)
    listed = None if prices is None else _listed(prices, model.response, settings)
    changes = _changes(scope, how, change or [])
    scenario = _scenario(save or "What-if", run_id, stored, changes, listed, commission, burn)
    limits = _limits(max_change, extrapolate, step, most_changed, least_enrollments, bounds, settings)
    answer = answer_question(WhatIfQuestion(scenario, _objective(objective or []), limits), model)
    _print_effect(answer.outcome, answer.plan)
    if plan is not None:
        _write_plan(plan, answer.plan)
    if save is not None:
        typer.echo(f"scenario {_save(scenario, answer.outcome, stored, experiment, settings)}")
    if report is not None:
        write_report(WhatIfRecipe.of(answer.question), report, settings)


def _print_effect(outcome: "WhatIf", plan: "Plan") -> None:
    from edtech.pricing.tables import effect_text

    typer.echo(effect_text(outcome))
    for line in dict.fromkeys((*outcome.reasons, *_plan_lines(plan))):
        typer.echo(line)


def _changes(scope: str, how: "ChangeMode", texts: list[str]) -> "tuple[PriceChange, ...]":
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
    from edtech.pricing import Scenario
    from edtech.pricing.plan_policy import revenue_split

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
    """Return the objective: one figure by name, or several with weights."""
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
    from edtech.pricing.price_changes import price_bounds_by_unit

    floor = ceiling = None
    if bounds is not None:
        frame = read_upload(bounds.name, bounds, limit_mb=settings.upload_limit_mb).frame
        floor, ceiling = price_bounds_by_unit(frame)
    return Constraints(max_change, extrapolate, floor, ceiling, step, most, least)


def _plan_lines(plan: "Plan") -> list[str]:
    """Return the lines of a plan: number of changes, expected uplift, largest changes, binding guardrails."""
    if plan.refused:
        return ["No price is recommended.", *plan.reasons]
    changed = plan.table[plan.table["change"] != 0]
    expected = plan.expected
    interval = "" if expected.low is None else f" (95% interval {expected.low:+.1%} to {expected.high:+.1%})"
    lines = [f"Recommended: {len(changed):,} of {len(plan.table):,} prices change; {expected.change:+.1%}{interval}."]
    largest = changed.loc[changed["change"].abs().sort_values(ascending=False, kind="stable").index].head(MAX_PRINTED)
    return [*lines, *([largest.to_string(index=False)] if len(largest) else []), *plan.binding, *plan.reasons]
