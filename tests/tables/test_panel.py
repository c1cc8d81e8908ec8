"""The contract of a demand panel: valid, converted and rejected tables, and the messages."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edtech.errors import ContractError
from edtech.tables.roles import PanelRoles
from edtech.tables.table_kinds import build_panel
from edtech.tables.values import MAX_CATEGORIES

ROLES = PanelRoles(unit="u", period="t", price="p", quantity="q", segment=None, views=None)


def frame(**columns) -> pd.DataFrame:
    """Return two valid rows, with these columns in place of the usual ones."""
    return pd.DataFrame({"u": ["a", "b"], "t": [1, 1], "p": [2.0, 3.0], "q": [0, 4]} | columns)


def roles(**changes) -> PanelRoles:
    return ROLES.model_copy(update=changes)


def failures(table: pd.DataFrame, roles: PanelRoles = ROLES) -> tuple[str, ...]:
    with pytest.raises(ContractError) as caught:
        build_panel(table, roles)
    return caught.value.details


def test_only_columns_with_a_role_are_kept_and_rows_are_sorted():
    table = frame(u=["b", "a"], t=["2024-02-01", "2024-01-01"], extra=[1, 2])
    panel = build_panel(table, ROLES)
    assert list(panel.columns) == ["u", "t", "p", "q"]
    assert panel["u"].tolist() == ["a", "b"]
    assert panel["t"].tolist() == [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-02-01")]
    assert table["u"].tolist() == ["b", "a"]


def test_a_built_panel_is_a_panel():
    panel = build_panel(frame(t=["2024-W01", "2024-W02"], f=["yes", "No"]), roles(randomized_flag="f"))
    pd.testing.assert_frame_equal(build_panel(panel, roles(randomized_flag="f")), panel)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("p", [0.0, 3.0], "column 'p': must be above 0 (1 row, e.g. row 1: 0.0)"),
        ("p", [-1, -2], "column 'p': must be above 0 (2 rows, e.g. row 1: -1; row 2: -2)"),
        ("p", ["2", "dear"], "column 'p': must be a number (1 row, e.g. row 2: 'dear')"),
        ("p", [np.nan, 3.0], "column 'p': must not be missing (1 row, e.g. row 1: missing)"),
        ("p", [np.inf, 3.0], "column 'p': must be finite and at most 1e+12 (1 row, e.g. row 1: inf)"),
        ("p", ["1e400", "3"], "column 'p': must be finite and at most 1e+12 (1 row, e.g. row 1: inf)"),
        ("p", ["1.234,50", "3"], "column 'p': must be a number (1 row, e.g. row 1: '1.234,50')"),
        ("q", [-1, 3], "column 'q': must be 0 or more (1 row, e.g. row 1: -1)"),
        ("q", ["", "3"], "column 'q': must not be missing (1 row, e.g. row 1: missing)"),
        ("u", ["a", " "], "column 'u': must not be missing (1 row, e.g. row 2: missing)"),
    ],
)
def test_invalid_cells_are_reported_with_their_rows(column, values, message):
    assert failures(frame(**{column: values})) == (message,)


def test_all_failures_are_reported_at_once_with_at_most_five_examples():
    table = pd.DataFrame({"u": "a", "t": range(1000), "p": [0.0] * 999 + [1.0], "q": -1})
    prices, quantities = failures(table)
    assert prices.startswith("column 'p': must be above 0 (999 rows, e.g. row 1: 0.0;")
    assert prices.count("row ") == 5
    assert quantities.startswith("column 'q': must be 0 or more (1,000 rows")


def test_a_million_bad_rows_are_counted():
    n = 1_000_000
    table = pd.DataFrame({"u": "a", "t": 1, "p": np.zeros(n), "q": 1})
    assert [line.partition(", e.g.")[0] for line in failures(table)] == [
        "column 'p': must be above 0 (1,000,000 rows",
        "column 'u', 't': must occur once for each unit and period (1,000,000 rows",
    ]


def test_duplicate_rows_show_their_unit_and_period():
    (line,) = failures(frame(u=["a", "a"]))
    assert (
        line == "column 'u', 't': must occur once for each unit and period (2 rows, e.g. row 1: 'a', 1; row 2: 'a', 1)"
    )


def test_numbers_as_units_are_the_same_unit_with_and_without_a_point():
    assert build_panel(frame(u=[1.0, 2.0]), ROLES)["u"].tolist() == ["1", "2"]


def test_without_unit_and_period_each_row_is_an_offer():
    panel = build_panel(frame(q=[0.25, 1.5]), roles(unit=None, period=None))
    assert panel["q"].tolist() == [0.25, 1.5]


def test_a_table_without_rows_and_a_missing_column_are_named():
    with pytest.raises(ContractError, match="no rows"):
        build_panel(frame().iloc[:0], ROLES)
    with pytest.raises(ContractError, match=r"lacks the column 'cost'.*Found: the columns 'u', 't', 'p', 'q'"):
        build_panel(frame(), roles(price="cost"))


@pytest.mark.parametrize("twice", [{"quantity": "p"}, {"controls": ("p",)}, {"instruments": ("q",)}])
def test_a_column_has_one_role(twice):
    with pytest.raises(ContractError, match="more than one meaning"):
        build_panel(frame(), roles(**twice))


def test_the_unit_may_be_its_own_segment():
    assert build_panel(frame(), roles(segment="u"))["u"].tolist() == ["a", "b"]


def test_two_columns_with_the_same_name_are_rejected():
    table = frame()
    table.columns = ["u", "t", "p", "p"]
    with pytest.raises(ContractError, match="more than one meaning"):
        build_panel(table, roles(quantity="p"))


def test_quantity_is_at_most_views():
    assert build_panel(frame(v=[0, 4]), roles(views="v"))["v"].tolist() == [0, 4]
    assert failures(frame(v=[0, 3]), roles(views="v")) == (
        "column 'q', 'v': quantity must be at most views (1 row, e.g. row 2: 4, 3)",
    )


def test_a_discount_is_a_share():
    assert build_panel(frame(d=[0, 0.99]), roles(randomized_discount="d"))["d"].tolist() == [0, 0.99]
    (line,) = failures(frame(d=[20, 1.0]), roles(randomized_discount="d"))
    assert line.startswith("column 'd': must be a share from 0 to below 1 (2 rows")


@pytest.mark.parametrize("values", [[True, False], [1, 0], [1.0, 0.0], ["Yes", "no"], ["TRUE", "false"], ["1", "0"]])
def test_a_flag_may_be_written_in_many_ways(values):
    assert build_panel(frame(f=values), roles(randomized_flag="f"))["f"].tolist() == [True, False]


def test_another_word_is_no_flag():
    (line,) = failures(frame(f=["yes", "perhaps"]), roles(randomized_flag="f"))
    assert "column 'f': must be true or false" in line


def test_too_many_segments_are_counted_and_the_limit_is_stated():
    n = 10_000
    table = pd.DataFrame({"u": range(n), "t": 1, "p": 1.0, "q": 1, "s": [f"s{i}" for i in range(n)]})
    (line,) = failures(table, roles(segment="s"))
    assert line.startswith(f"column 's': must have at most {MAX_CATEGORIES} different values, found 10,000 (9,800 rows")
    assert build_panel(table.assign(s="one"), roles(segment="s"))["s"].nunique() == 1


def test_covariates_are_numbers_or_few_categories():
    panel = build_panel(frame(a=[1, 2], b=["x", "y"], c=[True, False]), roles(controls=("a", "b", "c")))
    assert [panel[name].dtype.kind for name in "ac"] == ["i", "b"]
    assert panel["b"].tolist() == ["x", "y"]
    table = pd.DataFrame({"u": range(9), "t": 1, "p": 1.0, "q": 1, "a": [1, 2, 3, 4, 5, 6, 7, 8, "n/a"]})
    (line,) = failures(table, roles(controls=("a",)))
    assert line == "column 'a': must be numbers, or at most 200 different values (1 row, e.g. row 9: 'n/a')"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["2024-01-31", "2024-02-01"], ["2024-01-31", "2024-02-01"]),
        (["31.01.2024", "01.02.2024"], ["2024-01-31", "2024-02-01"]),
        (["31/01/2024", "01/02/2024"], ["2024-01-31", "2024-02-01"]),
        (["01/31/2024", "02/01/2024"], ["2024-01-31", "2024-02-01"]),
        (["2024-Q1", "2024 q4"], ["2024-01-01", "2024-10-01"]),
        (["2024-W01", "2024-W52"], ["2024-01-01", "2024-12-23"]),
        (["2024-03", "2024-04"], ["2024-03-01", "2024-04-01"]),
        (["2024-01-01T01:00:00+02:00", "2024-01-02T00:00:00Z"], ["2023-12-31 23:00", "2024-01-02"]),
    ],
)
def test_dates_are_read_as_they_are_written(written, read):
    assert build_panel(frame(t=written), ROLES)["t"].tolist() == [pd.Timestamp(each) for each in read]


def test_dates_with_a_zone_become_utc():
    zoned = pd.to_datetime(["2024-01-01", "2024-07-01"]).tz_localize("Europe/Berlin")
    assert build_panel(frame(t=zoned), ROLES)["t"].tolist() == [
        pd.Timestamp("2023-12-31 23:00"),
        pd.Timestamp("2024-06-30 22:00"),
    ]


def test_numbers_are_periods_and_sort_as_numbers():
    assert build_panel(frame(t=["10", "9"], u="a"), ROLES)["t"].tolist() == [9, 10]


@pytest.mark.parametrize("written", [["03/04/2024", "05/06/2024"], ["week 1", "week 2"], ["Jan", "Feb"]])
def test_periods_that_do_not_sort_are_rejected(written):
    (line,) = failures(frame(t=written), ROLES)
    assert "must be a date" in line
    assert "2 rows" in line


@pytest.mark.parametrize(
    ("dates", "read"), [("day_first", ["2024-04-03", "2024-06-05"]), ("month_first", ["2024-03-04", "2024-05-06"])]
)
def test_ambiguous_dates_are_read_in_the_stated_order(dates, read):
    table = build_panel(frame(t=["03/04/2024", "05/06/2024"]), roles(dates=dates))
    assert table["t"].dt.strftime("%Y-%m-%d").tolist() == read


def test_only_dates_that_violate_the_stated_order_are_reported():
    (line,) = failures(frame(t=["03/04/2024", "05/26/2024"]), roles(dates="day_first"))
    assert line.endswith("(1 row, e.g. row 2: '05/26/2024')")


def test_only_unreadable_dates_are_reported():
    table = pd.DataFrame({"u": "a", "t": ["2024-01-01", "2024-01-08", "soon"], "p": 1.0, "q": 1})
    assert failures(table)[0].endswith("(1 row, e.g. row 3: 'soon')")


def test_hostile_names_pass_unharmed():
    names = ["<script>alert(1)</script>", "=1+1", "# [x](http://example.com)", "a\nb", "💥", "' OR 1=1 --"]
    columns = dict(zip(names, (["a", "b"], [1, 1], [2.0, 3.0], [0, 4], ["=cmd()", "<b>"], ["x", "y"]), strict=True))
    hostile = PanelRoles(
        unit=names[0],
        period=names[1],
        price=names[2],
        quantity=names[3],
        segment=names[4],
        views=None,
        controls=(names[5],),
    )
    panel = build_panel(pd.DataFrame(columns), hostile)
    assert list(panel.columns) == names[:5] + names[5:]
    assert panel[names[4]].tolist() == ["=cmd()", "<b>"]


def test_long_cells_are_shortened_in_messages_and_rejected_as_names():
    (line,) = failures(frame(u=["x" * 10_000, "b"]))
    assert "at most 200 characters" in line
    assert len(line) < 200


cells = st.one_of(
    st.none(), st.floats(), st.integers(-(2**63), 2**63 - 1), st.booleans(), st.text(max_size=8), st.dates()
)


@settings(max_examples=50)
@given(st.lists(st.tuples(cells, cells, cells, cells, cells, cells), min_size=1, max_size=6))
def test_any_cells_give_a_panel_that_keeps_its_word_or_a_contract_error(rows):
    all_roles = PanelRoles(
        unit="u", period="t", price="p", quantity="q", segment=None, views=None, randomized_flag="f", controls=("c",)
    )
    table = pd.DataFrame(rows, columns=["u", "t", "p", "q", "f", "c"])
    try:
        panel = build_panel(table, all_roles)
    except ContractError:
        return
    assert len(panel) == len(table)
    assert (panel["p"] > 0).all()
    assert (panel["q"] >= 0).all()
    assert panel["f"].dtype == bool
    assert not panel.duplicated(["u", "t"]).any()
    assert not panel.isna().any(axis=None)
