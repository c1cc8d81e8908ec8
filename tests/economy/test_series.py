"""Balances by day, inequality, the price index and the retention triangle."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from edtech.economy import select_period, whole_period
from edtech.economy.series import concentration, daily_balances, geks_fisher, price_index, retention
from tests.economy.brute import supply_by_day


def test_daily_balances_have_a_row_for_each_day_and_end_at_the_platform_metrics(stored, market):
    first, last = date(2024, 2, 10), date(2024, 3, 20)
    result = daily_balances(stored, select_period(stored, first, last))
    assert result["day"].tolist() == pd.date_range(first, last).tolist()
    assert (result["learners"] + result["teachers"]).tolist() == supply_by_day(market.tables, first, last)
    days = market.tables["platform_metrics"].set_index("day").loc[str(first) : str(last)]
    assert result["treasury"].tolist() == days["treasury"].tolist()
    assert result["spent"].tolist() == days["spent"].tolist()


def test_the_lorenz_curve_rises_below_equality_and_its_area_gives_the_gini(stored):
    held = concentration(stored, whole_period(stored))
    x, y = held.lorenz["share_of_learners"].to_numpy(), held.lorenz["share_of_tokens"].to_numpy()
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert (y <= x + 1e-12).all()
    # Hundredths of the learners joined by straight lines: a little below the Gini of the learners one by one.
    area = 1 - 2 * np.trapezoid(y, x)
    assert held.gini - 0.02 < area <= held.gini


def test_the_index_of_prices_that_all_move_alike_is_that_move():
    rng = np.random.default_rng(0)
    level = np.array([1.0, 1.1, 0.9, 1.3])
    price = level[:, None] * rng.uniform(10, 90, 50)
    quantity = rng.poisson(4, (4, 50)).astype(float)
    assert geks_fisher(price, quantity) == pytest.approx(level, rel=1e-12)


def test_the_index_of_two_periods_is_fishers_ideal_index():
    price, quantity = np.array([[10.0, 20.0], [12.0, 15.0]]), np.array([[5.0, 2.0], [3.0, 4.0]])
    laspeyres = (12 * 5 + 15 * 2) / (10 * 5 + 20 * 2)
    paasche = (12 * 3 + 15 * 4) / (10 * 3 + 20 * 4)
    assert geks_fisher(price, quantity) == pytest.approx([1, np.sqrt(laspeyres * paasche)])


def test_prices_that_come_back_bring_the_index_back_and_a_chain_would_not():
    # A sale in the second period is stocked up on, and little is sold right after it (CPI Manual 2020, chapter 10).
    price = np.array([[2.0, 1.0], [1.0, 1.0], [2.0, 1.0], [2.0, 1.0]])
    quantity = np.array([[10.0, 50.0], [100.0, 50.0], [1.0, 50.0], [10.0, 50.0]])
    pairs = [geks_fisher(price[at : at + 2], quantity[at : at + 2])[1] for at in range(3)]
    assert abs(np.prod(pairs) - 1) > 0.05
    assert geks_fisher(price, quantity)[3] == pytest.approx(1)


def test_a_new_unit_is_compared_with_itself_only_and_an_empty_period_has_no_index():
    price = np.array([[10.0, 0.0], [11.0, 500.0], [12.0, 500.0], [12.0, 0.0]])
    quantity = np.array([[5.0, 0.0], [5.0, 1.0], [0.0, 0.0], [5.0, 0.0]])
    index = geks_fisher(price, quantity)
    assert index[[0, 1, 3]] == pytest.approx([1, 1.1, 1.2], rel=0.01)
    assert np.isnan(index[2])
    assert np.isnan(geks_fisher(price, 0 * quantity)).all()


def test_a_period_that_nothing_links_with_the_first_has_no_index():
    alone = np.array([[1.0, 0.0], [0.0, 5.0], [2.0, 0.0]])
    assert geks_fisher(alone, (alone > 0) * 1.0) == pytest.approx([1, np.nan, 2], nan_ok=True)
    two = np.array([[1.0, 0.0], [0.0, 5.0], [2.0, 0.0], [0.0, 10.0]])
    assert geks_fisher(two, (two > 0) * 1.0) == pytest.approx([1, np.nan, 2, np.nan], nan_ok=True)
    late = np.array([[0.0, 0.0, 7.0], [1.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    assert geks_fisher(late, (late > 0) * 1.0) == pytest.approx([np.nan, 1, 2], nan_ok=True)
    assert geks_fisher(late[:1], (late[:1] > 0) * 1.0) == pytest.approx([1])


def test_periods_without_a_unit_in_common_are_compared_by_way_of_others():
    # Prices doubled from the second period to the third, which has nothing in common with the first.
    price = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
    assert geks_fisher(price, (price > 0) * 1.0) == pytest.approx([1, 1, 2])


def test_the_index_of_a_market_starts_at_100_and_stays_near_as_its_prices_do(stored, market):
    result = price_index(stored)
    assert result["index"].iloc[0] == 100
    assert len(result) == market.params.weeks
    assert result["index"].between(85, 115).all()  # list prices of this market have no trend; a sale is at most 40%


def test_retention_keeps_the_months_of_the_range(stored):
    cells = retention(stored, select_period(stored, date(2024, 2, 15), date(2024, 4, 3)))
    view = [(f"{cohort:%Y-%m}", months) for cohort, months in zip(cells["cohort"], cells["months"], strict=True)]
    assert view == [("2024-02", 0), ("2024-02", 1), ("2024-02", 2), ("2024-03", 0), ("2024-03", 1), ("2024-04", 0)]
