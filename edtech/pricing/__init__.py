"""What-ifs and recommended prices from a trained model, with the evidence behind them.

answer = answer_question(WhatIfQuestion(scenario), PricingModel.load(store, run_id, dataset))
answer.outcome.token_revenue.change, answer.plan.table, answer.checks()
"""

from typing import TYPE_CHECKING

from edtech.lazy import lazy_names

if TYPE_CHECKING:
    from edtech.pricing.curve import RevenueCurve, revenue_curve
    from edtech.pricing.effects import Effect
    from edtech.pricing.price_changes import changed_prices
    from edtech.pricing.questions import PricingModel, Scenario, WhatIfAnswer, WhatIfQuestion, answer_question
    from edtech.pricing.recommendation import Plan, plan_prices, recommend_prices, withhold
    from edtech.pricing.response import Response, price_response
    from edtech.pricing.what_ifs import WhatIf, estimate_effects, what_if

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

__getattr__ = lazy_names(
    __name__,
    {
        "Effect": "edtech.pricing.effects",
        "Plan": "edtech.pricing.recommendation",
        "PricingModel": "edtech.pricing.questions",
        "Response": "edtech.pricing.response",
        "RevenueCurve": "edtech.pricing.curve",
        "Scenario": "edtech.pricing.questions",
        "WhatIf": "edtech.pricing.what_ifs",
        "WhatIfAnswer": "edtech.pricing.questions",
        "WhatIfQuestion": "edtech.pricing.questions",
        "answer_question": "edtech.pricing.questions",
        "changed_prices": "edtech.pricing.price_changes",
        "estimate_effects": "edtech.pricing.what_ifs",
        "plan_prices": "edtech.pricing.recommendation",
        "price_response": "edtech.pricing.response",
        "recommend_prices": "edtech.pricing.recommendation",
        "revenue_curve": "edtech.pricing.curve",
        "what_if": "edtech.pricing.what_ifs",
        "withhold": "edtech.pricing.recommendation",
        # former names
        "answer": "edtech.pricing.what_ifs:estimate_effects",
        "plan_for": "edtech.pricing.recommendation:plan_prices",
        "withheld": "edtech.pricing.recommendation:withhold",
    },
)
