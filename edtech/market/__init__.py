"""Generate a market of courses with a known ground truth."""

from typing import TYPE_CHECKING

from edtech.lazy import lazy_names

if TYPE_CHECKING:
    from edtech.market.accounting import broken_identities
    from edtech.market.generate import generate_market
    from edtech.market.params import PRESETS, MarketParams, presets
    from edtech.market.storage import Market, open_market
    from edtech.market.truth import Counterfactual, Truth

__all__ = [
    "PRESETS",
    "Counterfactual",
    "Market",
    "MarketParams",
    "Truth",
    "broken_identities",
    "generate_market",
    "open_market",
    "presets",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Counterfactual": "edtech.market.truth",
        "Market": "edtech.market.storage",
        "MarketParams": "edtech.market.params",
        "PRESETS": "edtech.market.params",
        "Truth": "edtech.market.truth",
        "broken_identities": "edtech.market.accounting",
        "generate_market": "edtech.market.generate",
        "open_market": "edtech.market.storage",
        "presets": "edtech.market.params",
        "identities": "edtech.market.accounting:broken_identities",  # former name
    },
)
