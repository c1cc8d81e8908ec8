"""Numbers, names and values read well in messages."""

import pandas as pd
import pytest

from edtech.tables.formatting import format_change, format_counts, format_names, format_value, pluralize


@pytest.mark.parametrize(("count", "text"), [(0, "0 rows"), (1, "1 row"), (1_200, "1,200 rows")])
def test_a_count_agrees_with_its_noun(count, text):
    assert pluralize(count, "row") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "'a'"), (1.5, "1.5"), (None, "missing"), (pd.NA, "missing"), ("x" * 100, "'" + "x" * 56 + "...")],
)
def test_a_value_is_quoted_and_shortened(value, text):
    assert format_value(value) == text


def test_long_lists_end_with_the_number_of_remaining_items():
    assert format_names(["a", "b", "c"], limit=2) == "'a', 'b' and 1 more"
    assert format_counts({"a": 1, "b": 3_000, "c": 2}, limit=2) == "'b': 3,000, 'c': 2 and 1 more"


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
        (float("inf"), "new"),
    ],
)
def test_a_small_change_does_not_read_as_none(value, text):
    assert format_change(value) == text
