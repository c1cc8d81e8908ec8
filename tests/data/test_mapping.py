"""Suggested roles and combined columns."""

import pandas as pd
import pytest

from edtech.data import build_panel, combine_columns, read_upload, sample_panel_csv, suggest_roles
from edtech.errors import ContractError
from edtech.tables.roles import MARKET_ROLES, PanelRoles


def suggested(*names: str):
    return suggest_roles(pd.DataFrame({name: [1, 2] for name in names}))


def test_the_columns_of_a_market_have_the_roles_of_a_market():
    assert suggest_roles(read_upload("s.csv", sample_panel_csv()).frame).roles() == MARKET_ROLES


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("Price", "price"),
        ("unit price", "price"),
        ("list_price", "price"),
        ("Demand", "quantity"),
        ("enrolments", "quantity"),
        ("Units Sold", "quantity"),
        ("shares", "quantity"),
        ("qty", "quantity"),
        ("product_id", "unit"),
        ("SKU", "unit"),
        ("Week", "period"),
        ("quarter", "period"),
        ("Product-Category", "segment"),
        ("impressions", "views"),
        ("promo_randomized", "randomized_flag"),
    ],
)
def test_names_suggest_roles(name, role):
    assert getattr(suggested(name, "x"), role) == name


def test_the_price_paid_goes_before_the_list_price():
    assert suggested("list_price", "token_price").price == "token_price"


def test_what_is_not_sure_is_left_open():
    assert suggested("priceless", "week_ending_note", "customer_id", "amount") == suggested("a", "b")


def test_a_discount_is_not_taken_for_randomized_unless_something_says_so():
    assert suggested("price", "discount").randomized_discount is None
    assert suggested("price", "discount", "randomized").randomized_discount == "discount"
    assert suggested("price", "randomized_discount").randomized_discount == "randomized_discount"


def test_instruments_are_all_columns_of_that_name():
    assert suggested("demand_instruments0", "Instrument 2", "price").instruments == (
        "demand_instruments0",
        "Instrument 2",
    )


def test_without_price_or_quantity_there_are_no_roles():
    with pytest.raises(ContractError, match="No column is recognized as quantity"):
        suggested("price", "week").roles()


def test_parts_of_the_unit_are_found_where_the_unit_alone_repeats_within_a_period():
    frame = pd.DataFrame(
        [(c, p, w, 1.0, 2) for c in "xy" for p in "ab" for w in (1, 2, 3)],
        columns=["city", "product_id", "week", "price", "sales"],
    )
    assert suggest_roles(frame).unit_parts == ("city", "product_id")
    assert suggest_roles(frame[frame["city"] == "x"]).unit_parts == ()
    panel = build_panel(
        combine_columns(frame, ["city", "product_id"], "unit"),
        PanelRoles(unit="unit", period="week", price="price", quantity="sales", segment="city", views=None),
    )
    assert panel["unit"].unique().tolist() == ["x | a", "x | b", "y | a", "y | b"]


@pytest.mark.parametrize(("names", "into"), [(["a", "z"], "unit"), ([], "unit"), (["a"], "b")])
def test_only_columns_that_are_there_are_combined(names, into):
    with pytest.raises(ContractError, match="cannot be combined"):
        combine_columns(pd.DataFrame({"a": [1], "b": [2]}), names, into)
