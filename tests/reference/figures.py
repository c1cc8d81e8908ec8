"""Reference figures: what the project computes on small fixed inputs, as one flat mapping from a key to a value.

    python -m tests.reference.figures           compare with figures.json, exit code 1 if anything differs
    python -m tests.reference.figures --write   rewrite figures.json

Rule: a refactoring leaves `figures.json` as it is. A change that is meant to change a figure rewrites it in the same
commit and adds a line to `CHANGES.md` with the keys and the reason.

Keys belong to this package: renaming a class, a function, a field or a column of a table changes none. Tables are
recorded by position (table, column, row), never by wording. These names are values, since users and stored runs rely
on them: metrics, parameters, tags and files of runs, codes of checks, algorithms, families, roles of columns.
Times, ids of runs, paths, versions and prose are left out. The computation uses one thread.

The same machine gives the same bits, with any number of threads. Another one moves figures by less than 1e-9, except
those under `TOLERANCES`; one without AVX2 also gives generated markets other digests and ids, which hash all bits.
"""

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from threadpoolctl import threadpool_limits

from tests.reference.inputs import MARKETS
from tests.reference.prices import PRICED_RUNS, first_segment, of_economy, of_forecast, of_prices
from tests.reference.project import (
    ComparisonRecipe,
    Constraints,
    EconomyRecipe,
    EdTechMLFlowTracker,
    ForecastRecipe,
    HealthRecipe,
    PriceChange,
    RevenueSplit,
    RunRecipe,
    Scenario,
    Settings,
    TrainingsRecipe,
    WhatIfRecipe,
    report_of,
)
from tests.reference.runs import of_comparison, of_dataset, of_difference, of_run, of_search, of_truth
from tests.reference.values import Figures, Tolerance, all_differences, of_frame, read, under, write
from tests.reference.world import World, make_datasets, train_all

FILE = Path(__file__).with_name("figures.json")
_CHURN = "its season is found by L-BFGS-B with numerical gradients, which stops at some 1e-6 of the optimum"
_MIXED = "its variances are found by an optimizer that stops at some 1e-4 of the optimum"
TOLERANCES = (
    Tolerance("run/*/mixed_model/metric/*_sd", 1e-2, 1e-9, f"{_MIXED}, where the likelihood is nearly flat"),
    Tolerance("run/*/mixed_model/*", 1e-3, 1e-6, _MIXED),
    Tolerance("run/price_test/churn_prediction/*", 1e-4, 1e-6, _CHURN),
    Tolerance("report/run of churn/*", 1e-4, 1e-6, _CHURN),
    Tolerance("report/trainings/*", 1e-3, 1e-6, f"the report holds runs of both: {_CHURN}; {_MIXED}"),
    Tolerance("run/confounded/token_elasticity/fixed_effects/table 0/*", 1e-8, 1e-12, "fits on a third of few rows"),
    Tolerance("prices/*/plan/*", 1e-7, 1e-10, "joint prices are found by L-BFGS-B, which stops near the optimum"),
)
"""Measured with OpenBLAS and NumPy held to AVX2, and to SSE4.2: all other figures move by less than 1e-9."""


def recipes(world: World) -> dict[str, Any]:
    """Return a recipe of each kind of report, by a name of ours."""
    runs, market = world.runs, world.datasets["price_test"]
    segment = first_segment(market)
    demand = [runs[f"price_test/token_elasticity/{name}"] for name in ("choice_logit", "fixed_effects", "linear")]
    ratings = [runs[f"price_test/teacher_quality/{name}"] for name in ("mixed_model", "raw_mean")]
    churn = runs["price_test/churn_prediction/cox"]
    scenario = Scenario(
        name="Dearer",
        dataset_id=market.id,
        run_id=demand[0],
        changes=(PriceChange("segment", (segment,), "percent", 0.1),),
        planned_split=RevenueSplit(commission_rate=0.25, burn_rate=0.05),
    )
    assumed = {"draws": 200, "weeks": 10}
    return {
        "health of a market": HealthRecipe(dataset=market.id),
        "health of labels": HealthRecipe(dataset=world.datasets["churn"].id),
        "run of demand": RunRecipe(run=demand[1]),
        "run of churn": RunRecipe(run=churn),
        "comparison": ComparisonRecipe(runs=tuple(demand), baseline=demand[1]),
        "what-if": WhatIfRecipe(scenario=scenario, constraints=Constraints(max_change=0.2)),
        "trainings": TrainingsRecipe(dataset=market.id, runs=(*demand[:2], churn, *ratings)),
        "economy": EconomyRecipe(dataset=market.id),
        "economy of a panel": EconomyRecipe(dataset=world.datasets["panel"].id),
        "outlook": ForecastRecipe(dataset=market.id, run=demand[0], changes={segment: 0.1}, assumed=assumed),
    }


def of_reports(world: World) -> Figures:
    """Return the numbers in the tables of each kind of report, by table, column and row; texts are left out."""
    numbers: Figures = {}
    stores, times = world.stores, world.times
    for name, recipe in recipes(world).items():
        report = report_of(recipe, stores)
        tables = list(report.tables())
        numbers[f"{name}/tables and figures"] = [len(tables), sum(len(section.figures) for section in report.sections)]
        for position, table in enumerate(tables):
            numbers |= under(f"{name}/table {position}", of_frame(table.frame, times))
    return under("report", numbers)


def compute(home: Path) -> Figures:
    """Return all figures, made in an empty home."""
    world = World(Settings(home=home, mlflow_tracking_uri=None))
    with threadpool_limits(1):
        EdTechMLFlowTracker(settings=world.settings)
        make_datasets(world)
        train_all(world)
        for section in parts(world):
            world.figures |= section()
    figures: Figures = json.loads(json.dumps(world.figures))
    return figures


def parts(world: World) -> list[Callable[[], Figures]]:
    return [
        *(partial(of_dataset, world, name) for name in world.datasets),
        *(partial(of_truth, world, name) for name in MARKETS),
        partial(of_difference, world),
        *(partial(of_run, world, name) for name in world.trained),
        partial(of_comparison, world),
        partial(of_search, world),
        *(partial(of_prices, world, name) for name in PRICED_RUNS),
        partial(of_economy, world, "price_test", None),
        partial(of_economy, world, "price_test", ("2024-02-26", "2024-04-07")),
        partial(of_economy, world, "panel", None),
        partial(of_forecast, world),
        partial(of_reports, world),
    ]


def main() -> int:
    """Compare the stored figures with those of the present code, or rewrite them; see the module's rule."""
    parser = argparse.ArgumentParser(description="Compare the reference figures, or rewrite them.")
    parser.add_argument("--write", action="store_true", help="rewrite figures.json; add the reason to CHANGES.md")
    arguments = parser.parse_args()
    with TemporaryDirectory(prefix="reference-") as home:
        figures = compute(Path(home))
    different = all_differences(read(FILE), figures, TOLERANCES) if FILE.exists() else []
    for line in different:
        print(line)
    print(f"{len(figures):,} keys, {len(different):,} differences")
    if arguments.write:
        write(FILE, figures)
    return int(bool(different) and not arguments.write)


if __name__ == "__main__":
    sys.exit(main())
