"""What a forecast starts from is what the ledger holds, and what follows keeps the books balanced in every draw."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edtech.data import Catalogue
from edtech.economy.observed_flows import NEVER, observe_flows
from edtech.economy.simulation import Assumptions, PriceEffect, simulate
from edtech.economy.spending_paths import Prior, spending_paths
from edtech.errors import DataError, ParamsError, PricingError
from edtech.market import MarketParams, generate_market
from tests.data.conftest import ROLES, sales

BELIEFS = Prior(trend=0.01, swing=0.2)


@pytest.fixture(scope="module")
def observed(stored):
    return observe_flows(stored)


def test_the_weeks_are_those_of_the_platform_metrics(observed, market):
    days = market.tables["platform_metrics"]
    weeks = days.drop(columns="day").groupby(np.arange(len(days)) // 7).sum()
    names = {
        "spent": "spent",
        "purchased": "minted_purchase",
        "bonuses": "minted_bonus",
        "refunded": "refunded",
        "expired": "expired",
        "paid_out": "paid_out",
    }
    for column, name in names.items():
        assert observed.weekly[name].tolist() == weeks[column].tolist()
    last = days.iloc[-1]
    assert (observed.learners, observed.teachers, observed.treasury) == (
        last["learner_balance"],
        last["teacher_balance"],
        last["treasury"],
    )
    # Rounding to whole units leaves up to one unit a sale in the commission.
    assert observed.commission_rate == pytest.approx(market.params.commission_rate, abs=0.001)
    assert observed.burn_rate == pytest.approx(market.params.burn_rate, abs=0.001)


def test_the_rules_of_payout_and_expiry_are_found_in_the_ledger(observed, market):
    assert observed.payouts.every == 7 * market.params.payout_weeks
    assert observed.payouts.days_ahead == -7 * market.params.weeks % observed.payouts.every
    assert observed.dormancy.expires_after == observed.expiry_weeks == market.params.expiry_weeks


def test_a_balance_is_of_the_age_of_the_last_movement_of_its_account(observed, market):
    ledger = market.tables["token_ledger"]
    own = ledger[ledger["account_kind"] == "learner"].groupby("account_id")
    held, moved = own["amount"].sum(), own["occurred_at"].max()
    weeks = ((pd.Timestamp(observed.end) - moved).dt.total_seconds() // (7 * 86_400)).astype(int)
    expected = held.groupby(weeks).sum().reindex(range(NEVER + 1), fill_value=0)
    assert observed.dormancy.held.tolist() == expected.tolist()
    assert observed.dormancy.held.sum() == observed.learners
    assert observed.dormancy.squares.sum() == pytest.approx((held.astype(float) ** 2).sum())
    assert ((observed.dormancy.moves >= 0) & (observed.dormancy.moves <= 1)).all()


@settings(max_examples=25)
@given(
    changes=st.fixed_dictionaries(
        {
            "weeks": st.integers(1, 30),
            "commission_rate": st.floats(0, 0.6),
            "burn_rate": st.floats(0, 0.3),
            "bonuses": st.floats(0, 5),
            "expiry_weeks": st.integers(1, NEVER),
            "bonus_replaces": st.floats(0, 1),
            "seed": st.integers(0, 9),
        }
    ),
    change=st.floats(-0.9, 3),
)
def test_the_books_balance_in_every_draw_and_week(observed, changes, change):
    result = simulate(observed, Assumptions.of(observed, draws=100, **changes), PriceEffect(change, 0.05))
    gone = result.burned + result.expired + result.paid_out
    start = observed.learners + observed.teachers + observed.treasury
    held = result.circulating_supply + result.treasury
    assert np.allclose(start + (result.issued - gone).cumsum(axis=1), held, rtol=1e-9)
    for flow in (result.spent, result.purchased, result.bonus, result.expired, result.paid_out):
        assert (flow >= 0).all()
    assert (result.learner_balance >= -1e-6 * start).all()
    assert (result.teacher_balance >= 0).all()


def test_only_what_is_asked_changes_and_the_same_seed_draws_the_same(observed):
    today = simulate(observed, Assumptions.of(observed), PriceEffect())
    dearer = simulate(observed, Assumptions.of(observed), PriceEffect(-0.1, 0.0))
    assert np.allclose(dearer.spent, 0.9 * today.spent)
    more = simulate(observed, Assumptions.of(observed, commission_rate=0.4), PriceEffect())
    assert np.array_equal(more.spent, today.spent)
    assert np.allclose(more.commission, today.commission * 0.4 / Assumptions.of(observed).commission_rate)
    assert not np.array_equal(simulate(observed, Assumptions.of(observed, seed=2), PriceEffect()).spent, today.spent)
    unsure = np.log(simulate(observed, Assumptions.of(observed, draws=5_000), PriceEffect(0.0, 0.1)).spent)
    certain = np.log(simulate(observed, Assumptions.of(observed, draws=5_000), PriceEffect()).spent)
    assert (unsure - certain).std() == pytest.approx(0.1, rel=0.05)


def test_expiry_takes_what_lies_longer_than_the_rule_and_none_takes_nothing(observed):
    never = simulate(observed, Assumptions.of(observed, expiry_weeks=NEVER), PriceEffect())
    assert (never.expired == 0).all()
    held = observed.dormancy.held
    at_once = simulate(observed, Assumptions.of(observed, expiry_weeks=2), PriceEffect()).expired[:, 0]
    assert (at_once >= held[2:].sum() - 1e-6).all()
    assert (at_once <= held[1:].sum() * 1.2).all()
    longer = simulate(observed, Assumptions.of(observed, expiry_weeks=20), PriceEffect())
    assert longer.expired.sum() < simulate(observed, Assumptions.of(observed), PriceEffect()).expired.sum()


def test_more_bonuses_replace_as_many_purchases_as_is_assumed(observed):
    def bought_and_given(**changes):
        result = simulate(observed, Assumptions.of(observed, **changes), PriceEffect())
        return result.purchased.sum(axis=1).mean(), result.bonus.sum(axis=1).mean()

    bought, inputs = bought_and_given(bonus_replaces=0.5)
    less_bought, more_given = bought_and_given(bonus_replaces=0.5, bonuses=1.5)
    assert more_given == pytest.approx(1.5 * inputs)
    assert bought - less_bought == pytest.approx(0.25 * inputs, rel=0.02)  # where nothing is bought it cannot fall


def test_bands_hold_what_comes_where_spending_wanders_and_swings():
    """Ninety of a hundred: of 80 worlds drawn from what is assumed 90% are 72, give or take 2.7; three of those."""
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(80):
        week = np.arange(65)
        log = 12 + 0.01 * rng.standard_normal() * week + rng.normal(0, 0.02, 65).cumsum() + rng.normal(0, 0.08, 65)
        for number, share in ((1, 0.8), (2, 0.6)):
            angle = 2 * np.pi * number * week / 52.18
            log += 0.2 * share * (rng.standard_normal() * np.cos(angle) + rng.standard_normal() * np.sin(angle))
        spent = np.exp(log)
        sums = spending_paths(spent[:52], 13, 300, BELIEFS, rng).sum(axis=1)
        low, high = np.quantile(sums, (0.05, 0.95))
        covered += low <= spent[52:].sum() <= high
    assert 64 <= covered <= 80


def test_steady_spending_goes_on_and_short_data_say_less():
    rng = np.random.default_rng(0)
    steady = 1_000 * np.exp(rng.normal(0, 0.02, 104))
    long, short = (np.log(spending_paths(steady[-n:], 13, 500, BELIEFS, rng)[:, -1] / 1_000) for n in (104, 10))
    assert abs(np.median(long)) < 0.05
    assert long.std() < short.std()
    gap = steady.copy()
    gap[50] = 0
    assert np.isfinite(spending_paths(gap, 4, 50, BELIEFS, rng)).all()


def test_what_cannot_be_forecast_says_why(home, observed):
    catalogue = Catalogue(home.data_dir)
    short = catalogue.add_market(
        generate_market(MarketParams(learners=50, courses=5, teachers=2, weeks=6)), name="short"
    )
    with pytest.raises(PricingError, match="too short"):
        observe_flows(short)
    with pytest.raises(DataError, match="no token ledger"):
        observe_flows(catalogue.add_panel(sales(), ROLES, name="panel"))
    idle = MarketParams(learners=10, courses=5, teachers=2, weeks=9, appeal=-6, visits_per_week=0.02)
    with pytest.raises(PricingError, match="no sales to forecast"):
        observe_flows(catalogue.add_market(generate_market(idle), name="idle"))
    for wrong in ({"weeks": 0}, {"commission_rate": 0.9}, {"luck": 1.0}):
        with pytest.raises(ParamsError, match="assumptions of the forecast are invalid") as error:
            Assumptions.of(observed, **wrong)
        assert next(iter(wrong)) in str(error.value)
