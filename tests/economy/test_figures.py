"""The figures equal a recount of the raw ledger to the unit, for any market and any days."""

import math
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edtech.data import Catalogue
from edtech.economy import ECONOMY, LINE_ITEMS, economy, entries_of, reconcile, select_period, whole_period
from edtech.errors import DataError
from edtech.market import MarketParams, generate_market
from tests.data.conftest import ROLES, sales
from tests.economy.brute import gini, recount, supply_by_day

START = date(2024, 1, 1)

markets = st.builds(
    MarketParams,
    learners=st.integers(10, 60),
    teachers=st.integers(1, 6),
    courses=st.integers(1, 15),
    weeks=st.integers(4, 16),
    seed=st.integers(0, 1_000),
    refund_rate=st.floats(0, 0.3),
    expiry_weeks=st.integers(1, 8),
    payout_weeks=st.integers(1, 4),
    payout_minimum=st.integers(0, 50),
    burn_rate=st.floats(0, 0.2),
    welcome_tokens=st.integers(0, 20),
    growth=st.floats(0, 0.9),
    visits_per_week=st.floats(0.05, 1.5),
)


@settings(max_examples=8)
@given(params=markets, ends=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_the_figures_are_a_recount_of_the_entries_for_any_market_and_days(tmp_path_factory, params, ends):
    market = generate_market(params)
    stored = Catalogue(tmp_path_factory.mktemp("any")).add_market(market, name="any")
    days = sorted(int(end * (7 * params.weeks - 1)) for end in ends)
    agree(stored, market.tables, *(START + timedelta(days=day) for day in days))


@pytest.mark.parametrize(("first", "last"), [(0, 181), (70, 70), (91, 181), (181, 181), (0, 0)])
def test_the_figures_of_any_range_of_a_lively_market(stored, market, first, last):
    agree(stored, market.tables, START + timedelta(days=first), START + timedelta(days=last))


def agree(stored, tables, first: date, last: date) -> None:
    """Compare every figure with the recount; and the proof holds."""
    accounts, period = recount(tables, first, last), select_period(stored, first, last)
    result = economy(stored, period).figures
    exact = {name: figure.exact for name, figure in result.items() if figure.exact is not None}
    assert exact == {
        "circulating_supply": accounts["learner_held"] + accounts["teacher_held"],
        "learner_balance": accounts["learner_held"],
        "teacher_balance": accounts["teacher_held"],
        "treasury": accounts["treasury_held"],
        "issued": -sum(accounts["mint", kind] for kind in ("purchase", "bonus", "refund")),
        "minted_purchase": -accounts["mint", "purchase"],
        "minted_bonus": -accounts["mint", "bonus"],
        "minted_refund": -accounts["mint", "refund"],
        "burned": accounts["burn", "spend"],
        "expired": accounts["burn", "expiry"],
        "paid_out": accounts["burn", "payout"],
        "spent": -accounts["learner", "spend"],
        "refunded": accounts["learner", "refund"],
        "teacher_earnings": accounts["teacher", "spend"] + accounts["teacher", "clawback"],
        "commission": accounts["treasury", "spend"] + accounts["treasury", "refund"],
        "money_in": accounts["money", "learner", "purchase"],
        "money_out": -accounts["money", "teacher", "payout"],
    }
    assert all(result[name].value == units / 100 for name, units in exact.items())
    supply = supply_by_day(tables, first, last)
    near(result["velocity"].value, exact["spent"] * len(supply), sum(supply))
    near(result["take_rate"].value, exact["commission"], exact["spent"] - exact["refunded"])
    near(result["sink_source"].value, exact["burned"] + exact["expired"] + exact["paid_out"], exact["issued"])
    near(
        result["payout_cover"].value,
        accounts["cash"] * accounts["ever_bought"],
        exact["teacher_balance"] * sum_of_purchases(tables, last),
    )
    near(result["arpu"].value, (exact["spent"] - exact["refunded"]) / 100, len(accounts["came"]))
    near(result["repurchase_rate"].value, sum(n > 1 for n in accounts["spends"].values()), len(accounts["spends"]))
    assert result["buyers"].value == len(accounts["spends"])
    assert result["active_learners"].value == len(accounts["came"])
    balances = sorted(accounts["balances"].values())
    if sum(balances):
        assert result["gini"].value == pytest.approx(gini(balances), abs=1e-12)
        for name, share in (("top_1", 0.01), ("top_10", 0.1)):
            near(result[name].value, sum(balances[-math.ceil(len(balances) * share) :]), sum(balances))
    assert reconcile(stored, period).broken == ()


def sum_of_purchases(tables, last: date) -> int:
    ledger = tables["token_ledger"]
    bought = ledger[(ledger["kind"] == "purchase") & (ledger["account_kind"] == "learner")]
    return int(bought.loc[bought["occurred_at"].dt.date <= last, "money_cents"].sum())


def near(value: float | None, numerator: float, denominator: float) -> None:
    if denominator:
        assert value == pytest.approx(numerator / denominator, rel=1e-12)
    else:
        assert value is None


def test_the_range_before_is_as_long_and_its_figures_are_those_of_its_own(stored):
    now = economy(stored, select_period(stored, date(2024, 4, 1), date(2024, 4, 30)))
    assert str(now.before) == "2024-03-02 to 2024-03-31"
    then = economy(stored, now.before).figures
    assert {name: item.before for name, item in now.figures.items()} == {
        name: item.value for name, item in then.items()
    }
    spent = now.figures["spent"]
    assert spent.change == spent.value / then["spent"].value - 1
    first = economy(stored, select_period(stored, date(2024, 1, 8), date(2024, 1, 20)))
    assert first.before is None
    assert {item.before for item in first.figures.values()} == {None}


def test_every_figure_has_a_meaning_and_its_lines_exist(stored):
    result = economy(stored, whole_period(stored))
    assert set(result.figures) == set(ECONOMY)
    assert result.missing == {}
    for about in ECONOMY.values():
        assert about.title
        assert about.unit
        assert about.help.endswith(".")
        assert set(about.line_items) <= set(LINE_ITEMS)


def test_the_entries_behind_a_figure_sum_to_it_and_are_bounded(stored):
    period = select_period(stored, date(2024, 3, 1), date(2024, 3, 31))
    for name, line in LINE_ITEMS.items():
        result = entries_of(stored, name, period, most=10**6)
        assert len(result.table) == result.count
        column = "money_cents" if line.money else "amount"
        assert line.sign * result.table[column].sum() == result.total
    few = entries_of(stored, "spent", period, most=5)
    assert len(few.table) == 5 < few.count
    assert few.table["occurred_at"].is_monotonic_decreasing
    with pytest.raises(DataError, match="not a line item"):
        entries_of(stored, "gini; DROP TABLE x", period)


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        (date(2024, 3, 2), date(2024, 3, 1), "range of days is empty"),
        (date(2023, 12, 31), date(2024, 3, 1), "is outside the data"),
        (date(2024, 3, 1), date(2024, 7, 1), "is outside the data"),
        (date(2030, 1, 1), date(2030, 2, 1), "is outside the data"),
        (date(2030, 1, 1), None, "range of days is empty"),
    ],
)
def test_days_that_cannot_be_asked_say_what_can(stored, first, last, message):
    with pytest.raises(DataError, match=message) as error:
        select_period(stored, first, last)
    assert error.value.fix


