"""Findings, each with how it stands, the evidence and what to do."""

from collections.abc import Sequence

import streamlit as st

from edtech.data import Check
from edtech.ui.widgets import escape

ICONS = {"PASS": ":material/check_circle:", "REVIEW": ":material/visibility:", "FAIL": ":material/error:"}


def show_check(check: Check) -> None:
    """Show one finding."""
    with st.container(border=True):
        suffix = (
            "" if check.severity == "PASS" or check.title.endswith("?") else "?"
        )  # a title says what should be: alone it would read as found
        st.markdown(f"{ICONS[check.severity]} **{check.severity}: {escape(check.title)}{suffix}** (`{check.code}`)")
        st.text(check.evidence)
        if check.fix:
            st.text(f"What to do: {check.fix}")


def show_checks(checks: Sequence[Check]) -> None:
    """Show what needs a look first; what passed is folded away."""
    passed = [check for check in checks if check.severity == "PASS"]
    for severity in ("FAIL", "REVIEW"):
        for check in checks:
            if check.severity == severity:
                show_check(check)
    with st.expander(f"{len(passed)} checks passed"):
        for check in passed:
            show_check(check)
