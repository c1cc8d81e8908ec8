"""The diagnostics card of a run: what to look at first, with the evidence and what to do."""

from collections.abc import Sequence

import streamlit as st

from edtech.data.quality.findings import Check, Severity, worst
from edtech.ui.findings import ICONS, show_checks

VERDICTS = {
    Severity.PASS: "Nothing speaks against this run",
    Severity.REVIEW: "Read these before you act on this run",
    Severity.FAIL: "Do not act on this run; it may not be registered",
}


def show(checks: Sequence[Check]) -> None:
    """Show the card: the verdict, then each finding."""
    if not checks:
        return
    verdict = worst(checks)
    st.subheader("Diagnostics card")
    st.markdown(f"{ICONS[verdict]} **{VERDICTS[verdict]}**")
    show_checks(checks)
