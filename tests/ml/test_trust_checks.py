"""Leak gates on columns whose relation to the outcome is known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edtech.data.quality.checks import Check, Severity
from edtech.ml import trust_checks

ROWS = 400
rng = np.random.default_rng(5)
EXPECTED = pd.Series(np.exp(rng.normal(1, 0.7, ROWS)))
ACTUAL = pd.Series(rng.poisson(EXPECTED).astype(float))
HONEST = pd.Series(EXPECTED * np.exp(rng.normal(0, 0.3, ROWS)))


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("copy", ACTUAL),
        ("function", np.log1p(ACTUAL) * 3 - 1),
        ("falling", 1 / (1 + ACTUAL)),
        ("gross", ACTUAL * 49.0),
        ("demand_intensity", HONEST),
        ("refunded_at", HONEST),
    ],
)
def test_a_column_derived_from_the_outcome_or_named_after_it_is_reported(name, column):
    check = trust_checks.leak_outcome(pd.DataFrame({name: column, "rating": HONEST}), [ACTUAL])
    assert check.severity is Severity.FAIL
    assert repr(name) in check.evidence
    assert "'rating'" not in check.evidence


def test_honest_columns_pass_and_legitimate_columns_are_checked_by_values_only():
    frame = pd.DataFrame({"expected": HONEST, "sold views": ACTUAL + rng.poisson(30, ROWS)})
    assert trust_checks.leak_outcome(frame, [ACTUAL], legitimate=["sold views"]).severity is Severity.PASS
    assert trust_checks.leak_outcome(frame, [ACTUAL]).severity is Severity.FAIL
    copied = frame.assign(**{"sold views": ACTUAL})
    assert trust_checks.leak_outcome(copied, [ACTUAL], legitimate=["sold views"]).severity is Severity.FAIL


def test_an_instrument_is_checked_by_its_values_alone():
    frame = pd.DataFrame({"demand_instruments0": HONEST})
    assert trust_checks.leak_outcome(frame, [ACTUAL]).severity is Severity.FAIL
    assert trust_checks.leak_outcome(frame, [ACTUAL], instruments=["demand_instruments0"]).severity is Severity.PASS
    copied = pd.DataFrame({"demand_instruments0": ACTUAL * 3})
    assert trust_checks.leak_outcome(copied, [ACTUAL], instruments=["demand_instruments0"]).severity is Severity.FAIL


def test_counts_cannot_be_predicted_better_than_chance_allows():
    assert trust_checks.too_good_counts(ACTUAL, EXPECTED).severity is Severity.PASS  # even the true expectation
    leaked = 0.9 * ACTUAL + 0.1 * EXPECTED
    assert trust_checks.too_good_counts(ACTUAL, leaked).severity is Severity.FAIL
    half = 0.4 * ACTUAL + 0.6 * EXPECTED
    assert trust_checks.too_good_counts(ACTUAL, half).severity is Severity.REVIEW
    assert trust_checks.too_good_counts(ACTUAL[:10], leaked[:10]) is None


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.8, 0.95])
def test_counts_out_of_views_vary_less_than_other_counts(rate):
    views = pd.Series(rng.poisson(30, ROWS).astype(float))
    actual = pd.Series(rng.binomial(views.astype(int), rate).astype(float))
    expected = rate * views
    assert trust_checks.too_good_counts(actual, expected, views).severity is Severity.PASS
    leaked = 0.9 * actual + 0.1 * expected
    assert trust_checks.too_good_counts(actual, leaked, views).severity is Severity.FAIL


def test_rows_without_views_are_left_out():
    views = pd.Series(np.where(np.arange(ROWS) % 8 == 0, 20.0, 0.0))
    actual = pd.Series(rng.binomial(views.astype(int), 0.3).astype(float))
    assert trust_checks.too_good_counts(actual, 0.3 * views, views).severity is Severity.PASS  # 50 rows with views
    assert trust_checks.too_good_counts(actual[1:], 0.3 * views[1:], views[1:]) is None


def test_numbers_that_are_no_counts_have_no_such_bound():
    shares = ACTUAL / 7
    assert trust_checks.too_good_counts(shares, shares * 1.05).severity is Severity.PASS
    assert trust_checks.too_good_counts(shares, shares * 1.0001).severity is Severity.FAIL


@given(st.integers(0, 1_000))
def test_any_later_row_in_training_is_an_overlap(rows):
    assert (trust_checks.time_overlap("2025-01-06", rows).severity is Severity.FAIL) == (rows > 0)


def test_a_dominant_column_fails_only_if_it_orders_the_outcome():
    importance = pd.DataFrame({"feature": ["exam", "age"], "importance": [0.98, 0.01]})
    association = pd.Series({"exam": 0.95, "age": 0.1})
    assert trust_checks.single_feature(importance, association).severity is Severity.FAIL
    assert trust_checks.single_feature(importance, association * 0.5).severity is Severity.REVIEW
    assert trust_checks.single_feature(importance.assign(importance=[0.5, 0.5]), association).severity is Severity.PASS
    assert trust_checks.single_feature(importance, pd.Series(dtype=float)) is None


def test_failed_checks_block_with_leaks_first():
    checks = [
        Check("calibration", "Calibrated", Severity.FAIL, "Slope 0.2."),
        Check("agreement", "Agree", Severity.REVIEW, "They differ."),
        Check("leak_outcome", "No column reveals the outcome", Severity.FAIL, "Columns: 'total_revenue'."),
    ]
    assert [check.code for check in trust_checks.blocking_checks(checks)] == ["leak_outcome", "calibration"]
    assert "'total_revenue'" in trust_checks.blocking_reason(checks)
    assert trust_checks.blocking_reason(checks[1:2]) is None
