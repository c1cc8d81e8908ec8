"""Figures of data sets and of runs."""

from collections.abc import Mapping
from typing import Any

from tests.reference.prices import of_plan
from tests.reference.project import (
    EXPLORED,
    Budget,
    SearchPlan,
    check_dataset,
    compare_runs,
    conform_rows,
    difference,
    figure_frame,
    load_result,
    mean_over_seeds,
    paired_difference,
    promotion_requirement,
    read_diagnostics,
    registration_requirements,
    search_planned,
    template,
)
from tests.reference.values import Figures, of_frame, plain, under
from tests.reference.world import World

PREDICTED_RUNS = (
    "price_test/token_elasticity/choice_logit",
    "price_test/enrollment_propensity/gradient_boosting",
    "price_test/course_completion/random_forest",
    "price_test/churn_prediction/cox",
    "price_test/teacher_quality/mixed_model",
    "panel/token_elasticity/dml",
)
"""Runs that are read again from the store to predict the rows they keep as an example."""
PROSE = {"split", "decision_value"}
"""Tags that are sentences: only that they are there is recorded."""


def of_dataset(world: World, name: str) -> Figures:
    """Return what a data set holds, its health and the numbers behind the figures of the Explore tab."""
    dataset = world.datasets[name]
    figures: Figures = {
        "digest": dataset.digest,
        "id": dataset.id,
        "kind": dataset.kind,
        "rows": dict(dataset.tables),
        "period": plain(dataset.period),
        "health": {check.code: str(check.severity) for check in check_dataset(dataset)},
    }
    explored = {
        "market": [name for name in EXPLORED if name != "outcome"],
        "panel": ["distribution", "by-unit", "by-period"],
    }
    if dataset.kind in explored:
        key = dataset.key_figures()
        counts, money = [key.rows, key.units, key.periods], [key.revenue, key.lowest_price, key.highest_price]
        figures["key figures"] = plain([*counts, *money, key.quantity, key.views, key.first_period, key.last_period])
    for figure in explored.get(dataset.kind, ["distribution"]):
        key = {"realism": "likeness"}.get(figure, figure)  # its name when the reference was made
        figures |= under(f"explored/{key}", of_frame(figure_frame(dataset, figure)))
    return under(f"data/{name}", figures)


def of_truth(world: World, name: str) -> Figures:
    """Return what is true of a generated market, and what would have happened at other prices."""
    market = world.datasets[name].market()
    truth = market.truth
    dearer = truth.counterfactual({truth.tables["segments"]["segment"].iloc[0]: 0.1})
    figures = {
        "broken identities": len(market.check_identities()),
        "elasticities": plain([truth.own_elasticity, truth.segment_elasticity, truth.cross_elasticity]),
        "cross": plain(truth.cross.to_numpy().ravel()),
        "segments": plain(truth.tables["segments"].iloc[:, 1:].to_numpy().ravel()),
        "a category 10% dearer": plain(dearer.totals),
        "learners left": dearer.learners_left,
        "best prices": plain(truth.best_prices()),
    }
    return under(f"truth/{name}", figures)


def of_difference(world: World) -> Figures:
    result = difference(world.datasets["price_test"], world.datasets["confounded"])
    table = result.table()
    table = table.sort_values(list(table.columns[:2]), kind="stable")  # their own order has ties
    return under("difference", {"rows": plain(result.rows), "columns": len(result.columns), **of_frame(table)})


def of_run(world: World, name: str) -> Figures:
    """Return what a run holds in the store, and what the training's result holds."""
    store, run_id, result = world.stores.runs, world.runs[name], world.trained[name].result
    run = store.get_run(run_id)
    tags = {tag: text for tag, text in sorted(run.tags.items()) if "." not in tag and tag not in PROSE}
    if tags["dataset_digest"] == world.datasets[name.partition("/")[0]].digest:
        tags["dataset_digest"] = "that of the data set"
    figures: Figures = {
        "params": dict(sorted(run.params.items())),
        "tags": tags | dict.fromkeys(sorted(PROSE & run.tags.keys()), "a text"),
        "files": sorted(run.artifacts),
        "checks": {check.code: str(check.severity) for check in result.checks},
        "gates": [gate.passed for gate in registration_requirements(read_diagnostics(store, run))],
    }
    figures |= under("metric", plain(without_times(run.metrics)))
    figures |= under("held out", of_frame(result.evaluation)) | under("importance", of_frame(result.importance))
    for position, table in enumerate(result.tables.values()):
        figures |= under(f"table {position}", of_frame(table))
    if run.tags["model_type"] == "token_elasticity":
        figures |= of_elasticity(result) | under("plan", of_plan(world.trained[name].plan))
        figures["may be champion"] = promotion_requirement(run, None).passed
    if name in PREDICTED_RUNS:
        rows = conform_rows(template(store, run_id), store.signature(run_id), getattr(result.model, "roles", None))
        figures["predictions"] = plain(load_result(store, run_id).model.predict(rows))
    return under(f"run/{name}", figures)


def without_times(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in sorted(metrics.items()) if name != "fit_seconds"}


def of_elasticity(result: Any) -> Figures:
    figures = {
        "elasticity": plain([result.elasticity.estimate, result.elasticity.low, result.elasticity.high]),
        "naive": plain([result.naive.estimate, result.naive.low, result.naive.high]),
        "identification": result.identification,
        "may recommend": result.may_recommend,
    }
    segments, support = of_frame(result.elasticity_by_segment), of_frame(result.support)
    return figures | under("segments", segments) | under("support", support)


def of_search(world: World) -> Figures:
    budget = Budget(trials=3, seconds=600.0, folds=2, seed=3)
    names = ("alpha", "segment_slopes")
    plan = SearchPlan(world.datasets["panel"].id, "token_elasticity", "linear", names, budget, experiment="Search")
    searched = search_planned(plan, world.settings)
    figures = {"score": searched.score, "at the edge": list(searched.edges)}
    metrics = plain(without_times(searched.best.metrics))
    return under("search", {**figures, "metrics": metrics, **of_frame(searched.trials.drop(columns="seconds"))})


def of_comparison(world: World) -> Figures:
    """Return what the Compare page says of the runs on the panel, the first of them the baseline."""
    store = world.stores.runs
    names = {run_id: name for name, run_id in world.runs.items() if name.startswith("panel/")}
    runs = [store.get_run(run_id) for run_id in names]
    comparison = compare_runs(runs, baseline=runs[0].run_id)
    listed = store.list_runs()
    repeated = listed[listed["run_id"].isin([run_id for run_id, name in names.items() if "/seed " in name])]
    pair = paired_difference(
        *(world.trained[f"panel/token_elasticity/{name}"].result.evaluation for name in ("gam", "linear"))
    )
    best = {metric: sorted(names[run_id] for run_id in best) for metric, best in sorted(comparison.best.items())}
    values = {
        "best": {metric: runs for metric, runs in best.items() if metric != "fit_seconds"},
        "same data": comparison.same_data,
        "paired": plain([pair.rows, pair.clusters, pair.difference, pair.low, pair.high]),
        **under("differences", of_frame(comparison.differences.drop(index="fit_seconds"))),
        **under("by seed", of_frame(mean_over_seeds(repeated, "rmse"))),
    }
    return under("comparison", values)
