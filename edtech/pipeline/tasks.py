"""Background tasks: module functions that a worker process can run, and the queue that runs them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from edtech.jobs.progress import Progress, scaled_progress
from edtech.jobs.queue import JobQueue
from edtech.jobs.worker_pool import InlineExecutor, WorkerPool
from edtech.settings import Settings

if TYPE_CHECKING:
    from edtech.market import MarketParams
    from edtech.training.plans import SearchPlan, TrainingPlan

WORKER_MODULES = (
    "edtech.ml.families",
    "edtech.ml.artifacts",
    "edtech.training.trainer",
    "edtech.charts.png",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.models",
    "skops.io",
)
"""Modules that a training needs; workers import them before their first task."""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """The result of a task: a summary, and the ids of the runs it logged and of the data set it stored.

    The first run is the one to show. `command` and `code` do the same from a shell and in Python.
    """

    summary: str
    run_ids: tuple[str, ...] = ()
    dataset_id: str | None = None
    command: str = ""
    code: str = ""


Task = Callable[[Settings, Progress], TaskResult]
"""A task with all other arguments bound, such as `partial(train, plan)`."""


def local_queue(settings: Settings) -> JobQueue[TaskResult]:
    """Return a queue with `settings.workers` processes; with 0 each task runs in the caller's thread."""
    if not settings.workers:
        return JobQueue(InlineExecutor())
    return JobQueue(WorkerPool(settings.workers, WORKER_MODULES, on_worker_lost=partial(close_stale_runs, settings)))


def train(plan: "TrainingPlan", settings: Settings, progress: Progress) -> TaskResult:
    """Train the algorithms of a plan and log the runs."""
    from edtech.training.plans import train_planned

    run_ids = tuple(run.run_id for run in train_planned(plan, settings, progress) if run.run_id)
    summary = f"Trained and logged: {len(run_ids)} {'run' if len(run_ids) == 1 else 'runs'}."
    return TaskResult(summary, run_ids, command=plan.command(settings), code=plan.code(settings))


def rerun_training(run_id: str, settings: Settings, progress: Progress) -> TaskResult:
    """Repeat a run with its data set, parameters and seed, and compare the metrics."""
    from edtech.training.rerun import rerun

    repetition = rerun(run_id, settings, progress=progress)
    return TaskResult(
        f"Trained again. {repetition.summary}", (repetition.new.run_id,), command=f"python -m edtech rerun {run_id}"
    )


def sync_runs(settings: Settings, progress: Progress) -> TaskResult:
    """Send the pending runs of this machine to the MLflow server."""
    from edtech.tracking.outbox import sync

    report = sync(settings=settings, progress=progress)
    return TaskResult(report.summary, command="python -m edtech sync")


def search(plan: "SearchPlan", settings: Settings, progress: Progress) -> TaskResult:
    """Run the hyperparameter search of a plan."""
    from edtech.training.plans import search_planned

    search_result = search_planned(plan, settings, progress)
    summary = f"Search finished: the best of {len(search_result.trials)} trials is trained and logged."
    run_id = search_result.best.run_id
    return TaskResult(summary, (run_id,) if run_id else (), command=plan.command(settings))


def generate_market(
    params: "MarketParams", name: str, workers: int, settings: Settings, progress: Progress
) -> TaskResult:
    """Generate a market with so many worker processes and store it."""
    from edtech.data import Catalogue

    dataset = Catalogue(settings.data_dir).add_generated(params, name=name, workers=workers, progress=progress)
    return TaskResult(f"{dataset.name} is stored and selected: {dataset.rows:,} course-weeks.", dataset_id=dataset.id)


def verify_report(name: str, data: bytes, settings: Settings, progress: Progress) -> TaskResult:
    """Recompute the numbers of a report file. Raises ReportError that lists the differences."""
    from edtech.reports.recipes import Stores
    from edtech.reports.verify import confirmation, verify_bytes

    progress(0.1, "Recomputing the report from the stored data")
    return TaskResult(f"{name}: {confirmation(verify_bytes(data, name, Stores.of(settings)))}")


def prepare_demo(
    params: "MarketParams", name: str, experiment: str, settings: Settings, progress: Progress
) -> TaskResult:
    """Generate a market and train the first suitable algorithm on it."""
    progress(0.0, "Generating a market")
    from edtech.data import Catalogue

    dataset_id = generate_market(params, name, 1, settings, scaled_progress(progress, 0.0, 0.4)).dataset_id
    progress(0.4, "Loading the libraries")  # takes seconds in a new worker
    from edtech.ml.elasticity.family import TOKEN_ELASTICITY
    from edtech.training.plans import TrainingPlan

    assert dataset_id is not None  # noqa: S101  # the task stored it
    algorithms = TOKEN_ELASTICITY.algorithms_for(Catalogue(settings.data_dir).get(dataset_id))[:1]
    plan = TrainingPlan(dataset_id, TOKEN_ELASTICITY.name, algorithms, experiment=experiment)
    training = train(plan, settings, scaled_progress(progress, 0.4, 0.6))
    return TaskResult("The demo is ready: a market and a first model.", training.run_ids, dataset_id)


def close_stale_runs(settings: Settings) -> None:
    """Mark runs as failed if the process that wrote them has ended."""
    from edtech.tracking import RunStore
    from edtech.tracking.store import embedded_store

    RunStore(embedded_store(settings).uri, settings).close_stale_runs()
