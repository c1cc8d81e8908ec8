"""The accounting identities hold for any parameters, and a violation is reported."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edtech.market import MarketParams, broken_identities, generate_market
from edtech.market.ledger import _balance_events, _rows

FIXED = {"learners", "teachers", "courses", "weeks", "seed"}


def small_params():
    """Return a strategy for valid parameters of a small market."""
    fields = {"once_only": st.booleans()}
    for name, field in MarketParams.model_fields.items():
        if name not in FIXED and field.annotation is not bool:
            low, high = (getattr(bound, kind) for bound, kind in zip(field.metadata, ("ge", "le"), strict=True))
            number = st.integers if field.annotation is int else st.floats
            fields[name] = number(low, high)
    size = {
        "learners": st.integers(10, 60),
        "teachers": st.integers(1, 8),
        "courses": st.integers(1, 20),
        "weeks": st.integers(4, 20),
        "seed": st.integers(0, 1_000),
    }
    return st.builds(MarketParams, **fields, **size)


@settings(max_examples=40)
@given(params=small_params())
def test_the_identities_hold_for_any_parameters(params):
    market = generate_market(params)
    assert market.check_identities() == []
    assert np.isfinite(market.truth.tables["course_weeks"].select_dtypes("number")).all().all()
    if params.once_only:
        assert not market.tables["enrollments"].duplicated(["learner_id", "course_id"]).any()


def test_an_expired_balance_is_zero_and_the_next_purchase_covers_the_price():
    params = MarketParams(pack_tokens=50, expiry_weeks=1)
    day = 86_400
    bonus, spends = np.array([0]), np.array([3, 30]) * day
    parts = [_rows(0, bonus, np.array([0]), 1_000, -1), _rows(3, spends, np.array([0, 0]), -7_000, 0)]
    given_events = np.concatenate(parts, axis=1)
    events = pd.DataFrame(
        _balance_events(params, given_events).T, columns=["kind", "second", "learner", "amount", "enrollment"]
    )
    bought, expired = events[events["kind"] == 2], events[events["kind"] == 4]
    assert list(bought["amount"]) == [10_000, 10_000]
    # 10 + 100 - 70 tokens expire a week after the first spending; 100 - 70 a week after the second.
    assert list(expired["second"]) == [10 * day, 37 * day]
    assert list(expired["amount"]) == [-4_000, -3_000]


@pytest.fixture(scope="module")
def tables():
    return generate_market(MarketParams(learners=300, refund_rate=0.1, expiry_weeks=6, payout_minimum=20)).tables


def _changed(tables, name, column, change):
    table = tables[name].copy()
    table.loc[0, column] = change(table.loc[0, column])
    return {**tables, name: table}


@pytest.mark.parametrize(
    ("name", "column", "change", "message"),
    [
        ("course_weeks", "enrollments", lambda x: x + 1, "counts of their rows"),
        ("course_weeks", "token_price", lambda x: x + 1, "list price less the discount"),
        ("enrollments", "teacher_tokens", lambda x: x + 1, "tokens spent"),
        ("enrollments", "enrolled_at", lambda x: x - pd.Timedelta(days=3_000), "before joining"),
        ("enrollments", "refunded", lambda x: not x, "refund undoes"),
        ("views", "enrolled", lambda x: not x, "marked as enrolled"),
        ("token_ledger", "amount", lambda x: x - 10**6, "sum to zero"),
        ("token_ledger", "amount", lambda x: x - 10**6, "negative"),
        ("platform_metrics", "issued", lambda x: x + 1, "circulating + treasury"),
        ("platform_metrics", "views", lambda x: x + 1, "platform metrics are"),
    ],
)
def test_a_violated_identity_is_reported(tables, name, column, change, message):
    broken = broken_identities(_changed(tables, name, column, change))
    assert any(message in sentence for sentence in broken), broken


def test_all_kinds_of_entries_occur(tables):
    ledger = tables["token_ledger"]
    assert set(ledger["kind"]) == {"purchase", "bonus", "spend", "refund", "clawback", "payout", "expiry"}
    money = ledger.groupby("kind")["money_cents"].sum()
    assert money["purchase"] > -money["payout"] > 0
    assert (money.drop(["purchase", "payout"]) == 0).all()
