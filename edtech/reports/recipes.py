"""Recipes of reports: the ids and options from which the same report can be made again, stored in its file.

`report_of(RunRecipe(run=...), stores)` is what pages, commands and `verify` all call.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from io import StringIO
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from edtech import __version__
from edtech.errors import ReportError
from edtech.metrics import Direction
from edtech.pricing.constraints import Constraints, Goal
from edtech.pricing.questions import Scenario, WhatIfQuestion
from edtech.settings import Settings

if TYPE_CHECKING:
    from edtech.data import Catalogue, Dataset
    from edtech.ml import FitResult
    from edtech.reports import Report
    from edtech.tracking import Run, RunStore

MAX_TABLES = 12
MAX_TABLE_BYTES = 5_000_000
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")]
Provenance = dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Stores:
    """Where reports take their numbers from."""

    catalogue: "Catalogue"
    runs: "RunStore"

    @classmethod
    def of(cls, settings: Settings) -> "Stores":
        """Return the stores of a home."""
        from edtech.data import Catalogue
        from edtech.tracking import RunStore

        return cls(Catalogue(settings.data_dir), RunStore(settings=settings))


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


class _Recipe(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = Field(__version__, max_length=40)
    created: str = Field(default_factory=_now, max_length=40)

    def __init__(self, **values: Any) -> None:  # noqa: ANN401 - checked here
        """Take the values. Raises ReportError that names the invalid values."""
        try:
            super().__init__(**values)
        except ValidationError as exc:
            raise _invalid_recipe(exc) from exc

    def provenance(self) -> Provenance:
        """Return the provenance of every report."""
        return {"version": self.version, "created": self.created}

    def make(self, stores: Stores) -> "Report":
        """Return the report. Raises EdtechError if the stores lack its sources."""
        raise NotImplementedError


class HealthRecipe(_Recipe):
    """A data set and its checks."""

    kind: Literal["health"] = "health"
    dataset: Id

    def make(self, stores: Stores) -> "Report":
        """Return the report; errors as `_Recipe.make`."""
        from edtech.data import check_dataset
        from edtech.reports.health import health_report

        dataset = stores.catalogue.get(self.dataset)
        return health_report(dataset, check_dataset(dataset), _dataset_provenance(dataset) | self.provenance())


class RunRecipe(_Recipe):
    """A logged run."""

    kind: Literal["run"] = "run"
    run: Id

    def make(self, stores: Stores) -> "Report":
        """Return the report; errors as `_Recipe.make`."""
        from edtech.reports.run import run_report

        run = stores.runs.get_run(self.run)
        return run_report(run, dict(_logged_tables(stores.runs, run)), _run_provenance(run) | self.provenance())


class ComparisonRecipe(_Recipe):
    """Runs side by side; `x` and `y` are the metrics of the scatter, `said` the user's direction and unit of others."""

    kind: Literal["comparison"] = "comparison"
    runs: Annotated[tuple[Id, ...], Field(min_length=1, max_length=50)]
    baseline: Id | None = None
    rank_across_data: bool = False
    x: str = Field("rmse", max_length=250)
    y: str = Field("decision_value_tokens", max_length=250)
    said: dict[str, tuple[Direction, str]] = {}

    def make(self, stores: Stores) -> "Report":
        """Return the report; errors as `_Recipe.make`."""
        from edtech.reports.comparison import comparison_report
        from edtech.tracking import as_frame, compare_runs
        from edtech.tracking.metric_definitions import MetricDefinition, define_metrics

        runs = [stores.runs.get_run(run_id) for run_id in self.runs]
        frame = as_frame(runs)
        said = {name: MetricDefinition(direction=direction, unit=unit) for name, (direction, unit) in self.said.items()}
        comparison = compare_runs(frame, define_metrics(frame, said), self.baseline, self.rank_across_data)
        sources: Provenance = {}
        for number, run in enumerate(runs, 1):
            sources |= {f"run {number}": run.run_id, f"data set digest {number}": run.tags.get("dataset_digest", "")}
        return comparison_report(comparison, self.x, self.y, sources | self.provenance())


class WhatIfRecipe(_Recipe):
    """A what-if of a run, and its recommended prices for an objective within guardrails."""

    kind: Literal["what-if"] = "what-if"
    scenario: Scenario
    objective: Goal | dict[Goal, float] = "token_revenue"
    constraints: Constraints = Constraints()

    @classmethod
    def of(cls, question: WhatIfQuestion) -> "WhatIfRecipe":
        """Return the recipe of the answer to a question."""
        return cls(scenario=question.scenario, objective=question.objective, constraints=question.guardrails)

    def make(self, stores: Stores) -> "Report":
        """Return the report; errors as `_Recipe.make`."""
        from edtech.pricing import PricingModel, answer_question
        from edtech.reports.pricing import pricing_report

        dataset = stores.catalogue.get(self.scenario.dataset_id)
        run = stores.runs.get_run(self.scenario.run_id)
        model = PricingModel.load(stores.runs, run.run_id, dataset)
        answer = answer_question(WhatIfQuestion(self.scenario, self.objective, self.constraints), model)
        return pricing_report(answer, _run_provenance(run) | _dataset_provenance(dataset) | self.provenance())


