"""The whole way from data to report in one call, stage by stage."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edtech.errors import EdtechError, PipelineError
from edtech.jobs.worker_pool import WorkerPool
from edtech.pipeline import stages
from edtech.pipeline.progress_file import PipelineState, read_state
from edtech.settings import Settings

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from edtech.data import Check, Dataset
    from edtech.market import MarketParams
    from edtech.training.trainer import RunResult

STAGES = ("data", "understanding", "preparation", "training", "evaluation", "report")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """What a pipeline made.

    `checks`: findings on the data set's health. `runs`: one training for each algorithm. `best`: family -> the run
    that is best, and why. `registered`: family -> address of the registered version. `models`: addresses that
    `mlflow.pyfunc.load_model` takes. `export`: the experiment's runs as JSON. `reports`: one file for each form.
    """

    dataset: "Dataset"
    checks: "tuple[Check, ...]"
    runs: "tuple[RunResult, ...]"
    best: "dict[str, stages.BestRun]"
    registered: dict[str, str]
    models: tuple[str, ...]
    export: Path | None
    reports: tuple[Path, ...]
    tracking_uri: str | None
    ui_command: str | None


class EdTechPipelineOrchestrator:
    """Runs the six stages; `say` is told each line of progress.

    With more than one of `workers` the models are fitted in so many processes, which pays from some thousand learners
    on; the numbers are the same. A script that asks for it must guard its own start with `if __name__ == "__main__":`.
    """

    def __init__(
        self, use_mlflow: bool = True, settings: Settings | None = None, say: Say | None = None, workers: int = 1
    ) -> None:
        self.use_mlflow = use_mlflow
        self.settings = settings or Settings()
        self.say: Say = say or (lambda _line: None)
        self.workers = workers

    def run_complete_pipeline(
        self,
        params: "MarketParams | None" = None,
        *,
        name: str = "Pipeline market",
        dataset: "Dataset | None" = None,
        families: Sequence[str] = ("token_elasticity",),
        algorithms: Sequence[str] = (),
        register_best: bool = True,
    ) -> PipelineResult:
        """Generate a market (or take `dataset`), train and log, choose the best, write export and report.

        `families`: names of model families, or "all". `algorithms`: names, by default each family's usual ones. Raises
        PipelineError naming the stage that failed; what earlier stages made stays, and `resume` goes on from there.
        """
        state = PipelineState(
            params=params,
            name=name,
            families=tuple(families),
            algorithms=tuple(algorithms or ()),
            use_mlflow=self.use_mlflow,
            register_best=register_best,
            dataset_id=dataset.id if dataset else None,
        )
        with self._processes(state) as workers:
            return self._run(state, workers)

    def resume(self) -> PipelineResult:
        """Go on with the last pipeline of this home, as it was asked: what it made already is not made again.

        Raises PipelineError where there is none, or where it fails again.
        """
        state = read_state(self.settings.reports_dir)
        self.use_mlflow = state.use_mlflow
        with self._processes(state) as workers:
            return self._run(state, workers)

    def _processes(self, state: PipelineState) -> "AbstractContextManager[WorkerPool | None]":
        """Return processes that get warm while the data are made; None where there is too little to share."""
        if self.workers < 2 or len(state.algorithms) - len(state.run_ids) == 1:
            return nullcontext()
        return WorkerPool(self.workers, modules=("edtech.ml.families", "edtech.data"))

    def _run(self, state: PipelineState, workers: "Executor | None") -> PipelineResult:
        state.save(self.settings.reports_dir)
        with self._stage("data"):
            dataset = stages.data(state, self.settings, self.say)
        with self._stage("understanding"):
            checks = stages.understanding(dataset, self.say)
        with self._stage("preparation"):
            work = stages.preparation(dataset, state, self.say)
        with self._stage("training"):
            fits = stages.fits(dataset, work, state, workers)
            tracker = stages.tracker(self.settings) if self.use_mlflow else None
            runs = stages.training(dataset, work, state, tracker, self.settings, self.say, fits)
        with self._stage("evaluation"):
            best = stages.evaluation(runs, self.say)
            may_register = tracker is not None and state.register_best
            registered = stages.registration(best, self.settings, self.say) if may_register else {}
        with self._stage("report"):
            export = tracker.export_experiment_results() if tracker else None
            reports = stages.report(dataset, runs, self.settings)
        models = tuple(f"runs:/{run.run_id}/model" for run in runs if run.run_id)
        command = tracker.ui_command if tracker else None
        uri = tracker.uri if tracker else None
        found = PipelineResult(dataset, checks, tuple(runs), best, registered, models, export, reports, uri, command)
        self._conclude(found)
        return found

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        self.say(f"Stage {STAGES.index(name) + 1} of {len(STAGES)}: {name}")
        try:
            yield
        except EdtechError as exc:
            raise PipelineError(
                f"The stage {name!r} failed: {exc.problem}",
                expected=exc.expected,
                found=exc.found,
                where=exc.where,
                fix=f"{(exc.fix or 'correct what is said').rstrip('.')}; then go on from there with --resume",
                details=exc.details,
            ) from exc

    def _conclude(self, found: PipelineResult) -> None:
        self.say(f"{len(found.runs)} models trained, {len(found.models)} of them saved:")
        for model in found.models:
            self.say(f"  {model}")
        for path in (*(() if found.export is None else (found.export,)), *found.reports):
            self.say(f"  {path}")
        if found.ui_command:
            self.say(f"See the runs in MLflow: {found.ui_command}")
