"""A market of courses whose truth is known: parameters in, tables and truth out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edtech.market.accounting import identities
    from edtech.market.generate import generate_market
    from edtech.market.params import PRESETS, MarketParams, presets
    from edtech.market.storage import Market, open_market
    from edtech.market.truth import Counterfactual, Truth

_HOME = {
    "MarketParams": "params",
    "PRESETS": "params",
    "presets": "params",
    "generate_market": "generate",
    "identities": "accounting",
    "Market": "storage",
    "open_market": "storage",
    "Truth": "truth",
    "Counterfactual": "truth",
}
__all__ = [
    "PRESETS",
    "Counterfactual",
    "Market",
    "MarketParams",
    "Truth",
    "generate_market",
    "identities",
    "open_market",
    "presets",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    """Load a public name when it is first used (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
