"""The stages of the pipeline. The orchestrator only runs them in order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edtech.errors import ParamsError, ReportError
from edtech.jobs.progress import no_progress
from edtech.pipeline.checkpoint import PipelineState
from edtech.settings import Settings

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from edtech.data import Check, Dataset
    from edtech.ml.base import FittedModel
    from edtech.tracking import EdTechMLFlowTracker
    from edtech.training.trainer import RunResult

REPORT = "pipeline_report"
SELECTION_METRICS = ("decision_value_tokens", "poisson_deviance", "rating_rmse", "log_loss", "rmse")
"""The best run has the best value of the first metric that is available: decision value before errors."""
Say = Callable[[str], None]
AlgorithmsByFamily = dict[str, tuple[str, ...]]
"""Family -> the algorithms to train."""
Fits = dict[tuple[str, str], Callable[[], "FittedModel"]]
"""(family, algorithm) -> function that waits for the fitted model and returns it."""


@dataclass(frozen=True, slots=True)
class BestRun:
    """The best run of a family, the metric that selected it, and the metric's value."""

    run: "RunResult"
    metric: str
    value: float


def load_data(state: PipelineState, settings: Settings, say: Say) -> "Dataset":
    """Return the selected data set, or generate a market."""
    from edtech.data import Catalogue
    from edtech.market import MarketParams

    catalogue = Catalogue(settings.data_dir)
    if state.dataset_id is None:
        state.dataset_id = catalogue.add_generated(state.params or MarketParams(), name=state.name).id
        state.save(settings.reports_dir)
    dataset = catalogue.get(state.dataset_id)
    say(f"  {dataset.name}: {dataset.rows:,} rows, id {dataset.id}, digest {dataset.digest[:12]}")
    return dataset


def check_data(dataset: "Dataset", say: Say) -> "tuple[Check, ...]":
    """Print the key figures of the data set and run its health checks."""
    from edtech.data import check_dataset

    if dataset.kind in ("panel", "market"):
        figures = dataset.key_figures()
        say(
            f"  {figures.quantity:,.0f} sold for {figures.revenue:,.0f} tokens, prices {figures.lowest_price:g} to "
            f"{figures.highest_price:g}, from {figures.first_period} to {figures.last_period}"
        )
    else:
        say(f"  {dataset.rows:,} rows of the kind {dataset.kind}")
    checks = check_dataset(dataset)
    for check in checks:
        if check.severity != "PASS" or check.code == "learnable":
            say(f"  {check.severity}: {check.title}. {check.evidence}")
    say(f"  {sum(check.severity == 'PASS' for check in checks)} of {len(checks)} checks passed")
    return checks


def select_algorithms(dataset: "Dataset", state: PipelineState, say: Say) -> AlgorithmsByFamily:
    """Return the algorithms to train.

    Raises ParamsError for an unknown family or algorithm, or if the data set suits no family.
    """
    from edtech.ml.families import FAMILIES, get_family

    requested = list(FAMILIES) if state.families == ("all",) else state.families
    selected: AlgorithmsByFamily = {}
    for name in requested:
        family = get_family(name)
        available = family.algorithms_for(dataset)
        named = tuple(algorithm for algorithm in state.algorithms if algorithm in family.algorithms)
        usual = family.usual_algorithms or available
        if available:
            selected[name] = named or tuple(algorithm for algorithm in available if algorithm in usual)
        else:
            say(f"  {name}: skipped, it needs {family.needs}")
    _refuse_unknown(state.algorithms, [algorithm for name in requested for algorithm in get_family(name).algorithms])
    if not selected:
        raise ParamsError(
            "No family can be trained on this data set",
            expected="a data set with the tables of one of the families",
            actual=f"{dataset.name[:60]!r}, of the kind {dataset.kind}",
            fix="choose another data set or other families",
        )
    for name, algorithms in selected.items():
        say(f"  {name}: {', '.join(algorithms)}")
    return selected


def _refuse_unknown(requested: Sequence[str], available: Sequence[str]) -> None:
    if unknown := [name for name in requested if name not in available]:
        raise ParamsError(
            "There is no such algorithm",
            expected=f"one of {', '.join(dict.fromkeys(available))}",
            actual=", ".join(map(repr, unknown)),
            fix="choose from the list, or also name the algorithm's family",
        )


def open_tracker(settings: Settings) -> "EdTechMLFlowTracker":
    """Return a tracker that is ready to log."""
    from edtech.tracking import setup_mlflow_for_edtech_pipeline

    return setup_mlflow_for_edtech_pipeline(settings=settings)


def start_fits(
    dataset: "Dataset", algorithms: AlgorithmsByFamily, state: PipelineState, executor: "Executor | None"
) -> Fits:
    """Return a fit for each algorithm that no earlier attempt has logged; an executor starts all of them now."""
    keys = [(family, name) for family, names in algorithms.items() for name in names]
    open_keys = [key for key in keys if "/".join(key) not in state.run_ids]
    if executor is None:
        return {key: partial(_fit, dataset, *key) for key in open_keys}
    return {key: executor.submit(_fit, dataset, *key).result for key in open_keys}


