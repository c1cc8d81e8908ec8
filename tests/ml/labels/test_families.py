"""Each family and algorithm from a stored market to a run and back."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from edtech.metrics import METRICS
from edtech.ml.artifacts import load_result
from edtech.ml.families import FAMILIES
from tests.ml.labels.conftest import LABELS

EVERY = [(family, algorithm) for family in LABELS for algorithm in FAMILIES[family].algorithms]


@pytest.fixture(params=EVERY, ids="-".join)
def run(request, label_runs):
    return label_runs[request.param]


def test_a_run_comes_back_with_its_model_and_every_table(run, label_tracker):
    back = load_result(label_tracker.runs, run.run_id)
    rows = run.result.importance["feature"]
    assert list(back.tables) == list(run.result.tables)
    for name, table in run.result.tables.items():
        assert_frame_equal(back.tables[name], table, check_dtype=False)
    assert (back.metrics, back.checks, back.horizon) == (run.result.metrics, run.result.checks, run.result.horizon)
    assert list(back.importance["feature"]) == list(rows)


def test_a_loaded_model_gives_the_same_probabilities(run, label_tracker, label_market):
    back = load_result(label_tracker.runs, run.run_id)
    frame = pd.DataFrame({name: [np.nan, np.nan] for name in run.result.model.encoder_.columns_})
    probability = back.model.predict(frame)
    assert np.array_equal(probability, run.result.model.predict(frame))
    assert ((probability > 0) & (probability < 1)).all()


def test_what_was_held_back_is_later_than_everything_that_was_fitted_on(run):
    [overlap] = [check for check in run.result.checks if check.code == "time_overlap"]
    assert overlap.severity == "PASS"
    assert "the evaluation begins at" in overlap.evidence


def test_probabilities_come_near_the_truth_and_beat_the_base_rate(run):
    metrics = run.metrics
    assert metrics["probability_correlation"] > 0.3
    base = run.result.evaluation["actual"].mean()
    assert metrics["roc_auc_high"] > 0.55
    # the mean over rows of a right probability is the base rate, up to 4 standard errors
    error = np.sqrt(base * (1 - base) / len(run.result.evaluation))
    assert abs(metrics["mean_predicted"] - base) < 4 * error + 0.05


def test_nothing_of_a_market_leaks_and_every_metric_is_described(run):
    leaks = [check for check in run.result.checks if check.code.startswith("leak") and check.severity == "FAIL"]
    assert not leaks
    assert set(run.metrics) <= set(METRICS)


def test_a_run_says_how_its_decision_was_judged(run):
    assert run.worth.words
    assert ("decision_value_tokens" in run.metrics) == (run.result.family == "enrollment_propensity")
