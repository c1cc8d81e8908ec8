"""What each stage of the pipeline does; the orchestrator only puts them in order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edtech.errors import ParamsError, ReportError
from edtech.pipeline.progress_file import PipelineState
from edtech.settings import Settings

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from edtech.data import Check, Dataset
    from edtech.ml.base import FittedModel
    from edtech.tracking import EdTechMLFlowTracker
    from edtech.training.trainer import RunResult

REPORT = "pipeline_report"
USUAL = ("fixed_effects", "linear", "polynomial", "gam", "random_forest", "gradient_boosting")
"""Algorithms of `token_elasticity` that are trained unless others are named; with visits, `choice_logit` too."""
Say = Callable[[str], None]
Work = dict[str, tuple[str, ...]]
"""Family -> the algorithms to train."""
Fits = dict[tuple[str, str], Callable[[], "FittedModel"]]
"""Family and algorithm -> what returns the fitted model, when it is there."""


@dataclass(frozen=True, slots=True)
class BestRun:
    """The best run of a family, by which metric, and its value."""

    run: "RunResult"
    metric: str
    value: float


def data(state: PipelineState, settings: Settings, say: Say) -> "Dataset":
    """Return the data set asked for, generated where there is none yet."""
    from edtech.data import Catalogue
    from edtech.market import MarketParams

    catalogue = Catalogue(settings.data_dir)
    if state.dataset_id is None:
        made = catalogue.add_generated(state.params or MarketParams(), name=state.name)
        state.dataset_id = made.id
        state.save(settings.reports_dir)
    dataset = catalogue.get(state.dataset_id)
    say(f"  {dataset.name}: {dataset.rows:,} rows, id {dataset.id}, digest {dataset.digest[:12]}")
    return dataset


def understanding(dataset: "Dataset", say: Say) -> "tuple[Check, ...]":
    """Say what the data set holds and how healthy it is."""
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


def preparation(dataset: "Dataset", state: PipelineState, say: Say) -> Work:
    """Return what is to be trained. Raises ParamsError for an unknown family or algorithm, or where nothing fits."""
    from edtech.ml.families import FAMILIES, get_family

    chosen = list(FAMILIES) if state.families == ("all",) else state.families
    work: Work = {}
    for name in chosen:
        fits = get_family(name).algorithms_for(dataset)
        named = tuple(one for one in state.algorithms if one in get_family(name).algorithms)
        usual = tuple(one for one in fits if name != "token_elasticity" or one in (*USUAL, "choice_logit"))
        if fits:
            work[name] = named or usual
        else:
            say(f"  {name}: left out, it needs {get_family(name).needs}")
    _refuse_unknown(state.algorithms, [one for name in chosen for one in get_family(name).algorithms])
    if not work:
        raise ParamsError(
            "No family can be trained on this data set",
            expected="a data set with the tables of one of the families",
            found=f"{dataset.name[:60]!r}, of the kind {dataset.kind}",
            fix="choose another data set or other families",
        )
    for name, algorithms in work.items():
        say(f"  {name}: {', '.join(algorithms)}")
    return work


def _refuse_unknown(asked: Sequence[str], known: Sequence[str]) -> None:
    if unknown := [name for name in asked if name not in known]:
        raise ParamsError(
            "There is no such algorithm",
            expected=f"one of {', '.join(dict.fromkeys(known))}",
            found=", ".join(map(repr, unknown)),
            fix="choose from the list, or name its family too",
        )


def tracker(settings: Settings) -> "EdTechMLFlowTracker":
    """Return a tracker that is ready to log."""
    from edtech.tracking import setup_mlflow_for_edtech_pipeline

    return setup_mlflow_for_edtech_pipeline(settings=settings)


def fits(dataset: "Dataset", work: Work, state: PipelineState, workers: "Executor | None") -> Fits:
    """Return what fits each algorithm that no earlier attempt has logged; `workers` begin with all of them at once."""
    asked = [(name, one) for name, algorithms in work.items() for one in algorithms]
    todo = [key for key in asked if "/".join(key) not in state.run_ids]
    if workers is None:
        return {key: partial(_fit, dataset, *key) for key in todo}
    return {key: workers.submit(_fit, dataset, *key).result for key in todo}


def _fit(dataset: "Dataset", name: str, algorithm: str) -> "FittedModel":
    from edtech.ml.families import get_family
    from edtech.training.trainer import Trainer

    kind = get_family(name)
    return Trainer(dataset, kind, None).fit(algorithm, kind.algorithm(algorithm).validate_params({}), lambda *_: None)


def training(
    dataset: "Dataset",
    work: Work,
    state: PipelineState,
    tracker: "EdTechMLFlowTracker | None",
    settings: Settings,
    say: Say,
    fits: Fits,
) -> "list[RunResult]":
    """Train and log what is to be trained; a run that is there already is read instead."""
    from edtech.ml.families import get_family
    from edtech.training.trainer import Trainer

    runs: list[RunResult] = []
    total = sum(map(len, work.values()))
    for name, algorithms in work.items():
        logging = Trainer(dataset, get_family(name), tracker)
        for algorithm in algorithms:
            key = f"{name}/{algorithm}"
            run = _read(state.run_ids.get(key), tracker)
            if run is None:
                fit = fits.get((name, algorithm), partial(_fit, dataset, name, algorithm))
                run = logging.log(fit(), lambda *_: None)
            runs.append(run)
            if run.run_id:
                state.run_ids[key] = run.run_id
                state.save(settings.reports_dir)
            first = get_family(name).summary(run.result).partition("\n")[0]
            say(f"  {len(runs)} of {total}, {algorithm}: {first}")
            if run.run_id:
                say(f"    run {run.run_id}")
    return runs


def _read(run_id: str | None, tracker: "EdTechMLFlowTracker | None") -> "RunResult | None":
    """Return the run of an earlier attempt where there is one that can be read."""
    from edtech.errors import TrackingError
    from edtech.ml.artifacts import load_result
    from edtech.training.decision_value import DecisionValue
    from edtech.training.trainer import RunResult

    if run_id is None or tracker is None:
        return None
    try:
        run, result = tracker.runs.get_run(run_id), load_result(tracker.runs, run_id)
    except TrackingError:  # gone or damaged: it is trained again
        return None
    return RunResult(run_id, result, DecisionValue(run.tags.get("decision_value", "")), dict(run.metrics))


def evaluation(runs: "Sequence[RunResult]", say: Say) -> dict[str, BestRun]:
    """Return the best run of each family: by what its decisions are worth where that is known, else by its errors."""
    from edtech.metrics import metric

    best: dict[str, BestRun] = {}
    for family in dict.fromkeys(run.result.family for run in runs):
        own = [run for run in runs if run.result.family == family]
        found = _best(own)
        if found is None:
            say(f"  {family}: no metric that all its runs share tells which is best")
            continue
        best[family] = found
        known = metric(found.metric)
        say(f"  {family}: best is {found.run.result.algorithm}, {known.title} {found.value:,.5g} {known.unit}".rstrip())
    return best


RANKED_BY = ("decision_value_tokens", "poisson_deviance", "rating_rmse", "log_loss", "rmse")
"""The metrics that decide, the first that there is: money before errors."""


def _best(runs: "Sequence[RunResult]") -> BestRun | None:
    from edtech.metrics import metric

    for name in RANKED_BY:
        valued = [run for run in runs if name in run.metrics]
        if valued and (len(valued) == len(runs) or name == RANKED_BY[0]):
            sign = 1 if metric(name).direction == "higher" else -1
            run = max(valued, key=lambda one: sign * one.metrics[name])
            return BestRun(run, name, run.metrics[name])
    return None


def registration(best: dict[str, BestRun], settings: Settings, say: Say) -> dict[str, str]:
    """Register the best model of each family and make it the champion, as far as its gates let it; say what came of it.

    Returns family -> address of the registered version.
    """
    from edtech.errors import TrackingError
    from edtech.tracking.registry import ModelRegistry

    registry, found = ModelRegistry(settings), {}
    for family, one in best.items():
        if one.run.run_id is None:
            continue
        try:
            version = registry.register(one.run.run_id)
            found[family] = version.uri
            say(f"  {family}: registered as {version.uri}")
            if one.metric == "decision_value_tokens" and one.value <= 0:
                say(f"  {family}: its decisions would earn nothing, so it is not made the champion")
                continue
            registry.promote(version.name, version.version)
            say(f"  {family}: {version.uri} is the champion")
        except TrackingError as error:
            say(f"  {family}: {error}")
    return found


def report(dataset: "Dataset", runs: "Sequence[RunResult]", settings: Settings) -> tuple[Path, ...]:
    """Write the report of all trainings in every form and return where."""
    from edtech.reports import FORMS, write
    from edtech.reports.recipes import TrainingsRecipe

    recipe = TrainingsRecipe(dataset=dataset.id, runs=tuple(run.run_id for run in runs if run.run_id))
    written = recipe.told(dataset, [(run.result, run.metrics) for run in runs])
    files = {settings.reports_dir / f"{REPORT}.{ending}": ending for ending in FORMS}
    try:
        settings.reports_dir.mkdir(parents=True, exist_ok=True)
        for path, ending in files.items():
            path.write_bytes(write(written, ending))
    except OSError as exc:
        raise ReportError(
            "The report cannot be written",
            expected="a folder that can be written, with free space",
            found=str(exc)[:200],
            where=str(settings.reports_dir),
            fix="make the folder writable, or choose another home",
        ) from exc
    return tuple(files)
