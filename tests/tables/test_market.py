import pytest

from edtech.errors import ContractError
from edtech.market import MarketParams, generate_market
from edtech.tables.market import MARKET_TABLES, check_market_table, column_dictionary


@pytest.fixture(scope="module")
def tables():
    return generate_market(MarketParams(learners=400, courses=60, price_test_share=0.3)).tables


def test_every_generated_table_keeps_its_contract(tables):
    assert set(tables) == set(MARKET_TABLES)
    for name, table in tables.items():
        assert list(check_market_table(name, table).columns) == list(column_dictionary(name))


def test_every_column_is_described():
    for name in MARKET_TABLES:
        assert all(text and text != "None" for text in column_dictionary(name).values())


def test_all_failures_are_reported_at_once(tables):
    broken = tables["courses"].assign(duration_hours=-1.0, extra=1).drop(columns="title")
    with pytest.raises(ContractError) as error:
        check_market_table("courses", broken)
    text = str(error.value)
    assert all(word in text for word in ("duration_hours", "extra", "title", f"{len(broken)} times"))
    assert len(text) < 1_000
    with pytest.raises(ContractError, match="Unknown table"):
        check_market_table("secrets", broken)


def test_a_course_has_one_row_a_week(tables):
    panel = tables["course_weeks"]
    with pytest.raises(ContractError, match="course_weeks"):
        check_market_table("course_weeks", panel.iloc[[0, *range(len(panel))]])
