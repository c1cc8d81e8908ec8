"""The complete pipeline, from data to report, in one call."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edtech.errors import EdtechError, PipelineError
from edtech.jobs.worker_pool import WorkerPool
from edtech.pipeline import stages
from edtech.pipeline.checkpoint import PipelineState, read_state
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
    """The results of a pipeline.

    `checks`: health checks of the data set. `runs`: one for each algorithm. `best`: family -> its best run.
    `registered`: family -> URI of the registered version. `models`: URIs for `mlflow.pyfunc.load_model`. `export`:
    JSON file with the experiment's runs. `reports`: one file for each format.
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
    """Runs the six stages; `say` is called with each line of output.

    With `workers` above 1, that many processes fit the models. The numbers are the same; it saves time from some
    thousand learners on. A script that does so needs the guard `if __name__ == "__main__":`.
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
        """Generate a market (or use `dataset`), train and log models, select the best, write export and report.

        `families`: names of model families, or ("all",). `algorithms`: names, by default those each family recommends.
        Raises PipelineError that names the failed stage. The results of earlier stages stay, and `resume` continues.
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
        with self._start_workers(state) as executor:
            return self._run(state, executor)

    def resume(self) -> PipelineResult:
        """Continue the last pipeline of this home with its settings, without repeating what is complete.

        Raises PipelineError if there is none, or if it fails again.
        """
        state = read_state(self.settings.reports_dir)
        self.use_mlflow = state.use_mlflow
        with self._start_workers(state) as executor:
            return self._run(state, executor)

    def _start_workers(self, state: PipelineState) -> "AbstractContextManager[WorkerPool | None]":
        """Return processes that start while the data are generated, or None if there is only one model to fit."""
        if self.workers < 2 or len(state.algorithms) - len(state.run_ids) == 1:
            return nullcontext()
        return WorkerPool(self.workers, modules=("edtech.ml.families", "edtech.data"))

    def _run(self, state: PipelineState, executor: "Executor | None") -> PipelineResult:
        state.save(self.settings.reports_dir)
        with self._stage("data"):
            dataset = stages.load_data(state, self.settings, self.say)
        with self._stage("understanding"):
            checks = stages.check_data(dataset, self.say)
        with self._stage("preparation"):
            algorithms = stages.select_algorithms(dataset, state, self.say)
        with self._stage("training"):
            fits = stages.start_fits(dataset, algorithms, state, executor)
            tracker = stages.open_tracker(self.settings) if self.use_mlflow else None
            runs = stages.train(dataset, algorithms, state, tracker, self.settings, self.say, fits)
        with self._stage("evaluation"):
            best = stages.select_best(runs, self.say)
            may_register = tracker is not None and state.register_best
            registered = stages.register(best, self.settings, self.say) if may_register else {}
        with self._stage("report"):
            export = tracker.export_experiment_results() if tracker else None
            reports = stages.write_report(dataset, runs, self.settings)
        models = tuple(f"runs:/{run.run_id}/model" for run in runs if run.run_id)
        command = tracker.ui_command if tracker else None
        uri = tracker.uri if tracker else None
        result = PipelineResult(dataset, checks, tuple(runs), best, registered, models, export, reports, uri, command)
        self._print_summary(result)
        return result

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        self.say(f"Stage {STAGES.index(name) + 1} of {len(STAGES)}: {name}")
        try:
            yield
        except EdtechError as exc:
            raise PipelineError(
                f"The stage {name!r} failed: {exc.problem}",
                expected=exc.expected,
                actual=exc.actual,
                where=exc.where,
                fix=f"{(exc.fix or 'correct the problem').rstrip('.')}; then continue with --resume",
                details=exc.details,
            ) from exc

    def _print_summary(self, result: PipelineResult) -> None:
        self.say(f"{len(result.runs)} models trained, {len(result.models)} of them saved:")
        for model in result.models:
            self.say(f"  {model}")
        for path in (*(() if result.export is None else (result.export,)), *result.reports):
            self.say(f"  {path}")
        if result.ui_command:
            self.say(f"Open the runs in MLflow: {result.ui_command}")
