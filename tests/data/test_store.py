"""Queries of stored panels, compared with pandas; and generated markets."""

import pandas as pd
import pytest

from edtech.data import Catalogue, store
from edtech.errors import DataError, DatasetNotFoundError
from edtech.market import MarketParams, generate_market
from edtech.tables.roles import MARKET_ROLES, PanelRoles
from tests.data.conftest import ROLES, sales

SMALL = MarketParams(learners=300, teachers=10, courses=30, weeks=12, seed=3)


def test_key_figures_agree_with_pandas(catalogue: Catalogue):
    panel = sales(7, 9).assign(views=50, category=["x", "y", "z"] * 21)
    roles = ROLES.model_copy(update={"views": "views", "segment": "category"})
    figures = catalogue.add_panel(panel, roles, name="a").key_figures()
    assert (figures.rows, figures.units, figures.periods) == (63, 7, 9)
    assert figures.revenue == pytest.approx((panel["token_price"] * panel["enrollments"]).sum())
    assert (figures.quantity, figures.views) == (panel["enrollments"].sum(), 63 * 50)
    assert (figures.lowest_price, figures.highest_price) == (10, 72)
    assert (figures.first_period, figures.last_period) == ("2024-01-01", "2024-02-26")


def test_by_period_and_by_unit_agree_with_pandas(catalogue: Catalogue):
    panel = sales(3, 4).assign(category="x")
    stored = catalogue.add_panel(panel, ROLES.model_copy(update={"segment": "category"}), name="a")
    by_period = stored.by_period()
    revenue = (panel["token_price"] * panel["enrollments"]).groupby(panel["week"]).sum()
    assert by_period["period"].tolist() == revenue.index.tolist()
    assert by_period["revenue"].tolist() == pytest.approx(revenue.tolist())
    assert by_period["views"].isna().all()
    by_unit = stored.by_unit()
    assert by_unit["unit"].tolist() == ["C0", "C1", "C2"]
    assert by_unit["segment"].tolist() == ["x"] * 3
    assert by_unit["price"].tolist() == panel.groupby("course_id")["token_price"].mean().tolist()
    assert by_unit["quantity"].tolist() == panel.groupby("course_id")["enrollments"].mean().tolist()


def test_too_little_memory_is_no_damage(catalogue: Catalogue, monkeypatch):
    stored = catalogue.add_panel(sales(), ROLES, name="a")
    monkeypatch.setitem(store._CONFIG, "memory_limit", "5MB")
    with pytest.raises(DataError, match="Not enough memory") as caught:
        stored.query("SELECT list(range) FROM range(10000000)")
    assert "Delete" not in str(caught.value)
    assert "5MB" in str(caught.value)


def test_what_does_not_fit_in_memory_goes_to_a_folder_of_its_own(catalogue: Catalogue, monkeypatch, tmp_path):
    stored = catalogue.add_panel(sales(), ROLES, name="a")
    (tmp_path / "room").mkdir()
    monkeypatch.setattr(store, "gettempdir", lambda: str(tmp_path / "room"))
    positions = {stored.query("SELECT current_setting('temp_directory') AS at")["at"].item() for _ in range(2)}
    assert len(positions) == 2
    assert all(position.startswith(str(tmp_path / "room")) for position in positions)
    monkeypatch.setitem(store._CONFIG, "memory_limit", "40MB")
    result = stored.query(
        "SELECT h FROM (SELECT hash(range) AS h FROM range(3000000) ORDER BY h) LIMIT 1 OFFSET 2000000"
    )
    assert len(result) == 1
    assert list((tmp_path / "room").iterdir()) == []


def test_without_unit_and_period_rows_stand_for_units(catalogue: Catalogue):
    roles = ROLES.model_copy(update={"unit": None, "period": None})
    stored = catalogue.add_panel(sales(), roles, name="a")
    figures = stored.key_figures()
    assert (figures.rows, figures.units, figures.periods, figures.first_period) == (20, None, None, None)
    assert stored.period is None
    assert stored.by_period().empty
    assert stored.by_unit()["price"].tolist() == sales()["token_price"].tolist()


def test_column_names_are_never_sql_and_may_differ_only_in_case(catalogue: Catalogue):
    names = {"course_id": 'a" FROM x; --', "token_price": "PRICE", "enrollments": "Price", "week": "unit"}
    panel = sales().rename(columns=names).assign(price=1_000.0)
    roles = PanelRoles(
        unit='a" FROM x; --',
        period="unit",
        price="PRICE",
        quantity="Price",
        segment=None,
        views=None,
        controls=("price",),
    )
    figures = catalogue.add_panel(panel, roles, name="a").key_figures()
    assert figures.revenue == (panel["PRICE"] * panel["Price"]).sum()
    assert (figures.units, figures.periods, figures.highest_price) == (4, 5, panel["PRICE"].max())


def test_the_folder_may_have_any_name(home):
    catalogue = Catalogue(home.root / "it's [1] *{x}?")
    assert catalogue.add_panel(sales(), ROLES, name="a").key_figures().rows == 20


def test_a_table_that_is_not_there(catalogue: Catalogue):
    stored = catalogue.add_panel(sales(), ROLES, name="a")
    with pytest.raises(DatasetNotFoundError, match="Expected: panel"):
        stored.table("../panel")
    assert list(stored.table("panel", ["week"]).columns) == ["week"]


def test_a_market_comes_back_with_its_tables_and_its_truth(catalogue: Catalogue):
    market = generate_market(SMALL)
    stored = catalogue.add_market(market, name="small")
    assert stored.kind == "market"
    assert stored.roles == MARKET_ROLES
    assert set(stored.tables) == set(market.tables)
    for name in market.tables:
        pd.testing.assert_frame_equal(stored.table(name), market.tables[name].reset_index(drop=True))
    assert len(stored.panel()) == stored.rows == len(market.tables["course_weeks"])
    assert stored.key_figures().quantity == len(market.tables["enrollments"])
    assert catalogue.add_market(generate_market(SMALL), name="small") == stored
    again = catalogue.get(stored.id).market()
    pd.testing.assert_frame_equal(again.tables["enrollments"], market.tables["enrollments"])


def test_a_market_that_is_not_made_again_the_same_has_no_truth(catalogue: Catalogue):
    stored = catalogue.add_market(generate_market(SMALL), name="small")
    for params in (SMALL.model_copy(update={"seed": 4}).model_dump(), {"knob_of_old": 1}, None):
        with pytest.raises(DataError, match="differs from the one that its parameters generate now"):
            stored.model_copy(update={"source": {"params": params}}).market()


def test_the_truth_of_an_upload_is_not_known(catalogue: Catalogue):
    with pytest.raises(DataError, match="no ground truth"):
        catalogue.add_panel(sales(), ROLES, name="a").market()
