"""The smallest tables that the families of models learn from, beside the demand panel."""

from typing import cast

from edtech.tables.contract import Contract
from edtech.tables.panel import PANEL_CONTRACT
from edtech.tables.roles import LabelRoles, RatingRoles, Roles, VisitRoles
from edtech.tables.rules import Rule


def _visit_rules(roles: Roles) -> tuple[Rule, ...]:
    of = cast(VisitRoles, roles)
    return (
        Rule("once", (of.visit, of.course), "must occur once for each visit and course"),
        Rule("one_true", (of.chosen, of.visit), "at most one course may be chosen in each visit"),
    )


def _no_rules(_roles: Roles) -> tuple[Rule, ...]:
    return ()


CONTRACTS: dict[str, Contract] = {
    contract.kind: contract
    for contract in (
        PANEL_CONTRACT,
        Contract(
            kind="visits",
            title="table of visits and views",
            row="one row for each course seen on a visit: its price, above 0, and whether it was chosen",
            roles=VisitRoles,
            rules=_visit_rules,
            order=("visit", "course"),
        ),
        Contract(
            kind="labels",
            title="table of labeled rows",
            row="one row for each case with an outcome of 1 or 0 and the features known before it",
            roles=LabelRoles,
            rules=_no_rules,
        ),
        Contract(
            kind="ratings",
            title="table of ratings by teacher",
            row="one row for each rating, with the teacher it is for",
            roles=RatingRoles,
            rules=_no_rules,
            order=("teacher",),
        ),
    )
}
"""The contract of each kind of data set that is uploaded."""


def contract_for(roles: Roles) -> Contract:
    """Return the contract that a table with these roles must keep."""
    return next(contract for contract in CONTRACTS.values() if isinstance(roles, contract.roles))
