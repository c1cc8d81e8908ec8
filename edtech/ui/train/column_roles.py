"""Part of the Train page: the columns of the data set by their role, and other choices for this run."""

from typing import Any

import streamlit as st

from edtech.data import Dataset
from edtech.ml.base import Family
from edtech.tables.roles import ColumnKind
from edtech.ui.widgets import escape

SEVERAL = (ColumnKind.COVARIATE, ColumnKind.FEATURE)
STATED = ("prices_set", "weights")


def choose_columns(dataset: Dataset, family: Family) -> dict[str, Any]:
    """Show the columns by their role and return those roles that the user changed for this training.

    What may be chosen here is what a training may vary: covariates or features, how prices were set, and weights.
    """
    roles = dataset.mapping
    if family.roles is None or not isinstance(roles, family.roles):
        return {}  # its features come from the tables of the market
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
    taken = set(dataset.mapping.columns()) - set(value)
    free = [column for column in dataset.columns() if column not in taken]
    return tuple(st.multiselect(title, free, default=value, key=key, help=info.description, format_func=escape))