def _fit(dataset: "Dataset", family_name: str, algorithm: str) -> "FittedModel":
    from edtech.ml.families import get_family
    from edtech.training.trainer import Trainer

    family = get_family(family_name)
    return Trainer(dataset, family, None).fit(algorithm, family.algorithm(algorithm).validate_params({}), no_progress)


def train(
    dataset: "Dataset",
    algorithms: AlgorithmsByFamily,
    state: PipelineState,
    tracker: "EdTechMLFlowTracker | None",
    settings: Settings,
    say: Say,
    fits: Fits,
) -> "list[RunResult]":
    """Train and log the algorithms; read the runs that an earlier attempt has logged."""
    from edtech.ml.families import get_family
    from edtech.training.trainer import Trainer

    runs: list[RunResult] = []
    total = sum(map(len, algorithms.values()))
    for family_name, names in algorithms.items():
        family = get_family(family_name)
        trainer = Trainer(dataset, family, tracker)
        for name in names:
            key = f"{family_name}/{name}"
            run = _read_run(state.run_ids.get(key), tracker)
            if run is None:
                fit = fits.get((family_name, name), partial(_fit, dataset, family_name, name))
                run = trainer.log(fit(), no_progress)
            runs.append(run)
            if run.run_id:
                state.run_ids[key] = run.run_id
                state.save(settings.reports_dir)
            first_line = family.summary(run.result).partition("\n")[0]
            say(f"  {len(runs)} of {total}, {name}: {first_line}")
            if run.run_id:
                say(f"    run {run.run_id}")
    return runs


def _read_run(run_id: str | None, tracker: "EdTechMLFlowTracker | None") -> "RunResult | None":
    """Return the run of an earlier attempt, or None if there is no readable one."""
    from edtech.errors import TrackingError
    from edtech.ml.artifacts import load_result
    from edtech.training.ground_truth import DecisionValue
    from edtech.training.trainer import RunResult

    if run_id is None or tracker is None:
        return None
    try:
        run, result = tracker.runs.get_run(run_id), load_result(tracker.runs, run_id)
    except TrackingError:  # deleted or damaged: train again
        return None
    return RunResult(run_id, result, DecisionValue(run.tags.get("decision_value", "")), dict(run.metrics))


def select_best(runs: "Sequence[RunResult]", say: Say) -> dict[str, BestRun]:
    """Return the best run of each family: by decision value if it is known, else by prediction error."""
    from edtech.metrics import metric

    best: dict[str, BestRun] = {}
    for family in dict.fromkeys(run.result.family for run in runs):
        winner = _best_run([run for run in runs if run.result.family == family])
        if winner is None:
            say(f"  {family}: no best run, because the runs share no metric to compare")
            continue
        best[family] = winner
        about = metric(winner.metric)
        value = f"{winner.value:,.5g} {about.unit}".rstrip()
        say(f"  {family}: best is {winner.run.result.algorithm}, {about.title} {value}")
    return best


def _best_run(runs: "Sequence[RunResult]") -> BestRun | None:
    from edtech.metrics import metric

    for name in SELECTION_METRICS:
        measured = [run for run in runs if name in run.metrics]
        if measured and (len(measured) == len(runs) or name == SELECTION_METRICS[0]):
            sign = 1 if metric(name).direction == "higher" else -1
            run = max(measured, key=lambda run: sign * run.metrics[name])
            return BestRun(run, name, run.metrics[name])
    return None


def register(best: dict[str, BestRun], settings: Settings, say: Say) -> dict[str, str]:
    """Register the best model of each family and promote it to champion if it meets the requirements.

    Returns family -> URI of the registered version.
    """
    from edtech.errors import TrackingError
    from edtech.tracking.registry import ModelRegistry

    registry, registered = ModelRegistry(settings), {}
    for family, winner in best.items():
        if winner.run.run_id is None:
            continue
        try:
            version = registry.register(winner.run.run_id)
            registered[family] = version.uri
            say(f"  {family}: registered as {version.uri}")
            if winner.metric == "decision_value_tokens" and winner.value <= 0:
                say(f"  {family}: not promoted to champion, because its decision value is not positive")
                continue
            registry.promote(version.name, version.version)
            say(f"  {family}: {version.uri} is the champion")
        except TrackingError as error:
            say(f"  {family}: {error}")
    return registered


def write_report(dataset: "Dataset", runs: "Sequence[RunResult]", settings: Settings) -> tuple[Path, ...]:
    """Write the report of all runs in each file format and return the paths."""
    from edtech.reports import FORMATS, write
    from edtech.reports.recipes import TrainingsRecipe

    recipe = TrainingsRecipe(dataset=dataset.id, runs=tuple(run.run_id for run in runs if run.run_id))
    written = recipe.report_of_results(dataset, [(run.result, run.metrics) for run in runs])
    files = {settings.reports_dir / f"{REPORT}.{extension}": extension for extension in FORMATS}
    try:
        settings.reports_dir.mkdir(parents=True, exist_ok=True)
        for path, extension in files.items():
            path.write_bytes(write(written, extension))
    except OSError as exc:
        raise ReportError(
            "The report cannot be written",
            expected="a folder that can be written, with free space",
            actual=str(exc)[:200],
            where=str(settings.reports_dir),
            fix="make the folder writable, or choose another home",
        ) from exc
    return tuple(files)
