"""What a job can be: module functions that a worker process is sent, with what they need as values."""

from typing import TYPE_CHECKING

from edtech.jobs.queue import Outcome, Progress, part
from edtech.settings import Settings

if TYPE_CHECKING:
    from edtech.market import MarketParams
    from edtech.training.plans import SearchPlan, TrainingPlan


def train(plan: "TrainingPlan", settings: Settings, progress: Progress) -> Outcome:
    """Train and log what a plan says."""
    from edtech.training.plans import train_planned

    ids = tuple(run.run_id for run in train_planned(plan, settings, progress) if run.run_id)
    words = f"Trained and logged: {len(ids)} {'run' if len(ids) == 1 else 'runs'}."
    return Outcome(words, ids, command=plan.command(settings), code=plan.code(settings))


def again(run_id: str, settings: Settings, progress: Progress) -> Outcome:
    """Train a run again with its data set, parameters and seed, and say what is not as it was."""
    from edtech.training.rerun import rerun

    done = rerun(run_id, settings, progress=progress)
    return Outcome(f"Trained again. {done.words}", (done.new.run_id,), command=f"python -m edtech rerun {run_id}")


def send(settings: Settings, progress: Progress) -> Outcome:
    """Send the runs that wait on this machine to the server."""
    from edtech.tracking.outbox import sync

    report = sync(settings=settings, progress=progress)
    return Outcome(report.words, command="python -m edtech sync")


def search(plan: "SearchPlan", settings: Settings, progress: Progress) -> Outcome:
    """Do the search that a plan says."""
    from edtech.training.plans import search_planned

    found = search_planned(plan, settings, progress)
    words = f"Searched: the best of {len(found.trials)} trials is trained and logged."
    return Outcome(words, (found.best.run_id,) if found.best.run_id else (), command=plan.command(settings))


def generate(params: "MarketParams", name: str, workers: int, settings: Settings, progress: Progress) -> Outcome:
    """Generate a market in this number of processes and store it."""
    from edtech.data import Catalogue

    made = Catalogue(settings.data_dir).add_generated(params, name=name, workers=workers, progress=progress)
    return Outcome(f"{made.name} is stored and chosen: {made.rows:,} course-weeks.", dataset=made.id)


def check_report(name: str, data: bytes, settings: Settings, progress: Progress) -> Outcome:
    """Check a report's file against the stores. Raises ReportError that names what differs."""
    from edtech.reports.recipes import Stores
    from edtech.reports.verify import agreed, verify_bytes

    progress(0.1, "Making the report again from what is stored")
    return Outcome(f"{name}: {agreed(verify_bytes(data, name, Stores.of(settings)))}")


def demo(params: "MarketParams", name: str, experiment: str, settings: Settings, progress: Progress) -> Outcome:
    """Generate a market and train the algorithm to start with on it."""
    progress(0.0, "Generating a market")
    from edtech.data import Catalogue

    made = generate(params, name, 1, settings, part(progress, 0.0, 0.4)).dataset
    progress(0.4, "Loading the models")  # which takes seconds in a worker's first training
    from edtech.ml.elasticity.family import TOKEN_ELASTICITY
    from edtech.training.plans import TrainingPlan

    assert made is not None  # noqa: S101  # what `generate` made
    first = TOKEN_ELASTICITY.fits(Catalogue(settings.data_dir).get(made))[:1]
    plan = TrainingPlan(made, TOKEN_ELASTICITY.name, first, experiment=experiment)
    trained = train(plan, settings, part(progress, 0.4, 0.6))
    return Outcome("The demo is ready: a market and a first model.", trained.runs, made)


def close_stale_runs(settings: Settings) -> None:
    """Close the runs of processes that ended while they wrote them, as failed."""
    from edtech.tracking import RunStore
    from edtech.tracking.store import embedded_store

    RunStore(embedded_store(settings).uri, settings).close_stale_runs()
