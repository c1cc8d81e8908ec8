"""Parts that the results of several families share."""

from collections.abc import Mapping

import streamlit as st

from edtech.metrics import metric
from edtech.reports.comparison import axis
from edtech.ui.widgets import format_number


def show_metrics(metrics: Mapping[str, float], names: tuple[str, ...], columns: int = 3) -> None:
    """Show those of the named metrics that there are, in rows of tiles."""
    there = [name for name in names if name in metrics]
    for start in range(0, len(there), columns):
        for place, name in zip(st.columns(columns), there[start : start + columns], strict=False):
            known = metric(name)
            title = axis(known)  # behind the number a unit is cut off
            place.metric(title, format_number(metrics[name]), help=known.help, border=True)
