"""What a training is worth: its decisions, judged by the truth of a generated market where there is one.

A family that decides something has a function here; the decision is never judged by the run's own model.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edtech.ml.base import FittedModel
from edtech.ml.elasticity.algorithms import FAMILY as TOKEN_ELASTICITY
from edtech.ml.elasticity.result import ElasticityResult
from edtech.ml.outcomes import CHURN, COMPLETION, PROPENSITY
from edtech.ml.outcomes.result import LabelResult
from edtech.ml.teachers.algorithms import FAMILY as TEACHER_QUALITY
from edtech.ml.teachers.ground_truth import against_truth
from edtech.ml.teachers.result import TeacherResult
from edtech.pricing import Plan, recommend_prices
from edtech.pricing.policy import revenue_split
from edtech.tables.split import RevenueSplit
from edtech.training.ground_truth import TRUTH_KNOWN, TRUTH_UNKNOWN, known_truth, score_against_truth
from edtech.training.probability_value import score_probabilities

if TYPE_CHECKING:
    from edtech.data import Dataset


@dataclass(frozen=True, slots=True)
class DecisionValue:
    """Metrics beyond the model's own and tags that say how they came about; `plan` where the family recommends prices.

    `words` says how the decision was judged, or why it could not be.
    """

    basis: str
    metrics: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    plan: Plan | None = None


def evaluate_decision(dataset: "Dataset", trained: FittedModel) -> DecisionValue:
    """Return what a training's decisions are worth."""
    return EVALUATORS[trained.result.family](dataset, trained)


def _elasticity(dataset: "Dataset", trained: FittedModel) -> DecisionValue:
    result = trained.result
    assert isinstance(result, ElasticityResult)  # noqa: S101  # the family's own
    split = revenue_split(dataset)
    plan = recommend_prices(result, trained.rows, split=split)
    judgement = score_against_truth(dataset, result, plan)
    metrics = {**shared_metrics(result, split), **plan_metrics(plan), **judgement.metrics}
    tags = {"decision_value": judgement.basis, "plan": "refused" if plan.refused else "recommended"}
    return DecisionValue(judgement.basis, metrics, tags, plan)


def _teachers(dataset: "Dataset", trained: FittedModel) -> DecisionValue:
    result, truth = trained.result, known_truth(dataset)
    assert isinstance(result, TeacherResult)  # noqa: S101  # the family's own
    words = TRUTH_UNKNOWN if truth is None else TRUTH_KNOWN
    found = {} if truth is None else against_truth(result, trained.rows, truth.tables["teachers"])
    return DecisionValue(words, found, {"decision_value": words})


def _labels(dataset: "Dataset", trained: FittedModel) -> DecisionValue:
    result = trained.result
    assert isinstance(result, LabelResult)  # noqa: S101  # the family's own
    judgement = score_probabilities(known_truth(dataset), dataset, result)
    return DecisionValue(judgement.basis, judgement.metrics, {"decision_value": judgement.basis})


EVALUATORS: "dict[str, Callable[[Dataset, FittedModel], DecisionValue]]" = {
    TOKEN_ELASTICITY: _elasticity,
    TEACHER_QUALITY: _teachers,
    **dict.fromkeys((PROPENSITY, COMPLETION, CHURN), _labels),
}


def shared_metrics(result: ElasticityResult, split: RevenueSplit) -> dict[str, float]:
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
