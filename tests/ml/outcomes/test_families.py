"""Each family and algorithm from a stored market to a run and back."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from skops.io import dumps

from edtech.charts import classification, static_classification
from edtech.market.outcomes import completed_within
from edtech.metrics import METRICS
from edtech.ml.artifacts import load_result
from edtech.ml.families import FAMILIES
from edtech.ml.outcomes.plots import x_title
from edtech.ml.prediction import predict_with_warnings, template
from edtech.tracking.trusted_types import load_trusted
from edtech.training.probability_value import reach
from tests.ml.outcomes.conftest import LABELS

EVERY = [(family, algorithm) for family in LABELS for algorithm in FAMILIES[family].algorithms]


@pytest.fixture(params=EVERY, ids="-".join)
def run(request, label_runs):
    return label_runs[request.param]


@pytest.mark.parametrize("family", LABELS)
def test_a_run_comes_back_with_its_model_and_every_table(family, label_runs, label_tracker):
    run = label_runs[family, next(iter(FAMILIES[family].algorithms))]
    back = load_result(label_tracker.runs, run.run_id)
    assert list(back.tables) == list(run.result.tables)
    for name, table in run.result.tables.items():
        assert_frame_equal(back.tables[name], table, check_dtype=False)
    assert (back.metrics, back.checks, back.horizon) == (run.result.metrics, run.result.checks, run.result.horizon)
    assert list(back.importance["feature"]) == list(run.result.importance["feature"])
    files = [path for path in FAMILIES[family].plots(back) if path.startswith("evaluation/")]
    assert {"evaluation/calibration_curve.png", "evaluation/confusion_matrix.png"} <= set(files)


def test_a_stored_model_gives_the_same_probabilities_of_rows_with_gaps_only(run):
    back = load_trusted(dumps(run.result.model), "a test")
    frame = pd.DataFrame({name: [np.nan, np.nan] for name in run.result.importance["feature"]})
    probability = back.predict(frame)
    assert np.array_equal(probability, run.result.model.predict(frame))
    assert ((probability > 0) & (probability < 1)).all()


@pytest.mark.parametrize("family", LABELS)
def test_a_logged_model_predicts_rows_and_warns_of_those_outside_its_training(family, label_runs, label_tracker):
    run = label_runs[family, next(iter(FAMILIES[family].algorithms))]
    rows = template(label_tracker.runs, run.run_id)
    predictions = predict_with_warnings(label_tracker.runs, run.run_id, rows)
    assert predictions.rows["prediction"].between(0, 1).all()
    assert predictions.warnings == ()
    assert predictions.meaning.startswith("Probability of")
    strange = predict_with_warnings(label_tracker.runs, run.run_id, rows.assign(region="Atlantis"))
    assert strange.warnings == (f"region: 'Atlantis' was not in the training data ({len(rows)} of {len(rows)} rows)",)


def test_held_out_rows_are_later_than_all_training_rows(run):
    [overlap] = [check for check in run.result.checks if check.code == "time_overlap"]
    assert overlap.severity == "PASS"
    assert "the evaluation begins at" in overlap.evidence


def test_probabilities_come_near_the_truth_and_beat_the_base_rate(run):
    metrics, subjects = run.metrics, run.result.evaluation["subject"].nunique()
    # of probabilities that have nothing to do with the truth it is 0, up to standard errors of 1 / sqrt(subjects)
    assert metrics["probability_correlation"] > 4 / np.sqrt(subjects)
    base = run.result.evaluation["actual"].mean()
    assert metrics["roc_auc_high"] > 0.55
    # the mean over rows of a right probability is the base rate, up to 4 standard errors
    error = np.sqrt(base * (1 - base) / len(run.result.evaluation))
    assert abs(metrics["mean_predicted"] - base) < 4 * error + 0.05


def test_nothing_of_a_market_leaks_and_every_metric_is_described(run):
    leaks = [check for check in run.result.checks if check.code.startswith("leak") and check.severity == "FAIL"]
    assert not leaks
    assert set(run.metrics) <= set(METRICS)


def test_a_run_states_the_basis_of_its_decision_value(run):
    assert run.decision_value.basis
    view = run.result.family == "enrollment_propensity"
    assert ("decision_value_tokens" in run.metrics) == view
    assert ("decision_value_reach" in run.metrics) == (not view)
    assert view or 0.1 < run.metrics["decision_value_reach"] <= 1


def test_contacting_by_the_truth_reaches_all_and_by_chance_nothing():
    rng = np.random.default_rng(1)
    true = rng.beta(1, 3, 20_000)
    assert reach(true, true) == 1
    assert reach(true, true**3) == pytest.approx(1)
    assert reach(true, rng.random(20_000)) == pytest.approx(0, abs=0.05)  # standard error 0.015
    assert reach(true, -true) < 0
    assert reach(np.full(50, 0.2), rng.random(50)) == 0


def test_the_true_chance_of_completion_is_that_of_the_outcomes(label_market):
    """Mean truth and share that completed agree up to 4 standard errors of some 1,000 enrollments."""
    truth, horizon = label_market.market().truth, 28
    rows = label_market.table("enrollments").merge(truth.tables["enrollments"], on="enrollment_id")
    rows = rows.merge(label_market.table("courses")[["course_id", "duration_hours"]], on="course_id")
    end = label_market.table("platform_metrics")["day"].max() + pd.Timedelta(days=1)
    rows = rows[rows["enrolled_at"] + pd.Timedelta(days=horizon) <= end]
    chance = completed_within(
        truth.params,
        *(rows[name].to_numpy() for name in ("completion_probability", "refund_probability")),
        rows["duration_hours"].to_numpy(),
        days=horizon,
    )
    done = (rows["completed_at"] - rows["enrolled_at"]) <= pd.Timedelta(days=horizon)
    assert abs(done.mean() - chance.mean()) < 4 * np.sqrt((chance * (1 - chance)).mean() / len(rows))


def test_the_true_chance_of_churn_is_right_on_average(label_runs):
    """Some 400 learners at each of several moments, their outcomes not independent: 5 standard errors of 400."""
    rows = label_runs["churn_prediction", "cox"]
    actual = rows.result.evaluation["actual"].mean()
    assert rows.metrics["probability_error"] < 0.25
    assert abs(rows.metrics["mean_predicted"] - actual) < 5 * np.sqrt(actual * (1 - actual) / 400)


def test_the_survival_curve_of_a_market_counts_days_from_the_first_visit(label_runs):
    result = label_runs["churn_prediction", "cox"].result
    curve = {"kind": "survival", "title": "", "x_title": x_title(result, "survival")}
    sample = classification.curve(result.tables["survival"], **curve).to_json()
    assert '"Days since the first visit"' in sample
    axes = static_classification.curve(result.tables["survival"], **curve).axes[0]
    assert axes.get_xlabel() == "Days since the first visit"
    assert x_title(result, "roc") == ""
