"""A plan in a process, on the command line and in Python: the same numbers; repeats over seeds."""

import contextlib
import io
import shlex
from functools import partial

import numpy as np
import pytest
from typer.testing import CliRunner

from edtech.cli import app
from edtech.data import Catalogue, Dataset
from edtech.errors import ParamsError
from edtech.jobs.progress import no_progress
from edtech.jobs.queue import JobQueue, JobState
from edtech.jobs.worker_pool import WorkerPool
from edtech.metrics import metric
from edtech.pipeline import tasks
from edtech.tables.roles import PanelRoles
from edtech.tracking import RunStore
from edtech.training.plans import SearchPlan, TrainingPlan, train_planned
from edtech.training.search import Budget
from edtech.training.trainer import spread
from tests.worlds import make_world

SECONDS = 300
OTHER_ROLES = {"controls": ("shelf",), "weights": "equal", "views": None}


def numbers(metrics) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name != "fit_seconds"}


@pytest.fixture(scope="module")
def panel(settings) -> Dataset:
    frame = make_world(seed=1, units=24, weeks=16).panel
    frame = frame.assign(shelf=frame["views"] % 7, rating=frame["views"] % 5)
    roles = PanelRoles(
        randomized_discount="discount_pct", randomized_flag="promo_randomized", controls=("shelf", "rating")
    )
    return Catalogue(settings.data_dir).add_panel(frame, roles, name="It's uploaded")


@pytest.fixture(scope="module")
def plan(panel) -> TrainingPlan:
    params = {"random_forest": {"trees": 12, "max_features": 0.35, "seed": 9, "evaluation_share": 0.2}}
    return TrainingPlan(panel.id, "token_elasticity", ("random_forest",), params, OTHER_ROLES, "Plans")


@pytest.fixture(scope="module")
def ran(plan, settings):
    [run] = train_planned(plan, settings)
    assert run.result.roles.controls == ("shelf",)
    assert (run.result.roles.weights, run.result.roles.views) == ("equal", None)
    return run


def last_metrics(settings, experiment: str) -> dict[str, float]:
    store = RunStore(settings=settings)
    return numbers(store.get_run(store.list_runs([experiment])["run_id"].iloc[0]).metrics)


def test_the_command_gives_the_same_numbers(plan, ran, settings):
    arguments = shlex.split(plan.command(settings))
    assert arguments[:4] == ["python", "-m", "edtech", "train"]
    assert "trees=12" in arguments
    assert "evaluation_share=0.2" not in arguments  # the default
    done = CliRunner().invoke(app, arguments[3:], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert last_metrics(settings, "Plans") == numbers(ran.metrics)
    for name, value in numbers(ran.metrics).items():
        assert f"{name} = {value!r}" in done.output


def test_the_python_gives_the_same_numbers(plan, ran, settings):
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(plan.code(settings), "plan", "exec"), {})  # noqa: S102  # what the page offers to copy
    assert f"'rmse': {ran.metrics['rmse']!r}" in output.getvalue()
    assert last_metrics(settings, "Plans") == numbers(ran.metrics)


def test_a_worker_process_gives_the_same_numbers(plan, ran, settings):
    jobs = JobQueue(WorkerPool(1))
    job = jobs.wait(jobs.submit("Train", partial(tasks.train, plan, settings)).id, SECONDS)
    jobs.close()
    assert job.state is JobState.DONE, job.error
    assert numbers(RunStore(settings=settings).get_run(job.result.run_ids[0]).metrics) == numbers(ran.metrics)
    assert (job.result.command, job.result.code) == (plan.command(settings), plan.code(settings))
    assert "Training Random forest" in job.log


def test_invalid_column_roles_are_refused(plan, settings):
    for roles, message in (({"controls": ("absent",)}, "no such column"), ({"cost": "x"}, "cannot have these roles")):
        with pytest.raises(ParamsError, match=message):
            train_planned(TrainingPlan(plan.dataset, plan.family, ("linear",), roles=roles), settings)


def test_a_search_is_the_same_from_the_command_line(panel, settings):
    plan = SearchPlan(panel.id, "token_elasticity", "linear", budget=Budget(trials=2, folds=1), experiment="Searches")
    searched = tasks.search(plan, settings, no_progress)
    first = last_metrics(settings, "Searches")
    done = CliRunner().invoke(app, shlex.split(searched.command)[3:], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert last_metrics(settings, "Searches") == first
    assert len(RunStore(settings=settings).list_runs(["Searches"], kind="trial")) == 4


def test_the_command_of_a_search_names_its_budget_exactly():
    budget = Budget(seconds=1234567.25, seed=1234567)
    arguments = SearchPlan("a", "token_elasticity", "linear", budget=budget).command().split()
    assert (arguments[arguments.index("--seed") + 1], arguments[arguments.index("--seconds") + 1]) == (
        "1234567",
        "1234567.25",
    )


def test_repeats_differ_in_their_seed_alone_and_one_run_sums_them_up(panel, settings):
    plan = TrainingPlan(
        panel.id,
        "token_elasticity",
        ("random_forest", "fixed_effects"),
        {"random_forest": {"trees": 10}},
        experiment="Repeats",
        repeats=3,
    )
    runs = train_planned(plan, settings)
    assert [run.result.algorithm for run in runs] == [*3 * ["random_forest"], "fixed_effects"]  # one without a seed
    seeds = [run.result.params.seed for run in runs[:3]]
    assert seeds == [0, 1, 2]
    store = RunStore(settings=settings)
    [parent] = store.list_runs(["Repeats"], kind="group").to_dict("records")
    values = np.array([run.metrics["rmse"] for run in runs[:3]])
    assert parent["metrics.rmse"] == pytest.approx(values.mean())
    assert parent["metrics.rmse_sd"] == pytest.approx(values.std(ddof=1))
    half = 4.302653 * values.std(ddof=1) / np.sqrt(3)  # Student's t, 2 degrees of freedom
    assert parent["metrics.rmse_seeds_high"] - parent["metrics.rmse"] == pytest.approx(half, rel=1e-5)
    children = store.list_runs(["Repeats"])
    assert (children["tags.mlflow.parentRunId"] == parent["run_id"]).sum() == 3


def test_a_spread_is_of_metrics_that_all_repeats_have():
    metrics = spread([{"rmse": 1.0, "r2": 0.5}, {"rmse": 3.0}])
    assert (metrics["rmse"], metrics["rmse_sd"]) == (2.0, pytest.approx(2**0.5))
    assert not any(name.startswith("r2") for name in metrics)
    for name in metrics:
        assert metric(name).title.startswith("RMSE")
        assert "Logged by someone else" not in metric(name).help
