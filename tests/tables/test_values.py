"""How values are shown."""

import pytest

from edtech.tables.formatting import format_change


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123, "+12.3%"),
        (-0.0196, "-2.0%"),
        (0.0006, "+0.1%"),
        (0.00034, "+0.034%"),
        (-0.0000213, "-0.0021%"),
        (0.0, "+0.0%"),
        (-1e-16, "+0.0%"),
        (None, "-"),
        (float("nan"), "-"),
    ],
)
def test_a_small_change_does_not_read_as_none(value, text):
    assert format_change(value) == text
