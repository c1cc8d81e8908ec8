"""Uploads of labeled rows: leaks are named, splits match the question, published figures are reached."""

import gzip
import os
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edtech.data import Catalogue
from edtech.data.ingest.samples import sample_labels_csv
from edtech.errors import ModelError
from edtech.ml.families import FAMILIES
from edtech.ml.outcomes.description import finding
from edtech.ml.outcomes.encoding import Encoder
from edtech.ml.outcomes.plots import x_title
from edtech.settings import PROJECT
from edtech.tables.roles import LabelRoles
from edtech.training.trainer import train_runs

EXAMPLES = Path(os.environ.get("EDTECH_EXAMPLES", PROJECT.parent / "shared" / "examples"))
ROWS = 600


def stored(home, frame, roles, name="Labels"):
    content = frame if isinstance(frame, bytes) else frame.to_csv(index=False).encode()
    catalogue = Catalogue(home.data_dir)
    with closing(catalogue.stage("labels.csv", content)) as upload:
        return catalogue.add_upload(upload, roles, name=name)


def trained(dataset, family, algorithm="logistic", **params):
    [run] = train_runs(dataset, [algorithm], family=family, params={algorithm: params})
    return run


@pytest.fixture
def frame():
    rng = np.random.default_rng(4)
    x, plan = rng.normal(size=ROWS), rng.choice(["basic", "pro"], ROWS)
    yes = rng.random(ROWS) < 1 / (1 + np.exp(1 - x - (plan == "pro")))
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(ROWS) // 4, unit="D")
    return pd.DataFrame({"enrolled": yes, "x": x, "plan": plan, "day": day, "who": np.arange(ROWS) % 150})


def roles(*features, **more):
    return LabelRoles(task="propensity", label="enrolled", features=("x", "plan", *features), **more)


def test_columns_with_the_outcome_or_later_events_are_named(home, frame):
    rng = np.random.default_rng(5)
    leaking = frame.assign(
        actual_enrollments=frame["enrolled"].astype(int),
        total_revenue=frame["enrolled"] * rng.uniform(20, 30, ROWS),
        demand_intensity=frame["enrolled"] * 0.5 + rng.normal(size=ROWS),
        week_6_grade=rng.normal(size=ROWS),
    )
    names = ("actual_enrollments", "total_revenue", "demand_intensity", "week_6_grade")
    run = trained(stored(home, leaking, roles(*names, as_of="enrollment")), "enrollment_propensity")
    failed = {check.code: check.evidence for check in run.result.checks if check.severity == "FAIL"}
    assert all(name in failed["leak_outcome"] for name in names[:3])
    assert "week_6_grade" in failed["leak_later"]
    assert {"too_good"} <= set(failed)


def test_columns_without_leakage_pass_and_later_rows_are_held_out(home, frame):
    run = trained(stored(home, frame, roles(time="day", as_of="enrollment")), "enrollment_propensity")
    assert not [check for check in run.result.checks if check.severity == "FAIL"]
    assert "from 2024-04-30 on" in run.result.split
    assert "on later data" in finding(run.result)
    assert (run.result.evaluation["time"] >= pd.Timestamp("2024-04-30")).all()
    assert "decision_value_tokens" in run.metrics
    assert "substitution is not included" in run.decision_value.basis


def test_without_a_time_all_rows_of_a_subject_are_on_one_side(home, frame):
    run = trained(stored(home, frame, roles(subject="who")), "enrollment_propensity")
    assert "of the subjects" in run.result.split
    assert "on random held-out rows" in finding(run.result)
    assert run.result.evaluation["subject"].value_counts().eq(4).all()
    assert "decision_value_tokens" not in run.metrics


def test_gaps_and_unknown_values_are_predicted_too(home, frame):
    frame.loc[::7, "x"], frame.loc[::5, "plan"] = np.nan, None
    for algorithm in FAMILIES["enrollment_propensity"].algorithms:
        run = trained(stored(home, frame, roles()), "enrollment_propensity", algorithm)
        odd = pd.DataFrame({"x": [np.nan, 1e9], "plan": ["never seen", None]})
        probability = run.result.model.predict(odd)
        assert ((probability > 0) & (probability < 1)).all()


def test_too_few_rows_of_an_outcome_are_refused(home, frame):
    frame["enrolled"] = np.arange(ROWS) < 30
    with pytest.raises(ModelError, match="too few views"):
        trained(stored(home, frame, roles()), "enrollment_propensity")


