"""One training from data set to logged run: fit, plan, judge, log."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from edtech.ml import ALGORITHMS, FitResult, TokenPriceElasticityModeler
from edtech.ml.artifacts import run_items
from edtech.pipeline.judging import Judgement, judge, known_truth
from edtech.pricing import Plan, Response, plan_for, recommend_prices, withheld
from edtech.tables.split import RevenueSplit

if TYPE_CHECKING:
    from edtech.data import Dataset
    from edtech.market import Truth
    from edtech.tracking import EdTechMLFlowTracker

Progress = Callable[[float, str], None]

COMPETING = (
    "No price is recommended from this run: the visits show that several offers were seen at a time, so courses "
    "compete, and this algorithm takes each course for itself. Train the choice among offers (choice_logit) for a plan."
)


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """A training, its plan and every metric that was logged; `run_id` is None where nothing tracks."""

    run_id: str | None
    result: FitResult
    plan: Plan
    judgement: Judgement
    metrics: dict[str, float]


def revenue_split(dataset: "Dataset") -> RevenueSplit:
    """Return how the data set's tokens are shared: a generated market's own rates, else the stated defaults."""
    params = dataset.source.get("params")
    if dataset.kind != "market" or not isinstance(params, dict):
        return RevenueSplit()
    return RevenueSplit.model_validate({name: params[name] for name in RevenueSplit.model_fields})


def train_runs(
    dataset: "Dataset",
    algorithms: Iterable[str],
    *,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    tracker: "EdTechMLFlowTracker | None" = None,
    progress: Progress | None = None,
) -> list[TrainedRun]:
    """Train algorithms on a data set, one run each, and log them where there is a tracker.

    `progress` is told the share done and what is being done; what it raises stops the work between two steps, and a run
    that was not finished is not logged. Raises what the modeler and the tracker raise.
    """
    tell = progress or (lambda _share, _text: None)
    chosen = list(algorithms)
    tell(0.0, "Reading the data set")
    panel, truth = dataset.panel(), known_truth(dataset)
    runs = [
        _train_one(
            dataset, panel, truth, name, (params or {}).get(name), tracker,
            _part(tell, number / len(chosen), 1 / len(chosen)),
        )
        for number, name in enumerate(chosen)
    ]  # fmt: skip
    tell(1.0, "Done")
    return runs


def algorithms_for(dataset: "Dataset") -> tuple[str, ...]:
    """Return the algorithms that the data set has the tables for, the one to start with first."""
    if "views" in dataset.tables:
        return ("choice_logit", *(name for name, one in ALGORITHMS.items() if not one.needs_visits))
    return tuple(name for name, one in ALGORITHMS.items() if not one.needs_visits)


def plan_to_act_on(dataset: "Dataset", response: Response, split: RevenueSplit) -> Plan:
    """Return the plan that may be shown as one to act on.

    Where visits show that offers compete and the model takes each for itself, its plan is withheld: moving many prices
    by such a model has been seen to lose what it promised to gain.
    """
    plan = plan_for(response, split=split)
    if response.joint or plan.refused or "views" not in dataset.tables:
        return plan
    return withheld(plan, COMPETING)


def visits_for(dataset: "Dataset", algorithm: str) -> pd.DataFrame | None:
    """Return the offers seen on visits where the algorithm needs them and the data set has them."""
    if algorithm not in ALGORITHMS or not ALGORITHMS[algorithm].needs_visits or "views" not in dataset.tables:
        return None
    return dataset.table("views", ["visit_id", "course_id", "viewed_at", "token_price", "enrolled"])


def _part(tell: Progress, start: float, size: float) -> Progress:
    """Return a progress callback for a part of the work."""
    return lambda share, text: tell(start + size * share, text)


def _train_one(
    dataset: "Dataset",
    panel: pd.DataFrame,
    truth: "Truth | None",
    algorithm: str,
    values: Mapping[str, Any] | None,
    tracker: "EdTechMLFlowTracker | None",
    tell: Progress,
) -> TrainedRun:
    split = revenue_split(dataset)
    modeler = TokenPriceElasticityModeler.from_roles(dataset.roles)
    visits = visits_for(dataset, algorithm)
    found = modeler.compare_models(
        panel, [algorithm], visits=visits, params={algorithm: values or {}}, progress=_part(tell, 0.1, 0.5)
    )  # fmt: skip
    result = found[algorithm]
    tell(0.65, "Looking for better prices")
    plan = recommend_prices(result, panel, split=split)
    judgement = judge(truth, result, plan)
    metrics = {**result.metrics, **shared_metrics(result, split), **plan_metrics(plan), **judgement.metrics}
    if tracker is None:
        return TrainedRun(None, result, plan, judgement, metrics)
    tell(0.8, "Logging the run")
    tags = {"decision_value": judgement.words, "plan": "refused" if plan.refused else "recommended"}
    items = run_items(
        result, panel, dataset_name=dataset.name, dataset_digest=dataset.digest, metrics=metrics, tags=tags
    )  # fmt: skip
    return TrainedRun(tracker.log(items), result, plan, judgement, metrics)


def shared_metrics(result: FitResult, split: RevenueSplit) -> dict[str, float]:
    """Return teachers' and the platform's parts of the evaluation periods' revenue, observed and predicted."""
    parts = {"teacher_earnings": split.teacher_rate, "platform_commission": split.commission_rate}
    return {
        f"{name}{suffix}": result.metrics[f"token_revenue{suffix}"] * share
        for suffix in ("", "_predicted")
        if f"token_revenue{suffix}" in result.metrics
        for name, share in parts.items()
    }


def plan_metrics(plan: Plan) -> dict[str, float]:
    """Return what the run's own model expects of its plan, per period; empty where no plan is recommended."""
    if plan.refused:
        return {}
    effects = plan.outcome.effects
    revenue = effects["token_revenue"]
    found = {
        f"{name}_plan": effects[name].planned for name in ("token_revenue", "teacher_earnings", "platform_commission")
    }
    found["revenue_impact"] = revenue.planned - revenue.today
    if revenue.low is not None and revenue.high is not None:
        found["revenue_impact_low"] = revenue.today * revenue.low
        found["revenue_impact_high"] = revenue.today * revenue.high
    return found
