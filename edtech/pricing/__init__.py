"""What-ifs and recommended prices from a trained model, with what they rest on."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edtech.pricing.curve import RevenueCurve, revenue_curve
    from edtech.pricing.effects import Effect
    from edtech.pricing.recommendation import Plan, plan_for, recommend_prices, withheld
    from edtech.pricing.response import Response, price_response
    from edtech.pricing.what_ifs import WhatIf, answer, changed_prices, what_if

_WHERE = {
    "Effect": "edtech.pricing.effects",
    "Plan": "edtech.pricing.recommendation",
    "Response": "edtech.pricing.response",
    "RevenueCurve": "edtech.pricing.curve",
    "WhatIf": "edtech.pricing.what_ifs",
    "answer": "edtech.pricing.what_ifs",
    "changed_prices": "edtech.pricing.what_ifs",
    "plan_for": "edtech.pricing.recommendation",
    "price_response": "edtech.pricing.response",
    "recommend_prices": "edtech.pricing.recommendation",
    "revenue_curve": "edtech.pricing.curve",
    "what_if": "edtech.pricing.what_ifs",
    "withheld": "edtech.pricing.recommendation",
}

__all__ = [
    "Effect",
    "Plan",
    "Response",
    "RevenueCurve",
    "WhatIf",
    "answer",
    "changed_prices",
    "plan_for",
    "price_response",
    "recommend_prices",
    "revenue_curve",
    "what_if",
    "withheld",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401  # loaded when used: scikit-learn takes more than a second
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
