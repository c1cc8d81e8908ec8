"""The token economy: figures from the ledger, the proof that they agree with it, and where they may go from here.

period = chosen_period(dataset, first, last)
economy(dataset, period).figures["velocity"].value
reconcile(dataset, period).broken            none
"""

from edtech.economy.dictionary import ECONOMY, GROUPS, Meaning
from edtech.economy.figures import Economy, EconomyFigure, economy, missing_figures
from edtech.economy.ledger_lines import LINES, Entries, entries_behind, ledger_sums
from edtech.economy.period import Period, chosen_period, whole_period
from edtech.economy.reconcile import Identity, Reconciliation, reconcile

__all__ = [
    "ECONOMY",
    "GROUPS",
    "LINES",
    "Economy",
    "EconomyFigure",
    "Entries",
    "Identity",
    "Meaning",
    "Period",
    "Reconciliation",
    "chosen_period",
    "economy",
    "entries_behind",
    "ledger_sums",
    "missing_figures",
    "reconcile",
    "whole_period",
]
