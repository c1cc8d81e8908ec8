"""The figures equal a recount of the raw ledger to the unit, for any market and any days."""

import math
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edtech.data import Catalogue
from edtech.economy import ECONOMY, LINES, chosen_period, economy, entries_behind, reconcile, whole_period
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
    books, period = recount(tables, first, last), chosen_period(stored, first, last)
    found = economy(stored, period).figures
    exact = {name: figure.exact for name, figure in found.items() if figure.exact is not None}
    assert exact == {
        "circulating_supply": books["learner_held"] + books["teacher_held"],
        "learner_balance": books["learner_held"],
        "teacher_balance": books["teacher_held"],
        "treasury": books["treasury_held"],
        "issued": -sum(books["mint", kind] for kind in ("purchase", "bonus", "refund")),
        "minted_purchase": -books["mint", "purchase"],
        "minted_bonus": -books["mint", "bonus"],
        "minted_refund": -books["mint", "refund"],
        "burned": books["burn", "spend"],
        "expired": books["burn", "expiry"],
        "paid_out": books["burn", "payout"],
        "spent": -books["learner", "spend"],
        "refunded": books["learner", "refund"],
        "teacher_earnings": books["teacher", "spend"] + books["teacher", "clawback"],
        "commission": books["treasury", "spend"] + books["treasury", "refund"],
        "money_in": books["money", "learner", "purchase"],
        "money_out": -books["money", "teacher", "payout"],
    }
    assert all(found[name].value == units / 100 for name, units in exact.items())
    supply = supply_by_day(tables, first, last)
    near(found["velocity"].value, exact["spent"] * len(supply), sum(supply))
    near(found["take_rate"].value, exact["commission"], exact["spent"] - exact["refunded"])
    near(found["sink_source"].value, exact["burned"] + exact["expired"] + exact["paid_out"], exact["issued"])
    near(
        found["payout_cover"].value,
        books["cash"] * books["ever_bought"],
        exact["teacher_balance"] * sum_of_purchases(tables, last),
    )
    near(found["arpu"].value, (exact["spent"] - exact["refunded"]) / 100, len(books["came"]))
    near(found["repurchase_rate"].value, sum(n > 1 for n in books["spends"].values()), len(books["spends"]))
    assert found["buyers"].value == len(books["spends"])
    assert found["active_learners"].value == len(books["came"])
    balances = sorted(books["balances"].values())
    if sum(balances):
        assert found["gini"].value == pytest.approx(gini(balances), abs=1e-12)
        for name, share in (("top_1", 0.01), ("top_10", 0.1)):
            near(found[name].value, sum(balances[-math.ceil(len(balances) * share) :]), sum(balances))
    assert reconcile(stored, period).broken == ()


def sum_of_purchases(tables, last: date) -> int:
    ledger = tables["token_ledger"]
    bought = ledger[(ledger["kind"] == "purchase") & (ledger["account_kind"] == "learner")]
    return int(bought.loc[bought["occurred_at"].dt.date <= last, "money_cents"].sum())


def near(value: float | None, part: float, whole: float) -> None:
    if whole:
        assert value == pytest.approx(part / whole, rel=1e-12)
    else:
        assert value is None


def test_the_range_before_is_as_long_and_its_figures_are_those_of_its_own(stored):
    now = economy(stored, chosen_period(stored, date(2024, 4, 1), date(2024, 4, 30)))
    assert str(now.before) == "2024-03-02 to 2024-03-31"
    then = economy(stored, now.before).figures
    assert {name: one.before for name, one in now.figures.items()} == {name: one.value for name, one in then.items()}
    spent = now.figures["spent"]
    assert spent.change == spent.value / then["spent"].value - 1
    first = economy(stored, chosen_period(stored, date(2024, 1, 8), date(2024, 1, 20)))
    assert first.before is None
    assert {one.before for one in first.figures.values()} == {None}


def test_every_figure_has_a_meaning_and_its_lines_exist(stored):
    found = economy(stored, whole_period(stored))
    assert set(found.figures) == set(ECONOMY)
    assert found.missing == {}
    for about in ECONOMY.values():
        assert about.title
        assert about.unit
        assert about.help.endswith(".")
        assert set(about.lines) <= set(LINES)


def test_the_entries_behind_a_figure_sum_to_it_and_are_bounded(stored):
    period = chosen_period(stored, date(2024, 3, 1), date(2024, 3, 31))
    for name, line in LINES.items():
        found = entries_behind(stored, name, period, most=10**6)
        assert len(found.table) == found.count
        column = "money_cents" if line.money else "amount"
        assert line.sign * found.table[column].sum() == found.total
    few = entries_behind(stored, "spent", period, most=5)
    assert len(few.table) == 5 < few.count
    assert few.table["occurred_at"].is_monotonic_decreasing
    with pytest.raises(DataError, match="no entries behind"):
        entries_behind(stored, "gini; DROP TABLE x", period)


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (date(2024, 3, 2), date(2024, 3, 1), "range of days is empty"),
        (date(2023, 12, 31), date(2024, 3, 1), "reaches outside the data"),
        (date(2024, 3, 1), date(2024, 7, 1), "reaches outside the data"),
        (date(2030, 1, 1), date(2030, 2, 1), "reaches outside the data"),
        (date(2030, 1, 1), None, "range of days is empty"),
    ],
)
def test_days_that_cannot_be_asked_say_what_can(stored, first, last, words):
    with pytest.raises(DataError, match=words) as error:
        chosen_period(stored, first, last)
    assert error.value.fix


def test_a_panel_without_a_ledger_gives_what_it_can_and_says_what_is_missing(home):
    panel = sales(units=4, periods=5)
    stored = Catalogue(home.data_dir).add_panel(panel, ROLES, name="panel")
    found = economy(stored, chosen_period(stored, date(2024, 1, 8), date(2024, 1, 21)))
    inside = panel[panel["week"].between("2024-01-08", "2024-01-21")]
    revenue = (inside["token_price"] * inside["enrollments"]).sum()
    values = {name: figure.value for name, figure in found.figures.items()}
    assert set(values) == {"enrollments", "panel_revenue", "mean_price", "price_index"}
    assert values["panel_revenue"] == pytest.approx(revenue)
    assert values["mean_price"] == pytest.approx(revenue / inside["enrollments"].sum())
    assert set(found.missing) == {"token_ledger", "views"}
    assert "circulating_supply" in found.missing["token_ledger"]
    with pytest.raises(DataError, match="no token ledger"):
        reconcile(stored, whole_period(stored))


def test_a_panel_whose_periods_are_numbers_has_figures_of_all_periods(home):
    panel = sales().assign(week=lambda rows: rows["week"].dt.isocalendar().week.astype("int64"))
    stored = Catalogue(home.data_dir).add_panel(panel, ROLES, name="numbered")
    assert chosen_period(stored) is None
    found = economy(stored, None).figures
    assert found["enrollments"].value == panel["enrollments"].sum()
    with pytest.raises(DataError, match="cannot be cut to a range of days"):
        chosen_period(stored, date(2024, 1, 1))
