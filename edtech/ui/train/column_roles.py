"""Columns of the data set by role, with the choices for a training."""

from typing import Any

import streamlit as st

from edtech.data import Dataset
from edtech.ml.base import Family
from edtech.tables.roles import ColumnKind
from edtech.ui.widgets import escape

SEVERAL = (ColumnKind.COVARIATE, ColumnKind.FEATURE)
STATED = ("prices_set", "weights")


def choose_columns(dataset: Dataset, family: Family) -> dict[str, Any]:
    """Show the columns by role, and return the roles that differ from the stored mapping.

    A training may change covariates or features, the assignment of prices, and weights.
    """
    roles = dataset.mapping
    if family.roles is None or not isinstance(roles, family.roles):
        return {}  # the features come from the tables of the market
    with st.expander("Columns", icon=":material/view_column:"):
        st.caption("Stored with the data set. Upload the file again to change the mapping.")
        fixed = {
            info.title or name: ", ".join(value) if isinstance(value, tuple) else str(value)
            for name, info in type(roles).model_fields.items()
            if (value := getattr(roles, name)) not in (None, ()) and not _choosable(name, dataset)
        }
        st.text("\n".join(f"{title}: {text}" for title, text in fixed.items()))
        selection = {name: _choice(name, dataset) for name in type(roles).model_fields if _choosable(name, dataset)}
    return {name: value for name, value in selection.items() if value != getattr(roles, name)}


def _choosable(name: str, dataset: Dataset) -> bool:
    marks = type(dataset.mapping).model_fields[name].metadata
    return name in STATED or any(mark in SEVERAL for mark in marks if isinstance(mark, ColumnKind))


def _choice(name: str, dataset: Dataset) -> Any:  # noqa: ANN401  # a role's value
    info, value = type(dataset.mapping).model_fields[name], getattr(dataset.mapping, name)
    key, title = f"train.role.{dataset.id}.{name}", info.title or name
    if not isinstance(value, tuple):
        options = list(info.annotation.__args__)  # type: ignore[union-attr]  # a Literal
        return st.selectbox(title, options, index=options.index(value), key=key, help=info.description)
    other_roles = set(dataset.mapping.columns()) - set(value)
    options = [column for column in dataset.columns() if column not in other_roles]
    return tuple(st.multiselect(title, options, default=value, key=key, help=info.description, format_func=escape))
