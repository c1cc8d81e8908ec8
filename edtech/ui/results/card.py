"""The diagnostics card of a run: what to look at first, with the evidence and what to do."""

from collections.abc import Sequence

import streamlit as st

from edtech.data.findings import Check, Severity, worst
from edtech.ml.gates import blocking
from edtech.ui.widgets import MARKS, show_check

VERDICTS = {
    Severity.PASS: "Nothing speaks against this run",
    Severity.REVIEW: "Read these before you act on this run",
    Severity.FAIL: "Do not act on this run; it may not be registered",
}


def show(checks: Sequence[Check]) -> None:
    """Show the card, what failed first; what passed is folded away."""
    if not checks:
        return
    verdict = worst(checks)
    st.subheader("Diagnostics card")
    st.markdown(f"{MARKS[verdict]} **{VERDICTS[verdict]}**")
    review = [check for check in checks if check.severity is Severity.REVIEW]
    for check in (*blocking(checks), *review):
        show_check(check)
    passed = [check for check in checks if check.severity is Severity.PASS]
    with st.expander(f"{len(passed)} checks passed"):
        for check in passed:
            show_check(check)
