"""The contract of a demand panel: one row for each unit and period with the price asked and the quantity sold."""

import pandas as pd

from edtech.tables.contract import Contract, build_table
from edtech.tables.roles import PanelRoles, Roles
from edtech.tables.rules import Rule
from edtech.tables.values import MAX_CATEGORIES, MAX_NUMBER, MAX_TEXT, shown, to_number

__all__ = ["MAX_CATEGORIES", "MAX_NUMBER", "MAX_TEXT", "PANEL_CONTRACT", "build_panel", "shown", "to_number"]


def _rules(roles: Roles) -> tuple[Rule, ...]:
    assert isinstance(roles, PanelRoles)  # noqa: S101 - the contract below is given no others
    found = []
    if roles.unit is not None and roles.period is not None:
        found.append(Rule("once", (roles.unit, roles.period), "must occur once for each unit and period"))
    if roles.views is not None:
        found.append(Rule("at_most", (roles.quantity, roles.views), "quantity must be at most views"))
    return tuple(found)


PANEL_CONTRACT = Contract(
    kind="panel",
    title="demand panel",
    row="one row for each unit and period, a price above 0 and a quantity of 0 or more",
    roles=PanelRoles,
    rules=_rules,
    order=("unit", "period"),
)


def build_panel(frame: pd.DataFrame, roles: PanelRoles) -> pd.DataFrame:
    """Return the validated demand panel of `frame`: only the columns that play a role, under their own names.

    Numbers come back as int64 or float64, units and segments as text, the flag as bool, periods as UTC datetimes
    without zone where they are dates and as numbers otherwise; rows are sorted by unit and period. Without a unit every
    row is an offer of its own.

    Raises:
        ContractError: listing every failed check at once with its column, count and at most five rows, counted from 1
            without the header line.
    """
    return build_table(PANEL_CONTRACT, frame, roles)
