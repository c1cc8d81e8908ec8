"""What-ifs and recommended prices from a trained model, with the evidence behind them.

answer = answer_question(WhatIfQuestion(scenario), PricingModel.load(store, run_id, dataset))
answer.outcome.token_revenue.change, answer.plan.table, answer.checks()
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edtech.pricing.curve import RevenueCurve, revenue_curve
    from edtech.pricing.effects import Effect
    from edtech.pricing.price_changes import changed_prices
    from edtech.pricing.questions import PricingModel, Scenario, WhatIfAnswer, WhatIfQuestion, answer_question
    from edtech.pricing.recommendation import Plan, plan_prices, recommend_prices, withhold
    from edtech.pricing.response import Response, price_response
    from edtech.pricing.what_ifs import WhatIf, estimate_effects, what_if

_MODULES = {
    "Effect": "effects",
    "Plan": "recommendation",
    "PricingModel": "questions",
    "Response": "response",
    "RevenueCurve": "curve",
    "Scenario": "questions",
    "WhatIf": "what_ifs",
    "WhatIfAnswer": "questions",
    "WhatIfQuestion": "questions",
    "answer_question": "questions",
    "changed_prices": "price_changes",
    "estimate_effects": "what_ifs",
    "plan_prices": "recommendation",
    "price_response": "response",
    "recommend_prices": "recommendation",
    "revenue_curve": "curve",
    "what_if": "what_ifs",
    "withhold": "recommendation",
}
_FORMER_NAMES = {"answer": "estimate_effects", "plan_for": "plan_prices", "withheld": "withhold"}

__all__ = [
    "Effect",
    "Plan",
    "PricingModel",
    "Response",
    "RevenueCurve",
    "Scenario",
    "WhatIf",
    "WhatIfAnswer",
    "WhatIfQuestion",
    "answer_question",
    "changed_prices",
    "estimate_effects",
    "plan_prices",
    "price_response",
    "recommend_prices",
    "revenue_curve",
    "what_if",
    "withhold",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401  # loaded when used: scikit-learn takes more than a second
    name = _FORMER_NAMES.get(name, name)
    if name in _MODULES:
        return getattr(import_module(f"edtech.pricing.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