class TrainingsRecipe(_Recipe):
    """Trainings on one data set, as the pipeline leaves them."""

    kind: Literal["trainings"] = "trainings"
    dataset: Id
    runs: Annotated[tuple[Id, ...], Field(max_length=100)]

    def make(self, stores: Stores) -> "Report":
        """Return the report; errors as `_Recipe.make`."""
        from edtech.ml.artifacts import load_result

        if not self.runs:
            raise ReportError("These trainings were not tracked", fix="Train with tracking to have a report verified")
        trainings = [(load_result(stores.runs, run), stores.runs.get_run(run).metrics) for run in self.runs]
        return self.report_of_results(stores.catalogue.get(self.dataset), trainings)

    def report_of_results(
        self, dataset: "Dataset", trainings: "Sequence[tuple[FitResult, Mapping[str, float]]]"
    ) -> "Report":
        """Return the report of loaded trainings: result and metrics of each run, in the order of `runs`."""
        from edtech.reports.training import training_report

        several = len({result.family for result, _ in trainings}) > 1
        labels = [f"{fit.family}, {fit.algorithm}" if several else fit.algorithm for fit, _ in trainings]
        runs: Provenance = {f"run {name}": run for name, run in zip(labels, self.runs, strict=bool(self.runs))}
        named = dict(zip(labels, trainings, strict=True))
        return with_recipe(training_report(named, _dataset_provenance(dataset) | runs | self.provenance()), self)


class EconomyRecipe(_Recipe):
    """The figures of the token economy over days, both ends included; by default over all days of the data set."""

    kind: Literal["economy"] = "economy"
    dataset: Id
    first: date | None = None
    last: date | None = None

    def make(self, stores: Stores) -> "Report":
        """Return the report; errors as `_Recipe.make`."""
        from edtech.economy import economy, select_period
        from edtech.reports.economy import economy_report

        dataset = stores.catalogue.get(self.dataset)
        figures = economy(dataset, select_period(dataset, self.first, self.last))
        return economy_report(dataset, figures, _dataset_provenance(dataset) | self.provenance())


class ForecastRecipe(_Recipe):
    """A forecast of the token economy under a run's prices and assumed rules; stored as `outlook` since version 0.1."""

    kind: Literal["outlook"] = "outlook"
    dataset: Id
    run: Id | None = None
    changes: dict[str, float] = {}
    recommended: bool = False
    assumed: dict[str, float] = {}

    def make(self, stores: Stores) -> "Report":
        """Return the report; errors as `_Recipe.make`."""
        from edtech.economy.forecast import forecast
        from edtech.economy.observed_flows import observe_flows
        from edtech.economy.price_forecast import ForecastModels, ForecastPrices, price_scenario_effect
        from edtech.economy.simulation import Assumptions
        from edtech.reports.economy import forecast_report

        dataset = stores.catalogue.get(self.dataset)
        observed = observe_flows(dataset)
        assumptions = Assumptions.of(observed, **self.assumed)
        prices = ForecastPrices(self.run, self.changes, self.recommended)
        effect, reasons = price_scenario_effect(ForecastModels.of(stores.runs, dataset), prices)
        sources: Provenance = {"run": self.run or "none: today's prices", "seed": assumptions.seed}
        result = forecast(observed, assumptions, effect)
        return forecast_report(result, reasons, _dataset_provenance(dataset) | sources | self.provenance())


Recipe = HealthRecipe | RunRecipe | ComparisonRecipe | WhatIfRecipe | TrainingsRecipe | EconomyRecipe | ForecastRecipe
_ANY: TypeAdapter[Recipe] = TypeAdapter(Annotated[Recipe, Field(discriminator="kind")])


def report_of(recipe: Recipe, stores: Stores) -> "Report":
    """Return the report with its recipe. Raises EdtechError if the stores lack its sources."""
    return with_recipe(recipe.make(stores), recipe)


def with_recipe(report: "Report", recipe: _Recipe) -> "Report":
    """Return the report with the recipe in it."""
    return replace(report, recipe=recipe.model_dump_json())


def parse_recipe(text: str) -> Recipe:
    """Return the recipe in a report's file. Raises ReportError if it is missing or invalid."""
    if not text:
        raise ReportError(
            "The report has no recipe",
            expected="a report of stored data or runs",
            actual="a report of a training without tracking, or of another program",
            fix="Train with tracking, then download the report",
        )
    try:
        return _ANY.validate_json(text)
    except ValidationError as exc:
        raise _invalid_recipe(exc) from exc


def _invalid_recipe(exc: ValidationError) -> ReportError:
    return ReportError(
        "The recipe of the report is invalid",
        expected="ids of stored data sets or runs, and options of a page or command",
        actual="; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors()[:3]),
        fix="Correct these values; if they come from a report's file, download the report again",
    )


def _dataset_provenance(dataset: "Dataset") -> Provenance:
    seed = dataset.source.get("params")
    provenance: Provenance = {"data set": dataset.name, "data set id": dataset.id, "data set digest": dataset.digest}
    return provenance | ({"market seed": str(seed["seed"])} if isinstance(seed, dict) and "seed" in seed else {})


def _run_provenance(run: "Run") -> Provenance:
    tags = {"data set": "dataset_name", "data set digest": "dataset_digest", "seed": "seed", "code": "edtech.version"}
    logged: Provenance = {name: run.tags[tag] for name, tag in tags.items() if tag in run.tags}
    return {"run": run.run_id, "experiment": run.experiment, **logged}


def _logged_tables(store: "RunStore", run: "Run") -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the CSV files of a run, without those that are not tables or too long for a report."""
    paths = sorted(path for path in run.artifacts if path.endswith(".csv"))
    for path in paths[:MAX_TABLES]:
        content = store.read_artifact(run.run_id, path)
        if len(content) > MAX_TABLE_BYTES:
            continue
        try:
            frame = pd.read_csv(StringIO(content.decode("utf-8")))
        except (ValueError, pd.errors.ParserError):
            continue
        yield path, frame
