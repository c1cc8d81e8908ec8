"""The kind of an uploaded table, and the role of each column."""

from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo

from edtech.data import CONTRACTS, Upload, suggest_kind, suggest_mapping, suggest_roles
from edtech.tables.roles import ColumnKind, Dates
from edtech.tables.values import as_text, is_ambiguous, read_as
from edtech.ui import state
from edtech.ui.cache import services
from edtech.ui.widgets import escape

COMBINED = "unit (combined)"
NOTHING = "(none)"
MAX_OUTCOME_VALUES = 200
KINDS = {
    "panel": "Demand panel: units and periods with prices and quantities",
    "visits": "Visits: the courses offered with their prices, and the course taken",
    "labels": "Labeled rows: who enrolled, completed or left, with features from before",
    "ratings": "Ratings by teacher",
}
OPTION_LABELS = {
    "unknown": "Unknown, or in response to demand",
    "schedule": "By a schedule or rule that ignores demand",
    "experiment": "Randomized in an experiment",
    "quantity": "By quantity",
    "equal": "Equally",
    "propensity": "Enrolled",
    "completion": "Completed",
    "churn": "Left",
    "clear": "Unknown",
    "day_first": "Day first: 03/04/2024 is 3 April",
    "month_first": "Month first: 03/04/2024 is 4 March",
}
"""Labels of role values that are not columns."""


def choose_kind(upload: Upload, token: str) -> str:
    """Show the choice of the table's kind, suggested by the last such file or by column names."""
    saved_kinds = [kind for kind in CONTRACTS if services.catalogue().saved_mapping(upload.columns, kind) is not None]
    start = saved_kinds[0] if saved_kinds else suggest_kind(upload.frame)
    state.start_from("upload.kind", start, fresh=state.is_new("upload.kind.of", token))
    kind: str = st.selectbox(
        "Kind of table",
        list(KINDS),
        format_func=KINDS.__getitem__,
        key="upload.kind",
        help="Suggested from column names. It decides the checks and the models.",
    )
    st.caption(f"Each row: {CONTRACTS[kind].row.removeprefix('one row for ')}.")
    return kind


def choose_roles(upload: Upload, kind: str, token: str) -> tuple[dict[str, Any], list[str]]:
    """Show the choice of each role; return the roles, and the columns that together identify the unit."""
    fresh = state.is_new("upload.roles.of", f"{token}.{kind}")
    start, parts, lookup = _start(upload, kind)
    st.markdown("**Column roles.** Suggested from column names; please check.")
    if lookup:
        st.caption("Same mapping as the last file with these columns.")
    columns = list(upload.columns)
    if parts:
        state.start_from("upload.parts", parts, fresh=fresh)
        parts = st.multiselect(
            "Columns that together identify a unit",
            columns,
            key="upload.parts",
            help="They are combined into one column, the unit.",
        )
        columns.append(COMBINED)
    fields = CONTRACTS[kind].roles.model_fields
    single = [name for name, info in fields.items() if _is_column(info) and not _is_many(info)]
    selection: dict[str, Any] = {}
    for number, column in enumerate(st.columns(2)):
        with column:
            for role in single[number::2]:
                selection[role] = _single_column(fields[role], role, columns, start.get(role), fresh=fresh)
    selection["dates"] = _order_of_dates(upload, fields, selection, start.get("dates"), fresh=fresh)
    for role in (name for name in fields if name not in single and name != "dates"):
        options = list(upload.columns) if _is_column(fields[role]) else _outcome_values(upload, selection.get("label"))
        selection[role] = _other_input(fields[role], role, options, start.get(role), fresh=fresh)
    return selection, parts if selection.get("unit") == COMBINED else []


def _order_of_dates(
    upload: Upload, fields: dict[str, FieldInfo], roles: dict[str, Any], start: object, *, fresh: bool
) -> Any:  # noqa: ANN401
    """Show how period dates are read, with a choice of day and month order if the dates are ambiguous."""
    names = [roles[role] for role, info in fields.items() if ColumnKind.PERIOD in info.metadata and roles.get(role)]
    texts = [upload.frame[name].dropna() for name in names if name in upload.frame]
    order: Dates = "clear"
    if any(is_ambiguous(text) for text in texts):
        order = _other_input(fields["dates"], "dates", [], start, fresh=fresh)
    for text in texts:
        if reading := read_as(text, order):
            st.caption(escape(reading))
    return order


def _start(upload: Upload, kind: str) -> tuple[dict[str, Any], list[str], bool]:
    """Return the initial roles, the columns of a combined unit, and whether they come from the last such file."""
    remembered = services.catalogue().saved_mapping(upload.columns, kind)
    if remembered is not None:
        return remembered.roles.model_dump(), list(remembered.unit_parts), True
    start = dict(suggest_mapping(upload.frame, kind))
    parts = list(suggest_roles(upload.frame).unit_parts) if kind == "panel" else []
    return start | ({"unit": COMBINED} if parts else {}), parts, False


def _is_column(info: FieldInfo) -> bool:
    return any(isinstance(mark, ColumnKind) for mark in info.metadata)


def _is_many(info: FieldInfo) -> bool:
    return get_origin(info.annotation) is tuple


def _single_column(info: FieldInfo, role: str, columns: list[str], start: object, *, fresh: bool) -> str | None:
    key, options = f"upload.{role}", [NOTHING, *columns]
    state.start_from(key, start if start in columns else NOTHING, fresh=fresh or state.value(key) not in options)
    picked = st.selectbox(info.title or role, options, key=key, help=info.description)
    return None if picked == NOTHING else picked


def _other_input(info: FieldInfo, role: str, options: list[str], start: object, *, fresh: bool) -> Any:  # noqa: ANN401
    """Show a role that is not a single column: several options, one of a few values, or a text."""
    key, title, help = f"upload.{role}", info.title or role, info.description
    if get_origin(info.annotation) is Literal:
        state.start_from(key, start or info.default, fresh=fresh)
        return st.radio(title, get_args(info.annotation), format_func=OPTION_LABELS.__getitem__, key=key, help=help)
    if not _is_many(info):
        state.start_from(key, start or "", fresh=fresh)
        return st.text_input(title, key=key, help=help, max_chars=100).strip() or None
    state.start_from(key, [name for name in options if isinstance(start, tuple | list) and name in start], fresh=fresh)
    state.set_value(key, [name for name in state.value(key) if name in options])
    return st.multiselect(title, options, key=key, help=help)


def _outcome_values(upload: Upload, label: str | None) -> list[str]:
    """Return distinct values of the label as text, as options for the positive outcome."""
    return [] if label is None else as_text(upload.frame[label]).dropna().unique()[:MAX_OUTCOME_VALUES].tolist()
