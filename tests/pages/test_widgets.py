"""The components that every page uses."""

import pytest
from streamlit.testing.v1 import AppTest

from edtech.tables.formatting import format_change


def _page() -> None:
    import streamlit as st

    from edtech.ui.state import notify
    from edtech.ui.widgets import header

    header("Title", "Help")
    st.tabs(["First", "Second"])
    if st.button("Do"):
        notify("All +5 is *done*.")
        st.rerun()


def _tab_positions(app: AppTest) -> list[int]:
    return [position for position, block in app.main.children.items() if block.type == "tab_container"]


def test_a_message_moves_no_tabs():
    app = AppTest.from_function(_page).run()
    before = _tab_positions(app)
    app.button[0].click().run()
    assert len(app.success) == 1
    assert len(before) == 1
    assert _tab_positions(app) == before
    app.run()
    assert not app.success
    assert _tab_positions(app) == before


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (-1e-9, "+0.0%"),
        (-0.00002, "-0.0020%"),
        (-0.004, "-0.4%"),
        (0.0125, "+1.2%"),
        (None, "-"),
        (float("inf"), "new"),
    ],
)
def test_a_change_in_percent_has_no_minus_before_zero_and_no_infinity(value, expected):
    assert format_change(value) == expected
