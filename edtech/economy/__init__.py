"""The token economy: figures from the ledger, their reconciliation with it, and forecasts.

period = select_period(dataset, first, last)
economy(dataset, period).figures["velocity"].value
reconcile(dataset, period).broken            none
"""

from edtech.economy.dictionary import ECONOMY, GROUPS, FigureDefinition
from edtech.economy.figures import Economy, EconomyFigure, economy, missing_figures
from edtech.economy.line_items import LINE_ITEMS, LedgerEntries, entries_of, ledger_sums
from edtech.economy.period import Period, select_period, whole_period
from edtech.economy.reconcile import Identity, Reconciliation, reconcile
from edtech.lazy import lazy_names

__all__ = [
    "ECONOMY",
    "GROUPS",
    "LINE_ITEMS",
    "Economy",
    "EconomyFigure",
    "FigureDefinition",
    "Identity",
    "LedgerEntries",
    "Period",
    "Reconciliation",
    "economy",
    "entries_of",
    "ledger_sums",
    "missing_figures",
    "reconcile",
    "select_period",
    "whole_period",
]

__getattr__ = lazy_names(
    __name__,
    {  # former names
        "Entries": "edtech.economy.line_items:LedgerEntries",
        "LINES": "edtech.economy.line_items:LINE_ITEMS",
        "Meaning": "edtech.economy.dictionary:FigureDefinition",
        "chosen_period": "edtech.economy.period:select_period",
        "entries_behind": "edtech.economy.line_items:entries_of",
    },
)
