"""The smallest tables that the families of models learn from, beside the demand panel."""

from collections.abc import Mapping
from typing import cast

import pandas as pd
from pydantic import ValidationError

from edtech.errors import ContractError
from edtech.tables.contract import Contract, Rule, build_table
from edtech.tables.roles import AnyRoles, LabelRoles, PanelRoles, RatingRoles, Roles, VisitRoles


def _panel_rules(roles: Roles) -> tuple[Rule, ...]:
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
    rules=_panel_rules,
    order=("unit", "period"),
)


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


def required(kind: str) -> list[str]:
    """Return the roles that a kind of table cannot do without."""
    named = [name for name, info in CONTRACTS[kind].roles.model_fields.items() if info.annotation is str]
    return [*named, "features"] if kind == "labels" else named


def roles_for(kind: str, chosen: Mapping[str, object]) -> AnyRoles:
    """Return the roles of a kind of table as a user chose them; None or an empty text is no choice.

    Raises:
        ContractError: there is no such kind, or a choice is missing or cannot be; all of them are listed.
    """
    if kind not in CONTRACTS:
        raise ContractError("There is no such kind of table", expected=", ".join(CONTRACTS), actual=repr(kind)[:80])
    roles = CONTRACTS[kind].roles
    missing = [name for name in required(kind) if not chosen.get(name)]
    if missing:
        titles = [f"{roles.model_fields[name].title} ({name})" for name in missing]
        raise ContractError(
            f"Choose a column for: {', '.join(titles)}",
            expected=CONTRACTS[kind].row,
            actual=f"no choice for {', '.join(missing)}",
            fix="Choose these columns, another kind of table, or a file that has them",
        )
    try:
        return cast(AnyRoles, roles.model_validate(dict(chosen)))
    except ValidationError as exc:
        wrong = exc.errors(include_url=False, include_context=False)
        raise ContractError(
            "The columns cannot play these roles",
            expected=f"roles out of {', '.join(roles.model_fields)}",
            actual=f"{len(wrong)} choices that cannot be",
            fix="Correct or leave out what is listed",
            details=[f"{'.'.join(map(str, one['loc']))[:80]}: {one['msg']}" for one in wrong[:10]],
        ) from exc


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
