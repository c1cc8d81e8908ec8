"""The value of each family's decision: one line per family in `EVALUATORS`, a default for families without one."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from edtech.ml.base import FittedModel
from edtech.ml.elasticity.algorithms import FAMILY as TOKEN_ELASTICITY
from edtech.ml.elasticity.result import ElasticityResult
from edtech.ml.outcomes import CHURN, COMPLETION, PROPENSITY
from edtech.ml.outcomes.result import OutcomeResult
from edtech.ml.teachers.algorithms import FAMILY as TEACHER_QUALITY
from edtech.ml.teachers.ground_truth import compare_with_truth
from edtech.ml.teachers.result import TeacherResult
from edtech.pricing import Plan, recommend_prices
from edtech.pricing.plan_policy import revenue_split
from edtech.tables.tokens import RevenueSplit
from edtech.training.ground_truth import FROM_TRUTH, NO_TRUTH, DecisionValue, ground_truth, score_against_truth
from edtech.training.probability_value import score_probabilities

if TYPE_CHECKING:
    from edtech.data import Dataset

NO_EVALUATOR = "empty: this model family has no decision to evaluate"


def evaluate_decision(dataset: "Dataset", fitted: FittedModel) -> DecisionValue:
    """Evaluate the decision that a trained model leads to; a family without an evaluator has no value."""
    return EVALUATORS.get(fitted.result.family, no_decision)(dataset, fitted)


def no_decision(_dataset: "Dataset", _fitted: FittedModel) -> DecisionValue:
    """Return no value: for families that lead to no decision."""
    return DecisionValue(NO_EVALUATOR)


def _elasticity(dataset: "Dataset", fitted: FittedModel) -> DecisionValue:
    result = fitted.result
    assert isinstance(result, ElasticityResult)  # noqa: S101  # the family's own result
    split = revenue_split(dataset)
    plan = recommend_prices(result, fitted.rows, split=split)
    value = score_against_truth(dataset, result, plan)
    metrics = {**shared_metrics(result, split), **plan_metrics(plan), **value.metrics}
    return replace(value, metrics=metrics, plan=plan)


def _teachers(dataset: "Dataset", fitted: FittedModel) -> DecisionValue:
    result, truth = fitted.result, ground_truth(dataset)
    assert isinstance(result, TeacherResult)  # noqa: S101  # the family's own result
    if truth is None:
        return DecisionValue(NO_TRUTH)
    return DecisionValue(FROM_TRUTH, compare_with_truth(result, fitted.rows, truth.tables["teachers"]))


def _outcomes(dataset: "Dataset", fitted: FittedModel) -> DecisionValue:
    result = fitted.result
    assert isinstance(result, OutcomeResult)  # noqa: S101  # the family's own result
    return score_probabilities(ground_truth(dataset), dataset, result)


EVALUATORS: "dict[str, Callable[[Dataset, FittedModel], DecisionValue]]" = {
    TOKEN_ELASTICITY: _elasticity,
    TEACHER_QUALITY: _teachers,
    **dict.fromkeys((PROPENSITY, COMPLETION, CHURN), _outcomes),
}
"""Family -> the function that evaluates its decision."""


def shared_metrics(result: ElasticityResult, split: RevenueSplit) -> dict[str, float]:
    """Return the teachers' and the platform's shares of revenue in the evaluation periods, actual and predicted."""
    shares = {"teacher_earnings": split.teacher_rate, "platform_commission": split.commission_rate}
    return {
        f"{name}{suffix}": result.metrics[f"token_revenue{suffix}"] * share
        for suffix in ("", "_predicted")
        if f"token_revenue{suffix}" in result.metrics
        for name, share in shares.items()
    }


def plan_metrics(plan: Plan) -> dict[str, float]:
    """Return the plan's expected results per period by the run's own model; empty if no plan is recommended."""
    if plan.refused:
        return {}
    effects = plan.outcome.effects
    revenue = effects["token_revenue"]
    metrics = {
        f"{name}_plan": effects[name].planned for name in ("token_revenue", "teacher_earnings", "platform_commission")
    }
    metrics["revenue_impact"] = revenue.planned - revenue.today
    if revenue.low is not None and revenue.high is not None:
        metrics["revenue_impact_low"] = revenue.today * revenue.low
        metrics["revenue_impact_high"] = revenue.today * revenue.high
    return metrics
