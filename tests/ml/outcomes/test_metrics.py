"""Metrics of probabilities against known answers and against libraries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from edtech.ml.outcomes import metrics, tables
from edtech.training.probability_value import reach

RNG = np.random.default_rng(3)
P = RNG.uniform(0.05, 0.9, 4_000)
Y = (RNG.random(4_000) < P).astype(float)
ALONE = np.arange(4_000)


@given(st.integers(0, 10_000), st.integers(5, 60))
def test_the_auc_is_that_of_scikit_learn_also_with_ties(seed, rows):
    rng = np.random.default_rng(seed)
    actual = np.r_[0.0, 1.0, rng.integers(0, 2, rows)]
    predicted = rng.integers(0, 8, rows + 2) / 8
    influence, auc = metrics.auc_influence(actual, predicted)
    assert auc == pytest.approx(roc_auc_score(actual, predicted))
    assert influence.sum() == pytest.approx(0, abs=1e-9)


def test_the_interval_of_the_auc_covers_as_often_as_it_says_where_subjects_repeat():
    # AUC of two normals one apart, with a shared part for each subject of five rows; 300 repeats: 95% +- 3.8 (3 sd).
    truth, covered = 0.7602, 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        cluster = np.repeat(np.arange(60), 5)
        actual = np.repeat(rng.integers(0, 2, 60), 5).astype(float)
        score = actual + np.repeat(rng.normal(0, 0.8, 60), 5) + rng.normal(0, 0.6, 300)
        result = metrics.roc_auc(actual, score, cluster)
        covered += result.low <= truth <= result.high
    assert 0.91 <= covered / 300 <= 0.99


def test_calibrated_probabilities_have_calibrated_metrics():
    result = metrics.all_metrics(Y, P, ALONE)
    assert result["calibration_slope_low"] < 1 < result["calibration_slope_high"]
    assert result["calibration_intercept_low"] < 0 < result["calibration_intercept_high"]
    assert result["calibration_error"] < result["calibration_error_chance"]
    assert result["brier_low"] < result["brier"] < result["brier_high"] < result["brier_base"]


def test_miscalibrated_probabilities_are_detected():
    odds = np.log(P / (1 - P))
    result = metrics.all_metrics(Y, 1 / (1 + np.exp(-(2 * odds + 1))), ALONE)
    assert result["calibration_slope"] == pytest.approx(0.5, abs=0.05)  # standard error 0.015
    assert result["calibration_intercept_high"] < 0
    assert result["calibration_error"] > 3 * result["calibration_error_chance"]


def test_the_profit_table_adds_up():
    table = tables.profit(Y, P, np.full(4_000, 10.0), cost=3.0)
    assert table["earned"].iloc[-1] == pytest.approx(1000 * (10 * Y.mean() - 3))
    best = table.loc[table["expected"].idxmax()]
    # showing pays from a probability of 0.3 on; the table has steps of a fiftieth
    assert best["share"] == pytest.approx((P > 0.3).mean(), abs=0.03)
    assert tables.confusion(Y, P > 0.3)["rows"].sum() == 4_000


@given(st.integers(0, 10_000), st.integers(2, 6))
@settings(max_examples=40, deadline=None)
def test_no_figure_depends_on_the_order_of_rows_with_the_same_probability(seed, levels):
    rng = np.random.default_rng(seed)
    predicted = rng.integers(1, levels + 1, 90) / (levels + 1)
    actual = np.r_[0.0, 1.0, rng.integers(0, 2, 88)]
    value = rng.integers(1, 3, 90).astype(float)
    for order in (np.argsort(actual, kind="stable"), np.argsort(-actual, kind="stable"), rng.permutation(90)):
        y, p, v = actual[order], predicted[order], value[order]
        assert metrics.calibration_error(y, p) == pytest.approx(metrics.calibration_error(actual, predicted))
        assert_same(tables.calibration(y, p), tables.calibration(actual, predicted))
        assert_same(tables.gain(y, p), tables.gain(actual, predicted))
        assert_same(tables.profit(y, p, v, 0.5), tables.profit(actual, predicted, value, 0.5))
        assert reach(y, p) == pytest.approx(reach(actual, predicted))


def assert_same(first, other):
    assert first.to_numpy() == pytest.approx(other.to_numpy())


def test_a_tie_shares_its_outcomes_evenly_and_rows_without_ties_keep_theirs():
    result = metrics.average_ties(np.array([1.0, 0.0, 1.0, 5.0]), metrics.find_ties(np.array([0.2, 0.2, 0.2, 0.7])))
    assert result == pytest.approx([2 / 3, 2 / 3, 2 / 3, 5.0])
    assert metrics.average_ties(Y, metrics.find_ties(P)) is Y


def test_calibrated_probabilities_with_ties_pass_as_often_as_expected():
    # Two probabilities only: 5% of 300 samples should exceed the bound, and 3 standard deviations are 3.8 points.
    predicted = np.repeat([0.3, 0.6], 200)
    bound = metrics.calibration_error_by_chance(predicted)
    rng = np.random.default_rng(8)
    errors = [metrics.calibration_error((rng.random(400) < predicted) * 1.0, predicted) for _ in range(300)]
    assert 0.012 <= np.mean(np.array(errors) > bound) <= 0.088
