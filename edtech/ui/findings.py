"""Checks with their severity, evidence and fix."""

from collections.abc import Sequence

import streamlit as st

from edtech.data import Check
from edtech.ui.widgets import escape

ICONS = {"PASS": ":material/check_circle:", "REVIEW": ":material/visibility:", "FAIL": ":material/error:"}


def show_check(check: Check) -> None:
    """Show a check."""
    with st.container(border=True):
        # A title states the desired condition; without a question mark a failed check would read as fulfilled.
        suffix = "" if check.severity == "PASS" or check.title.endswith("?") else "?"
        st.markdown(f"{ICONS[check.severity]} **{check.severity}: {escape(check.title)}{suffix}** (`{check.code}`)")
        st.text(check.evidence)
        if check.fix:
            st.text(f"What to do: {check.fix}")


def show_checks(checks: Sequence[Check]) -> None:
    """Show failed checks and reviews first, and the passed checks folded."""
    passed = [check for check in checks if check.severity == "PASS"]
    for severity in ("FAIL", "REVIEW"):
        for check in checks:
            if check.severity == severity:
                show_check(check)
    with st.expander(f"{len(passed)} checks passed"):
        for check in passed:
            show_check(check)