def test_churn_with_a_duration_has_all_algorithms_and_says_its_horizon(home):
    churn = LabelRoles(task="churn", label="churned", duration="tenure", features=("plan", "sessions_first_week"))
    dataset = stored(home, sample_labels_csv(), churn)
    assert FAMILIES["churn_prediction"].algorithms_for(dataset) == ("cox", "logistic", "gradient_boosting")
    run = trained(dataset, "churn_prediction", "cox", horizon_days=7)
    assert run.result.horizon == 7
    assert x_title(run.result, "survival") == "Duration (unit of the upload)"
    assert run.metrics["concordance"] > 0.55
    assert run.metrics["integrated_brier"] < run.metrics["integrated_brier_base"]
    without = churn.model_copy(update={"duration": None})
    assert "cox" not in FAMILIES["churn_prediction"].algorithms_for(stored(home, sample_labels_csv(), without, "Plain"))


def test_an_automatic_horizon_is_covered_and_a_column_with_the_duration_is_named(home):
    rng, count = np.random.default_rng(6), 3_000
    plan, watched = rng.choice(["basic", "pro"], count), rng.integers(1, 73, count)
    leaves = np.ceil(rng.exponential(np.where(plan == "pro", 120, 40)))
    months, left = np.minimum(leaves, watched), leaves <= watched
    rows = pd.DataFrame({"churned": left, "tenure": months, "plan": plan, "fee": rng.normal(50, 5, count)})
    churn = LabelRoles(task="churn", label="churned", duration="tenure", features=("plan", "fee"))
    run = trained(stored(home, rows, churn), "churn_prediction", "cox")
    watched_on = rows["churned"] | (rows["tenure"] >= run.result.horizon)
    assert watched_on.mean() == pytest.approx(0.8, abs=0.03)  # months are whole
    cards = {check.code: check.severity for check in run.result.checks}
    assert (cards["convergence"], cards["horizon"], cards["leak_duration"]) == ("PASS", "PASS", "PASS")
    paid = rows.assign(total=rows["tenure"] * rows["fee"])
    ask = churn.model_copy(update={"features": ("plan", "fee", "total")})
    run = trained(stored(home, paid, ask, "Paid"), "churn_prediction", horizon_days=60)
    cards = {check.code: check for check in run.result.checks}
    assert cards["leak_duration"].severity == "FAIL"
    assert "total" in cards["leak_duration"].evidence
    assert cards["horizon"].severity == "FAIL"  # most of those who stayed were watched for less than 60 months


def test_whole_numbers_with_gaps_are_codes_and_amounts_are_not():
    rng = np.random.default_rng(8)
    frame = pd.DataFrame({"course": rng.choice([33, 171, 9500], ROWS), "taken": rng.integers(0, 6, ROWS)})
    encoder = Encoder(linear=True).fit(frame)
    assert len([name for name in encoder.names_ if name.startswith("course: ")]) == 2
    assert not [name for name in encoder.names_ if name.startswith("taken: ")]
    assert encoder.transform(frame).shape == (ROWS, len(encoder.names_))
    assert encoder.transform(pd.DataFrame({"course": [np.nan], "taken": [2]}))[0, 2:].sum() == 0


def published(*parts: str) -> Path:
    path = EXAMPLES.joinpath(*parts)
    if not path.is_file():
        pytest.skip(f"no real data at {path}: set EDTECH_EXAMPLES to the folder of examples")
    return path


def test_telco_churn_reaches_the_published_auc(home):
    content = gzip.decompress(published("telco_churn", "Telco-Customer-Churn.csv.gz").read_bytes())
    names = content.split(b"\n", 1)[0].decode().strip().split(",")
    features = tuple(name for name in names if name not in ("customerID", "Churn"))
    dataset = stored(home, content, LabelRoles(task="churn", label="Churn", subject="customerID", features=features))
    assert dataset.main()["TotalCharges"].isna().sum() == 11  # blank text in the file
    run = trained(dataset, "churn_prediction", "logistic", evaluation_share=0.25)
    assert run.metrics["roc_auc"] > 0.83  # one split; the mean of ten is in benchmarks/bench_outcomes.py


def test_dropout_at_enrollment_is_predicted_and_later_columns_are_named(home):
    frame = pd.read_csv(published("student_dropout", "students_dropout_academic_success.csv"))
    every = tuple(name for name in frame if name != "target")
    early = tuple(name for name in every if not name.startswith("Curricular"))
    ask = LabelRoles(task="completion", label="target", positive=("Dropout",), as_of="enrollment", features=every)
    run = trained(stored(home, frame, ask), "course_completion", "gradient_boosting", evaluation_share=0.25)
    [later] = [check for check in run.result.checks if check.code == "leak_later"]
    assert later.severity == "FAIL"
    assert later.evidence.count("Curricular") == 12
    run = trained(
        stored(home, frame, ask.model_copy(update={"features": early}), "Early"),
        "course_completion",
        "gradient_boosting",
        evaluation_share=0.25,
    )
    assert 0.80 <= run.metrics["roc_auc"] <= 0.83