def test_a_panel_without_a_ledger_gives_what_it_can_and_says_what_is_missing(home):
    panel = sales(units=4, periods=5)
    stored = Catalogue(home.data_dir).add_panel(panel, ROLES, name="panel")
    result = economy(stored, select_period(stored, date(2024, 1, 8), date(2024, 1, 21)))
    inside = panel[panel["week"].between("2024-01-08", "2024-01-21")]
    revenue = (inside["token_price"] * inside["enrollments"]).sum()
    values = {name: figure.value for name, figure in result.figures.items()}
    assert set(values) == {"enrollments", "panel_revenue", "mean_price", "price_index"}
    assert values["panel_revenue"] == pytest.approx(revenue)
    assert values["mean_price"] == pytest.approx(revenue / inside["enrollments"].sum())
    assert set(result.missing) == {"token_ledger", "views"}
    assert "circulating_supply" in result.missing["token_ledger"]
    with pytest.raises(DataError, match="no token ledger"):
        reconcile(stored, whole_period(stored))


def test_a_panel_whose_periods_are_numbers_has_figures_of_all_periods(home):
    panel = sales().assign(week=lambda rows: rows["week"].dt.isocalendar().week.astype("int64"))
    stored = Catalogue(home.data_dir).add_panel(panel, ROLES, name="numbered")
    assert select_period(stored) is None
    result = economy(stored, None).figures
    assert result["enrollments"].value == panel["enrollments"].sum()
    with pytest.raises(DataError, match="no days to select"):
        select_period(stored, date(2024, 1, 1))
