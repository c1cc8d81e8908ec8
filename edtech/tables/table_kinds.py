"""Define the kinds of tables that can be uploaded: demand panel, visits, labeled rows and ratings."""

from collections.abc import Mapping
from typing import cast

import pandas as pd
from pydantic import ValidationError

from edtech.errors import ContractError
from edtech.tables.contract import Contract, Rule, build_table
from edtech.tables.formatting import pluralize
from edtech.tables.roles import AnyRoles, LabelRoles, PanelRoles, RatingRoles, Roles, VisitRoles


def _panel_rules(roles: Roles) -> tuple[Rule, ...]:
    assert isinstance(roles, PanelRoles)  # noqa: S101 - the contract below is given no others
    rules = []
    if roles.unit is not None and roles.period is not None:
        once = "must occur once for each unit and period"
        rules.append(Rule("once", (roles.unit, roles.period), once, problem="repeat"))
    if roles.views is not None:
        at_most = "quantity must be at most views"
        rules.append(Rule("at_most", (roles.quantity, roles.views), at_most, problem="disagree: more sold than viewed"))
    return tuple(rules)


PANEL_CONTRACT = Contract(
    kind="panel",
    title="demand panel",
    row="one row for each unit and period, a price above 0 and a quantity of 0 or more",
    roles=PanelRoles,
    rules=_panel_rules,
    order=("unit", "period"),
)


def _visit_rules(roles: Roles) -> tuple[Rule, ...]:
    of = cast(VisitRoles, roles)
    once, one_true = "must occur once for each visit and course", "at most one course may be chosen in each visit"
    return (
        Rule("once", (of.visit, of.course), once, problem="repeat"),
        Rule("one_true", (of.chosen, of.visit), one_true, problem="disagree: several courses chosen in a visit"),
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
            row="one row for each course viewed on a visit: its price, above 0, and whether it was chosen",
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
    """Return the contract of a table with these roles."""
    return next(contract for contract in CONTRACTS.values() if isinstance(roles, contract.roles))


def required(kind: str) -> list[str]:
    """Return the required roles of a kind of table."""
    named = [name for name, info in CONTRACTS[kind].roles.model_fields.items() if info.annotation is str]
    return [*named, "features"] if kind == "labels" else named


def roles_for(kind: str, selection: Mapping[str, object]) -> AnyRoles:
    """Return the roles of a kind of table from a user's selection; None or an empty text is no selection.

    Raises:
        ContractError: the kind is unknown, or selections are missing or invalid; all of them are listed.
    """
    if kind not in CONTRACTS:
        raise ContractError("Unknown kind of table", expected=", ".join(CONTRACTS), actual=repr(kind)[:80])
    roles = CONTRACTS[kind].roles
    missing = [name for name in required(kind) if not selection.get(name)]
    if missing:
        titles = [f"{roles.model_fields[name].title} ({name})" for name in missing]
        raise ContractError(
            f"Choose a column for: {', '.join(titles)}",
            expected=CONTRACTS[kind].row,
            actual=f"no column for {', '.join(missing)}",
            fix="Choose these columns, another kind of table, or a file that has them",
        )
    try:
        return cast(AnyRoles, roles.model_validate(dict(selection)))
    except ValidationError as exc:
        wrong = exc.errors(include_url=False, include_context=False)
        raise ContractError(
            "The columns cannot have these roles",
            expected=f"roles out of {', '.join(roles.model_fields)}",
            actual=f"{pluralize(len(wrong), 'invalid selection')}",
            fix="Correct or remove the selections listed",
            details=[f"{'.'.join(map(str, error['loc']))[:80]}: {error['msg']}" for error in wrong[:10]],
        ) from exc


def build_panel(frame: pd.DataFrame, roles: PanelRoles) -> pd.DataFrame:
    """Return the validated demand panel of `frame`: only columns with a role, under their own names.

    Numbers become int64 or float64, units and segments text, the flag bool; dates become UTC datetimes without a time
    zone, other periods numbers. Rows are sorted by unit and period. Without a unit every row is a separate offer.

    Raises:
        ContractError: lists every failed check with its column, count and at most five rows (counted from 1, header
            excluded).
    """
    return build_table(PANEL_CONTRACT, frame, roles)
