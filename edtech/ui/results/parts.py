"""Parts that the results of several families share."""

from collections.abc import Mapping, Sequence

import streamlit as st

from edtech.data.findings import Check, Severity
from edtech.metrics import metric
from edtech.ui.data import MARKS
from edtech.ui.widgets import number, plain


def show_metrics(metrics: Mapping[str, float], names: tuple[str, ...], columns: int = 3) -> None:
    """Show those of the named metrics that there are, in rows of tiles."""
    there = [name for name in names if name in metrics]
    for start in range(0, len(there), columns):
        for place, name in zip(st.columns(columns), there[start : start + columns], strict=False):
            known = metric(name)
            place.metric(known.title, number(metrics[name], known.unit), help=known.help, border=True)


def show_checks(checks: Sequence[Check]) -> None:
    """Show the diagnostics card: what needs a look first, what passed behind a click."""
    passed = [check for check in checks if check.severity is Severity.PASS]
    st.markdown("**Diagnostics**")
    for check in checks:
        if check not in passed:
            _show_check(check)
    with st.expander(f"{len(passed)} checks passed"):
        for check in passed:
            _show_check(check)


def _show_check(check: Check) -> None:
    with st.container(border=True):
        st.markdown(f"{MARKS[check.severity]} **{check.severity}: {plain(check.title)}** (`{check.code}`)")
        st.text(check.evidence)
        if check.fix:
            st.text(f"What to do: {check.fix}")
