"""The whole way from data to report in one call, stage by stage."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edtech import __version__
from edtech.errors import EdtechError, PipelineError
from edtech.settings import Settings

if TYPE_CHECKING:
    from edtech.data import Dataset
    from edtech.market import MarketParams
    from edtech.pipeline.training import TrainedRun
    from edtech.tracking import EdTechMLFlowTracker

REPORT = "pipeline_report"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """What a pipeline made: the data set, a training for each algorithm, the report's files, the MLflow command."""

    dataset: "Dataset"
    runs: tuple["TrainedRun", ...]
    reports: tuple[Path, ...]
    tracking_uri: str | None
    ui_command: str | None


class EdTechPipelineOrchestrator:
    """Runs the stages data, training and report; `say` is told each line of progress."""

    def __init__(self, use_mlflow: bool = True, settings: Settings | None = None, say: Say | None = None) -> None:
        self.use_mlflow = use_mlflow
        self.settings = settings or Settings()
        self.say: Say = say or (lambda _line: None)

    def run_complete_pipeline(
        self,
        params: "MarketParams | None" = None,
        *,
        name: str = "Pipeline market",
        dataset: "Dataset | None" = None,
        algorithms: Sequence[str] | None = None,
    ) -> PipelineResult:
        """Generate a market (or take `dataset`), train and log the algorithms (by default all it has the tables for),
        write the report.

        Raises PipelineError naming the stage that failed; what earlier stages made stays.
        """
        with self._stage(1, "data"):
            chosen = dataset or self._generate(params, name)
            self.say(f"  {chosen.name}: {chosen.rows:,} rows, digest {chosen.digest[:12]}")
        with self._stage(2, "training"):
            tracker = self._tracker()
            runs = self._train(chosen, algorithms, tracker)
        with self._stage(3, "report"):
            reports = self._report(chosen, runs)
            for path in reports:
                self.say(f"  {path}")
        command = tracker.ui_command if tracker else None
        if command:
            self.say(f"See the runs in MLflow: {command}")
        return PipelineResult(chosen, tuple(runs), reports, tracker.uri if tracker else None, command)

    @contextmanager
    def _stage(self, number: int, name: str) -> Iterator[None]:
        self.say(f"Stage {number} of 3: {name}")
        try:
            yield
        except EdtechError as exc:
            raise PipelineError(
                f"The stage {name!r} failed: {exc.problem}",
                expected=exc.expected,
                found=exc.found,
                where=exc.where,
                fix=exc.fix,
                details=exc.details,
            ) from exc

    def _generate(self, params: "MarketParams | None", name: str) -> "Dataset":
        from edtech.data import Catalogue
        from edtech.market import MarketParams

        return Catalogue(self.settings.data_dir).add_generated(params or MarketParams(), name=name)

    def _tracker(self) -> "EdTechMLFlowTracker | None":
        if not self.use_mlflow:
            return None
        from edtech.tracking import setup_mlflow_for_edtech_pipeline

        return setup_mlflow_for_edtech_pipeline(settings=self.settings)

    def _train(
        self, dataset: "Dataset", algorithms: Sequence[str] | None, tracker: "EdTechMLFlowTracker | None"
    ) -> "list[TrainedRun]":
        from edtech.ml.elasticity.words import finding
        from edtech.pipeline.training import train_runs

        runs = train_runs(dataset, algorithms, tracker=tracker)
        for run in runs:
            self.say(f"  {run.result.algorithm}: {finding(run.result)}, identification {run.result.identification}")
            if run.run_id:
                self.say(f"    run {run.run_id}")
        return runs

    def _report(self, dataset: "Dataset", runs: "Sequence[TrainedRun]") -> tuple[Path, ...]:
        from edtech.reports import to_csv, to_html
        from edtech.reports.training import training_report

        report = training_report(
            {run.result.algorithm: (run.result, run.metrics) for run in runs},
            {
                "data set": dataset.name,
                "data set digest": dataset.digest,
                "version": __version__,
                **{f"run {run.result.algorithm}": run.run_id for run in runs if run.run_id},
            },
        )
        self.settings.reports_dir.mkdir(parents=True, exist_ok=True)
        html, csv = (self.settings.reports_dir / f"{REPORT}.{ending}" for ending in ("html", "csv"))
        html.write_text(to_html(report), encoding="utf-8")
        csv.write_bytes(to_csv(report))
        return html, csv
